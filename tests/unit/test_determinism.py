"""What makes a step depend on more than its inputs is found, with its line."""

from __future__ import annotations

import datetime
import os
import pathlib
import random
import threading
import time
import uuid
from collections.abc import Callable
from time import monotonic as some_clock
from typing import Any

import pytest
from simulation_tools import Add

import headrace as hr
from headrace.errors import NotDeterministic


def asks_a_clock() -> Any:
    return some_clock()


def starts_a_thread() -> Any:
    return threading.Thread(target=asks_a_clock).is_alive()


def imports_a_clock() -> Any:
    from time import time_ns

    return time_ns()


def imports_chance() -> Any:
    import random as chance

    return chance.random()


IMPURE: list[tuple[Callable[[], Any], str]] = [
    (lambda: time.time(), "time.time in"),
    (lambda: asks_a_clock(), "time.monotonic in"),
    (lambda: [random.random() for _ in range(3)], "random.random in"),
    (lambda: random.choice("abc"), "random.choice in"),
    (lambda: datetime.datetime.now(), "datetime.now in"),
    (lambda: uuid.uuid4(), "uuid.uuid4 in"),
    (lambda: os.urandom(3), "os.urandom in"),
    (lambda: os.environ["HOME"], "os.environ in"),
    (lambda: id(3), "id in"),
    (imports_a_clock, "time.time_ns in"),
    (imports_chance, "random.random in"),
    (starts_a_thread, "threading.Thread in"),
    (lambda: pathlib.Path("/dev/null").read_text(), "open /dev/null in a step"),
    (lambda: os.listdir("/"), "os.listdir / in a step"),
]


def system_of(body: Callable[[], Any]) -> hr.System:
    class Impure(hr.Node):
        @hr.on.request(Add)
        def add(self, state: Any, request: Add, caller: hr.Caller) -> Any:
            body()
            return state, hr.reply(caller, 1)

    return hr.System({"p": Impure()}, {"c": hr.Client([Add(1)])})


@pytest.mark.parametrize(("body", "told"), IMPURE, ids=[told for _, told in IMPURE])
def test_it_is_found(body: Callable[[], Any], told: str) -> None:
    with pytest.raises(NotDeterministic, match=rf"test_determinism\.py:\d+: {told}"):
        hr.Simulation(system_of(body)).run()


def test_what_is_kept_beside_the_state() -> None:
    class Keeping(hr.Node):
        @hr.on.request(Add)
        def add(self, state: Any, request: Add, caller: hr.Caller) -> Any:
            return self.added(state, request.amount), hr.reply(caller, 1)

        def added(self, state: Any, amount: int) -> Any:
            self.total = amount
            return state

    system = hr.System({"p": Keeping()}, {"c": hr.Client([Add(1)])})
    told = r"test_determinism\.py:\d+: an attribute of self is set in the steps of node 'p'"
    with pytest.raises(NotDeterministic, match=told):
        hr.Simulation(system)


def test_what_is_fine_is_left_alone() -> None:
    def body() -> Any:
        chance = random.Random(5)
        return [chance.random(), sorted({"b", "a"}), abs(-3), max(1, 2), time.struct_time]

    assert hr.Simulation(system_of(body)).run().ok


def test_only_runs_are_watched() -> None:
    simulation = hr.Simulation(system_of(lambda: None))
    assert simulation.run().ok
    assert os.listdir("/")
    seen: list[Any] = []

    def look(view: hr.View) -> bool:
        worker = threading.Thread(target=lambda: seen.append(os.listdir("/")))
        seen.append(worker)
        return True

    assert simulation.run().ok
    with open("/dev/null") as stream:
        assert stream.read() == ""
