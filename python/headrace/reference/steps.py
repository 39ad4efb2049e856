"""What a step sees of an event, and what its outputs become: the plainest way to say it."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.errors import OutputError
from headrace.events import Dtype, store_exactly
from headrace.machine import Machine

Array = np.ndarray[Any, Any]


class Event:
    """An event as a step gets it: its fields, `sequence` and `time_ns`, not to be changed."""

    def __init__(self, values: dict[str, Any]) -> None:
        vars(self).update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"event.{name} cannot be set: events are read-only")


def event_values(event: Array, dtype: Dtype, sequence: int, time_ns: int) -> dict[str, Any]:
    """All that a step may ask of one event, by name; `event` is an array of length 1."""
    values = {name: plain_value(event[name][0], dtype[name]) for name in dtype.names or ()}
    if dtype.names is None:
        values = {"value": plain_value(event[0], dtype)}
    return {**values, "sequence": sequence, "time_ns": time_ns}


def plain_value(value: Any, dtype: Dtype) -> Any:
    """A field as a plain Python value, where there is one."""
    if dtype.subdtype is not None:
        copy = np.array(value)
        copy.flags.writeable = False
        return copy
    if dtype.names is not None:
        record = np.array(value, dtype)
        record.flags.writeable = False
        return record[()]
    if dtype.kind in "biufcSU":
        return value.item() if isinstance(value, np.generic) else value
    return value


def apply_step(machine: Machine, state: Any, values: dict[str, Any]) -> tuple[Any, list[Any]]:
    """One step: the new state and the list of outputs. Raises what the step raises, OutputError."""
    if machine.parameters is None:
        result = machine.step(state, Event(values))
    else:
        result = machine.step(state, *(values[name] for name in machine.parameters))
    if type(result) is not tuple or len(result) != 2:
        raise OutputError(f"a step returns (state, outputs), and this one returned {result!r}")
    state, made = result
    if made is None:
        return state, []
    if isinstance(made, np.ndarray) and made.ndim:
        return state, list(made)
    return state, made if isinstance(made, list) else [made]


def output_record(value: Any, dtype: Dtype) -> Array:
    """One output, a tuple in the order of the fields or a scalar, as an array of length 1."""
    record = np.zeros(1, dtype)
    names = dtype.names or ("value",)
    if isinstance(value, np.void) and value.dtype.names not in (None, names):
        raise OutputError(f"the output {value!r} has other fields than {', '.join(names)}")
    values = value.item() if isinstance(value, np.void) else value
    if not isinstance(values, tuple):
        values = (values,)
    if len(values) != len(names):
        raise OutputError(f"the output {value!r} does not have the fields {', '.join(names)}")
    for name, one in zip(names, values, strict=True):
        field = record[0, ...] if dtype.names is None else record[name][0, ...]
        try:
            store_exactly(field, one)
        except ValueError as error:
            raise OutputError(f"output field {name!r} cannot be {one!r}: {error}") from None
    return record
