"""How long the events of a key wait while its partition moves from one worker to another.

Two workers take events of two keys every 0.3 ms; one key's partition goes to and fro between them.
An event has waited from when it was published until it is stepped.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import headrace as hr
from bench.measure import Sample
from headrace.keys import partition_of

EVENT = np.dtype([("key", "<i8")])
GAP_SECONDS = 0.0003
EVENTS_PER_MOVE = 20
PARTITIONS = 64


TIMES = np.dtype([("key", "<i8"), ("published_ns", "<i8"), ("stepped_ns", "<i8")])


@hr.machine(event=EVENT, output=TIMES, initial=int)
def stamp(state: int, key: int, time_ns: int) -> tuple[int, tuple[int, int, int]]:
    """Says when it stepped an event: from another process it is told by its outputs."""
    return state + 1, (key, time_ns, time.time_ns())


class _Still:
    """Leaves it to the benchmark what moves."""

    def decide(self, measurement: Any) -> int:
        return 2

    def moves(self, assignment: Any, workers: Any, loads: Any) -> list[Any]:
        return []


def waiting(count: int, key: str, moving: bool, place: str = "threads") -> Sample:
    """`count` events of each key; p99 of what those of one, "moved" or "other", waited, in ms.

    `place`: of the workers, "threads" or "processes".

    Of the moved key's events, while it moves, only the one counts that waited longest each time.
    """
    moved, other = _keys()
    taken: list[tuple[int, int, int]] = []  # key, when published, when stepped

    @hr.machine(event=EVENT, initial=int)
    def step(state: int, key: int, time_ns: int) -> tuple[int, None]:
        taken.append((key, time_ns, time.time_ns()))
        return state + 1, None

    machine = stamp if place == "processes" else step
    stage = hr.elastic(
        machine, by="key", min=2, max=2, partitions=PARTITIONS, controller=_Still(), period=60.0
    )
    begins: list[int] = []
    with hr.Engine(stage, place=place) as engine:
        pool = engine._line.pools[machine.name]  # type: ignore[union-attr]
        while pool._behind:  # processes take a while to start
            time.sleep(0.001)
        begun = time.perf_counter()
        partition = int(partition_of(np.array([moved]), PARTITIONS)[0])
        pair = np.array([(moved,), (other,)], EVENT)
        for at in range(count):
            if moving and at % EVENTS_PER_MOVE == 0 and not pool.moving:
                begins.append(time.time_ns())
                pool.move([(partition, 1 - pool.owners[partition])])
            engine.publish(pair)
            time.sleep(GAP_SECONDS)
        engine.drain(60)
        states = engine.state[machine.name]
        if machine is stamp:
            for records in engine.outputs():
                taken += records[["key", "published_ns", "stepped_ns"]].tolist()
    chosen = np.array([row[1:] for row in taken if row[0] == (moved, other)[key == "other"]])
    waited = (chosen[:, 1] - chosen[:, 0]) / 1e6
    if begins and key == "moved":
        of_move = np.searchsorted(begins, chosen[:, 0])
        waited = np.array([waited[of_move == each].max() for each in np.unique(of_move)])
    seconds = time.perf_counter() - begun
    stepped = sorted(count for count in states.values() if count)
    in_order = bool(np.all(np.diff(chosen[:, 0]) >= 0))
    return Sample(
        count,
        seconds,
        {"ms": float(np.quantile(waited, 0.99))},
        f"{stepped} {in_order}",
        f"{[count, count]} True",
    )


def _keys() -> tuple[int, int]:
    """Two keys: of a partition that moves, and of one of each worker's that stays."""
    partitions = partition_of(np.arange(64), PARTITIONS)
    other = next(key for key in range(1, 64) if partitions[key] % 2 != partitions[0] % 2)
    return 0, other
