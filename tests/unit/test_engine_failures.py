"""Steps that raise: nothing changes, and the error gets to whom the policy says."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_tools import EVENT, events, last, read, totals, twice

import headrace as hr
from headrace.errors import EngineStopped, OutputError, StaleEvent, StepError


def with_failures(count: int, *failing: int) -> np.ndarray[Any, Any]:
    made = events(count)
    made["value"][list(failing)] *= -1
    return made


def test_halt_is_the_default() -> None:
    engine = hr.Engine(totals, 64)
    engine.publish(with_failures(40, 17, 23))
    with pytest.raises(StepError) as caught:
        engine.drain()
    error = caught.value
    assert (error.sequence, error.origin, error.machine) == (17, 17, "totals")
    assert error.event["value"] == -17
    assert isinstance(error.__cause__, ValueError)
    frames = traceback.extract_tb(error.__cause__.__traceback__)
    assert frames[-1].name == "totals"
    assert "engine_tools.py" in str(error)
    assert "the state is that before it" in str(error)
    assert engine.sequence == 17
    assert engine.state == {key: sum(range(key, 17, 5)) for key in range(5)}
    with pytest.raises(StepError):
        engine.publish(events(1))
    outputs = engine.outputs()
    seen: list[int] = []
    while len(seen) < 17:
        seen += next(outputs)["input_sequence"].tolist()
    assert seen == list(range(17))
    with pytest.raises(StepError):
        next(outputs)
    with pytest.raises(StepError):
        engine.close()


def test_with_block_raises_what_halted_it() -> None:
    with pytest.raises(StepError, match="negative: -3"), hr.Engine(totals) as engine:
        engine.publish(with_failures(5, 3))
    with pytest.raises(KeyError) as caught, hr.Engine(totals) as engine:  # noqa: PT012
        engine.publish(with_failures(5, 3))
        raise KeyError("the block's own")
    assert "while closing the engine" in "".join(caught.value.__notes__)


def test_a_function_decides(tmp_path: Path) -> None:
    asked: list[tuple[int, int]] = []

    def decide(error: StepError, event: Any) -> bool:
        asked.append((error.sequence, int(event["value"][0])))
        return error.sequence != 7

    engine = hr.Engine(totals, 16, on_error=decide, journal=tmp_path)
    engine.publish(with_failures(10, 3, 5, 7, 9))
    with pytest.raises(StepError, match="negative: -7"):
        engine.drain()
    assert asked == [(3, -3), (5, -5), (7, -7)]
    assert engine.dead_letters == ()
    assert engine.sequence == 7
    with pytest.raises(StepError):
        engine.close()
    with hr.Engine(totals, 16, on_error=lambda error, event: True, journal=tmp_path) as engine:
        assert engine.sequence == 10  # those of the journal as well
        assert engine.dead_letters == ()


def test_dead_letters_are_kept_and_passed_over() -> None:
    with hr.Engine(totals, 16, on_error="dead_letter") as engine:
        engine.publish(with_failures(100, 7, 8, 50, 99))
        engine.drain()
        letters = engine.dead_letters
        assert [letter.sequence for letter in letters] == [7, 8, 50, 99]
        assert letters[2].machine == "totals"
        assert letters[2].event.dtype == EVENT
        assert letters[2].event["value"].tolist() == [-50]
        assert isinstance(letters[2].error.__cause__, ValueError)
        good = [n for n in range(100) if n not in (7, 8, 50, 99)]
        assert engine.state == {key: sum(n for n in good if n % 5 == key) for key in range(5)}
        assert read(engine)["input_sequence"].tolist() == good
        assert engine.sequence == 100


def test_too_many_dead_letters_halt() -> None:
    engine = hr.Engine(totals, 16, on_error="dead_letter", dead_letters_max=2)
    engine.publish(with_failures(10, 1, 3, 5, 7))
    with pytest.raises(StepError, match="event 5"):
        engine.drain()
    assert [letter.sequence for letter in engine.dead_letters] == [1, 3]
    with pytest.raises(StepError):
        engine.close()


@pytest.mark.parametrize("policy", ["halt", "dead_letter"])
def test_call_gets_its_own_error_and_the_engine_goes_on(policy: str) -> None:
    with hr.Engine(totals, on_error=policy) as engine:
        engine.call((1, 5))
        for _ in range(3):
            with pytest.raises(StepError, match="negative: -2") as caught:
                engine.call((1, -2), timeout=5)
            assert isinstance(caught.value.__cause__, ValueError)
        assert engine.call((1, 1), timeout=5)["total"].tolist() == [6]
        assert engine.dead_letters == ()
        assert engine.state == {1: 6}


def test_failure_in_a_later_stage() -> None:
    with hr.Engine(totals >> twice >> last, 16, on_error="dead_letter") as engine:
        engine.publish(np.array([(0, 2), (0, 1000), (0, 2), (1, 4)], EVENT))
        engine.drain()
        first, second = engine.dead_letters
        assert (first.machine, first.sequence, first.error.origin) == ("last", 2, 1)
        assert "(from input 1)" in str(first.error)
        assert second.error.origin == 2
        assert engine.state[2] == [-2, -1002, -1004, -4]
        with pytest.raises(StepError, match="OverflowError: 1008"):
            engine.call((0, 4))


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (5, "a step returns .state, outputs., and this one returned 5"),
        ((1, 2, 3), "this one returned"),
        (({}, (1, 2, 3)), "has 3 values for the 2 fields"),
        (({}, ("x", 2)), "'key' .* cannot be 'x'"),
        (({}, (1 << 40, 2)), "out of range"),
    ],
)
def test_wrong_results(result: Any, words: str) -> None:
    def step(state, event):  # type: ignore[no-untyped-def]
        return result

    machine = hr.machine(event=EVENT, output=totals.output, initial=dict)(step)
    with hr.Engine(machine) as engine:
        with pytest.raises(StepError, match=words) as caught:
            engine.call((0, 1), timeout=5)
        assert isinstance(caught.value.__cause__, OutputError)
        assert engine.state == {}


def test_outputs_of_a_machine_without() -> None:
    machine = hr.machine(event=EVENT, initial=dict)(lambda state, event: (state, (1, 2)))
    with hr.Engine(machine) as engine, pytest.raises(StepError, match="has no output dtype"):
        engine.call((0, 1), timeout=5)


def test_an_event_that_was_kept_says_so() -> None:
    kept: list[Any] = []

    def step(state, event):  # type: ignore[no-untyped-def]
        kept.append(event)
        return state, None

    with hr.Engine(hr.machine(event=EVENT, initial=dict)(step)) as engine:
        engine.publish(events(3))
        engine.drain()
    assert len({id(event) for event in kept}) == 3
    for event in kept:
        with pytest.raises(StaleEvent, match=r"event.value: this event's call is over"):
            event.value  # noqa: B018


def test_non_deterministic_machine_is_found_out_after_a_failure() -> None:
    calls: list[int] = []

    def step(state, value):  # type: ignore[no-untyped-def]
        calls.append(value)
        if value < 0:
            raise ValueError
        return state, len(calls)

    machine = hr.machine(event="i8", output="i8", initial=dict, name="fickle")(step)
    engine = hr.Engine(machine)
    engine.publish(np.array([1, 2, -1]))
    with pytest.raises(hr.errors.MachineError, match=r"'fickle' .* is not deterministic"):
        engine.drain()
    with pytest.raises(hr.errors.MachineError):
        engine.close()


def test_a_halted_engine_gives_back_waiting_callers() -> None:
    engine = hr.Engine(totals, 16)
    engine.publish(with_failures(3, 1))
    with pytest.raises((StepError, EngineStopped)):
        engine.call((0, 1), timeout=5)
    with pytest.raises(StepError):
        engine.close()
