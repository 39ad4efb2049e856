"""A counter on a disk, with a bug that only a crash at the wrong moment shows; and without it.

headrace simulate examples/counter.py:hasty
headrace simulate examples/counter.py:careful
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import msgspec

import headrace as hr


class Add(msgspec.Struct, frozen=True):
    """A request: add to the total. It is answered with the total."""

    amount: int


class Hasty(hr.Node):
    """Answers, and then writes: a crash in between forgets what somebody was told."""

    def initial(self) -> int:
        return 0

    @hr.on.restart()
    def restart(self, total: int, durable: Mapping[str, int]) -> Any:
        return max(durable.values(), default=0), None

    @hr.on.request(Add)
    def add(self, total: int, request: Add, caller: hr.Caller) -> Any:
        total += request.amount
        # Each total has a key of its own: a crash may tear what is being written.
        return total, [hr.reply(caller, total), hr.persist(f"total {total}", total)]


class Careful(Hasty):
    """Writes, and answers when that is safe: what follows `persist` waits for the disk."""

    @hr.on.request(Add)
    def add(self, total: int, request: Add, caller: hr.Caller) -> Any:
        total += request.amount
        return total, [hr.persist(f"total {total}", total), hr.reply(caller, total)]


def some_additions(chance: random.Random) -> list[Add]:
    return [Add(chance.randint(1, 9)) for _ in range(20)]


def no_answer_is_forgotten(view: hr.View) -> bool:
    """While the counter is up, its total is at least all that anybody was told."""
    told = [asked.reply for asked_by_one in view.history.values() for asked in asked_by_one]
    return view.states.get("counter", float("inf")) >= max(filter(None, told), default=0)


def simulated(counter: hr.Node) -> hr.Simulation:
    """Two clients that add, and a counter that crashes now and then."""
    system = hr.System(
        {"counter": counter},
        {"ann": hr.Client(some_additions), "bob": hr.Client(some_additions)},
        always=[no_answer_is_forgotten],
    )
    slow_disk = (2_000_000, 8_000_000)
    return hr.Simulation(system, chaos=hr.Chaos(crashes=5, budget=None), sync_ns=slow_disk)


hasty = simulated(Hasty())
careful = simulated(Careful())
