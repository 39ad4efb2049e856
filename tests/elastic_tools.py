"""For tests of elastic stages that run: a controller that decides at random, and one that waits."""

from __future__ import annotations

import random
from typing import Any

from headrace.elastic import Assignment, Measurement, Move


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
