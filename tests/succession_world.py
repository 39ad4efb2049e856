"""All that can happen while workers of an elastic stage die and are replaced in their places.

One partition, and workers that keep what they make until it leaves, in the order of its inputs; the
journal has the state before every event. `explore` visits every order of reads, outputs, messages
and deaths, and checks that each event's output comes once, and none behind what its worker has said
to be through with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from every_world import visit_all

from headrace.elastic import handover as protocol
from headrace.elastic import succession
from headrace.elastic.handover import COORDINATOR, Partition, Phase, Seat, State, Steps
from headrace.elastic.succession import Duty, Past

# What need not happen: all must come right without it.
OPTIONAL = re.compile(r"\b(?:dies|move|lost)\b")
OWNS = (Phase.OWNING, Phase.DRAINING, Phase.STANDING_BY)


@dataclass(frozen=True)
class Worker:
    """A worker; its state is a count of events."""

    seat: Seat
    count: int = 0
    kept: tuple[int, ...] = ()  # outputs that are not out, by their inputs
    newest: int = -1  # the last one that is out: in its ring, which a death does not change
    released: int = 0  # likewise
    duty: Duty | None = None  # while it does what its predecessor has left
    dead: bool = False
    down: bool = False  # and that is known


@dataclass(frozen=True)
class World:
    workers: tuple[Worker, ...]
    partition: Partition
    down: tuple[tuple[Any, ...], ...]  # from the coordinator to each worker, in order
    loose: frozenset[tuple[int, int, Any, int]] = frozenset()  # from, to, message, state
    past: tuple[Past, ...] = ()
    out: frozenset[int] = frozenset()
    moves: int = 0
    deaths: int = 0


@dataclass(frozen=True)
class Bounds:
    """How much may happen."""

    workers: int
    events: int
    moves: int
    deaths: int


def begin(bounds: Bounds) -> World:
    others = (Worker(Seat()),) * (bounds.workers - 1)
    return World((Worker(Seat(Phase.OWNING)), *others), Partition(0), ((),) * bounds.workers)


def put(world: World, at: int, worker: Worker) -> World:
    return replace(world, workers=(*world.workers[:at], worker, *world.workers[at + 1 :]))


def gate(world: World) -> int:
    """Events before this sequence may be gone from the ring."""
    return min(one.released for one in world.workers)


def limit(worker: Worker) -> int:
    """All is done that it has to do with events before this sequence."""
    return min(worker.seat.read, worker.seat.releasable)


# -- a worker ------------------------------------------------------------------------------------


def outcome(world: World, at: int, made: protocol.Outcome) -> World:
    seat, steps, sends = made
    worker = stepped(world, world.workers[at], steps)
    worker = replace(worker, seat=seat)
    loose = set(world.loose)
    for send in sends:
        if isinstance(send.message, State):
            assert send.message.at == worker.count, "the state is not that of its sequence"
        loose.add((at, send.to, send.message, worker.count))
    return replace(put(world, at, worker), loose=frozenset(loose))


def stepped(world: World, worker: Worker, steps: Steps) -> Worker:
    for sequence in range(*steps):
        assert sequence == worker.count, "stepped out of order, twice, or not at all"
        assert sequence >= gate(world), "an event is gone from the ring before it was stepped"
        worker = replace(worker, count=sequence + 1, kept=(*worker.kept, sequence))
    return worker


def reads(world: World, at: int) -> World:
    worker = world.workers[at]
    end = worker.seat.read + 1
    if worker.duty is None:
        return outcome(world, at, protocol.advance(worker.seat, end))
    return put(world, at, caught_up(owing(worker, worker.duty, end - 1)))


def owing(worker: Worker, duty: Duty, sequence: int) -> Worker:
    """Read one event while something is left of the past."""
    worker = replace(worker, seat=replace(worker.seat, read=sequence + 1))
    if duty.since is None and sequence >= duty.end:
        return worker
    assert sequence == worker.count, "stepped out of order, twice, or not at all"
    own = bool(duty.own(np.array([sequence]))[0])
    kept = (*worker.kept, sequence) if own and sequence > worker.newest else worker.kept
    return replace(worker, count=sequence + 1, kept=kept)


def caught_up(worker: Worker) -> Worker:
    """A worker like the others, once it is past all that was."""
    if worker.duty is None:
        return worker
    if worker.seat.read < succession.caught_up_at([worker.duty], worker.newest):
        return worker
    phase = Phase.PASSING if worker.duty.since is None else Phase.OWNING
    seat = replace(worker.seat, phase=phase, at=worker.count)
    return replace(worker, seat=seat, duty=None)


def emits(world: World, at: int) -> World:
    worker = world.workers[at]
    first, *rest = worker.kept
    worker = replace(worker, kept=tuple(rest))
    assert first not in world.out, "an output came twice"
    assert first >= worker.released, "an output behind what its worker was through with"
    return replace(put(world, at, replace(worker, newest=first)), out=world.out | {first})


def releases(world: World, at: int) -> World:
    worker = world.workers[at]
    return put(world, at, replace(worker, released=may_release(worker)))


def may_release(worker: Worker) -> int:
    return min([limit(worker), *worker.kept[:1]])


def succeeds(world: World, at: int) -> World:
    """Somebody takes the place of a dead worker."""
    dead = world.workers[at]
    owed = succession.duties(at, [world.partition], world.past)
    seat = Seat(read=dead.released, at=dead.released)
    begun = Worker(
        seat, dead.released, (), dead.newest, dead.released, owed[0] if owed else None
    )
    return put(world, at, caught_up(begun))


# -- the coordinator, and the post ---------------------------------------------------------------


def decided(world: World, decision: protocol.Decision) -> World:
    before, (partition, sends) = world.partition, decision
    past = world.past
    if partition.owner != before.owner:
        assert before.owner is not None
        past = (*past, Past(0, before.owner, before.since, partition.since))
    down = list(world.down)
    for send in sends:
        assert send.to != COORDINATOR
        if not world.workers[send.to].dead:
            down[send.to] = (*down[send.to], send.message)
    return replace(world, partition=partition, down=tuple(down), past=past)


def delivered(world: World, at: int) -> World:
    """The next message of the coordinator comes to worker `at`."""
    message, *rest = world.down[at]
    world = replace(world, down=(*world.down[:at], tuple(rest), *world.down[at + 1 :]))
    return outcome(world, at, protocol.receive(world.workers[at].seat, message))


def arrived(world: World, loose: tuple[int, int, Any, int]) -> World:
    """A message of a worker comes to whom it is for."""
    _, to, message, count = loose
    world = replace(world, loose=world.loose - {loose})
    if to == COORDINATOR:
        return decided(world, protocol.answered(world.partition, message))
    worker = world.workers[to]
    if worker.dead:
        return world
    made = protocol.receive(worker.seat, message)
    if made[0].phase is Phase.READY and worker.seat.phase is not Phase.READY:
        world = put(world, to, replace(worker, count=count))
    return outcome(world, to, made)


def found_dead(world: World, at: int) -> World:
    seen = put(world, at, replace(world.workers[at], down=True))
    return decided(seen, protocol.replaced(seen.partition, at))


def next_worlds(world: World, bounds: Bounds) -> Iterator[tuple[str, Callable[[], World]]]:
    """What can happen next, by name."""
    for at, worker in enumerate(world.workers):
        if worker.dead:
            if not worker.down:
                yield f"{at} is found dead", lambda a=at: found_dead(world, a)
            else:
                yield f"{at} is replaced", lambda a=at: succeeds(world, a)
            continue
        if worker.seat.read < bounds.events:
            yield f"{at} reads", lambda a=at: reads(world, a)
        if worker.kept and worker.kept[0] < limit(worker):
            yield f"{at} emits", lambda a=at: emits(world, a)
        if worker.released < may_release(worker):
            yield f"{at} releases", lambda a=at: releases(world, a)
        if world.down[at]:
            yield f"{at} gets {world.down[at][0]}", lambda a=at: delivered(world, a)
        if world.deaths < bounds.deaths:
            yield f"{at} dies", lambda a=at: dies(world, a)
    for loose in world.loose:
        yield f"{loose} arrives", lambda one=loose: arrived(world, one)
        if world.workers[loose[0]].dead:
            without = replace(world, loose=world.loose - {loose})
            yield f"{loose} is lost", lambda one=without: one
    partition = world.partition
    if world.moves < bounds.moves and partition.target is None and ready(world, partition.owner):
        for to in range(bounds.workers):
            if to != partition.owner and ready(world, to):
                moved = replace(world, moves=world.moves + 1)
                yield (
                    f"move to {to}",
                    lambda t=to, m=moved: decided(m, protocol.hand_over(partition, t)),
                )


def dies(world: World, at: int) -> World:
    dead = replace(world.workers[at], dead=True, kept=(), count=-1, duty=None, seat=Seat())
    down = (*world.down[:at], (), *world.down[at + 1 :])
    return replace(put(world, at, dead), down=down, deaths=world.deaths + 1)


def ready(world: World, at: int | None) -> bool:
    """Whether it may take part in a hand-over, as far as the coordinator knows."""
    assert at is not None
    worker = world.workers[at]
    return not worker.down and worker.duty is None


def check_end(world: World, bounds: Bounds) -> None:
    """What holds when nothing more need happen."""
    assert world.partition.target is None, "it is on its way for ever"
    assert world.out == frozenset(range(bounds.events)), "an event was lost"
    for at, worker in enumerate(world.workers):
        expected = Phase.OWNING if at == world.partition.owner else Phase.PASSING
        assert worker.seat.phase is expected, f"worker {at} {worker.seat.phase.value} for ever"
        assert worker.released == bounds.events, f"worker {at} does not let go"


def check(world: World) -> None:
    """What holds at every moment."""
    owning = [
        at
        for at, one in enumerate(world.workers)
        if not one.dead and one.duty is None and one.seat.phase in OWNS[:2]
    ]
    assert len(owning) <= 1, f"{owning} own it at the same time"


def explore(bounds: Bounds) -> int:
    """Visit every world; how many there are. AssertionError with the way to a bad one."""
    return visit_all(
        begin(bounds),
        lambda world: next_worlds(world, bounds),
        check,
        lambda world: check_end(world, bounds),
        OPTIONAL,
    )
