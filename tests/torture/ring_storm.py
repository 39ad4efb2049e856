"""A ring whose producers and consumers are killed, paused, declared dead and replaced at random.

Each of them is a forked child that keeps a record of what it did in a file of its own, a line at a
time, before and after each step. At the end the records are compared with each other: see `check`.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ring_tools import TICK, ticks

import headrace as hr
from headrace.ringbuffer import burial, errors, files, liveness

PLACES = {"a": [], "b": ["a"], "c": []}  # name -> those that it comes after
PRODUCERS = 3
LIFE = 1_000_000  # ids of each life of a producer begin at a multiple of this
FENCED, DRAINED = 3, 0
SETTLE_SECONDS_MAX = 60


def produce(name: str, record: int, life: int, stop: Path) -> None:
    """Claims of 1 to 5 events, until told to stop; some of them are open for a while."""
    chance = random.Random(life)
    producer = hr.Ring.attach(name).producer()
    number = life * LIFE
    while not stop.exists():
        count = chance.randint(1, 5)
        os.write(record, f"begun {number} {count}\n".encode())
        kind = chance.random()
        if kind < 0.1:
            with contextlib.suppress(ZeroDivisionError), producer.claim(count) as slots:
                slots["id"] = -1
                raise ZeroDivisionError
        else:
            if kind < 0.5:
                slots = producer.next(count)
                time.sleep(0.001)
                slots[:] = ticks(count, number)
                producer.commit()
            else:
                producer.publish(ticks(count, number))
            os.write(record, f"done {number} {count}\n".encode())
            number += count
    producer.close()


def consume(name: str, record: int, life: int, place: str) -> None:
    """All there is, in batches; each is told before it is released, and again after."""
    chance = random.Random(life)
    consumer = hr.Ring.attach(name).consumer(place, wait=chance.choice([None, hr.wait.Block()]))
    while True:
        batch = consumer.poll(chance.randint(1, 20), timeout=1)
        if not len(batch):
            if consumer.ended:
                return
            continue
        first = consumer.batch_sequence
        numbers = " ".join(map(str, batch["id"].tolist()))
        os.write(record, f"read {first} {numbers}\n".encode())
        consumer.release()
        os.write(record, f"released {first + len(batch)}\n".encode())
        batch = None


@dataclass
class Child:
    """A process of the storm: what it is, and where its record is."""

    role: str  # a place, or "producer"
    pid: int
    start: int
    record: Path
    is_fenced: bool = False  # was declared dead while it was paused


class Storm:
    """One ring and all that happens to it; the same seed does the same to another timing."""

    def __init__(self, folder: Path, name: str, seed: int) -> None:
        self.folder, self.name = folder, name
        self.chance = random.Random(seed)
        self.ring = hr.Ring.create(TICK, 64, name, "multi")
        for place, after in PLACES.items():
            self.ring.consumer(place, after=after).detach()
        self.lives = 0
        self.running: list[Child] = []
        self.all: list[Child] = []
        self.counts = dict.fromkeys(("killed", "paused", "declared", "ended", "busy lock"), 0)
        for place in PLACES:
            self.spawn(place)
        for _ in range(PRODUCERS):
            self.spawn("producer")

    @property
    def stop(self) -> Path:
        return self.folder / "stop"

    def spawn(self, role: str) -> None:
        self.lives += 1
        life, path = self.lives, self.folder / f"{self.lives}-{role}"
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                files._LOCK_SECONDS_MAX = SETTLE_SECONDS_MAX
                record = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                if role == "producer":
                    produce(self.name, record, life, self.stop)
                else:
                    consume(self.name, record, life, role)
                code = DRAINED
            except errors.Fenced:
                code = FENCED
            except BaseException as error:
                os.write(2, f"{role}, life {life}: {error!r}\n".encode())
            finally:
                os._exit(code)
        child = Child(role, pid, liveness.start_time(pid) or 0, path)
        self.running.append(child)
        self.all.append(child)

    def gone(self, child: Child) -> int:
        """Wait until the child is gone; how it ended."""
        self.running.remove(child)
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while time.monotonic() < deadline:
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        raise AssertionError(f"{child.role} of {child.record.name} does not come to an end")

    def blow(self, seconds: float) -> None:
        """Kill and pause for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(self.chance.random() * 0.02)
            child = self.chance.choice(self.running)
            if self.chance.random() < 0.4:
                self.counts["killed"] += 1
                os.kill(child.pid, signal.SIGKILL)
                assert self.gone(child) == -signal.SIGKILL
                self.spawn(child.role)
            else:
                self.pause(child)

    def pause(self, child: Child) -> None:
        self.counts["paused"] += 1
        os.kill(child.pid, signal.SIGSTOP)
        time.sleep(self.chance.random() * 0.05)
        if self.chance.random() < 0.4:
            os.kill(child.pid, signal.SIGCONT)
            return
        try:
            self.declare_dead(child)
        except errors.EnvironmentFailure:  # it was paused while it held the registration lock
            self.counts["busy lock"] += 1
            os.kill(child.pid, signal.SIGCONT)
            return
        self.counts["declared"] += 1
        self.spawn(child.role)
        time.sleep(self.chance.random() * 0.03)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGCONT)
        code = self.gone(child)
        assert code in (FENCED, -signal.SIGKILL), (child, code)
        self.counts["ended"] += code != FENCED

    def declare_dead(self, child: Child) -> None:
        if child.role == "producer":
            if all(info.pid != child.pid for info in self.ring.producer_handles):
                raise errors.EnvironmentFailure("it has not registered yet")
            self.ring.declare_producer_dead(child.pid)
            return
        if all(info.pid != child.pid for info in self.ring.consumers):
            raise errors.EnvironmentFailure("it has not registered yet")
        child.is_fenced = True
        self.ring.declare_dead(child.role)

    def settle(self) -> None:
        """Let the producers come to their end, then the consumers."""
        self.stop.touch()
        for kind in ("producer", "consumer"):
            for child in list(self.running):
                if (child.role == "producer") == (kind == "producer"):
                    code = self.gone(child)
                    assert code == DRAINED, (child, code)
            if kind == "producer":
                burial.look_for_dead(self.ring.segment)
                self.ring.end()

    def close(self) -> None:
        for child in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)
        self.ring.close()


def lines(child: Child) -> Iterator[list[str]]:
    """The records of a child; the last one may have been cut short by its death."""
    if child.record.exists():
        for line in child.record.read_text().split("\n")[:-1]:
            yield line.split()


def check(storm: Storm) -> int:
    """Nothing lost, nothing twice, one order: how many events went through.

    What a consumer read counts if it then released it without an error, or was killed: a paused one
    that was declared dead reads on while producers write.
    """
    order: dict[int, int] = {}  # sequence -> id
    for place in PLACES:
        seen: dict[int, int] = {}
        released = 0
        for child in storm.all:
            if child.role == place:
                released = _read(child, seen, released)
        for sequence, number in seen.items():
            assert order.setdefault(sequence, number) == number, (place, sequence)
        assert seen.keys() == order.keys(), f"{place} missed {sorted(order.keys() - seen.keys())}"
    numbers = [order[sequence] for sequence in sorted(order)]
    assert len(set(numbers)) == len(numbers)
    for child in storm.all:
        if child.role == "producer":
            _check_producer(child, [n for n in numbers if n // LIFE == _life(child)])
    return len(numbers)


def _life(child: Child) -> int:
    return int(child.record.name.split("-")[0])


def _read(child: Child, seen: dict[int, int], released: int) -> int:
    """Add what a life of a consumer has seen, behind what the lives before had released."""
    pending: dict[int, int] = {}
    for what, first, *numbers in lines(child):
        if what == "read":
            pending = dict(enumerate(map(int, numbers), int(first)))
            assert min(pending) >= released, (child, "sees again what was released before")
            continue
        released = int(first)
        assert released == max(pending) + 1
        _add(pending, seen)
        pending = {}
    if not child.is_fenced:
        _add(pending, seen)
    return released


def _add(read: dict[int, int], seen: dict[int, int]) -> None:
    for sequence, number in read.items():
        assert seen.setdefault(sequence, number) == number, (sequence, number, seen[sequence])


def _check_producer(child: Child, delivered: list[int]) -> None:
    """All of what it says is done, in its order, and of the last claim a part perhaps."""
    done: list[int] = []
    begun: list[int] = []
    for what, first, count in lines(child):
        begun = list(range(int(first), int(first) + int(count)))
        if what == "done":
            done += begun
    assert delivered[: len(done)] == done, child
    rest = delivered[len(done) :]
    assert rest == begun[: len(rest)], child


def run(
    folder: Path, name: str, seed: int, seconds: float, tell: Callable[[str], None] = print
) -> int:
    """A storm, and what it came to; raises AssertionError."""
    storm = Storm(folder, name, seed)
    try:
        storm.blow(seconds)
        storm.settle()
    finally:
        storm.close()
    events = check(storm)
    tell(f"{events:,} events, {storm.lives} lives, {storm.counts}")
    return events
