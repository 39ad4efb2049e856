"""`replay`: a journal stepped over again, held to the digests that are noted in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from headrace.compose import Topology
from headrace.errors import HistoryGone
from headrace.journal.notes import Digest
from headrace.machine import Machine
from headrace.replay.fold import Bookmark, Fold
from headrace.replay.net_fold import NetFold
from headrace.replay.parting import explain_parting
from headrace.replay.source import FailedSteps, Source

Records = np.ndarray[Any, Any]


class Replay:
    """A machine or a topology being stepped over a journal.

    Lazy: what is asked for first makes it run. `sequence`, `state`, `digest` and `made` (how many
    outputs) are those at its end. `checked` counts the digests that were compared, `failed` has the
    steps that raised, and so changed nothing. Not thread-safe.
    """

    def __init__(
        self,
        path: Any,
        machine: Machine | Topology,
        *,
        to: int | None = None,
        verify: bool = True,
        step: str | None = None,
    ) -> None:
        self.source = Source(path, machine)
        self.checked = 0
        self.failed = FailedSteps()
        self._verify = verify
        self._step = step
        self._fold = self.source.fold(step, on_failure=self.failed.add)
        end = self.source.index.end
        self.end = end if to is None else to
        if not 0 <= self.end <= end:
            raise HistoryGone(f"there is no state behind {self.end:,} inputs: there are {end:,}")
        self.start = self._begin()
        # Where the journal says something to be compared with, in order.
        digests = [digest for each in self.source.digests.values() for digest in each]
        self._begins = {digest.since for digest in digests}
        marks = sorted(place for place in {*self._begins, *self.source.digests})
        self._marks = [mark for mark in marks if self.start < mark <= self.end] if verify else []
        self._since = self.start  # of the outputs that are being digested
        self._outputs = 0
        self._good = self._fold.bookmark()

    def _begin(self) -> int:
        """Stand at the first input, or at the oldest snapshot where inputs are gone."""
        first = self.source.index.first
        if first == 0:
            return 0
        for sequence in self.source.snapshot_sequences():
            snapshot = self.source.snapshot(sequence) if sequence >= first else None
            if snapshot is not None:
                self._fold.restore(snapshot)
                return sequence
        raise HistoryGone(
            f"{self.source.folder}: the inputs before {first:,} are not kept, and no snapshot "
            "stands for them"
        )

    def outputs(self) -> Iterator[Records]:
        """Step on to the end; the output records on the way. Raises ReplayParted."""
        return (records for records in self.steps() if len(records))

    def steps(self) -> Iterator[Records]:
        """The same, also where inputs led to no outputs."""
        fold, marks = self._fold, iter(self._marks)
        mark = next((m for m in marks if m > fold.sequence), self.end)
        while fold.sequence < self.end:
            for events, times in self.source.index.slices(fold.sequence, mark):
                records = fold.run(events, times)
                self._outputs += len(records)
                yield records
            self._check(fold)
            mark = next(marks, self.end)

    def run(self) -> Replay:
        """Step on to the end. Raises ReplayParted."""
        for _ in self.outputs():
            pass
        return self

    def _check(self, fold: Fold) -> None:
        digests = self.source.digests.get(fold.sequence, []) if self._verify else []
        for digest in digests:
            if not self._is_right(fold, digest):
                raise explain_parting(self.source, self._step, self._good, digest)
            self.checked += 1
        if fold.sequence in self._begins:
            self._since = fold.sequence
            fold.begin_rolling()
        if digests:
            self._good = fold.bookmark()

    def _is_right(self, fold: Fold, digest: Digest) -> bool:
        if (fold.made[-1], fold.digest) != (digest.outputs, digest.state):
            return False
        return digest.since != self._since or fold.rolling.intdigest() == digest.rolling

    @property
    def so_far(self) -> int:
        """The next input to be stepped over, while it runs."""
        return self._fold.sequence

    @property
    def sequence(self) -> int:
        """How many inputs were stepped over."""
        return self.run()._fold.sequence

    @property
    def state(self) -> Any:
        """A copy of the state at the end."""
        return self.run()._fold.state

    @property
    def digest(self) -> str:
        """The digest of the state at the end."""
        return self.run()._fold.digest

    @property
    def made(self) -> int:
        """How many outputs there were, up to the end; of a topology, from `start` on."""
        fold = self.run()._fold
        return self._outputs if isinstance(fold, NetFold) else fold.made[-1]

    @property
    def good(self) -> Bookmark:
        """The last place that was found to be as it had been."""
        return self._good


def replay(
    path: Any,
    machine: Machine | Topology,
    *,
    to: int | None = None,
    verify: bool = True,
    step: str | None = None,
) -> Replay:
    """Step `machine` over a journal again: the same states and the same outputs, bit for bit.

    `path`: the journal's folder. `to`: stop behind so many inputs. `verify`: compare with the
    digests in the journal. `step`: as in `Engine`. Raises ReplayParted, naming the first input from
    which on it goes another way as exactly as the journal allows; JournalNotFound, JournalDamaged,
    JournalMismatch, HistoryGone.
    """
    return Replay(path, machine, to=to, verify=verify, step=step).run()

