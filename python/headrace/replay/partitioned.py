"""The machines of an elastic stage, one for each partition, stepped by whoever has them.

Looks like a stepper whose state is a dict, partition -> state, of the partitions that events came
to; which of them are here, and who may step them, is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.compose.elastic import Elastic
from headrace.compose.rows import partitions_in
from headrace.engine import Stepper
from headrace.errors import StepError
from headrace.events import record_dtype
from headrace.replay.spans import Span

Records = np.ndarray[Any, Any]
Decide = Callable[[StepError, int], bool]  # of a failed step and its place: whether to go on


class Partitioned:
    """The partitions that are here. Used by one thread at a time."""

    def __init__(self, node: Elastic, step: str | None) -> None:
        self.machine = node.machine
        self.steppers: dict[int, Stepper] = {}
        self.stepping_ns = 0  # in steps, so far
        self._node = node
        self._given = step
        self.kind = Stepper(node.machine, step).kind  # raises now what the first event would raise

    @property
    def state(self) -> dict[int, Any]:
        """Copies of the states."""
        return {at: self.steppers[at].state for at in sorted(self.steppers)}

    @property
    def live_state(self) -> dict[int, Any]:
        """The states themselves, which the next run may change in place."""
        return {at: self.steppers[at].live_state for at in sorted(self.steppers)}

    def checkpointed(self) -> dict[int, Any]:
        """The states as values that are not changed any more."""
        return {at: self.steppers[at].checkpointed() for at in sorted(self.steppers)}

    def restore(self, state: Any, sequence: int, kept: Any = None) -> None:
        """Go on from states before an event, with these partitions only."""
        self.steppers = {}
        for at, one in state.items():
            known = None if kept is None or isinstance(kept[at], np.ndarray) else kept[at]
            self.of(at).restore(one, sequence, known)

    def of(self, partition: int) -> Stepper:
        """The stepper of a partition; before its first event a new one."""
        stepper = self.steppers.get(partition)
        if stepper is None:
            stepper = self.steppers[partition] = Stepper(self.machine, self._given)
        return stepper

    def shared_out(
        self, events: Records, select: Any, wanted: Records | None = None
    ) -> list[tuple[int, Records]]:
        """The places (int64, ascending) of the selected events by partition; None: of all.

        `wanted`: whether each partition is of interest; None: all are.
        """
        own = events if select is None else events[select]
        partitions = partitions_in(own, self._node.by, self._node.partitions)
        places = np.arange(len(events)) if select is None else select
        if wanted is not None:
            mine = wanted[partitions]
            partitions, places = partitions[mine], places[mine]
        if not len(places):
            return []
        order = np.argsort(partitions, kind="stable")
        partitions, places = partitions[order], places[order]
        begins = np.flatnonzero(np.diff(partitions.astype(np.int64), prepend=-1)).tolist()
        ends = [*begins[1:], len(places)]
        return [
            (int(partitions[begin]), places[begin:end])
            for begin, end in zip(begins, ends, strict=True)
        ]

    def step_over(
        self, span: Span, parts: list[tuple[int, Records]], decide: Decide
    ) -> tuple[Records | None, StepError | None]:
        """Step over places by partition; the records in the order of their events.

        The second is the failure at which `decide` wanted to stop: other partitions may have gone
        further than that event, or not so far.
        """
        made: list[Records] = []
        failure = None
        for partition, places in parts:
            stepper = self.of(partition)
            before = stepper.stepping_ns
            failure = self._step_places(stepper, span, places, decide, made)
            self.stepping_ns += stepper.stepping_ns - before
            if failure is not None:
                break
        if self.machine.output is None:
            return None, failure
        if not made:
            return np.empty(0, record_dtype(self.machine.output)), failure
        return in_order(made), failure

    def _step_places(
        self, stepper: Stepper, span: Span, places: Records, decide: Decide, made: list[Records]
    ) -> StepError | None:
        while len(places):
            failure: StepError | None = None
            try:
                records = stepper.run(*span.arguments(places))
            except StepError as error:
                records, error.partial = error.partial, None
                failure = error.with_traceback(None)
            if records is not None and len(records):
                made.append(records)
            if failure is None:
                break
            at = failure.sequence - span.first
            failure.origin, failure.time_ns = span.origin(at), span.time_ns(at)
            if not decide(failure, at):
                return failure
            places = places[np.searchsorted(places, at, side="right") :]
        return None


def in_sequence(parts: list[Records]) -> Records:
    """Records of one dtype behind each other; as bytes, or NumPy would compare all fields."""
    if len(parts) == 1:
        return parts[0]
    dtype = parts[0].dtype
    raw = np.dtype((np.void, dtype.itemsize))
    return np.concatenate([part.view(raw) for part in parts]).view(dtype)


def in_order(parts: list[Records]) -> Records:
    """Records brought in the order of their events; those of one event are in one part."""
    whole = in_sequence(parts)
    inputs = whole["input_sequence"]
    if np.all(inputs[1:] >= inputs[:-1]):
        return whole
    return whole[np.argsort(inputs, kind="stable")]
