"""A machine as a sequential specification: states, inputs and answers as small numbers.

Each step, from one state by one input, is made once, however often the search comes by. A step gets
a copy of its state, which it may change in place; the states that are kept nobody changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from headrace.checking.keys import state_key
from headrace.compose import Pipeline
from headrace.engine.copying import copy_state
from headrace.errors import (
    DtypeError,
    HeadraceError,
    MachineError,
    OperationError,
    OutputError,
    UsageError,
)
from headrace.events import RESERVED_FIELDS, as_events, payload, record_dtype
from headrace.machine import Machine
from headrace.reference.steps import Event, apply_step, event_values, output_record
from headrace.state import state_digest

_PLAIN = frozenset({int, bool, str, bytes, type(None)})  # floats: 0.0 equals -0.0
REFUSED = (-1, -1)  # the step raised


class Specification:
    """The states that a machine can be brought into, and what it answers in them.

    `initial`: the number of its first state. Raises UsageError for what is no machine, MachineError
    for a step that asks when or as which event it is called.
    """

    def __init__(self, machine: Machine) -> None:
        if isinstance(machine, Pipeline) or not isinstance(machine, Machine):
            raise UsageError(
                f"the model must be a machine, not {machine!r}: one step that takes an input and "
                "answers it"
            )
        asked = RESERVED_FIELDS.intersection(machine.parameters or ())
        if asked:
            raise _place_unknown(machine, sorted(asked)[0])
        self.machine = machine
        self._states: list[Any] = []
        self._state_ids: dict[str | bytes, int] = {}
        self._steps: list[dict[int, tuple[int, int]]] = []  # by state, by input
        self._inputs: list[dict[str, Any]] = []
        self._input_ids: dict[bytes, int] = {}
        self._answer_ids: dict[str, int] = {}
        self._plain_answers: dict[Any, int] = {}
        self.initial = self._state_id(machine.initial())

    # What operations are made of.

    def input_id(self, index: int, value: Any) -> int:
        """The number of an input; raises OperationError if it is no event of the machine."""
        dtype = self.machine.event
        try:
            array = as_events(dtype, value)
        except DtypeError as error:
            raise OperationError(
                index, f"its input is no event of machine {self.machine.name!r}: {error}"
            ) from None
        if len(array) != 1:
            raise OperationError(index, f"its input is {len(array)} events; it must be one")
        key = array.tobytes()
        if key not in self._input_ids:
            values = event_values(array, dtype, 0, 0)
            for name in RESERVED_FIELDS:
                del values[name]
            self._input_ids[key] = len(self._inputs)
            self._inputs.append(values)
        return self._input_ids[key]

    def expected_id(self, index: int, value: Any) -> int:
        """The number of an answer that a client got; raises OperationError if it can be none."""
        try:
            return self._answer_id(_records(self.machine, value))
        except OutputError as error:
            raise OperationError(
                index, f"its output is none of machine {self.machine.name!r}: {error}"
            ) from None

    # What happens to states.

    def step(self, state: int, given: int) -> tuple[int, int]:
        """The numbers of the next state and the answer; REFUSED if the step raises."""
        row = self._steps[state]
        found = row.get(given)
        if found is None:
            found = row[given] = self._step(state, given)
        return found

    def _step(self, state: int, given: int) -> tuple[int, int]:
        try:
            after, outputs = self._apply(state, given)
        except HeadraceError:
            raise
        except Exception:
            return REFUSED  # what would have failed there has not succeeded there
        return self._state_id(after), self._answer_of(outputs)

    def _apply(self, state: int, given: int) -> tuple[Any, list[Any]]:
        machine, values = self.machine, self._inputs[given]
        before = copy_state(self._states[state])
        if machine.parameters is not None:
            return apply_step(machine, before, values)
        result = machine.step(before, _Input(machine, values))
        if type(result) is not tuple or len(result) != 2:
            raise OutputError(f"a step returns (state, outputs), and this one returned {result!r}")
        return result

    def state(self, number: int) -> Any:
        """A copy of a state."""
        return copy_state(self._states[number])

    def told(self, state: int, given: int) -> str:
        """What the machine does with an input in a state, for people."""
        try:
            _, outputs = self._apply(state, given)
        except Exception as error:
            return f"the step raises {type(error).__name__}: {error}"
        records = _records(self.machine, outputs)
        if not len(records):
            return "the answer is None"
        shown = records.tolist()
        return f"the answer is {shown[0] if len(shown) == 1 else shown}"

    def _state_id(self, state: Any) -> int:
        key = state_key(state)
        number = self._state_ids.get(key)
        if number is None:
            number = self._state_ids[key] = len(self._states)
            self._states.append(state)
            self._steps.append({})
        return number

    def _answer_of(self, outputs: Any) -> int:
        """As `_answer_id` of the records; those of plain values are made once."""
        kind = type(outputs)
        if kind is list and len(outputs) == 1:
            outputs, kind = outputs[0], type(outputs[0])
        key: Any = (kind, outputs)
        if kind is tuple and _PLAIN.issuperset(map(type, outputs)):
            key = tuple(map(type, outputs)), outputs
        elif kind not in _PLAIN:
            return self._answer_id(_records(self.machine, outputs))
        found = self._plain_answers.get(key)
        if found is None:
            found = self._answer_id(_records(self.machine, outputs))
            self._plain_answers[key] = found
        return found

    def _answer_id(self, records: Any) -> int:
        key = state_digest(records) if len(records) else ""
        return self._answer_ids.setdefault(key, len(self._answer_ids))


class _Input(Event):
    """An event that does not know which one it is, nor when it came: that is what is asked."""

    def __init__(self, machine: Machine, values: dict[str, Any]) -> None:
        super().__init__({**values, "_machine": machine})

    @property
    def sequence(self) -> int:
        raise _place_unknown(vars(self)["_machine"], "sequence")

    @property
    def time_ns(self) -> int:
        raise _place_unknown(vars(self)["_machine"], "time_ns")


def _place_unknown(machine: Machine, name: str) -> MachineError:
    return MachineError(
        f"machine {machine.name!r} ({machine.source}) asks for {name}, which operations of a "
        "history do not have: in which order they took effect is what is looked for"
    )


def _records(machine: Machine, value: Any) -> Any:
    """Outputs as records of the machine's output dtype; raises OutputError for what is none."""
    dtype = machine.output
    if isinstance(value, np.ndarray) and value.ndim:
        if dtype is not None and value.dtype == record_dtype(dtype):
            value = payload(value, dtype)  # as Engine.call returns them
        values = list(value)
    elif value is None:
        values = []
    else:
        values = value if isinstance(value, list) else [value]
    if not values:
        return ()
    if dtype is None:
        raise OutputError(f"machine {machine.name!r} has no outputs, and here is {value!r}")
    return np.concatenate([output_record(_in_order(one, dtype), dtype) for one in values])


def _in_order(record: Any, dtype: Any) -> Any:
    """A dict by field name as a tuple; anything else as it is."""
    if not isinstance(record, Mapping):
        return record
    names = dtype.names or ("value",)
    if set(record) != set(names):
        raise OutputError(f"the output {record!r} does not have the fields {', '.join(names)}")
    return tuple(record[name] for name in names)
