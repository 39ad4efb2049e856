"""Machines stepped over inputs in this thread, without rings: what recovery and replay are.

Does what the stages of an engine do, batch by batch: the outputs of one machine are the next one's
events, a step that raises changes nothing, and numbers and ids come out the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash

from headrace.compose import Pipeline, Topology, stages_of
from headrace.compose.topology import machines_of
from headrace.engine import Stepper
from headrace.engine.copying import copy_state
from headrace.errors import JournalMismatch, StepError
from headrace.events import payload, record_dtype
from headrace.journal.letters import Letter
from headrace.journal.snapshots import Snapshot, StageState
from headrace.journal.states import decode_state, encode_state, known_classes
from headrace.machine import Machine
from headrace.replay.passing import PassedOver, poison_error
from headrace.state import state_digest

Records = np.ndarray[Any, Any]
OnFailure = Callable[[StepError, Records], bool]  # whether to go on with the next event


def name_of(machine: Machine | Topology) -> str:
    """The name of a machine or a topology."""
    return machine.name if isinstance(machine, Machine) else repr(machine)


def version_of(machine: Machine | Topology) -> str:
    """The version of a machine; of a topology, all of them."""
    return " >> ".join(str(each.version) for each in machines_of(machine))


@dataclass(frozen=True)
class Bookmark:
    """A place to come back to; nobody changes the states in it."""

    sequence: int
    states: list[Any]
    sequences: list[int]
    made: list[int]
    rolling: Any


class Fold:
    """The state of a machine or a pipeline, moved on by `run`. Not thread-safe.

    `on_failure(error, event)` decides what a failed step does: True passes the event over, False
    raises the StepError, with the state before the event. Raises MachineError.
    """

    def __init__(
        self,
        machine: Machine | Pipeline,
        step: str | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        self.machine = machine
        self.machines = stages_of(machine)
        self.steppers = [Stepper(each, step) for each in self.machines]
        self.made = [0] * len(self.machines)
        self.sequence = 0  # of the next input
        self.rolling = xxhash.xxh3_64()  # of the output records since it was begun
        self.last_output = (-1, -1)  # the id of the last output record
        self._sequences = [0] * len(self.machines)  # of the next event of each
        self._on_failure = on_failure
        self.passed_over = PassedOver()

    @property
    def names(self) -> list[str]:
        """The names of the stages."""
        return [each.name for each in self.machines]

    @property
    def state(self) -> Any:
        """A copy of the state; of a pipeline, the tuple of its machines' states."""
        states = tuple(stepper.state for stepper in self.steppers)
        return states if isinstance(self.machine, Pipeline) else states[0]

    @property
    def kept_state(self) -> Any:
        """The same without copying where that can be: not to be changed."""
        states = tuple(stepper.checkpointed() for stepper in self.steppers)
        return states if isinstance(self.machine, Pipeline) else states[0]

    @property
    def live_state(self) -> Any:
        """The state itself, which the next run may change in place: to look at only."""
        states = tuple(stepper.live_state for stepper in self.steppers)
        return states if isinstance(self.machine, Pipeline) else states[0]

    @property
    def digest(self) -> str:
        """Of the state."""
        return state_digest(self.kept_state)

    @property
    def sequences(self) -> list[int]:
        """Of the next event of each machine."""
        return list(self._sequences)

    def run(self, events: Records, times: Any) -> Records:
        """Step over inputs; the last machine's output records, good until the next run.

        `times`: int64, one for each. Raises StepError: all before that input is stepped over, and
        `partial` has the outputs of that.
        """
        parts: list[Records] = []
        first = self.sequence
        try:
            self._through(0, events, times, None, parts)
        except StepError as error:
            self.sequence = error.origin
            error.partial = self._joined(parts)
            raise
        self.sequence = first + len(events)
        return self._joined(parts)

    def _joined(self, parts: list[Records]) -> Records:
        if len(parts) == 1:
            made = parts[0]
        elif parts:
            made = np.concatenate(parts)
        else:
            return self.no_outputs()
        self.rolling.update(made.view(np.uint8).data)
        self.last_output = int(made[-1]["input_sequence"]), int(made[-1]["output_index"])
        return made

    def begin_rolling(self) -> None:
        """Begin the digest of the outputs anew."""
        self.rolling = xxhash.xxh3_64()

    def no_outputs(self) -> Records:
        """An array of no output records."""
        output = self.machines[-1].output
        return np.empty(0, np.dtype([]) if output is None else record_dtype(output))

    def _through(
        self, depth: int, events: Records, times: Any, origins: Any, parts: list[Records]
    ) -> None:
        """Step machine `depth` over events, and those behind it over what it makes."""
        stepper = self.steppers[depth]
        first = self._sequences[depth]
        start = 0
        while start < len(events):
            name, failure, records = self.machines[depth].name, None, None
            stop = start + self.passed_over.next_in(name, events[start:], first + start)
            if stop > start:
                try:
                    records = stepper.run(
                        events[start:stop],
                        times[start:stop],
                        first + start,
                        None if origins is None else origins[start:stop],
                    )
                    self._sequences[depth] = first + stop
                except StepError as error:
                    records, error.partial = error.partial, None
                    failure = error.with_traceback(None)
                    self._sequences[depth] = failure.sequence
            else:
                failure = self._refusal(depth, name, first + start, events[start : start + 1])
                stop = start + 1
                self._sequences[depth] = first + stop - (failure is not None)
            if records is not None and len(records):
                self._pass_on(depth, records, parts)
            if failure is None:
                start = stop
                continue
            start = failure.sequence - first
            failure.origin = first + start if origins is None else int(origins[start])
            failure.time_ns = int(times[start])
            event = events[start : start + 1].copy()
            if self._on_failure is None or not self._on_failure(failure, event):
                raise failure
            start += 1
            self._sequences[depth] = first + start

    def _refusal(self, index: int, name: str, sequence: int, event: Records) -> StepError | None:
        """The failure of an event that is not stepped over; None if it is passed over silently."""
        deaths = self.passed_over.deaths(name, sequence)
        return poison_error(self.machines[index], name, sequence, event, deaths) if deaths else None

    def _pass_on(self, depth: int, records: Records, parts: list[Records]) -> None:
        self.made[depth] += len(records)
        if depth + 1 == len(self.machines):
            parts.append(records)
            return
        own = payload(records, self.machines[depth + 1].event)
        self._through(depth + 1, own, records["input_time_ns"], records["origin"], parts)

    def pass_over(
        self, stage: str, machine: str, sequence: int, event: bytes, deaths: int = 0
    ) -> None:
        """Do not step over an event of a stage, from now on: see PassedOver.

        Where no stage has that name, as in what was kept before stages were named, it is all of the
        machine.
        """
        names = self.names
        if stage in names:
            self.passed_over.add(stage, sequence, event, deaths)
            return
        for name, each in zip(names, self.machines, strict=True):
            if each.name == machine:
                self.passed_over.add(name, sequence, event, deaths)

    def refuse(self, poison: list[Letter]) -> None:
        """Take events that have killed whoever stepped over them for failed steps, from now on."""
        for each in poison:
            event = each.event.tobytes()
            self.pass_over(each.stage, each.machine, each.sequence, event, each.retries)

    def bookmark(self) -> Bookmark:
        """This place, to come back to."""
        states = [stepper.checkpointed() for stepper in self.steppers]
        return Bookmark(
            self.sequence, states, list(self._sequences), list(self.made), self.rolling.copy()
        )

    def go_to(self, bookmark: Bookmark) -> None:
        """Go back, or on, to a place; also to one of another fold of such machines."""
        for stepper, state, sequence in zip(
            self.steppers, bookmark.states, bookmark.sequences, strict=True
        ):
            kept = None if isinstance(state, np.ndarray) else state
            stepper.restore(copy_state(state), sequence, kept)
        self.sequence = bookmark.sequence
        self._sequences = list(bookmark.sequences)
        self.made = list(bookmark.made)
        self.rolling = bookmark.rolling.copy()

    def set_out(self, sequence: int, states: list[Any], sequences: list[int]) -> None:
        """Go on before an input, with these states and sequences of the machines' next events."""
        for stepper, state, own in zip(self.steppers, states, sequences, strict=True):
            stepper.restore(state, own)
        self.sequence = sequence
        self._sequences = list(sequences)

    def start_anew(self) -> None:
        """Go back to before the first input."""
        for index, each in enumerate(self.machines):
            self.steppers[index].restore(self._initial(index, each), 0)
        self.sequence = 0
        self._sequences = [0] * len(self.machines)
        self.made = [0] * len(self.machines)

    def _initial(self, index: int, machine: Machine) -> Any:
        return machine.initial()

    @staticmethod
    def copied(value: Any) -> Any:
        """A copy of a part of a state."""
        return copy_state(value)

    def stage_states(self) -> list[StageState]:
        """What a snapshot keeps of each machine. Raises StateError."""
        return [
            StageState(
                name,
                each.version,
                sequence,
                made,
                encode_state(stepper.checkpointed(), known_classes(each)),
            )
            for name, each, stepper, sequence, made in zip(
                self.names, self.machines, self.steppers, self._sequences, self.made, strict=True
            )
        ]

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot. Raises JournalMismatch, StateError, MachineError."""
        names = [(stage.name, stage.version) for stage in snapshot.stages]
        have = [
            (name, each.version) for name, each in zip(self.names, self.machines, strict=True)
        ]
        if names != have:
            raise JournalMismatch(
                f"the snapshot before input {snapshot.sequence:,} is of {_named(names)}, and "
                f"{_named(have)} cannot go on from it"
            )
        for index, stage in enumerate(snapshot.stages):
            state = decode_state(stage.state, known_classes(self.machines[index]))
            self.steppers[index].restore(state, stage.sequence)
            self._sequences[index] = stage.sequence
            self.made[index] = stage.made
        self.sequence = snapshot.sequence
        self.last_output = snapshot.last_output


def _named(machines: list[tuple[str, int]]) -> str:
    return " >> ".join(f"{name} version {version}" for name, version in machines)
