"""For tests of elastic stages that run: controllers, a machine, and ways to look inside."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import headrace as hr
from headrace.elastic import Assignment, Measurement, Move
from headrace.keys import partition_of
from headrace.reference.topology import ReferenceTopology

EVENT = np.dtype([("key", "<i8"), ("value", "<i8")])
SUM = np.dtype([("key", "<i8"), ("sum", "<i8")])
VALUES = ["input_sequence", "output_index", "key", "sum"]
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


@hr.machine(event=EVENT, output=SUM, initial=int)
def slow_total(state: int, key: int, value: int) -> Any:
    time.sleep(value / 1000)
    return state + value, (key, state + value)


@hr.machine(event=EVENT, output=SUM, initial=int)
def deadly(state: int, key: int, value: int) -> Any:
    if value == 666:
        os.kill(os.getpid(), signal.SIGKILL)
    return state + value, (key, state + value)


@hr.machine(event=EVENT, initial=int)
def silent(state: int, key: int, value: int) -> Any:
    return state + value, None


def elastic(machine: Any = total, **how: Any) -> hr.Elastic:
    settings = {"by": "key", "max": 2, "partitions": 8, "controller": Still(), "period": NEVER}
    return hr.elastic(machine, **(settings | how))


def pool_of(engine: hr.Engine) -> Any:
    (pool,) = engine._line.pools.values()  # type: ignore[union-attr]
    return pool


def processes(topology: Any, **how: Any) -> hr.Engine:
    """An engine with all workers in processes, that are there and may take part in moves."""
    options: dict[str, Any] = {"place": "processes", "start_method": "fork"} | how
    engine = hr.Engine(topology, **options)
    wait_until(lambda: all(may_move(pool) for pool in engine._line.pools.values()))  # type: ignore[union-attr]
    return engine


def may_move(pool: Any) -> bool:
    """Whether nobody has to catch up with what a predecessor left."""
    return not any(at in pool._behind for at in pool.workers)


def retire_all_but_one(pool: Any) -> None:
    """Have one worker only, and do what the pool would do until it is so, or as good as never."""
    pool.want(1)
    for _ in range(1000):  # each a step of it, as far as it can go
        pool.tick()
        if pool.workers == (0,):
            break
        time.sleep(0.005)


def kill(engine: hr.Engine, number: int, what: int = signal.SIGKILL) -> int:
    """Send a signal to a worker; its pid."""
    pid: int = pool_of(engine).stages[number].pid
    os.kill(pid, what)
    return pid


def replaced(engine: hr.Engine, number: int, pid: int) -> None:
    """Wait until a worker, of that pid, has been replaced, and the successor has caught up."""
    pool = pool_of(engine)
    wait_until(lambda: pool.stages[number].pid != pid and number not in pool._down)
    wait_until(lambda: may_move(pool))


def all_of(engine: hr.Engine) -> Any:
    """All outputs that are unread, once all that was published is through."""
    return np.concatenate([records.copy() for records in engine.outputs()])


def compare(topology: Any, inputs: Any, made: Any, state: Any) -> None:
    """Outputs and states are those of the reference."""
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    assert state == plain.state
    assert made[VALUES].tolist() == plain.outputs[VALUES].tolist()


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.001)


def rows(*pairs: tuple[int, int]) -> Any:
    return np.array(list(pairs), EVENT)


def some(first: int, count: int = 60) -> Any:
    """Events of 16 keys, with values from `first` on."""
    return rows(*((number % 16, number) for number in range(first, first + count)))


def keys_of(partition: int, partitions: int = 8) -> list[int]:
    """Keys of one partition."""
    keys = np.arange(1000)
    return keys[partition_of(keys, partitions) == partition].tolist()
