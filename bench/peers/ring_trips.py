"""Round trips through two rings of this library, from Python to Python, default wait strategy.

A look at the clock costs Python a fifth of a trip, so it is looked at once every few trips.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

import numpy as np

import headrace as hr

TRIPS_A_LOOK = 8
SLOTS = 1024


def prepare(batch: int, stack: ExitStack) -> tuple[str, str]:
    """Make both rings; their names."""
    names = []
    for way in ("ping", "pong"):
        ring = hr.Ring.create("<i8", SLOTS, f"bench-{os.getpid()}-{way}")
        stack.callback(ring.close)
        names.append(str(ring.name))
    return names[0], names[1]


class _Side:
    def __init__(self, names: tuple[str, str], incoming: int) -> None:
        self._rings = [hr.Ring.attach(name) for name in names]
        self.consumer = self._rings[incoming].consumer("only")
        self.producer = self._rings[1 - incoming].producer()

    def close(self) -> None:
        self.consumer.close()
        self.producer.close()
        for ring in self._rings:
            ring.close()


class Receiver(_Side):
    """Answers each event with one."""

    def __init__(self, names: tuple[str, str], batch: int) -> None:
        super().__init__(names, 0)

    def transfer(self, count: int) -> int:
        claim, commit = self.producer.next, self.producer.commit
        before = self.consumer.sequence
        turns = iter(range(count - 1, -1, -1))
        left = next(turns)
        for _ in self.consumer:
            claim(1)
            commit()
            if not left:
                break
            left = next(turns)
        self.consumer.release()
        return self.consumer.sequence - before


class Sender(_Side):
    """Asks, and waits for the answer."""

    def __init__(self, names: tuple[str, str], batch: int) -> None:
        super().__init__(names, 1)

    def transfer(self, count: int) -> tuple[int, float, float]:
        claim, commit, clock = self.producer.next, self.producer.commit, time.perf_counter_ns
        looks = np.zeros(count // TRIPS_A_LOOK + 1, np.int64)
        times = memoryview(looks)
        pattern = [False] * (TRIPS_A_LOOK - 1) + [True]
        turns = iter(pattern * (count // TRIPS_A_LOOK))
        before = self.consumer.sequence
        look, left = 1, count
        claim(1)
        times[0] = clock()
        commit()
        for _, last in zip(self.consumer, turns, strict=False):
            if last:
                times[look] = clock()
                look += 1
                left -= TRIPS_A_LOOK
                if not left:
                    break
            claim(1)
            commit()
        self.consumer.release()
        p50, p99 = np.percentile(np.diff(looks) / TRIPS_A_LOOK, [50, 99])
        return self.consumer.sequence - before, float(p50), float(p99)
