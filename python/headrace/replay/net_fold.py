"""Topologies stepped over inputs in this thread, without rings: what recovery of them is.

All that comes of some inputs goes through stage after stage at once; so whatever is brought
together is complete, and numbers and ids come out as they do in an engine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xxhash

from headrace.compose.layout import INPUT, Read, StageLayout, lay_out
from headrace.compose.rows import (
    Rows,
    as_records,
    brought_together,
    positioned,
    rows_of,
    shared_out,
)
from headrace.compose.topology import Pipeline, Topology
from headrace.engine import Stepper
from headrace.errors import StepError
from headrace.events import record_dtype
from headrace.machine import Machine
from headrace.replay.fold import Fold, OnFailure, Records
from headrace.replay.partitioned import Decide, Partitioned
from headrace.replay.passing import PassedOver
from headrace.replay.spans import Span


def fold_of(
    machine: Machine | Topology, step: str | None = None, on_failure: OnFailure | None = None
) -> Fold:
    """The fold of a machine or of any topology. Raises MachineError."""
    if isinstance(machine, Machine | Pipeline):
        return Fold(machine, step, on_failure)
    return NetFold(machine, step, on_failure)


def index_in_fold(machine: Machine | Topology, name: str) -> int:
    """Where a fold has the state of that name (see StageLayout.state_name)."""
    stages = lay_out(machine, in_order=True, workers=False).stages
    return next(stage.index for stage in stages if stage.state_name == name)


class NetFold(Fold):
    """The states of a topology's stages, moved on by `run`. Not thread-safe.

    `upto`: (stage, end): only that stage and those before it run, and it steps over no event from
    `end` on; for who takes its place. Raises MachineError.
    """

    def __init__(
        self,
        topology: Machine | Topology,
        step: str | None = None,
        on_failure: OnFailure | None = None,
        upto: tuple[int, int] | None = None,
    ) -> None:
        self.machine = topology  # type: ignore[assignment]
        self.layout = lay_out(topology, in_order=True, workers=False)
        self.machines = tuple(stage.machine for stage in self.layout.stages)
        self.steppers = [_stepper_of(stage, step) for stage in self.layout.stages]
        self.made = [0] * len(self.machines)
        self.sequence = 0
        self.rolling = xxhash.xxh3_64()
        self.last_output = (-1, -1)
        self._sequences = [0] * len(self.machines)
        self._on_failure = on_failure
        self.passed_over = PassedOver()
        self._upto = upto
        self._stages = list(self.layout.stages)
        if upto is not None:
            needed = self.layout.before(upto[0])
            self._stages = [stage for stage in self._stages if stage.index in needed]

    @property
    def names(self) -> list[str]:
        """The names of the stages."""
        return [stage.name for stage in self.layout.stages]

    @property
    def state(self) -> Any:
        """Copies of the states, by the names of the stages."""
        return dict(zip(self.names, (each.state for each in self.steppers), strict=True))

    @property
    def kept_state(self) -> Any:
        """The states as a snapshot's digest has them: not to be changed."""
        states = tuple(stepper.checkpointed() for stepper in self.steppers)
        return states if len(states) > 1 else states[0]

    @property
    def live_state(self) -> Any:
        """The states themselves, which the next run may change in place: to look at only."""
        return dict(zip(self.names, (each.live_state for each in self.steppers), strict=True))

    def run(self, events: Records, times: Any) -> Records:
        """Step over inputs; the topology's output records. `times`: int64, one for each.

        Raises StepError; other stages may then have gone further.
        """
        first = self.sequence
        rows: dict[int, Rows] = {}
        nothing = np.empty((len(events), 0), np.int64)
        numbers = np.arange(first, first + len(events))
        rows[INPUT] = Rows(events, np.asarray(times), numbers, nothing)
        for stage in self._stages:
            self._through_stage(stage, rows)
        self.sequence = first + len(events)
        if self._upto is not None:
            return self.no_outputs()
        return self._outputs(rows)

    def _outputs(self, rows: dict[int, Rows]) -> Records:
        outlet, output = self.layout.outlet, self.layout.topology.output
        if outlet is None:
            return self.no_outputs()
        made = brought_together(outlet, rows)
        if isinstance(outlet, Read):
            assert made.records is not None
            records = made.records
        else:
            records = as_records(made, output, 0, (-1, -1))
        if len(records):
            self.rolling.update(records.view(np.uint8).data)
            last = records[-1]
            self.last_output = int(last["input_sequence"]), int(last["output_index"])
        return records

    def no_outputs(self) -> Records:
        """An array of no output records."""
        output = self.layout.topology.output
        return np.empty(0, np.dtype([]) if output is None else record_dtype(output))

    def _through_stage(self, stage: StageLayout, rows: dict[int, Rows]) -> None:
        own = brought_together(stage.source, rows)
        first = self._sequences[stage.index]
        if self._upto is not None and self._upto[0] == stage.index:
            own = own.part(slice(0, max(0, self._upto[1] - first)))
        parts = self._step_over(stage, own, first)
        if stage.output is None:
            return
        records = np.concatenate([np.empty(0, record_dtype(stage.machine.output)), *parts])
        self.made[stage.index] += len(records)
        if stage.depth:
            outer = None
            if stage.depth_in:
                outer = own.positions[records["input_sequence"] - first, : stage.depth_in]
            records = positioned(records, stage.machine.output, stage.depth, outer)
        rows[stage.output] = rows_of(records, stage.machine.output)

    def _step_over(self, stage: StageLayout, own: Rows, first: int) -> list[Records]:
        """Step one machine over its share of a stream; its records."""
        if stage.slot is not None:
            return self._step_over_partitions(stage, own, first)
        stepper = self.steppers[stage.index]
        parts: list[Records] = []
        start = 0
        while start < len(own):
            records, failure = None, None
            stop = start + self.passed_over.next_in(stage.name, own.events[start:], first + start)
            here = slice(start, max(stop, start + 1))
            select = shared_out(own.events[here], first + start, stage.shares)
            if stop > start:
                try:
                    records = stepper.run(
                        own.events[here], own.times[here], first + start, own.origins[here], select
                    )
                except StepError as error:
                    records, error.partial = error.partial, None
                    failure = error.with_traceback(None)
                    failure.stage = stage.name
            elif select is None or len(select):
                failure = self._refusal(stage.index, stage.name, first + start, own.events[here])
            if records is not None and len(records):
                parts.append(records.copy())
            if failure is None:
                start = here.stop
                continue
            start = failure.sequence - first
            failure.origin = int(own.origins[start])
            failure.time_ns = int(own.times[start])
            event = own.events[start : start + 1].copy()
            if self._on_failure is None or not self._on_failure(failure, event):
                self.sequence = failure.origin
                raise failure
            start += 1
        self._sequences[stage.index] = first + len(own)
        return parts

    def _step_over_partitions(self, stage: StageLayout, own: Rows, first: int) -> list[Records]:
        """The same for an elastic stage: all its partitions are here."""
        partitioned: Any = self.steppers[stage.index]

        span = Span(own.events, own.times, first, own.origins, None)

        def decide(failure: StepError, at: int) -> bool:
            failure.stage = stage.name
            return self._on_failure is not None and self._on_failure(failure, span.event(at))

        select = shared_out(own.events, first, stage.shares)
        select, failure = self._without_passed_over(stage, own, first, select, decide)
        records = None
        if failure is None:
            parts = partitioned.shared_out(own.events, select)
            records, failure = partitioned.step_over(span, parts, decide)
        if failure is not None:
            self.sequence = failure.origin
            raise failure
        self._sequences[stage.index] = first + len(own)
        return [] if records is None else [records]

    def _without_passed_over(
        self, stage: StageLayout, own: Rows, first: int, select: Any, decide: Decide
    ) -> tuple[Any, StepError | None]:
        """Places without those of events that are passed over; and at which failure to stop."""
        name, at, passed = stage.name, 0, []
        while (at := at + self.passed_over.next_in(name, own.events[at:], first + at)) < len(own):
            passed.append(at)
            failure = None
            if select is None or at in select:
                event = own.events[at : at + 1]
                failure = self._refusal(stage.index, name, first + at, event)
            if failure is not None:
                failure.origin, failure.time_ns = int(own.origins[at]), int(own.times[at])
                if not decide(failure, at):
                    return select, failure
            at += 1
        if not passed:
            return select, None
        mine = np.arange(len(own)) if select is None else select
        return np.setdiff1d(mine, passed), None

    def _initial(self, index: int, machine: Machine) -> Any:
        return {} if self.layout.stages[index].slot is not None else machine.initial()


def _stepper_of(stage: StageLayout, step: str | None) -> Any:
    slot = stage.slot
    return Stepper(stage.machine, step) if slot is None else Partitioned(slot.node, step)
