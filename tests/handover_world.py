"""All that can happen while a partition is handed over: every order of reads, messages, deaths.

A world is a value: the workers' seats, the coordinator's view, the messages on their way, and what
was put out. `explore` visits every world that can be reached and checks in each what the protocol
promises: each event's effect once and in order, one owner at a time, and no event read that is gone
from the ring.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from every_world import visit_all

from headrace.elastic import handover as protocol
from headrace.elastic.handover import (
    COORDINATOR,
    Hold,
    Partition,
    Phase,
    Recover,
    Seat,
    State,
    Steps,
    Taken,
)

# What need not happen: all must come right without it.
OPTIONAL = re.compile(r"\b(?:dies|move|abort)\b")
STEPPING = {Phase.OWNING, Phase.DRAINING}


@dataclass(frozen=True)
class Worker:
    """A worker and what the shell around the protocol keeps: its state is a count of events."""

    seat: Seat
    count: int = 0
    pinned: int = 0  # it has copies of the events before this sequence
    released: int = 0
    dead: bool = False
    noticed: bool = False


@dataclass(frozen=True)
class World:
    workers: tuple[Worker, ...]
    partition: Partition
    down: tuple[tuple[Any, ...], ...]  # from the coordinator to each worker, in order
    loose: frozenset[tuple[int, int, Any, int]]  # from, to, message, state: in any order
    out: int = 0  # outputs of the events before this sequence are out
    moves: int = 0
    deaths: int = 0
    aborts: int = 0


@dataclass(frozen=True)
class Bounds:
    """How much may happen."""

    workers: int
    events: int
    moves: int
    deaths: int
    aborts: int = 0
    look_back: bool = True  # whether a receiver can read again what it has passed


def begin(bounds: Bounds) -> World:
    owner = Worker(Seat(Phase.OWNING))
    others = [Worker(Seat())] * (bounds.workers - 1)
    empty = ((),) * bounds.workers
    return World((owner, *others), Partition(0), empty, frozenset())


def gate(world: World) -> int:
    """Events before this sequence may be gone from the ring."""
    return min((one.released for one in world.workers if not one.noticed), default=0)


def outcome(world: World, at: int, made: protocol.Outcome, cause: Any = None) -> World:
    """The world after worker `at` did something."""
    seat, steps, sends = made
    worker, out = stepped(world, at, steps, seat.out, cause)
    released = max(worker.released, seat.releasable)
    world = put(world, at, replace(worker, seat=seat, released=released))
    loose = set(world.loose)
    for send in sends:
        if isinstance(send.message, Taken) and send.message.at < seat.read:
            assert gate(world) <= send.message.at, "an event that it needs is gone from the ring"
            world = put(world, at, replace(world.workers[at], pinned=seat.read))
        if isinstance(send.message, State):
            assert send.message.at == worker.count, "the state is not that of its sequence"
        loose.add((at, send.to, send.message, worker.count))
    return replace(world, loose=frozenset(loose), out=out)


def stepped(world: World, at: int, steps: Steps, silent: int, cause: Any) -> tuple[Worker, int]:
    worker, out = world.workers[at], world.out
    for sequence in range(*steps):
        assert sequence == worker.count, "stepped out of order, twice, or not at all"
        if not isinstance(cause, Recover):  # which reads the journal
            kept = sequence >= gate(world) or sequence < worker.pinned
            assert kept, "an event is gone from the ring before it was stepped"
        worker = replace(worker, count=sequence + 1)
        if sequence >= silent:
            assert sequence == out, "an output came twice, or one is missing"
            out += 1
    return worker, out


def put(world: World, at: int, worker: Worker) -> World:
    workers = (*world.workers[:at], worker, *world.workers[at + 1 :])
    return replace(world, workers=workers)


def decided(world: World, decision: protocol.Decision) -> World:
    """The world after the coordinator decided something."""
    partition, sends = decision
    down = list(world.down)
    for send in sends:
        assert send.to != COORDINATOR
        if not world.workers[send.to].dead:
            down[send.to] = (*down[send.to], send.message)
    return replace(world, partition=partition, down=tuple(down))


def delivered(world: World, at: int, look_back: bool) -> World:
    """The next message of the coordinator comes to worker `at`."""
    message, *rest = world.down[at]
    world = replace(world, down=(*world.down[:at], tuple(rest), *world.down[at + 1 :]))
    worker = world.workers[at]
    if isinstance(message, Recover):
        worker = replace(worker, count=message.at)
    world = put(world, at, worker)
    oldest = gate(world) if look_back and isinstance(message, Hold) else None
    return outcome(world, at, protocol.receive(worker.seat, message, oldest), message)


def arrived(world: World, loose: tuple[int, int, Any, int], look_back: bool) -> World:
    """A message of a worker comes to whom it is for."""
    _, to, message, count = loose
    world = replace(world, loose=world.loose - {loose})
    if to == COORDINATOR:
        return decided(world, protocol.answered(world.partition, message))
    worker = world.workers[to]
    if worker.dead:
        return world
    made = protocol.receive(worker.seat, message, gate(world) if look_back else None)
    if made[0].phase is Phase.READY and worker.seat.phase is not Phase.READY:
        world = put(world, to, replace(worker, count=count, pinned=0))
    return outcome(world, to, made)


def next_worlds(world: World, bounds: Bounds) -> Iterator[tuple[str, Callable[[], World]]]:
    """What can happen next, by name."""
    alive = [at for at, one in enumerate(world.workers) if not one.dead]
    for at in alive:
        seat = world.workers[at].seat
        if seat.read < bounds.events:
            yield (
                f"{at} reads",
                lambda a=at, s=seat: outcome(world, a, protocol.advance(s, s.read + 1)),
            )
        if world.down[at]:
            yield (
                f"{at} gets {world.down[at][0]}",
                lambda a=at: delivered(world, a, bounds.look_back),
            )
        if world.deaths < bounds.deaths:
            dead = replace(world.workers[at], dead=True)
            yield (
                f"{at} dies",
                lambda a=at, d=dead: replace(
                    put(world, a, d),
                    deaths=world.deaths + 1,
                    down=(*world.down[:a], (), *world.down[a + 1 :]),
                ),
            )
    for loose in world.loose:
        yield f"{loose} arrives", lambda one=loose: arrived(world, one, bounds.look_back)
    yield from decisions(world, bounds, alive)


def decisions(
    world: World, bounds: Bounds, alive: list[int]
) -> Iterator[tuple[str, Callable[[], World]]]:
    """What the coordinator may do of itself."""
    partition = world.partition
    known = [at for at, one in enumerate(world.workers) if not one.noticed]
    if world.moves < bounds.moves and partition.target is None and partition.owner is not None:
        for to in known:
            if to != partition.owner:
                moved = replace(world, moves=world.moves + 1)
                yield (
                    f"move to {to}",
                    lambda t=to, m=moved: decided(m, protocol.hand_over(partition, t)),
                )
    if world.aborts < bounds.aborts and partition.target is not None:
        yield (
            "abort",
            lambda: decided(replace(world, aborts=world.aborts + 1), protocol.abort(partition)),
        )
    for at, one in enumerate(world.workers):
        if one.dead and not one.noticed:
            seen = put(world, at, replace(one, noticed=True))
            for heir in [other for other in known if other != at] or [None]:
                for snapshot in {0, world.out}:
                    yield (
                        f"{at} is found dead: {heir}",
                        lambda a=at, h=heir, w=seen, s=snapshot: decided(
                            w, protocol.died(partition, a, h, s, w.out)
                        ),
                    )


def check(world: World) -> None:
    """What holds at every moment."""
    stepping = [
        at for at, one in enumerate(world.workers) if not one.dead and one.seat.phase in STEPPING
    ]
    assert len(stepping) <= 1, f"{stepping} own it at the same time"
    for at in stepping:
        recovering = any(isinstance(message, Recover) for message in world.down[at])
        assert world.partition.owner == at or recovering, f"{at} steps and is not the owner"


def check_end(world: World, bounds: Bounds) -> None:
    """What holds when nothing more need happen."""
    alive = [at for at, one in enumerate(world.workers) if not one.dead]
    if not alive:
        return
    assert world.partition.owner in alive, "it belongs to nobody who lives"
    assert world.partition.target is None, "it is on its way for ever"
    assert world.out == bounds.events, "an event was lost"
    phases = {at: world.workers[at].seat.phase for at in alive}
    for at, phase in phases.items():
        expected = Phase.OWNING if at == world.partition.owner else Phase.PASSING
        assert phase is expected, f"worker {at} {phase.value} for ever"
        assert world.workers[at].seat.releasable == bounds.events


def explore(bounds: Bounds) -> int:
    """Visit every world; how many there are. AssertionError with the way to a bad one."""
    return visit_all(
        begin(bounds),
        lambda world: next_worlds(world, bounds),
        check,
        lambda world: check_end(world, bounds),
        OPTIONAL,
    )
