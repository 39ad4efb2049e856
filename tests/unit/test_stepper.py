"""The stepper: what a machine's step gets, gives, and leaves behind when it fails."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
import pytest

from headrace.engine import Stepper
from headrace.engine.errors import MachineError, OutputError, StaleEvent, StepError
from headrace.machine import machine

EVENT = np.dtype([("symbol", "<i4"), ("price", "<f8"), ("quantity", "<i8")])
OUT = np.dtype([("total", "<i2"), ("name", "S3")])


def events(count: int) -> np.ndarray[Any, Any]:
    made = np.zeros(count, EVENT)
    made["symbol"] = np.arange(count)
    made["quantity"] = 1
    return made


@machine(event=EVENT, output=OUT, initial=dict)
def tally(state, symbol, quantity):  # type: ignore[no-untyped-def]
    state["n"] = state.get("n", 0) + quantity
    if symbol == 7:
        raise ValueError("seven")
    return state, (state["n"], b"abc")


def test_outputs_carry_their_ids() -> None:
    records = Stepper(tally).run(events(3), np.array([5, 6, 7]), 10)
    assert records["input_sequence"].tolist() == [10, 11, 12]
    assert records["input_time_ns"].tolist() == [5, 6, 7]
    assert records["origin"].tolist() == [10, 11, 12]
    assert records["total"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("split", [1, 3, 10])
def test_failing_step_leaves_state_and_can_be_skipped(split: int) -> None:
    stepper = Stepper(tally)
    totals: list[int] = []
    failures: list[StepError] = []
    start = 0
    everything = events(10)
    while start < 10:
        part = everything[start : start + split]
        try:
            records = stepper.run(part, None, start)
            start += len(part)
        except StepError as error:
            failures.append(error)
            records = error.partial
            start = error.sequence + 1
            assert stepper.state == {"n": 7}
            assert stepper.sequence == 7
        totals += records["total"].tolist()
    (failure,) = failures
    assert failure.sequence == 7
    assert failure.event["symbol"] == 7
    assert isinstance(failure.__cause__, ValueError)
    assert "test_stepper.py" in str(failure)
    assert totals == list(range(1, 10))
    assert stepper.state == {"n": 9}


@pytest.mark.parametrize(
    "output", [(1 << 15, b""), (1, b"long"), (1,), 1.5, (1.5, b""), ("1", b"")]
)
def test_outputs_that_do_not_fit_change_nothing(output: Any) -> None:
    @machine(event=EVENT, output=OUT, initial=list)
    def bad(state, event):  # type: ignore[no-untyped-def]
        state.append(1)
        return state, output

    stepper = Stepper(bad)
    with pytest.raises(StepError) as caught:
        stepper.run(events(1), None, 0)
    assert isinstance(caught.value.__cause__, OutputError)
    assert stepper.state == []


def test_result_that_is_no_pair() -> None:
    @machine(event=EVENT, initial=list)
    def bad(state, event):  # type: ignore[no-untyped-def]
        return state

    with pytest.raises(StepError) as caught:
        Stepper(bad).run(events(1), None, 0)
    assert isinstance(caught.value.__cause__, OutputError)


def test_interrupt_restores_and_stays_itself() -> None:
    @machine(event=EVENT, initial=list)
    def interrupted(state, symbol):  # type: ignore[no-untyped-def]
        state.append(symbol)
        if symbol == 2:
            raise KeyboardInterrupt
        return state, None

    stepper = Stepper(interrupted)
    with pytest.raises(KeyboardInterrupt):
        stepper.run(events(5), None, 0)
    assert stepper.state == [0, 1]
    assert stepper.sequence == 2


def test_kept_event_is_stale() -> None:
    kept = []

    @machine(event=EVENT, initial=int)
    def keep(state, event):  # type: ignore[no-untyped-def]
        kept.append(event)
        return state + event.symbol, None

    stepper = Stepper(keep)
    stepper.run(events(3), None, 0)
    assert stepper.state == 3
    assert len({id(event) for event in kept}) == 3
    for event in kept:
        with pytest.raises(StaleEvent):
            _ = event.symbol


def test_step_that_runs_its_own_stepper() -> None:
    def again(state, symbol):  # type: ignore[no-untyped-def]
        stepper.run(events(1), None, 0)
        return state, None

    stepper = Stepper(machine(event=EVENT, initial=int)(again))
    with pytest.raises(StepError) as caught:
        stepper.run(events(1), None, 0)
    assert isinstance(caught.value.__cause__, MachineError)


def test_machine_that_is_not_deterministic_says_so() -> None:
    calls = []

    @machine(event=EVENT, output=OUT, initial=list)
    def moody(state, symbol):  # type: ignore[no-untyped-def]
        calls.append(1)
        if symbol == 2:
            raise ValueError
        return state, (len(calls), b"")

    with pytest.raises(MachineError, match="not deterministic"):
        Stepper(moody).run(events(3), None, 0)


def test_batch_step_finds_the_failing_event() -> None:
    def batch(state, batch):  # type: ignore[no-untyped-def]
        state["n"] = state.get("n", 0) + int(batch["quantity"].sum())
        if (batch["symbol"] == 2).any():
            raise ValueError
        return state, None

    def step(state, symbol, quantity):  # type: ignore[no-untyped-def]
        state["n"] = state.get("n", 0) + quantity
        if symbol == 2:
            raise ValueError
        return state, None

    stepper = Stepper(machine(event=EVENT, initial=dict, step_batch=batch)(step))
    assert stepper.kind == "batch"
    with pytest.raises(StepError) as caught:
        stepper.run(events(5), None, 0)
    assert caught.value.sequence == 2
    assert stepper.state == {"n": 2}
    stepper.run(events(5)[3:], None, 3)
    assert stepper.state == {"n": 4}


def test_empty_batch() -> None:
    assert len(Stepper(tally).run(events(0), None, 0)) == 0


def test_interrupted_batch_step_restores_the_batch() -> None:
    def batch(state, batch):  # type: ignore[no-untyped-def]
        state.append(1)
        raise KeyboardInterrupt

    def step(state, symbol):  # type: ignore[no-untyped-def]
        return state, None

    stepper = Stepper(machine(event=EVENT, initial=list, step_batch=batch)(step))
    with pytest.raises(KeyboardInterrupt):
        stepper.run(events(5), None, 0)
    assert stepper.state == []
    assert stepper.sequence == 0


def test_nothing_leaks() -> None:
    everything = events(2000)
    everything["symbol"] = 3
    value = 10**6 + 1
    seen = object()

    @machine(event=EVENT, output=OUT, initial=lambda: seen)
    def step(state, symbol, price, quantity):  # type: ignore[no-untyped-def]
        if symbol == 4:
            raise ValueError
        return state, [(symbol, b"a"), (value % 7, b"b")]

    stepper = Stepper(step)
    stepper.run(everything, None, 0)
    before = sys.getrefcount(value), len(gc.get_objects())
    for turn in range(5):
        stepper.run(everything, None, 2000 * (turn + 1))
    after = sys.getrefcount(value), len(gc.get_objects())
    assert after[0] - before[0] < 100
    assert after[1] - before[1] < 100
