"""The games of `bench.games` in seedloop, written like its quickstart: a coroutine for each node.

Its latencies cannot be chosen (1 to 20 ms), and neither can its record of what was sent and came be
left out. Nothing is checked after the steps, and the auditor is off, both as by default.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bench.games import LEAVES, PER_ROUND, broadcast_answer, ping_pong_answer
from bench.measure import Sample, Unavailable, rate_sample
from bench.stepping import timed

SEED = 1


class Player:
    """Sends the number back, one larger, until `last` were sent."""

    def __init__(self, world: Any, me: int, last: int, done: asyncio.Event) -> None:
        self.endpoint = world.net.bind(me)
        self.last = last
        self.done = done
        self.count = self.total = 0

    async def run(self) -> None:
        while True:
            source, message = await self.endpoint.recv()
            self.count += 1
            self.total += message
            message += 1
            if message < self.last:
                await self.endpoint.send(source, message)
            else:
                self.done.set()


class Hub:
    """Sends a number to all leaves; the next when all have answered."""

    def __init__(self, world: Any, leaves: list[int], rounds: int, done: asyncio.Event) -> None:
        self.endpoint = world.net.bind(0)
        self.leaves = leaves
        self.rounds = rounds
        self.done = done
        self.count = self.total = 0

    async def run(self) -> None:
        for leaf in self.leaves:
            await self.endpoint.send(leaf, 0)
        while True:
            _, message = await self.endpoint.recv()
            self.count += 1
            self.total += message
            if self.count % len(self.leaves) == 0:
                if message + 1 < self.rounds:
                    for leaf in self.leaves:
                        await self.endpoint.send(leaf, message + 1)
                else:
                    self.done.set()


class Leaf:
    """Sends back what it was sent."""

    def __init__(self, world: Any, me: int) -> None:
        self.endpoint = world.net.bind(me)
        self.count = self.total = 0

    async def run(self) -> None:
        while True:
            source, message = await self.endpoint.recv()
            self.count += 1
            self.total += message
            await self.endpoint.send(source, message)


def _replay(scenario: Any) -> float:
    try:
        import seedloop
    except ImportError:
        raise Unavailable(
            "no seedloop: `make bench-newer`, or pip install seedloop (Python 3.12)"
        ) from None
    seconds, _ = timed(lambda: seedloop.replay(scenario, seed=SEED))
    return seconds


def ping_pong(count: int) -> Sample:
    """Two nodes and one number."""
    players: list[Player] = []

    async def scenario(world: Any) -> None:
        done = asyncio.Event()
        players.extend(Player(world, me, count, done) for me in (0, 1))
        world.start(*players)
        await players[0].endpoint.send(1, 0)
        await done.wait()

    seconds = _replay(scenario)
    found = (sum(player.count for player in players), sum(player.total for player in players))
    return rate_sample(count, seconds, found, ping_pong_answer(count))


def broadcast(count: int) -> Sample:
    """A hub and its leaves."""
    hubs: list[Hub] = []
    leaves: list[Leaf] = []

    async def scenario(world: Any) -> None:
        done = asyncio.Event()
        numbers = list(range(1, len(LEAVES) + 1))
        hubs.append(Hub(world, numbers, count // PER_ROUND, done))
        leaves.extend(Leaf(world, number) for number in numbers)
        world.start(*hubs, *leaves)
        await done.wait()

    seconds = _replay(scenario)
    found = (
        hubs[0].count,
        hubs[0].total,
        sum(leaf.count for leaf in leaves),
        sum(leaf.total for leaf in leaves),
    )
    return rate_sample(count, seconds, found, broadcast_answer(count))
