"""The ring of a case in ring_crash_points.py: what the child does to it, and what holds after."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ring_tools import TICK, ids, read_field, ticks

import headrace as hr
from headrace.ringbuffer import burial, errors

CAPACITY = 8
CHILDS = "work"  # the place that the child has, takes, leaves or takes away
FIRST_OF_CHILD = 1_000_000
Steps = list[tuple[str, int]]


@dataclass(frozen=True)
class Operation:
    """What the child does: `prepare` before the step to die at is armed, then `work`."""

    name: str
    points: Steps
    work: Callable[[Any, Any], Any]
    prepare: Callable[[Any], Any] = lambda ring: None
    producers: str = "multi"
    publishes: int = 0  # events of the child
    published_from: str = ""  # all of them are, once it came to this point
    releases: int = 0  # what the child lets go of
    released_from: str = ""
    place: str = ""  # CHILDS: "parent" or "left" has it, "child" takes it in `prepare`
    can_be_paused: bool = False
    sleeps: tuple[str, ...] = ()  # who announces a sleeper before: "data", "space"
    leaves_claim: bool = False  # another child died before with a claim open
    gives_up_place: bool = field(default=False)  # CHILDS is, or may be, gone after


class World:
    """A ring, all others that use it, and what they have seen so far."""

    def __init__(self, operation: Operation, name: str) -> None:
        self.operation = operation
        self.ring = hr.Ring.create(TICK, CAPACITY, name, operation.producers)
        self.producer = self.ring.producer() if operation.producers == "multi" else None
        self.front = self.ring.consumer("front")
        self.seen: dict[str, list[int]] = {"front": [], "back": [], CHILDS: []}
        self.published: list[int] = []
        self.held: Any = None
        if operation.place:
            place = self.ring.consumer(CHILDS, after=["front"])
            self.back = self.ring.consumer("back", after=[CHILDS])
            if operation.place == "parent":
                self.held = place
            else:
                place.detach()
        else:
            self.back = self.ring.consumer("back", after=["front"])
        self._first_events()
        if "data" in operation.sleeps:
            self.back._park_token()
        if "space" in operation.sleeps and self.producer is not None:
            self.producer._park_token()

    def _first_events(self) -> None:
        """Four of the parent, of which those in front have let go; of some a tombstone follows."""
        with self.ring.producer() if self.producer is None else _Kept(self.producer) as producer:
            producer.publish(self.next_events(4))
            if self.operation.leaves_claim:
                _die_with_a_claim(self.ring)
            if self.operation.place:
                burial.bury_dead(self.ring.segment)
        self.drain("front", self.front)

    def __enter__(self) -> World:
        return self

    def __exit__(self, *exception: object) -> None:
        self.ring.close()

    def next_events(self, count: int) -> np.ndarray[Any, Any]:
        first = len(self.published)
        self.published += range(first, first + count)
        return ticks(count, first)

    def drain(self, name: str, consumer: Any) -> None:
        while len(batch := consumer.poll()):
            self.seen[name] += ids(batch)
            consumer.release()

    def fill(self) -> None:
        """Go on until the slots of the first events are full again, and nobody has read them.

        These are what the child was about, so now whatever it still does to them would show.
        """
        with self.ring.producer() as producer:
            lap = read_field(self.ring.name, "slots_allocated")
            worker = self.ring.consumer(CHILDS) if self.operation.place else None
            while self.ring.cursor % lap:
                count = min(CAPACITY, lap - self.ring.cursor % lap)
                producer.publish(self.next_events(count), timeout=0)
                self.drain_all(worker)
            if worker is not None:
                worker.detach()
            producer.publish(self.next_events(CAPACITY), timeout=0)

    def drain_all(self, worker: Any) -> None:
        self.drain("front", self.front)
        if worker is not None:
            self.drain(CHILDS, worker)
        self.drain("back", self.back)

    # What must hold. ------------------------------------------------------------------------------

    def check_goes_on(self, point: str, after: int, *, finished: bool | None) -> None:
        """`finished`: whether the child did all of its work; None: nobody knows."""
        assert len(hr.Ring.attach(self.ring.name).consumers) >= 2  # its header is in order
        worker = self.take_place(point, after, finished)
        producer = self.producer
        self.drain_all(worker)
        try:
            if producer is not None:
                producer.publish(self.next_events(1), timeout=0)
        except errors.Fenced:
            self.published.pop()
            producer = None
        producer = producer or self.ring.producer()
        for _ in range(3 * CAPACITY):
            self.drain_all(worker)
            assert producer.try_publish(self.next_events(3)) == 3  # nobody holds it up
        if producer is not self.producer:
            producer.close()
        self.drain_all(worker)
        if worker is not None:
            worker.detach()  # to be taken again by the next check
        self.check_seen(point, after, finished)

    def take_place(self, point: str, after: int, finished: bool | None) -> Any:
        """Whoever is to have the child's place from now on, None: there is none."""
        if not self.operation.place:
            with_place = CHILDS in [info.name for info in self.ring.consumers]
            return self.ring.consumer(CHILDS) if with_place else None
        known = {info.name: info for info in self.ring.consumers}
        if CHILDS not in known:
            assert self.operation.gives_up_place
            return None
        self.check_released(known[CHILDS].sequence, point, after, finished)
        if self.held is not None:
            with_pid = known[CHILDS].pid
            try:
                self.held.poll(1)
                self.held.rewind()
                return self.held
            except errors.Fenced:
                self.held = None
                assert with_pid == 0
        worker = self.ring.consumer(CHILDS)
        assert worker.sequence == known[CHILDS].sequence
        return worker

    def check_released(self, sequence: int, point: str, after: int, finished: bool | None) -> None:
        operation = self.operation
        if not operation.releases or self.seen[CHILDS]:
            return
        done = self.has_come(point, after, operation.released_from, finished)
        allowed = {0} if not done else set()
        if done is not False:
            allowed |= {operation.releases, operation.releases + 3 * operation.leaves_claim}
        assert sequence in allowed
        # What the child let go of the successor does not see.
        self.seen[CHILDS] = self.seen["front"][:sequence]

    def has_come(self, point: str, after: int, to: str, finished: bool | None) -> bool | None:
        """Whether the child came to step `to`; None: it may have."""
        if finished is None:
            return None
        if finished:
            return True
        passed = self.operation.points.index((point, after))
        return passed >= self.operation.points.index((to, 0))

    def check_seen(self, point: str, after: int, finished: bool | None) -> None:
        """All see the same, in one order: the parent's events all, the child's as promised."""
        front = self.seen["front"]
        own = [number for number in front if number < FIRST_OF_CHILD]
        theirs = [number - FIRST_OF_CHILD for number in front if number >= FIRST_OF_CHILD]
        assert own == self.published
        assert self.seen["back"] == front
        assert theirs == list(range(len(theirs)))
        operation = self.operation
        done = (
            self.has_come(point, after, operation.published_from, finished)
            if operation.publishes else False
        )  # fmt: skip
        if done is None or (operation.producers == "multi" and not done):
            assert len(theirs) <= operation.publishes
        else:
            assert len(theirs) == (operation.publishes if done else 0)
        if operation.place and self.seen[CHILDS]:
            seen = self.seen[CHILDS]
            assert front[: len(seen)] == seen or operation.gives_up_place


class _Kept:
    """A producer for a `with` block that does not close it."""

    def __init__(self, producer: Any) -> None:
        self.producer = producer

    def __enter__(self) -> Any:
        return self.producer

    def __exit__(self, *exception: object) -> None:
        pass


def _die_with_a_claim(ring: Any) -> None:
    pid = os.fork()
    if pid == 0:
        ring = hr.Ring.attach(ring.name)
        producer = ring.producer()
        producer.next(3)["id"] = 99
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
