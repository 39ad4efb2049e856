"""The state that a stage had before one event of its stream: what takes the place of a dead worker.

It is the fold of the journal's inputs, from the newest snapshot on, through the stages before it
and through its own machine up to that event. The journal may be written meanwhile: it has all that
the event comes of, since that was published before.
"""

from __future__ import annotations

import time
from typing import Any

from headrace.engine import Stepper
from headrace.errors import JournalError, StepError
from headrace.journal.recovery import Tail
from headrace.ports import LocalDisk
from headrace.replay import NetFold, PassedOver, index_in_fold
from headrace.ringbuffer import Ring
from headrace.runtime.recorder import CONSUMER

_WAIT_SECONDS_MAX = 60.0


class Restored:
    """The stepper of stage `name` before event `sequence`: the initial state, at first."""

    def __init__(
        self, topology: Any, name: str, step: str | None, sequence: int, passed_over: PassedOver
    ) -> None:
        index = index_in_fold(topology, name)
        self._index = index
        self._sequence = sequence
        self._fold = NetFold(topology, step, _pass_over, upto=(index, sequence))
        self._fold.passed_over = passed_over
        self.origin = "the initial state"

    @property
    def stepper(self) -> Stepper:
        return self._fold.steppers[self._index]

    @property
    def made(self) -> int:
        return self._fold.made[self._index]

    def from_journal(self, folder: str, inputs: Ring) -> None:
        """Go on from what a journal has; blocks until it has all that was published.

        Raises JournalDamaged, JournalMismatch, StateError, JournalError.
        """
        if self._sequence == 0:
            return
        _wait_for_journal(inputs, inputs.cursor, folder)
        before = None
        while True:
            tail = Tail(LocalDisk(), folder, before)
            snapshot = tail.recovery.snapshot
            if snapshot is None or snapshot.stages[self._index].sequence <= self._sequence:
                break
            before = snapshot.sequence - 1  # it was written after the worker had died
        if snapshot is not None:
            self._fold.restore(snapshot)
        for frame in tail.frames():
            if self._fold.sequences[self._index] >= self._sequence:
                break
            skip = max(0, self._fold.sequence - frame.first_sequence)
            if skip < frame.count:
                self._fold.run(frame.events[skip:], frame.times[skip:])
        reached = self._fold.sequences[self._index]
        if reached != self._sequence:
            raise JournalError(
                f"{folder}: its inputs lead to event {reached:,} of this stage, which was at "
                f"{self._sequence:,}; it is not the journal of this engine"
            )
        at = "the first input" if snapshot is None else f"the snapshot before {snapshot.sequence:,}"
        self.origin = f"{at} and the journal"


def _wait_for_journal(inputs: Ring, end: int, folder: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS_MAX
    while inputs.released(CONSUMER) < end:
        if time.monotonic() > deadline:
            raise JournalError(
                f"{folder}: the inputs before {end:,} did not come to it within "
                f"{_WAIT_SECONDS_MAX:g} s"
            )
        time.sleep(0.0005)


def _pass_over(error: StepError, event: Any) -> bool:
    """What failed before was passed over then, or nothing would have come behind it."""
    return True
