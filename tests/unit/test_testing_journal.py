"""check_machine with a journal: what it lets pass, what it leaves out, and what it finds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any, NamedTuple

import numpy as np
import pytest
from engine_tools import EVENT, OUT, events, silent, totals

import headrace as hr
from headrace.errors import StepMismatch, UsageError
from headrace.replay.replay import Replay
from headrace.simulation import SimulatedDisk
from headrace.testing import check_machine, journaled
from headrace.testing.journaled import check_lives
from headrace.testing.runs import Runs


def machine_of(step: Any, **options: Any) -> hr.Machine:
    options = {"event": EVENT, "output": OUT, "initial": dict} | options
    return hr.machine(name="tested", **options)(step)


def said_of(machine: hr.Machine, journal: bool | None = None) -> str:
    """What check_machine says; without a journal, it has nothing to say."""
    assert not check_machine(machine, events(40), journal=False).journal
    with pytest.raises(StepMismatch) as caught:
        check_machine(machine, events(40), journal=journal)
    assert "test_testing_journal.py:" in str(caught.value)
    return str(caught.value)


# -- good ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 100])
def test_good_machines_pass(count: int) -> None:
    for machine in (totals, silent):
        checked = check_machine(machine, events(count), journal=True)
        assert (checked.events, checked.journal, checked.unstored) == (count, True, None)
    assert check_machine(totals, events(count)).journal
    assert not check_machine(totals, events(count), journal=False).journal


@dataclass
class Account:
    total: int = 0
    times: list[int] = field(default_factory=list)


def book(state: dict[int, Account], event: Any) -> Any:
    """Depends on all that a step may depend on, and refuses a quarter of the events."""
    account = state.setdefault(event.key, Account())
    account.total += event.value
    account.times = [*account.times[-2:], event.time_ns, event.sequence]
    if event.value % 4 == 1:
        raise ValueError(event.value)
    return state, [(event.time_ns % 1000, account.total)] * (event.value % 3)


def test_times_sequences_and_refused_events() -> None:
    checked = check_machine(machine_of(book), events(200), journal=True)
    assert (checked.failures, checked.journal) == (50, True)


def test_all_kinds_of_step() -> None:
    def step(state, key, value):  # type: ignore[no-untyped-def]
        state[0] += value
        return state, (key, int(state[0]))

    def step_batch(state, batch):  # type: ignore[no-untyped-def]
        made = np.zeros(len(batch), OUT)
        made["key"] = batch["key"]
        made["total"] = state[0] + np.cumsum(batch["value"])
        state[0] = made["total"][-1]
        return state, made

    machine = machine_of(step, initial=lambda: np.zeros(1, np.int64), step_batch=step_batch)
    checked = check_machine(machine, events(200), journal=True)
    assert (checked.kinds, checked.journal) == (("python", "batch"), True)


def test_events_with_gaps_and_nan() -> None:
    gaps = np.dtype([("key", "<i4"), ("value", "<f8")], align=True)
    made = np.zeros(60, gaps)
    made.view(np.uint8)[:] = np.arange(60 * gaps.itemsize) % 251
    made["value"][::7] = np.nan
    machine = machine_of(lambda state, key, value: (state, (key, 1)), event=gaps)
    assert check_machine(machine, made, journal=True).journal


def test_what_only_saves_time_may_be_kept_outside() -> None:
    known: dict[int, int] = {}

    def step(state, key, value):  # type: ignore[no-untyped-def]
        square = known.setdefault(value, value * value)
        state[key] = square
        return state, (key, square)

    assert check_machine(machine_of(step), events(40), journal=True).journal


# -- states that cannot be stored ----------------------------------------------------------------


class Rights(IntFlag):
    READ = 1
    WRITE = 2


class Cents(NamedTuple):
    value: int


    def __deepcopy__(self, memo: Any) -> Any:
        return self


class Doubled(Cents):
    def __new__(cls, value: int) -> Doubled:
        return super().__new__(cls, 2 * value)


class Guarded(Cents):
    def __new__(cls, value: int, key: int | None = None) -> Guarded:
        if key is None:
            raise TypeError("whose is it?")
        return super().__new__(cls, value)


def with_value(make: Callable[[int], Any]) -> Callable[..., Any]:
    """A step that puts something into its state at event 17."""

    def step(state, key, value):  # type: ignore[no-untyped-def]
        if value == 17:
            state["account"] = [make(value)]
        return state, (key, value)

    return step


UNSTORED = [
    (lambda value: defaultdict(int), "state['account'][0] is collections.defaultdict, which cann"),
    (lambda value: Rights(3), "state['account'][0] is <Rights.READ|WRITE: 3>, which is no single"),
    (Doubled, "state['account'][0][0]: 34 and 68: it comes back as the second"),
    (lambda value: Guarded(value, 1), "cannot be read: these bytes are no state: whose is it?"),
]


@pytest.mark.parametrize(("make", "words"), UNSTORED, ids=range(len(UNSTORED)))
def test_states_that_cannot_be_stored(make: Any, words: str) -> None:
    machine = machine_of(with_value(make))
    checked = check_machine(machine, events(40))
    assert not checked.journal
    assert checked.unstored is not None
    assert checked.unstored.startswith("before event 20, ")
    assert words in checked.unstored
    told = said_of(machine, journal=True)
    assert "a state that is written down parts from the reference model" in told
    assert told.endswith(checked.unstored)
    assert check_machine(machine, events(40), journal=False).unstored is None


# -- faults that show with a journal only --------------------------------------------------------


class Bases(hr.Machine):
    """How far a value is from its key's first one, kept beside the state, and begun with it."""

    event, output = EVENT, OUT

    def initial(self) -> Any:
        self.first: dict[int, int] = {}
        return {"seen": 0}

    def step(self, state: Any, event: Any) -> Any:
        state["seen"] += 1
        return state, (event.key, event.value - self.first.setdefault(event.key, event.value))


FIRST: dict[int, int] = {}


def bases(state: Any, key: int, value: int, sequence: int) -> Any:
    """The same in a global, which the first event clears."""
    if sequence == 0:
        FIRST.clear()
    state["seen"] = sequence
    return state, (key, value - FIRST.setdefault(key, value))


def bases_in_state(state: Any, key: int, value: int, sequence: int) -> Any:
    """It gets into the state, and not into outputs."""
    state, (_, state[key]) = bases(state, key, value, sequence)
    return state, None


BESIDE = "the python step, going on from the state written down before event 5, parts from the"


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (Bases(), "output 0 of event 5: total is np.int64(0), not np.int64(5)"),
        (machine_of(bases), "output 0 of event 6: total is np.int64(0), not np.int64(5)"),
        (machine_of(bases_in_state, output=None), "state[1]: 35 and 30 (the reference model's"),
    ],
    ids=["attribute", "global", "state"],
)
def test_what_is_kept_beside_the_state(machine: hr.Machine, words: str) -> None:
    for journal in (True, None):
        told = said_of(machine, journal)
        assert words in told
        assert BESIDE in told


def test_parts_of_a_state_that_share_their_memory() -> None:
    def initial() -> Any:
        both = np.zeros(8, np.int64)
        return {"all": both, "first": both[:4]}

    def step(state, key, value):  # type: ignore[no-untyped-def]
        state["first"][key % 4] += value
        return state, (key, int(state["all"].sum()))

    assert "going on from the state written down before event 0" in said_of(
        machine_of(step, initial=initial)
    )


def test_the_order_of_a_set() -> None:
    def step(state, key, value):  # type: ignore[no-untyped-def]
        state.add(value)
        if value > 3:
            state.discard(value - 3)  # what is left lies where it lay when there were more
        return state, (key, int("".join(str(one % 10) for one in state)))

    def initial() -> Any:
        state = set(range(1000, 1200))
        state -= set(range(1000, 1200))
        return state

    # A copy of the state is enough to find that, or the state written down and read again.
    with pytest.raises(StepMismatch, match="total is"):
        check_machine(machine_of(step, initial=initial), events(40))


# -- engines on one journal, by themselves -------------------------------------------------------

CALLS: list[int] = []


def fickle(state: Any, key: int, value: int) -> Any:
    CALLS.append(value)
    return state, (key, len(CALLS))


def fickle_in_state(state: Any, key: int, value: int) -> Any:
    CALLS.append(value)
    state[key] = len(CALLS)
    return state, None


def moody(state: Any, key: int, value: int) -> Any:
    """Refuses event 5 unless it is stepped over for the first time."""
    CALLS.append(value)
    if CALLS.count(5) == 2:
        CALLS.append(5)
        raise ValueError(value)
    return state, None


def said_of_lives(machine: hr.Machine) -> str:
    with pytest.raises(StepMismatch) as caught:
        check_lives(Runs(machine, events(40)))
    return str(caught.value)


KILLED = "an engine recovered after a kill (with the python step) parts from the reference model: "
# Whether the outputs had come to the disk when it was killed depends on threads.
OUTPUTS = f"{KILLED}ReplayParted: |what was read of the engines with a journal parts from the"


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (machine_of(fickle), OUTPUTS),
        (machine_of(fickle_in_state, output=None), "an engine with a journal (with the python st"),
        (machine_of(moody, output=None), f"{KILLED}event 5: only it fails there"),
    ],
    ids=["outputs", "state", "failures"],
)
def test_machines_that_are_not_deterministic(machine: hr.Machine, words: str) -> None:
    CALLS.clear()
    told = said_of_lives(machine)
    assert any(each in told for each in words.split("|")), told


def test_a_replay_that_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    later: list[int] = []

    def step(state, key, value):  # type: ignore[no-untyped-def]
        return state, (key, value + (value == 33 and bool(later)))

    def replay(*args: Any, **options: Any) -> Replay:
        later.append(1)
        return Replay(*args, **options)

    monkeypatch.setattr(journaled, "Replay", replay)
    told = said_of_lives(machine_of(step))
    assert "a verified replay with the python step parts from the reference model: " in told
    assert "ReplayParted: " in told


def test_a_disk_that_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is seen that events which were safe are missed."""

    def lying(**options: Any) -> SimulatedDisk:
        disk = SimulatedDisk(**options)
        kept = disk.after_kill

        def after_kill() -> SimulatedDisk:
            left = kept()
            left.lie("write", path="/check_machine/*.segment", times=None)
            return left

        monkeypatch.setattr(disk, "after_kill", after_kill)
        return disk

    monkeypatch.setattr(journaled, "SimulatedDisk", lying)
    told = said_of_lives(machine_of(book))
    assert "an engine recovered after a power cut (with the python step)" in told


def test_wrong_use() -> None:
    with pytest.raises(UsageError, match="journal must be True, False or None, not 'journal'"):
        check_machine(totals, [], journal="journal")  # type: ignore[arg-type]
