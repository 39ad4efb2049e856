"""Which partitions to move so that no worker has much more to do than another.

Greedy, after the longest-processing-time rule (Graham, "Bounds on multiprocessing timing
anomalies", 1969): what has no owner goes, the heaviest first, to whoever has least to do. Then,
from whoever has most to do to whoever has least, goes the partition that comes closest to halving
the difference. Each such move makes the sum of the squares of the workers' loads smaller, so it
ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from headrace.elastic.assignment import Assignment, Move, check_workers
from headrace.errors import UsageError
from headrace.events import Array

MOVES_MAX_DEFAULT = 64
TOLERANCE_DEFAULT = 0.2
# A partition without load weighs as much as this part of the mean one, so that the orphans among
# them are spread as well; what weighs less than the second part does not move to even out loads.
_ROUNDING = 1e-9  # of a sum
_IDLE_WEIGHT = 0.01
_MOVED_WEIGHT_MIN = 0.1


def rebalance(
    assignment: Assignment,
    workers: Iterable[int],
    loads: Array | Sequence[float],
    *,
    moves_max: int = MOVES_MAX_DEFAULT,
    tolerance: float = TOLERANCE_DEFAULT,
) -> list[Move]:
    """The moves of one round that bring the load of `workers` closer together.

    `loads`: what each partition costs, shape (partitions,), finite, not negative, in any unit (such
    as seconds of stepping per second). All partitions of owners that are not among `workers` move;
    of others at most `moves_max` in a round, and none while no two workers are further apart than
    `tolerance`, a part of the mean. Each partition moves at most once. The same arguments give the
    same moves. Raises UsageError for no worker, or loads of another shape or kind.
    """
    live = check_workers(workers)
    weights = _weights(loads, assignment.partitions)
    held, orphans = _held(assignment, live)
    sums = {worker: math.fsum(weights[p] for p in held[worker]) for worker in live}
    moves = _placed(assignment, orphans, sums, weights)
    apart = tolerance * math.fsum(sums.values()) / len(live)
    for _ in range(moves_max):
        move = _next_move(held, sums, weights, apart)
        if move is None:
            break
        held[move.source].remove(move.partition)  # and not into the target's: it moves once
        sums[move.source] -= weights[move.partition]
        sums[move.target] += weights[move.partition]
        moves.append(move)
    return moves


def retire(
    assignment: Assignment,
    worker: int,
    workers: Iterable[int],
    loads: Array | Sequence[float],
) -> list[Move]:
    """The moves that leave `worker` with nothing, and no other partition moved.

    `workers` may name it or not; UsageError if there is no other.
    """
    others = set(workers) - {worker}
    if not others:
        raise UsageError(f"worker {worker} cannot be retired: nobody else could own its partitions")
    weights = _weights(loads, assignment.partitions)
    held, _ = _held(assignment, check_workers(others))
    sums = {other: math.fsum(weights[p] for p in held[other]) for other in held}
    return _placed(assignment, assignment.owned(worker), sums, weights)


def _held(assignment: Assignment, workers: Iterable[int]) -> tuple[dict[int, list[int]], list[int]]:
    """The partitions of each of the workers, and those of others."""
    held: dict[int, list[int]] = {worker: [] for worker in workers}
    orphans: list[int] = []
    for partition, owner in enumerate(assignment.owners):
        held.get(owner, orphans).append(partition)
    return held, orphans


def _placed(
    assignment: Assignment, orphans: Iterable[int], sums: dict[int, float], weights: list[float]
) -> list[Move]:
    """A move for each orphan to whoever then has least; adds to `sums`."""
    moves = []
    for partition in sorted(orphans, key=lambda p: (-weights[p], p)):
        target = min(sums, key=lambda worker: (sums[worker], worker))
        sums[target] += weights[partition]
        moves.append(Move(partition, assignment.owners[partition], target))
    return moves


def _next_move(
    held: dict[int, list[int]], sums: dict[int, float], weights: list[float], apart: float
) -> Move | None:
    """From the busiest worker that has something whose move helps, to the least busy."""
    target = min(sums, key=lambda worker: (sums[worker], worker))
    lightest = _MOVED_WEIGHT_MIN * math.fsum(weights) / len(weights)
    for source in sorted(sums, key=lambda worker: (-sums[worker], worker)):
        gap = sums[source] - sums[target]
        if gap <= apart:
            return None
        # Half the gap is best; a move of the whole gap or more would only swap the two, and do so
        # in each round. Sums are rounded, so that what is as heavy as the gap may seem lighter.
        heaviest = gap - _ROUNDING * sums[source]
        best = min(
            (p for p in held[source] if lightest <= weights[p] < heaviest),
            key=lambda p: (abs(weights[p] - gap / 2), p),
            default=None,
        )
        if best is not None:
            return Move(best, source, target)
    return None


def _weights(loads: Array | Sequence[float], partitions: int) -> list[float]:
    measured = [float(load) for load in loads]
    if len(measured) != partitions or not all(0 <= load < math.inf for load in measured):
        raise UsageError(
            f"loads are {partitions} finite numbers, none negative, one a partition, not {loads!r}"
        )
    mean = math.fsum(measured) / partitions
    idle = _IDLE_WEIGHT * mean or 1.0
    return [load + idle for load in measured]
