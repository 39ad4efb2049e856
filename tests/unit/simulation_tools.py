"""A small system for the tests of simulations: a counter that keeps its sum, or forgets it."""

from __future__ import annotations

import random
from typing import Any

import msgspec

import headrace as hr

MILLISECOND_NS = 1_000_000


class Add(msgspec.Struct, frozen=True):
    amount: int


class Counter(hr.Node):
    """Replies when the sum is safe; or before, if it does not sync."""

    def __init__(self, sync: bool = True) -> None:
        self.sync = sync
        super().__init__()

    def initial(self) -> int:
        return 0

    @hr.on.restart()
    def again(self, state: int, durable: Any) -> Any:
        return durable.get("sum", 0), None

    @hr.on.request(Add)
    def add(self, state: int, request: Add, caller: hr.Caller) -> Any:
        state += request.amount
        return state, [hr.persist("sum", state, sync=self.sync), hr.reply(caller, state)]


class Sums(hr.Model):
    """What a counter answers, if nothing is asked twice."""

    def initial(self) -> int:
        return 0

    def step(self, state: int, request: Add) -> tuple[int, int]:
        return state + request.amount, state + request.amount


def some(chance: random.Random) -> list[Add]:
    return [Add(chance.randint(1, 9)) for _ in range(10)]


def keeps_what_it_told(view: hr.View) -> bool:
    told = [each.reply for asked in view.history.values() for each in asked if each.status == "ok"]
    return "p" not in view.states or not told or view.states["p"] >= max(told)


def has_ten(view: hr.View) -> bool:
    return bool(view.states.get("p", 0) >= 10)


def counting(sync: bool = True, **settings: Any) -> hr.Simulation:
    """Two clients that count at one node, which is killed now and then."""
    client = hr.Client(some)
    system = hr.System(
        {"p": Counter(sync)},
        {"c": client, "d": client},
        always=[keeps_what_it_told],
        sometimes=[has_ten],
    )
    chaos = hr.Chaos(crashes=5, storms=1, budget=None)
    return hr.Simulation(system, **{"chaos": chaos, **settings})
