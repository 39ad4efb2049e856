"""`History`: every state that an engine ever had, and how it came from one to the next.

The state at n is the fold of the first n inputs. To get there, the nearest state before is taken,
from a snapshot of the journal or from a bookmark of this history's own, and the inputs in between
are stepped over. Bookmarks are set while it steps, some milliseconds of stepping apart, so that the
neighbourhood of where one has been is quick to reach.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.compose import Topology
from headrace.errors import HistoryGone, JournalMismatch, StateError, StepError, UsageError
from headrace.journal.snapshots import Snapshot
from headrace.machine import Machine
from headrace.replay.branch import Branch, Edit, make_branch
from headrace.replay.changes import Change, changes, value_at
from headrace.replay.fold import Bookmark, Fold
from headrace.replay.source import Source

Records = np.ndarray[Any, Any]

BOOKMARK_SECONDS = 0.008  # of stepping between two bookmarks
LOOKED_AT_SECONDS = 0.1  # the same where each state is looked at
BOOKMARK_SPACING = 10  # so many times what a bookmark costs, at the least
BOOKMARKS_MAX = 256
BACK_INPUTS = 256  # on the way back a bookmark is set so many before: one goes back step by step
_CHUNK = 4096  # inputs between two looks at the clock


@dataclass(frozen=True)
class Moment:
    """What an engine was behind its first `sequence` inputs."""

    sequence: int
    state: Any  # a copy
    event: Records | None  # the last of these inputs, an array of length 1
    time_ns: int | None  # when it came, nanoseconds since 1970
    outputs: Records  # that it led to
    error: StepError | None = None  # the step over it failed, and changed nothing; the first one

    def __str__(self) -> str:
        told = "" if self.error is None else f" ({self.error})"
        return f"behind {self.sequence:,} inputs{told}: {self.state!r}"


class History:
    """The past of a journal, to walk about in.

    `path`: the journal's folder, or a `headrace.Journal`. `machine`: the machine or topology that
    wrote it. An engine may go on writing; `refresh` looks for what is new. `sequence` is where one
    stands: how many inputs have been stepped over. Not thread-safe. Raises JournalNotFound,
    JournalDamaged, JournalMismatch; HistoryGone for what is not kept.
    """

    def __init__(
        self, path: Any, machine: Machine | Topology, *, step: str | None = None
    ) -> None:
        self._source = Source(path, machine)
        self._error: StepError | None = None  # the first one of the last input stepped over
        self._fold = self._source.fold(step, on_failure=self._failed)
        self._bookmarks: dict[int, Bookmark] = {}
        self._snapshots: list[int] = []
        self._unfit: set[int] = set()  # snapshots that are damaged, or of another machine
        self.machine: Any = machine
        self.sequence = 0
        self.refresh()
        self.sequence = self.first_sequence

    def refresh(self) -> int:
        """Look how far the journal goes now: `end`."""
        self._source.refresh()
        there = self._source.snapshot_sequences()
        self._snapshots = [each for each in there if each not in self._unfit]
        self._end = self._source.index.end
        return self._end

    @property
    def end(self) -> int:
        """How many inputs there were when it was looked at last."""
        return self._end

    @property
    def first_sequence(self) -> int:
        """The first place that can be gone to: 0, or the oldest snapshot where inputs are gone."""
        first = self._source.index.first
        if first == 0:
            return 0
        return next((each for each in self._snapshots if each >= first), self._end)

    @property
    def snapshots(self) -> list[int]:
        """Where there are snapshots."""
        return list(self._snapshots)

    @property
    def other_writer(self) -> str | None:
        """Who wrote the journal last, if by name or version it was another machine."""
        return self._source.other_writer

    # Going somewhere.

    def at(self, sequence: int) -> Moment:
        """Go behind the first `sequence` inputs."""
        if not isinstance(sequence, (int, np.integer)) or isinstance(sequence, bool):
            raise UsageError(f"sequence must be an integer, not {sequence!r}")
        sequence = int(sequence)
        self._check(sequence)
        outputs = self._go(sequence)
        self.sequence = sequence
        event = time_ns = None
        if sequence > self._source.index.first:
            event, time_ns = self.event(sequence - 1)
        return Moment(sequence, self._fold.state, event, time_ns, outputs, self._error)

    def step(self, count: int = 1) -> Moment:
        """Go on by one input, or several."""
        return self.at(self.sequence + count)

    def back(self, count: int = 1) -> Moment:
        """Go back by one input, or several."""
        return self.at(self.sequence - count)

    def distance(self, sequence: int) -> int:
        """How many inputs have to be stepped over to get to a place: what the way there costs."""
        self._check(sequence)
        before = max(sequence - 1, self.first_sequence)
        known = self._nearest(before)
        if known <= self._fold.sequence <= before:
            known = self._fold.sequence
        return sequence - known

    def event(self, sequence: int) -> tuple[Records, int]:
        """An input, an array of length 1, and its ingest time."""
        for events, times in self._source.index.slices(sequence, sequence + 1):
            return events, int(times[0])
        raise HistoryGone(f"there is no input {sequence:,}")

    def events(self, begin: int, end: int) -> Iterator[tuple[Records, Any]]:
        """Inputs [begin, end) and their ingest times, in arrays, without stepping over them."""
        return self._source.index.slices(begin, end)

    def _check(self, sequence: int) -> None:
        if sequence > self._end:
            self.refresh()
        if not self.first_sequence <= sequence <= self._end:
            raise HistoryGone(
                f"there is no state behind {sequence:,} inputs: this history goes from "
                f"{self.first_sequence:,} to {self._end:,}"
            )

    def _go(self, sequence: int) -> Records:
        """Move the fold there; the outputs of the last input before it."""
        fold = self._fold
        before = max(sequence - 1, self.first_sequence)
        nearest = self._nearest(before)
        back = fold.sequence > before
        if not nearest <= fold.sequence <= before:
            self._restore(nearest)
        if back and before - fold.sequence > 2 * BACK_INPUTS:
            self._run_to(before - BACK_INPUTS)
            self._set_bookmark()
        self._run_to(before)
        self._error = None
        if sequence > before:
            for events, times in self._source.index.slices(before, sequence):
                return fold.run(events, times)
        return fold.no_outputs()

    def _failed(self, error: StepError) -> None:
        if self._error is None or self._error.origin != error.origin:
            self._error = error

    def _nearest(self, sequence: int) -> int:
        known = sorted({*self._bookmarks, *self._snapshots, self.first_sequence})
        return known[bisect_right(known, sequence) - 1]

    def _restore(self, sequence: int) -> None:
        bookmark = self._bookmarks.get(sequence)
        if bookmark is not None:
            self._fold.go_to(bookmark)
            return
        snapshot = self._source.snapshot(sequence) if sequence in self._snapshots else None
        if snapshot is not None and self._restored(snapshot):
            return
        if sequence == 0:
            self._fold.start_anew()
        elif sequence not in self._snapshots:
            raise HistoryGone(
                f"{self._source.folder}: the inputs before {self._source.index.first:,} are not "
                "kept, and no snapshot stands for them"
            )
        else:
            self._unfit.add(sequence)  # the one before will do
            self._snapshots.remove(sequence)
            self._restore(self._nearest(sequence))

    def _restored(self, snapshot: Snapshot) -> bool:
        """Go on from a snapshot; False: another machine made it, and there is a way without it."""
        try:
            self._fold.restore(snapshot)
        except (JournalMismatch, StateError):
            if self._source.index.first:
                raise
            return False
        return True

    def _run_to(self, sequence: int) -> None:
        """Step over inputs, setting bookmarks on the way."""
        fold = self._fold
        since = time.monotonic()
        cost = 0.0  # of the last bookmark: it is a copy of the state
        for events, times in self._source.index.slices(fold.sequence, sequence):
            for begin in range(0, len(events), _CHUNK):
                fold.run(events[begin : begin + _CHUNK], times[begin : begin + _CHUNK])
                if time.monotonic() - since > max(BOOKMARK_SECONDS, BOOKMARK_SPACING * cost):
                    begun = time.monotonic()
                    self._set_bookmark()
                    since = time.monotonic()
                    cost = since - begun

    def _set_bookmark(self) -> None:
        if len(self._bookmarks) >= BOOKMARKS_MAX:
            del self._bookmarks[next(iter(self._bookmarks))]
        bookmark = self._fold.bookmark()
        self._bookmarks[bookmark.sequence] = bookmark

    # Asking about it.

    def state_at(self, sequence: int) -> Any:
        """A copy of the state behind `sequence` inputs, leaving `self.sequence` where it is."""
        self._check(sequence)
        self._go(sequence)
        return self._fold.state

    def diff(self, a: int, b: int) -> list[Change]:
        """What changed between two places."""
        return changes(self.state_at(a), self.state_at(b))

    def first(
        self, predicate: Callable[[Any], bool], *, monotone: bool = False
    ) -> int | None:
        """The first sequence at which `predicate(state)` holds; None if it never does.

        `monotone`: once it holds it holds for ever, so it can be looked for by halving. Otherwise
        every state is looked at.
        """
        begin, end = self.first_sequence, self._end
        if not monotone:
            return next((n for n, state in self.states(begin, end) if predicate(state)), None)
        if not predicate(self.state_at(end)):
            return None
        # Over the snapshots first, which cost no stepping, then between two of them.
        while begin < end:
            inner = [each for each in self._snapshots if begin < each < end]
            middle = inner[len(inner) // 2] if inner else (begin + end) // 2
            if predicate(self.state_at(middle)):
                end = middle
            else:
                begin = middle + 1
        return end

    def states(self, begin: int, end: int) -> Iterator[tuple[int, Any]]:
        """Each sequence from `begin` to `end`, and the state there, which is not to be changed."""
        self._check(begin)
        self._check(end)
        self._go(begin)
        yield begin, self._fold.live_state
        since = time.monotonic()
        for events, times in self._source.index.slices(begin, end):
            for index in range(len(events)):
                self._fold.run(events[index : index + 1], times[index : index + 1])
                yield self._fold.sequence, self._fold.live_state
                # Whoever stops here will want to look around, and not step all the way again.
                if time.monotonic() - since > LOOKED_AT_SECONDS:
                    self._set_bookmark()
                    since = time.monotonic()

    def why(
        self, field: str, begin: int | None = None, end: int | None = None
    ) -> list[tuple[int, Change]]:
        """The inputs that changed a field, as in `why("airports[2].departed")`, and how."""
        begin = self.first_sequence if begin is None else begin
        end = self._end if end is None else end
        found = []
        before: Any = None
        for sequence, state in self.states(begin, end):
            value = value_at(state, field)
            if sequence > begin:
                changed = changes(before, value, field)
                found += [(sequence - 1, change) for change in changed]
                if not changed:
                    continue
            before = self._fold.copied(value)
        return found

    def branch(
        self,
        at: int,
        edit: Edit = None,
        *,
        machine: Machine | Topology | None = None,
        end: int | None = None,
    ) -> Branch:
        """What would have become of it, had input `at` been another: both futures, to be compared.

        `edit`: fields to change ({"price": 5}), "drop", events to put in before it, or a function
        that is given the input (an array of length 1) and returns what comes in its place.
        `machine`: what would have stepped over the inputs from there on. `end`: where to stop
        looking (None: at the end of the journal). Nothing is written. Raises UsageError,
        DtypeError, HistoryGone.
        """
        end = self._end if end is None else end
        self._check(end)
        if not self.first_sequence <= at < end:
            raise HistoryGone(f"there is no input {at:,} to branch off at, before {end:,}")
        return make_branch(self, at, edit, machine, end)

    def fold_at(self, sequence: int, machine: Machine | Topology | None = None) -> Fold:
        """A fold of its own that stands behind `sequence` inputs, for what might have been."""
        self._check(sequence)
        self._go(sequence)
        fold = self._source.fold(None, machine)
        fold.go_to(self._fold.bookmark())
        return fold
