"""Corners of the compiled engine in which planted bugs had hidden from the other tests."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from headrace.engine import Stepper
from headrace.engine.errors import StepError
from headrace.machine import machine
from headrace.native import Native

EVENT = np.dtype([("n", "<i8")])


def numbers(*values: int) -> np.ndarray[Any, Any]:
    return np.array(values, "<i8").view(EVENT)


def test_indexes_begin_anew_with_each_event() -> None:
    """The outputs that step_batch gives, of events with none, one and several."""

    def batch(state, events):  # type: ignore[no-untyped-def]
        of = np.repeat(np.arange(len(events)), events["n"])
        return state, (of.copy(), of)

    def step(state, n):  # type: ignore[no-untyped-def]
        return state, [0] * n

    made = machine(event=EVENT, output="<i8", initial=int, step_batch=batch)(step)
    records = Stepper(made).run(numbers(2, 0, 1, 3))
    assert records["input_sequence"].tolist() == [0, 0, 2, 3, 3, 3]
    assert records["output_index"].tolist() == [0, 1, 0, 0, 1, 2]


def test_outputs_before_one_that_does_not_fit() -> None:
    """All of an event's outputs, or none."""

    @machine(event=EVENT, output="<i2", initial=int)
    def step(state, n):  # type: ignore[no-untyped-def]
        return state, [1, 2, n]

    stepper = Stepper(step)
    with pytest.raises(StepError) as caught:
        stepper.run(numbers(5, 1 << 20))
    assert caught.value.partial["value"].tolist() == [1, 2, 5]
    assert stepper.run(numbers(6))["value"].tolist() == [1, 2, 6]


def test_records_stay_as_they_are_while_held() -> None:
    @machine(event=EVENT, output="<i8", initial=int)
    def step(state, n):  # type: ignore[no-untyped-def]
        return state, n

    stepper = Stepper(step)
    first = stepper.run(numbers(1, 2, 3))
    second = stepper.run(numbers(7, 8, 9))
    assert first["value"].tolist() == [1, 2, 3]
    assert second["value"].tolist() == [7, 8, 9]


def by_fields(state, n, sequence, time_ns):  # type: ignore[no-untyped-def]
    return [*state, (n, sequence, time_ns)], None


def by_event(state, event):  # type: ignore[no-untyped-def]
    return by_fields(state, event.n, event.sequence, event.time_ns)


@pytest.mark.parametrize("step", [by_fields, by_event])
def test_sequence_and_time_of_each_event(step: Any) -> None:
    stepper = Stepper(machine(event=EVENT, initial=list)(step))
    stepper.run(numbers(5, 6, 7), np.array([50, 60, 70]), 100)
    assert stepper.state == [(5, 100, 50), (6, 101, 60), (7, 102, 70)]


def test_folded_again_with_the_same_sequences() -> None:
    """Events that were passed over after a failure have left gaps behind the checkpoint."""

    @machine(event=EVENT, output="<i8", initial=lambda: list(range(100_000)))
    def step(state, n, sequence):  # type: ignore[no-untyped-def]
        state.append(sequence)
        if n < 0:
            raise ValueError(n)
        return state, sequence

    stepper = Stepper(step)
    for sequence in range(0, 40, 2):  # every second one was passed over
        stepper.run(numbers(sequence), None, sequence)
    with pytest.raises(StepError):
        stepper.run(numbers(-1), None, 40)
    assert stepper.state[100_000:] == list(range(0, 40, 2))


def test_native_steps_over_many_parts() -> None:
    """A long batch is stepped over in parts, each with its own events, numbers and outputs."""
    signature = ctypes.CFUNCTYPE(
        ctypes.c_int64,
        *(ctypes.POINTER(ctypes.c_int64),) * 2,
        *(ctypes.c_int64,) * 2,
        ctypes.POINTER(ctypes.c_int64),
    )

    @signature
    def native(state, event, sequence, _, outputs):  # type: ignore[no-untyped-def]
        state[0] += event[0]
        outputs[0] = state[0] * 3 + sequence
        return 1

    def step(state, n, sequence):  # type: ignore[no-untyped-def]
        state[0] += n
        return state, int(state[0]) * 3 + sequence

    made = machine(
        event=EVENT,
        output="<i8",
        initial=lambda: np.zeros(1, np.int64),
        native=Native(step=native, outputs_max=1),
    )(step)
    events = np.arange(40_000).view(EVENT)
    native_stepper, stepper = Stepper(made, "native"), Stepper(made, "python")
    assert native_stepper.run(events).tobytes() == stepper.run(events).tobytes()
    assert native_stepper.state == stepper.state
