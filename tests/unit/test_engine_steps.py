"""The forms of a step: what it is given, what it may return, and that all kinds mean the same."""

from __future__ import annotations

import copy
import functools
import pickle
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.errors import MachineError, StaleEvent, StepError

EVENT = np.dtype([("key", "<i4"), ("value", "<i8")])
OUT = np.dtype([("key", "<i4"), ("total", "<i8")])


def one_call(step: Any, event: Any = (3, 5), dtype: Any = EVENT, output: Any = None) -> Any:
    """The outputs of one event that is stepped over."""
    machine = hr.machine(event=dtype, output=output, initial=list, name="tested")(step)
    with hr.Engine(machine, 4) as engine:
        return engine.call(event, timeout=20)


def seen_by(look: Callable[[Any], Any], event: Any = (3, 5), dtype: Any = EVENT) -> Any:
    """What a step sees when it looks at its event."""
    seen: list[Any] = []

    def step(state, event):  # type: ignore[no-untyped-def]
        seen.append(look(event))
        return state, None

    one_call(step, event, dtype)
    return seen[0]


# -- the event -----------------------------------------------------------------------------------


def test_an_event_shows_its_fields_its_sequence_and_its_time() -> None:
    before = time.time_ns()
    key, value, sequence, stamp = seen_by(lambda e: (e.key, e.value, e.sequence, e.time_ns))
    assert (key, value, sequence) == (3, 5, 0)
    assert {type(key), type(value), type(stamp)} == {int}
    assert before - 1_000_000_000 <= stamp <= time.time_ns() + 1_000_000_000
    assert seen_by(repr) == "<event 0: key=3, value=5>"


@pytest.mark.parametrize(
    ("look", "error", "words"),
    [
        (lambda e: e.vaule, AttributeError, "no field 'vaule'; it has key, value, sequence and"),
        (lambda e: setattr(e, "value", 1), AttributeError, "events are read-only"),
        (lambda e: setattr(e, "other", 1), AttributeError, "events are read-only"),
        (lambda e: setattr(e, "sequence", 1), AttributeError, "events are read-only"),
        (lambda e: delattr(e, "value"), AttributeError, ""),
        (copy.copy, StaleEvent, "keep its fields' values instead"),
        (copy.deepcopy, StaleEvent, "keep its fields' values instead"),
        (pickle.dumps, StaleEvent, "keep its fields' values instead"),
    ],
)
def test_what_cannot_be_done_with_an_event(look: Any, error: type, words: str) -> None:
    def attempt(event: Any) -> tuple[Any, str]:
        try:
            look(event)
        except Exception as caught:
            return type(caught), str(caught)
        return None, ""

    found, said = seen_by(attempt)
    assert found is error
    assert words in said


def test_arrays_in_an_event_are_read_only_copies() -> None:
    dtype = np.dtype([("levels", "<i8", 3), ("inner", [("a", "<i4")])])
    levels, inner = seen_by(lambda e: (e.levels, e.inner), ([1, 2, 3], (7,)), dtype)
    assert levels.tolist() == [1, 2, 3]
    assert inner["a"] == 7
    with pytest.raises(ValueError, match="read-only"):
        levels[0] = 5
    with pytest.raises(ValueError, match="read-only"):
        inner["a"] = 5


KEEPERS: dict[str, Callable[[list[Any], Any], Any]] = {
    "in a list": lambda kept, event: kept.append(event),
    "in a closure": lambda kept, event: kept.append(lambda: event.value),
    "in a generator": lambda kept, event: kept.append(event.value for _ in [1]),
    "bound": lambda kept, event: kept.append(functools.partial(getattr, event, "value")),
}


@pytest.mark.parametrize("keeper", KEEPERS)
def test_an_event_that_is_kept_is_stale(keeper: str) -> None:
    kept: list[Any] = []

    def step(state, event):  # type: ignore[no-untyped-def]
        KEEPERS[keeper](kept, event)
        return state + event.value, None

    machine = hr.machine(event=EVENT, initial=int)(step)
    with hr.Engine(machine, 16) as engine:
        engine.publish(np.ones(10, EVENT), timeout=20)
        engine.drain(timeout=20)
        assert engine.state == 10
    for one in kept:
        with pytest.raises(StaleEvent, match="keep the field's value instead of the event"):
            one.value if keeper == "in a list" else one() if callable(one) else next(one)
    assert "call is over" in repr(kept[0]) or keeper != "in a list"


def test_an_event_in_the_hands_of_another_thread_is_stale_as_well() -> None:
    said: list[Any] = []
    over = threading.Event()

    def look(event: Any) -> None:
        over.wait(20)
        try:
            said.append(event.value)
        except StaleEvent as error:
            said.append(error)

    threads: list[threading.Thread] = []

    def step(state, event):  # type: ignore[no-untyped-def]
        threads.append(threading.Thread(target=look, args=(event,)))
        threads[-1].start()
        return state, None

    one_call(step)
    over.set()
    threads[0].join(20)
    assert isinstance(said[0], StaleEvent)


def test_the_event_of_an_error_is_stale_and_its_values_are_in_the_error() -> None:
    def step(state, event):  # type: ignore[no-untyped-def]
        raise ValueError(event)

    with pytest.raises(StepError) as caught:
        one_call(step)
    assert caught.value.event == {"key": 3, "value": 5}
    cause = caught.value.__cause__
    assert cause is not None
    with pytest.raises(StaleEvent):
        cause.args[0].value  # noqa: B018


# -- fields by name ------------------------------------------------------------------------------


def test_fields_come_by_name_in_any_order() -> None:
    seen: list[Any] = []

    def step(state, time_ns, value, sequence, key):  # type: ignore[no-untyped-def]
        seen.append((key, value, sequence, time_ns))
        return state, (key, value)

    (record,) = one_call(step, output=OUT)
    assert seen[0][:3] == (3, 5, 0)
    assert seen[0][3] == record["input_time_ns"]


def test_as_many_fields_as_a_step_may_name() -> None:
    def machine(count: int) -> hr.Machine:
        names = [f"f{number}" for number in range(count)]
        step = eval(f"lambda state, {', '.join(names)}: (state, f{count - 1})")
        return hr.machine(event=[(name, "i1") for name in names], output="i1", initial=int)(step)

    with hr.Engine(machine(64), 4) as engine:
        assert engine.call(tuple(range(64)), timeout=20)["value"].tolist() == [63]
    with pytest.raises(MachineError, match=r"names 65 fields; with more than 64 take the event"):
        hr.Engine(machine(65), 4)


def test_the_event_next_to_its_fields_is_not_mistaken_for_a_typing_error() -> None:
    with pytest.raises(MachineError, match="'event' is no field of its event") as caught:
        hr.machine(event=EVENT, initial=int)(lambda state, event, key: (state, None))
    assert "did you mean 'event'" not in str(caught.value)


# -- functions and classes -----------------------------------------------------------------------


class Scaled(hr.Machine):
    event = "<i8"
    output = "<i8"

    def __init__(self, factor: int, name: str = "scaled") -> None:
        self.factor = factor
        self.name = name
        super().__init__()

    def initial(self) -> int:
        return 0

    def step(self, state: int, value: int) -> Any:
        return state + value * self.factor, state

    def step_batch(self, state: int, events: Any) -> Any:
        sums = state + np.cumsum(events * self.factor)
        return int(sums[-1]) if len(sums) else state, sums - events * self.factor


class Static(hr.Machine):
    event = "<i8"

    def initial(self) -> int:
        return 0

    @staticmethod
    def step(state: int, value: int) -> Any:
        return state + value, None


class Callable_:
    def __call__(self, state: int, value: int) -> Any:
        return state + value, None


def test_machines_of_classes() -> None:
    with hr.Engine(Scaled(3) >> Scaled(2, "again"), 16) as engine:
        engine.publish(np.arange(5))
        engine.drain()
        assert engine.state == (30, 2 * (0 + 0 + 3 + 9 + 18))
    with hr.Engine(Static(), 4) as engine:
        engine.call(7)
        assert engine.state == 7


@pytest.mark.parametrize(
    "step",
    [
        Callable_(),
        functools.partial(lambda more, state, value: (state + value + more, None), 0),
        functools.lru_cache(lambda state, value: (state + value, None)),
        lambda state, event: (state + event.value, None),
    ],
)
def test_anything_that_can_be_called_is_a_step(step: Any) -> None:
    with hr.Engine(hr.machine(event="<i8", initial=int)(step), 4) as engine:
        engine.publish(np.arange(5))
        engine.drain()
        assert engine.state == 10


def test_a_class_that_forgot_to_call_super() -> None:
    class Forgetful(hr.Machine):
        event = "<i8"

        def __init__(self) -> None:
            self.more = 1

        def initial(self) -> int:
            return 0

        def step(self, state: int, value: int) -> Any:
            return state, None

    with pytest.raises(MachineError, match=r"super\(\).__init__\(\)"):
        hr.Engine(Forgetful(), 4)


def test_a_class_in_place_of_a_machine() -> None:
    with pytest.raises(hr.errors.UsageError, match="an engine runs a machine"):
        hr.Engine(Static)  # type: ignore[arg-type]


@pytest.mark.parametrize("initial", [threading.Lock, lambda: {"a": [threading.Lock()]}])
def test_states_that_cannot_be_copied(initial: Any) -> None:
    machine = hr.machine(event="<i8", initial=initial, name="locked")(lambda s, event: (s, None))
    with pytest.raises(MachineError, match=r"'locked'.*cannot be copied"):
        hr.Engine(machine, 4)


# -- kinds of step -------------------------------------------------------------------------------


def python_step(state, key, value):  # type: ignore[no-untyped-def]
    state[key] += value
    return state, [(key, int(state[key]))] if value % 2 else None


def every_one(state, events):  # type: ignore[no-untyped-def]
    """Outputs and which events they are of."""
    assert not events.flags.writeable
    made, of = [], []
    for index, (key, value) in enumerate(events.tolist()):
        state[key] += value
        if value % 2:
            made.append((key, state[key]))
            of.append(index)
    return state, (np.array(made, OUT), np.array(of, np.int64))


@pytest.mark.parametrize("kind", ["python", "batch"])
@pytest.mark.parametrize("capacity", [4, 256])
def test_kinds_of_step_agree(kind: str, capacity: int) -> None:
    machine = hr.machine(
        event=EVENT, output=OUT, initial=lambda: np.zeros(5, np.int64), step_batch=every_one
    )(python_step)
    events = np.zeros(500, EVENT)
    events["value"] = np.arange(500)
    events["key"] = events["value"] % 5
    with hr.Engine(machine, capacity, step=kind) as engine:
        engine.publish(events, timeout=20)
        engine.drain(timeout=20)
        records = np.concatenate([records.copy() for records in engine.outputs()])
        assert engine.state.tolist() == [sum(range(key, 500, 5)) for key in range(5)]
    assert records["input_sequence"].tolist() == list(range(1, 500, 2))
    totals = [sum(range(value % 5, value + 1, 5)) for value in range(1, 500, 2)]
    assert records["total"].tolist() == totals


def test_the_fastest_kind_is_taken() -> None:
    used: list[str] = []

    def step(state, value):  # type: ignore[no-untyped-def]
        used.append("python")
        return state, None

    def step_batch(state, events):  # type: ignore[no-untyped-def]
        used.append("batch")
        return state, None

    machine = hr.machine(event="<i8", initial=int, step_batch=step_batch)(step)
    for kind, wanted in ((None, "batch"), ("batch", "batch"), ("python", "python")):
        used.clear()
        with hr.Engine(machine, 4, step=kind) as engine:
            engine.call(1, timeout=20)
        assert used == [wanted]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda state, events: state, r"step_batch returns \(state, outputs\)"),
        (lambda state, events: (state, np.zeros(3, "<i4")), "step_batch gives outputs as|int32"),
        (lambda state, events: (state, np.zeros(len(events), "<i4")), "outputs are an array of"),
        (lambda state, events: (state, (np.zeros(1, "<i8"), [9])), "of.i. is the index"),
        (lambda state, events: (state, (np.zeros(2, "<i8"), [0, -1])), "of.i. is the index"),
        (lambda state, events: (state, (np.zeros(1, "<i8"), [0.0])), "of.i. is the index"),
        (lambda state, events: 1 // 0, "ZeroDivisionError"),
    ],
)
def test_what_step_batch_must_not_do(result: Any, words: str) -> None:
    """The step per event goes through, so no event is to blame: the machine is."""
    machine = hr.machine(
        event="<i8", output="<i8", initial=int, step_batch=result, name="parted"
    )(lambda state, value: (state, value))
    engine = hr.Engine(machine, 16)
    engine.publish(np.arange(2))
    with pytest.raises(MachineError, match=f"'parted'.*(?:{words})"):
        engine.drain(timeout=20)
    with pytest.raises(MachineError):
        engine.close()
