"""Where one stands in a history, and how one gets elsewhere: the debugger without a screen.

"At n" is behind the first n inputs, as in `headrace.History`: the last of them is input n-1. All
that may take long takes a `Watch`, tells it how far it is, and can be cancelled by it. Such work
may run in a thread of its own, one at a time; meanwhile only `pages` may be read, and `refresh` is
not to be called. Steps of the walk that are short enough to be waited for: see `is_near`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from headrace.compose import Pipeline, stages_of
from headrace.debugger.edits import read_place
from headrace.debugger.expressions import StateTest
from headrace.debugger.search import Filter, find
from headrace.debugger.watch import Watch, stretches
from headrace.errors import UsageError
from headrace.machine import Machine
from headrace.replay import Branch, Change, History, Moment
from headrace.replay.changes import ABSENT, changes, value_at
from headrace.replay.fold import Fold

NEAR = 4_000  # inputs that are stepped over without anybody waiting for it
STRIDE = 16_384  # inputs between two looks at the watch, on a long way
BACK_FIRST, BACK_MAX = 256, 16_384  # states looked at together on the way back
WHY_MAX = 500  # changes of a field that are looked for
BRANCH_INPUTS = 10_000  # that both futures go on for, if nothing else is said


class _WatchedHistory(History):
    """A history whose inputs, when they are read for a branch, tell a watch about it."""

    watch: Watch | None = None

    def events(self, begin: int, end: int) -> Iterator[tuple[Any, Any]]:
        watch = self.watch
        if watch is None:
            yield from super().events(begin, end)
            return
        for start, stop in stretches(begin, end, 128):
            watch.tell(start - begin, end - begin)
            yield from super().events(start, stop)


@dataclass
class Breakpoint:
    """A place to stop at: where a test of the state begins to hold."""

    test: StateTest
    on: bool = True

    @property
    def text(self) -> str:
        """As it was typed."""
        return self.test.text


@dataclass(frozen=True)
class Stop:
    """Where a run came to an end, and the breakpoint that ended it."""

    sequence: int
    breakpoint: Breakpoint


@dataclass(frozen=True)
class Why:
    """The inputs that changed a field, the latest first."""

    path: str
    found: list[tuple[int, Change]]
    begin: int  # inputs [begin, end) were looked at
    end: int


class Session:
    """One debugging session over a journal. Raises what `headrace.History` raises."""

    def __init__(self, path: Any, machine: Machine | Pipeline) -> None:
        self.history: History = _WatchedHistory(path, machine)
        self.pages = History(path, machine)  # never stepped: to read inputs at any time
        self.machine = machine
        self.dtype = stages_of(machine)[0].event
        self.name = " >> ".join(each.name for each in stages_of(machine))
        self.breakpoints: list[Breakpoint] = []
        self.stops: set[int] = set()  # where runs came to a breakpoint
        self.branches: list[Branch] = []
        self.filter: Filter | None = None
        self.following = False
        self.moment: Moment
        self.changes: list[Change] = []
        self.go(self.first)

    # Where one is, and where there is something.

    @property
    def place(self) -> int:
        """How many inputs have been stepped over."""
        return self.moment.sequence

    @property
    def first(self) -> int:
        """The first place there is."""
        return self.pages.first_sequence

    @property
    def end(self) -> int:
        """The last place there is, as far as was looked."""
        return self.pages.end

    @property
    def snapshots(self) -> list[int]:
        """Where there are snapshots."""
        return self.pages.snapshots

    def refresh(self) -> bool:
        """Look whether the journal has grown. Takes the filter along."""
        before = self.end
        self.pages.refresh()
        if self.filter is not None:
            self.filter.extend(self.pages)
        return self.end > before

    # Going elsewhere.

    def is_near(self, sequence: int) -> bool:
        """Whether going there is short enough to be waited for."""
        return self.history.distance(sequence) <= NEAR

    def go(self, sequence: int, watch: Watch | None = None) -> Moment:
        """Go behind the first `sequence` inputs; `changes` is then what the last of them did."""
        if sequence > self.history.end:
            self.history.refresh()
        if watch is not None:
            self._travel(sequence, watch)
        old = getattr(self, "moment", None)
        before: Any = ABSENT
        if sequence > self.first:
            if old is not None and old.sequence == sequence - 1:
                before = old.state
            else:
                before = self.history.state_at(sequence - 1)
        moment = self.history.at(sequence)
        self.changes = [] if before is ABSENT else changes(before, moment.state)
        self.moment = moment
        return moment

    def _travel(self, sequence: int, watch: Watch) -> None:
        """Come near to a far place in strides, so that it can be cancelled on the way."""
        way = self.history.distance(sequence)
        for start, _ in stretches(sequence - way, sequence, STRIDE):
            watch.tell(start - (sequence - way), way)
            self.history.state_at(start)

    def step(self, count: int = 1) -> Moment:
        """Go on, or back, by some inputs; to the first or last place at most."""
        return self.go(self.clamped(self.place + count))

    def clamped(self, sequence: int) -> int:
        """The nearest place there is."""
        return max(self.first, min(sequence, self.end))

    def read_place(self, text: str) -> int:
        """A place as it is typed: 1200, +50, -50, 30%. Raises UsageError."""
        return read_place(text, self.place, self.first, self.end)

    # Breakpoints.

    def add_breakpoint(self, text: str) -> Breakpoint:
        """Stop where a test of the state begins to hold. Raises ExpressionError."""
        test = StateTest(text)
        test.holds(self.moment.state, self.place)
        added = Breakpoint(test)
        self.breakpoints.append(added)
        return added

    def run(self, watch: Watch | None = None) -> Stop | None:
        """Go on to the next breakpoint; without one, nowhere. Raises UsageError without any."""
        active, watch, begin, end = self._active(), watch or Watch(), self.place, self.end
        tell = self._teller(watch, begin, end)
        return self._stopped(next(self._stops(active, begin, end, tell), None), watch)

    def run_back(self, watch: Watch | None = None) -> Stop | None:
        """The same backwards: to the latest place before this one where a test begins to hold."""
        active, watch = self._active(), watch or Watch()
        stop: Stop | None = None
        end, length = self.place - 1, BACK_FIRST
        while stop is None and end > self.first:
            begin = max(self.first, end - length)
            done, total = self.place - end, self.place - self.first
            self._travel(begin, watch)
            tell = partial(_tell_same, watch, done, total)
            for found in self._stops(active, begin, end, tell):
                stop = found
            end, length = begin, min(length * 2, BACK_MAX)
        return self._stopped(stop, watch)

    def _active(self) -> list[Breakpoint]:
        active = [each for each in self.breakpoints if each.on]
        if not active:
            raise UsageError("there is no breakpoint to run to; b sets one")
        return active

    def _stopped(self, stop: Stop | None, watch: Watch | None) -> Stop | None:
        if stop is not None:
            self.go(stop.sequence, watch)
            self.stops.add(stop.sequence)
        return stop

    def _stops(
        self, active: list[Breakpoint], begin: int, end: int, tell: Callable[[int], None]
    ) -> Iterator[Stop]:
        """Places in (begin, end] where a test holds that did not hold before."""
        held = [True] * len(active)
        for place, state in self._states(begin, end, tell):
            now = [each.test.holds(state, place) for each in active]
            if place > begin:
                for each, before, after in zip(active, held, now, strict=True):
                    if after and not before:
                        yield Stop(place, each)
                        break
            held = now

    def _states(
        self, begin: int, end: int, tell: Callable[[int], None]
    ) -> Iterator[tuple[int, Any]]:
        for place, state in self.history.states(begin, end):
            if place % 64 == 0:
                tell(place)
            yield place, state

    @staticmethod
    def _teller(watch: Watch, begin: int, end: int) -> Callable[[int], None]:
        return lambda place: watch.tell(place - begin, end - begin)

    def go_to_first(self, text: str, watch: Watch | None = None) -> int | None:
        """Go to the first place at which a test of the state holds; None: nowhere."""
        test, watch = StateTest(text), watch or Watch()
        for place, state in self._states(
            self.first, self.end, self._teller(watch, self.first, self.end)
        ):
            if test.holds(state, place):
                self.go(place, watch)
                return place
        return None

    # Inputs: search and filter, which step over nothing.

    def find(self, text: str, forwards: bool = True, watch: Watch | None = None) -> int | None:
        """Go behind the next input, or the one before, that passes a test; its sequence."""
        watch, history = watch or Watch(), self._up_to_date()
        if forwards:
            found = find(history, text, self.dtype, self.place, history.end, True, watch)
        else:
            first, end = self.first_input, max(self.place - 1, self.first_input)
            found = find(history, text, self.dtype, first, end, False, watch)
        if found is not None:
            self.go(found + 1, watch)
        return found

    def _up_to_date(self) -> History:
        """The history that work may use, as far as `pages` was looked at."""
        if self.history.end < self.end:
            self.history.refresh()
        return self.history

    @property
    def first_input(self) -> int:
        """The first input that one can stand behind."""
        return self.first

    def set_filter(self, text: str, watch: Watch | None = None) -> Filter | None:
        """Show only inputs that pass a test; all of them, if it is empty."""
        if not text.strip():
            self.filter = None
        else:
            made = Filter(text, self.dtype, self.first_input)
            made.extend(self._up_to_date(), watch)
            self.filter = made
        return self.filter

    # Questions.

    def why(self, path: str, watch: Watch | None = None) -> Why:
        """The inputs up to here that changed a field, the latest first, WHY_MAX at most."""
        watch, place = watch or Watch(), self.place
        found: list[tuple[int, Change]] = []
        end, length = place, BACK_FIRST
        while end > self.first and len(found) < WHY_MAX:
            begin = max(self.first, end - length)
            watch.tell(place - end, place - self.first)
            self._travel(begin, watch)
            watch.tell(place - end, place - self.first)
            found += reversed(list(self._changes_of(path, begin, end, place, watch)))
            end, length = begin, min(length * 2, BACK_MAX)
        return Why(path, found[:WHY_MAX], end, place)

    def _changes_of(
        self, path: str, begin: int, end: int, place: int, watch: Watch
    ) -> Iterator[tuple[int, Change]]:
        before: Any = None
        for sequence, state in self.history.states(begin, end):
            watch.tell(place - end, place - self.first)
            value = value_at(state, path)
            if sequence > begin:
                changed = changes(before, value, path)
                for change in changed:
                    yield sequence - 1, _kept(change)
                if not changed:
                    continue
            before = Fold.copied(value)

    def branch(self, edit: Any, end: int | None = None, watch: Watch | None = None) -> Branch:
        """What would have become of it, had the current input been another."""
        at = self.place - 1
        if at < self.first_input:
            raise UsageError("there is no input here to change; step on by one first")
        if end is None:
            end = at + BRANCH_INPUTS
        end = min(end, self.end)
        history = self.history
        assert isinstance(history, _WatchedHistory)
        history.watch = watch
        try:
            made = history.branch(at, edit, end=end)
        finally:
            history.watch = None
        self.branches.append(made)
        return made

    def event_values(self) -> dict[str, Any]:
        """The fields of the current input, as Python values."""
        event = self.moment.event
        if event is None:
            return {}
        if self.dtype.names is None:
            return {"value": event[0].item()}
        return {name: _plain(event[name][0]) for name in self.dtype.names}


def _tell_same(watch: Watch, done: int, total: int, place: int) -> None:
    watch.tell(done, total)


def _kept(change: Change) -> Change:
    return Change(change.path, Fold.copied(change.before), Fold.copied(change.after))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
