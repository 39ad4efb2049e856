"""One machine being run, as plainly as it can be said: the state is the fold of the events."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from headrace.errors import OutputError
from headrace.events import HEADER_FIELDS, payload, record_dtype
from headrace.machine import Machine
from headrace.reference.steps import Array, apply_step, event_values, output_record


class PlainStage:
    """A machine, its state, and how many events it is through with."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.begin_at(machine.initial(), 0)

    def begin_at(self, state: Any, sequence: int) -> None:
        self.state = state
        self.sequence = sequence
        self._kept = copy.deepcopy(state)  # after the last failure, or at the beginning
        self._since: list[dict[str, Any]] = []  # events stepped over since

    def step(self, event: Array, time_ns: int, origin: int) -> list[Array]:
        """Step over one event; its records. A step that raises changes nothing."""
        machine = self.machine
        values = event_values(event, machine.event, self.sequence, time_ns)
        try:
            state, made = apply_step(machine, self.state, values)
            records = [
                self._record(output_record(one, machine.output), index, time_ns, origin)
                for index, one in enumerate(_checked(machine, made))
            ]
        except BaseException:
            self._fold_again()
            raise
        self.state = state
        self.sequence += 1
        self._since.append(values)
        return records

    def _fold_again(self) -> None:
        self.state = self._kept
        for values in self._since:
            self.state, _ = apply_step(self.machine, self.state, values)
        self._kept = copy.deepcopy(self.state)
        self._since = []

    def _record(self, made: Array, index: int, time_ns: int, origin: int) -> Array:
        assert self.machine.output is not None
        record = np.zeros(1, record_dtype(self.machine.output))
        for (name, _), value in zip(
            HEADER_FIELDS, (self.sequence, index, time_ns, origin), strict=True
        ):
            record[name] = value
        payload(record, self.machine.output)[...] = made
        return record


def _checked(machine: Machine, made: list[Any]) -> list[Any]:
    if made and machine.output is None:
        raise OutputError(f"the step returned the output {made[0]!r}, and its machine has none")
    return made
