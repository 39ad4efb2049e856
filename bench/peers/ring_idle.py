"""An idle consumer with the default wait strategy: what it burns, and how soon it wakes up.

`transfer(n)` with n < 0: both sides are idle for -n milliseconds, the receiver in a ring, the
sender in sleep(), and say how much of a core they used. Otherwise: n wake-ups.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Any

import numpy as np

import headrace as hr

IDLE_SECONDS = 0.001  # long enough to fall asleep
SECONDS_MAX = 5.0


def prepare(batch: int, stack: ExitStack) -> str:
    """Make the ring; its name."""
    ring = hr.Ring.create("<i8", 1024, f"bench-{os.getpid()}-idle")
    stack.callback(ring.close)
    return str(ring.name)


class Receiver:
    """Waits in the ring."""

    def __init__(self, name: str, batch: int) -> None:
        self._ring = hr.Ring.attach(name)
        self._consumer = self._ring.consumer("idle")

    def transfer(self, count: int) -> Any:
        poll, release, clock = self._consumer.poll, self._consumer.release, time.monotonic_ns
        if count < 0:
            used, begin = time.process_time(), time.perf_counter()
            poll(1, -count / 1000)
            return (time.process_time() - used) / (time.perf_counter() - begin)
        waits = []
        for _ in range(count):
            batch = poll(1, SECONDS_MAX)
            now = clock()
            if not len(batch):
                break
            waits.append(now - int(batch[0]))
            release()
        p50, p99 = np.percentile(waits, [50, 99])
        return len(waits), float(p50), float(p99)

    def close(self) -> None:
        self._consumer.close()
        self._ring.close()


class Sender:
    """Sleeps; or publishes the time, again and again, after a pause."""

    def __init__(self, name: str, batch: int) -> None:
        self._ring = hr.Ring.attach(name)
        self._producer = self._ring.producer()

    def transfer(self, count: int) -> Any:
        if count < 0:
            used, begin = time.process_time(), time.perf_counter()
            time.sleep(-count / 1000)
            return (time.process_time() - used) / (time.perf_counter() - begin)
        for _ in range(count):
            time.sleep(IDLE_SECONDS)
            slot = self._producer.next(1)
            slot[0] = time.monotonic_ns()
            self._producer.commit()
        return None

    def close(self) -> None:
        self._producer.close()
        self._ring.close()
