"""The games of `bench.games` in simloom: a host for each node, which talk by datagrams.

Of what its network offers datagrams are quickest: one step of its loop for a message, where streams
take three, and their handlers are called without a task in between. Its event log cannot be left
out; its collections of garbage can, and are (`gc_interval=0`, half as quick again).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bench.games import (
    HUB,
    LATENCY_NS,
    LEAVES,
    PER_ROUND,
    PLAYERS,
    broadcast_answer,
    ping_pong_answer,
)
from bench.measure import Sample, Unavailable, rate_sample
from bench.stepping import timed

SEED = 1
PORT = 7000


class Node(asyncio.DatagramProtocol):
    """Counts and adds up what comes."""

    transport: Any

    def __init__(self) -> None:
        self.count = self.total = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport


class Player(Node):
    """Sends the number back, one larger, until `last` were sent."""

    def __init__(self, last: int, done: asyncio.Event) -> None:
        super().__init__()
        self.last = last
        self.done = done

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = int.from_bytes(data, "little")
        self.count += 1
        self.total += message
        message += 1
        if message < self.last:
            self.transport.sendto(message.to_bytes(8, "little"), addr)
        else:
            self.done.set()


class Hub(Node):
    """Sends a number to all leaves; the next when all have answered."""

    def __init__(self, leaves: list[tuple[str, int]], rounds: int, done: asyncio.Event) -> None:
        super().__init__()
        self.leaves = leaves
        self.rounds = rounds
        self.done = done

    def send_all(self, message: int) -> None:
        data = message.to_bytes(8, "little")
        for leaf in self.leaves:
            self.transport.sendto(data, leaf)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = int.from_bytes(data, "little")
        self.count += 1
        self.total += message
        if self.count % len(self.leaves) == 0:
            if message + 1 < self.rounds:
                self.send_all(message + 1)
            else:
                self.done.set()


class Leaf(Node):
    """Sends back what it was sent."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.count += 1
        self.total += int.from_bytes(data, "little")
        self.transport.sendto(data, addr)


async def _host(world: Any, name: str, make: Callable[[], Node]) -> tuple[Any, tuple[str, int]]:
    """A node that runs on a host of its own, and its address."""

    async def open_endpoint() -> Any:
        loop = asyncio.get_running_loop()
        return await loop.create_datagram_endpoint(make, local_addr=(name, PORT))

    transport, node = await world.host(name).spawn(open_endpoint)
    return node, transport.get_extra_info("sockname")


def _run(play: Callable[[Any, asyncio.Event], Coroutine[Any, Any, list[Node]]]) -> Any:
    """Seconds, and the nodes after their game."""
    try:
        import simloom
    except ImportError:
        raise Unavailable(
            "no simloom: `make bench-newer`, or pip install simloom (Python 3.12)"
        ) from None

    async def main(world: Any) -> list[Node]:
        world.net.set_latency(*(latency_ns / 1e9 for latency_ns in LATENCY_NS))
        done = asyncio.Event()
        nodes = await play(world, done)
        await done.wait()
        return nodes

    seconds, run = timed(lambda: simloom.run(main, seed=SEED, gc_interval=0))
    return seconds, run.value


def _found(nodes: list[Node]) -> tuple[int, int]:
    return sum(node.count for node in nodes), sum(node.total for node in nodes)


def ping_pong(count: int) -> Sample:
    """Two nodes and one number."""

    async def play(world: Any, done: asyncio.Event) -> list[Node]:
        first, _ = await _host(world, PLAYERS[0], lambda: Player(count, done))
        second, address = await _host(world, PLAYERS[1], lambda: Player(count, done))
        first.transport.sendto(bytes(8), address)
        return [first, second]

    seconds, players = _run(play)
    return rate_sample(count, seconds, _found(players), ping_pong_answer(count))


def broadcast(count: int) -> Sample:
    """A hub and its leaves."""

    async def play(world: Any, done: asyncio.Event) -> list[Node]:
        leaves = [await _host(world, name, Leaf) for name in LEAVES]
        addresses = [address for _, address in leaves]
        hub, _ = await _host(world, HUB, lambda: Hub(addresses, count // PER_ROUND, done))
        hub.send_all(0)
        return [hub, *(leaf for leaf, _ in leaves)]

    seconds, nodes = _run(play)
    found = (*_found(nodes[:1]), *_found(nodes[1:]))
    return rate_sample(count, seconds, found, broadcast_answer(count))
