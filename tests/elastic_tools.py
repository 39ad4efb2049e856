"""For tests of elastic stages that run: controllers, a machine, and ways to look inside."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import headrace as hr
from headrace.elastic import Assignment, Measurement, Move
from headrace.keys import partition_of

EVENT = np.dtype([("key", "<i8"), ("value", "<i8")])
SUM = np.dtype([("key", "<i8"), ("sum", "<i8")])
NEVER = 3600.0  # seconds between two looks of the pool: the tests do what it would do


class AtRandom:
    """As many workers as chance wants, and whatever partition it likes to any of them."""

    def __init__(self, seed: int, part: float = 0.5) -> None:
        self._random = random.Random(seed)
        self._part = part  # of the partitions that move each time

    def decide(self, measurement: Measurement) -> int:
        return self._random.randint(measurement.workers_min, measurement.workers_max)

    def moves(self, assignment: Assignment, workers: list[int], loads: Any) -> list[Move]:
        wanted = [
            Move(at, owner, self._random.choice(workers))
            for at, owner in enumerate(assignment.owners)
            if self._random.random() < self._part
        ]
        return [move for move in wanted if move.source != move.target]


class Still:
    """Leaves all as it is: the test moves what it wants moved."""

    def decide(self, measurement: Measurement) -> int:
        return measurement.workers

    def moves(self, assignment: Assignment, workers: list[int], loads: Any) -> list[Move]:
        return []


@hr.machine(event=EVENT, output=SUM, initial=int)
def total(state: int, key: int, value: int) -> Any:
    if value < 0:
        raise ValueError(value)
    return state + value, (key, state + value)


def elastic(machine: Any = total, **how: Any) -> hr.Elastic:
    settings = {"by": "key", "max": 2, "partitions": 8, "controller": Still(), "period": NEVER}
    return hr.elastic(machine, **(settings | how))


def pool_of(engine: hr.Engine) -> Any:
    (pool,) = engine._line.pools.values()  # type: ignore[union-attr]
    return pool


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.001)


def rows(*pairs: tuple[int, int]) -> Any:
    return np.array(list(pairs), EVENT)


def keys_of(partition: int, partitions: int = 8) -> list[int]:
    """Keys of one partition."""
    keys = np.arange(1000)
    return keys[partition_of(keys, partitions) == partition].tolist()
