"""The engine, as plainly as it can be said: one event after the other.

A state is the fold of the events before it; so after a step that raised, which may have changed the
state in place, the events since the last failure are folded once more.

This is the definition of what is right: `headrace.Engine` must come to the same states, outputs and
failures, whatever its batches, threads, checkpoints and kinds of step.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.compose import Pipeline, stages_of
from headrace.errors import StepError, UsageError
from headrace.events import HEADER_FIELDS, as_events, payload, record_dtype
from headrace.machine import Machine
from headrace.reference.stage import PlainStage
from headrace.reference.steps import Array
from headrace.state import state_digest


@dataclass(frozen=True)
class ReferenceFailure:
    """An event whose step raised: where, at which sequence of that machine, and what."""

    machine: str
    sequence: int
    origin: int  # the sequence of the engine's own input that it descends from
    error: Exception


class ReferenceEngine:
    """Runs a machine or a pipeline at once and in this thread.

    `on_error`: "halt" refuses everything after a failed step, "dead_letter" goes on. Nothing
    blocks. Not thread-safe. Raises UsageError.
    """

    def __init__(self, machine: Machine | Pipeline, on_error: str = "halt") -> None:
        if on_error not in ("halt", "dead_letter"):
            raise UsageError(f"on_error must be 'halt' or 'dead_letter', not {on_error!r}")
        self.machine = machine
        self.failures: list[ReferenceFailure] = []
        self.halted = False
        self._on_error = on_error
        self._stages = [PlainStage(stage) for stage in stages_of(machine)]
        self._made: list[Array] = []

    def publish(self, events: Any, times_ns: Any = None) -> int:
        """Step over `events`, an array of the event dtype; the sequence of the first one.

        `times_ns`: int64 ingest times, one for each (None: 0). Events after a failure that halts
        are not taken.
        """
        array = as_events(self._stages[0].machine.event, events)
        first = self._stages[0].sequence
        for index in range(len(array)):
            if self.halted:
                break
            time_ns = 0 if times_ns is None else int(times_ns[index])
            self._made += self.through(array[index : index + 1], time_ns, None)
        return first

    def through(self, event: Array, time_ns: int, failed: list[Exception] | None) -> list[Array]:
        """One event through all stages, each fully before the next; the last one's records.

        `failed`: takes the errors of a called event, which are its caller's.
        """
        origin = self._stages[0].sequence
        waiting = [event]
        for depth, stage in enumerate(self._stages):
            records: list[Array] = []
            for one in waiting:
                if self.halted:
                    return records if depth == len(self._stages) - 1 else []
                own = one if depth == 0 else payload(one, stage.machine.event)
                try:
                    records += stage.step(np.ascontiguousarray(own), time_ns, origin)
                except Exception as error:
                    self._note(stage, origin, error, failed)
            waiting = records
        return waiting if self._stages[-1].machine.output is not None else []

    def _note(
        self, stage: PlainStage, origin: int, error: Exception, failed: list[Exception] | None
    ) -> None:
        if failed is not None:
            failed.append(error)
            stage.sequence += 1
            return
        self.failures.append(ReferenceFailure(stage.machine.name, stage.sequence, origin, error))
        if self._on_error == "halt":
            self.halted = True
        else:
            stage.sequence += 1

    def call(self, event: Any) -> Array:
        """Step over one event; its output records. Raises StepError, and goes on after it."""
        array = as_events(self._stages[0].machine.event, event)
        sequence = self._stages[0].sequence
        failed: list[Exception] = []
        made = self.through(array, 0, failed)
        if failed:
            raise StepError(
                f"the step failed at event {sequence}: {failed[-1]}",
                sequence=sequence, event={}, machine=self._stages[0].machine.name,
            ) from failed[-1]  # fmt: skip
        return np.concatenate(made) if made else self.no_outputs()

    @property
    def outputs(self) -> Array:
        """Records of all published events, in order: id, input time, origin, the machine's fields.

        Those of called events are their callers'.
        """
        return np.concatenate(self._made) if self._made else self.no_outputs()

    def no_outputs(self) -> Array:
        """An array of no output records."""
        output = self._stages[-1].machine.output
        return np.zeros(0, list(HEADER_FIELDS) if output is None else record_dtype(output))

    @property
    def state(self) -> Any:
        """A copy of the state; of a pipeline, the tuple of its machines' states."""
        states = tuple(copy.deepcopy(stage.state) for stage in self._stages)
        return states if isinstance(self.machine, Pipeline) else states[0]

    def save(self) -> list[tuple[Any, int]]:
        """The state and the next sequence of each machine, to `restore` from."""
        return [(copy.deepcopy(stage.state), stage.sequence) for stage in self._stages]

    def restore(self, saved: list[tuple[Any, int]]) -> None:
        """Be as another engine of the same machines was when it was saved."""
        for stage, (state, sequence) in zip(self._stages, saved, strict=True):
            stage.begin_at(copy.deepcopy(state), sequence)

    @property
    def digest(self) -> str:
        """The digest of the state; raises MachineError where it holds what no state may hold."""
        states = tuple(stage.state for stage in self._stages)
        return state_digest(states if isinstance(self.machine, Pipeline) else states[0])

    @property
    def sequence(self) -> int:
        """How many events the first machine is through with."""
        return self._stages[0].sequence
