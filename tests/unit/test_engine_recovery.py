"""The way back after a step that raised: exact for every kind of state, bounded in time and memory.

Each step here works on its state in place and raises only then.
"""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import traceback
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.engine import Stepper
from headrace.errors import (
    InputError,
    NativeStepError,
    OutputsUnread,
    StepError,
    StepMismatch,
    WaitTimeout,
)

# -- states of every kind ------------------------------------------------------------------------


@dataclass
class Account:
    total: int = 0
    entries: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Slotted:
    entries: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Frozen:
    entries: list[int]


class Plain:
    def __init__(self) -> None:
        self.entries: list[int] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and self.entries == other.entries


class OwnCopy(Plain):
    def __deepcopy__(self, memo: dict[int, Any]) -> OwnCopy:
        made = OwnCopy()
        made.entries = list(self.entries)
        return made


@dataclass
class Parent(Account):
    children: dict[str, Account] = field(default_factory=lambda: {"a": Account()})
    pair: tuple[list[int], Account] = field(default_factory=lambda: ([], Account()))


def shared() -> dict[str, Any]:
    one: list[int] = []
    return {"one": one, "same": one, "both": (one, one)}


def append(get: Any) -> Any:
    return lambda state, value: get(state).append(value)


def add_to_parent(state: Parent, value: int) -> None:
    state.total += value
    state.children["a"].entries.append(value)
    state.children[str(value)] = Account(value)
    state.pair[0].append(value)
    state.pair[1].total += value


def add_to_array(state: Any, value: int) -> None:
    state[value % 3] += value


def through_one_name(state: dict[str, Any], value: int) -> None:
    state["one"].append(value)  # seen through the other names as well
    assert state["same"] is state["one"] is state["both"][1]


STATES: dict[str, tuple[Any, Any]] = {
    "dict": (dict, lambda state, value: state.__setitem__(value, value)),
    "list": (list, append(lambda state: state)),
    "nested": (lambda: {"a": [{"b": []}]}, append(lambda state: state["a"][0]["b"])),
    "tuple of lists": (lambda: ([], 1, ("x", [])), append(lambda state: state[2][1])),
    "set": (set, lambda state, value: state.add(value)),
    "dataclass": (Account, append(lambda state: state.entries)),
    "slots": (Slotted, append(lambda state: state.entries)),
    "frozen around a list": (lambda: Frozen([]), append(lambda state: state.entries)),
    "inheritance": (Parent, add_to_parent),
    "deque": (lambda: deque(maxlen=4), append(lambda state: state)),
    "defaultdict": (lambda: defaultdict(list), append(lambda state: state["a"])),
    "ordered": (OrderedDict, lambda state, value: state.__setitem__(value, value)),
    "counter": (Counter, lambda state, value: state.update([value])),
    "bytearray": (bytearray, lambda state, value: state.append(value % 256)),
    "array": (lambda: np.zeros(3, np.int64), add_to_array),
    "record": (lambda: np.zeros((), [("n", "<i8", 3)]), lambda s, v: add_to_array(s["n"], v)),
    "array in a dict": (lambda: {"a": np.zeros(3)}, lambda s, v: add_to_array(s["a"], v)),
    "columns first": (lambda: np.zeros((3, 2), order="F"), add_to_array),
    "object array": (lambda: np.array([[], None], object), append(lambda state: state[0])),
    "plain object": (Plain, append(lambda state: state.entries)),
    "its own copy": (OwnCopy, append(lambda state: state.entries)),
    "one object twice": (shared, through_one_name),
}


@pytest.mark.parametrize("kind", STATES)
def test_every_state_comes_back(kind: str) -> None:
    """As if the refused events had never been; with one batch, and with many."""
    initial, change = STATES[kind]

    def step(state, value):  # type: ignore[no-untyped-def]
        change(state, value)
        if value % 7 == 3:
            raise ValueError(value)
        return state, value

    machine = hr.machine(event="<i8", output="<i8", initial=initial)(step)
    good = [value for value in range(100) if value % 7 != 3]
    wanted = initial()
    for value in good:
        change(wanted, value)
    for capacity in (4, 16, 1024):
        with hr.Engine(machine, capacity, on_error="dead_letter") as engine:
            engine.publish(np.arange(100), timeout=20)
            engine.drain(timeout=20)
            state = engine.state
            letters = [letter.sequence for letter in engine.dead_letters]
            assert letters == [value for value in range(100) if value % 7 == 3]
            values = [value for records in engine.outputs() for value in records["value"].tolist()]
        assert values == good
        assert type(state) is type(wanted)
        assert np.array_equal(state, wanted) if kind == "object array" else _same(state, wanted)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


def test_state_that_is_replaced_and_changed() -> None:
    """New objects and old ones in turn, and both changed."""

    def step(state, value):  # type: ignore[no-untyped-def]
        state[0].append(value)
        made = (state[0], [*state[1], value]) if value % 2 else (list(state[0]), state[1])
        made[1].append(-value)
        if value % 5 == 4:
            raise ValueError(value)
        return made, None

    def fold(values: list[int]) -> Any:
        state: Any = ([], [])
        for value in values:
            before = copy.deepcopy(state)
            try:
                state, _ = step(state, value)
            except ValueError:
                state = before
        return state

    machine = hr.machine(event="<i8", initial=lambda: ([], []))(step)
    with hr.Engine(machine, 16, on_error="dead_letter") as engine:
        engine.publish(np.arange(60), timeout=20)
        engine.drain(timeout=20)
        assert engine.state == fold(list(range(60)))


# -- bounded -------------------------------------------------------------------------------------


class Large:
    """A state whose living instances can be counted, and that is expensive to copy."""

    def __init__(self) -> None:
        self.values = {number: [number] for number in range(2000)}


def alive() -> int:
    gc.collect()
    return sum(type(thing) is Large for thing in gc.get_objects())


def test_dead_letters_do_not_keep_the_states_they_failed_on() -> None:
    def step(state, value):  # type: ignore[no-untyped-def]
        state.values[0].append(value)
        if value % 2:
            raise ValueError(value)
        return state, None

    before = alive()
    machine = hr.machine(event="<i8", initial=Large)(step)
    with hr.Engine(machine, 64, on_error="dead_letter") as engine:
        engine.publish(np.arange(40), timeout=20)
        engine.drain(timeout=20)
        assert len(engine.dead_letters) == 20
        cause = engine.dead_letters[7].error.__cause__
        assert traceback.extract_tb(cause.__traceback__)[-1].name == "step"  # type: ignore[union-attr]
        assert alive() - before <= 4  # the state, its checkpoint, and the last that failed


def test_an_error_that_is_raised_again_and_again_stays_the_same() -> None:
    def step(state, value):  # type: ignore[no-untyped-def]
        raise ValueError(value)

    engine = hr.Engine(hr.machine(event="<i8", initial=int)(step), 16)
    engine.publish([1])
    lengths = []
    for _ in range(20):
        with pytest.raises(StepError) as caught:
            engine.drain(timeout=20)
        lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))
    assert lengths[-1] <= lengths[1]
    with pytest.raises(StepError):
        engine.close()


def test_failures_in_a_row_do_not_fold_everything_again_each() -> None:
    """Folding 400,000 events again takes longer than copying the state: not a second time."""
    steps = 0

    def step(state, value):  # type: ignore[no-untyped-def]
        nonlocal steps
        steps += 1
        state[value % 5000][0] = value
        if value < 0:
            raise ValueError(value)
        return state, None

    machine = hr.machine(event="<i8", initial=lambda: {n: [n] for n in range(5000)})(step)
    stepper = Stepper(machine)
    stepper.run(np.arange(400_000))
    counts = []
    for _ in range(6):
        before = steps
        with pytest.raises(StepError):
            stepper.run(np.array([5, -1]))
        counts.append(steps - before)
    assert counts[-1] < 100_000
    assert stepper.sequence == 400_006


def test_a_failing_event_costs_a_bounded_number_of_steps() -> None:
    """Where every batch has failures, each event is stepped over a few times at most."""
    steps = 0

    def step(state, value):  # type: ignore[no-untyped-def]
        nonlocal steps
        steps += 1
        if value % 10 == 0:
            raise ValueError(value)
        return state + 1, None

    machine = hr.machine(event="<i8", initial=int)(step)
    with hr.Engine(machine, 4096, on_error="dead_letter") as engine:
        engine.publish(np.arange(4000), timeout=20)
        engine.drain(timeout=20)
        assert engine.state == 3600
    assert steps < 4 * 4000


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_is_no_failure_of_the_step_halts(error: type[BaseException]) -> None:
    def step(state, value):  # type: ignore[no-untyped-def]
        state.append(value)
        if value == 5:
            raise error("out of here")
        return state, None

    machine = hr.machine(event="<i8", initial=list)(step)
    engine = hr.Engine(machine, 16, on_error="dead_letter")
    engine.publish(np.arange(10), timeout=20)
    with pytest.raises(error, match="out of here"):
        engine.drain(timeout=20)
    assert engine.state == [0, 1, 2, 3, 4]
    with pytest.raises(error):
        engine.close()


@pytest.mark.parametrize(
    "error",
    [
        StepError("it failed", sequence=3, event={"a": 1}, machine="m"),
        NativeStepError("refused", -3),
        InputError("a.csv", 3, "price", "not a number"),
        WaitTimeout("too late"),
        OutputsUnread("read them"),
        StepMismatch("apart"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_can_be_sent_to_other_processes(error: Exception) -> None:
    """As process pools do; one that cannot be unpickled there hangs the pool."""
    for made in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(made) is type(error)
        assert str(made) == str(error)
        assert vars(made) == vars(error)


def test_the_failing_frame_is_in_the_traceback_of_every_stage() -> None:
    def checks(value: int) -> int:
        if value == 3:
            raise KeyError(value)
        return value

    def step(state, value):  # type: ignore[no-untyped-def]
        return state, checks(value)

    names = ["one", "two", "three"]
    machines = [
        hr.machine(event="<i8", output="<i8", initial=int, name=name)(
            step if name == "three" else lambda state, value: (state, value)
        )
        for name in names
    ]
    with hr.Engine(machines[0] >> machines[1] >> machines[2], 16) as engine:
        with pytest.raises(StepError, match="KeyError: 3") as caught:
            engine.call(3, timeout=20)
        cause = caught.value.__cause__
        assert cause is not None
        frames = traceback.extract_tb(cause.__traceback__)
        assert [frame.name for frame in frames][-2:] == ["step", "checks"]
        assert frames[-1].line == "raise KeyError(value)"
        assert "test_engine_recovery.py" in "".join(traceback.format_exception(caught.value))


def test_steps_may_catch_errors_of_their_own() -> None:
    lock = threading.Lock()

    def step(state, value):  # type: ignore[no-untyped-def]
        with lock:
            try:
                state.append(1 // (value % 2))
            except ZeroDivisionError:
                state.append(None)
        return state, None

    with hr.Engine(hr.machine(event="<i8", initial=list)(step), 16) as engine:
        engine.publish(np.arange(4))
        engine.drain()
        assert engine.state == [None, 1, None, 1]
