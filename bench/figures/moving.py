"""What a partition of an elastic stage waits while it moves, and what the others wait meanwhile."""

from __future__ import annotations

from functools import partial

from bench.figures.common import OURS, plain
from bench.measure import Check, Figure
from bench.moving import waiting

MOVED, OTHER = f"{OURS}, the key that moves", f"{OURS}, another key"
STILL = f"{OURS}, nothing moves"
WORK = "moving a partition"
APART = "moving a partition to another process"
LIMITS = {"start": 40, "most": 20_000}


def _figure(name: str, work: str, **how: str) -> Figure:
    measured = partial(waiting, **how)
    return Figure(
        name,
        {
            MOVED: plain(partial(measured, key="moved", moving=True), **LIMITS),
            OTHER: plain(partial(measured, key="other", moving=True), **LIMITS),
            STILL: plain(partial(measured, key="other", moving=False), **LIMITS),
        },
        [
            Check(work, "its key, p99", MOVED, STILL, "ms", "<=", 10, "difference"),
            Check(work, "other keys, p99", OTHER, STILL, "ms", "<=", 1, "difference"),
        ],
        seconds=1.5,
    )


FIGURES = (_figure("moving", WORK), _figure("moving-processes", APART, place="processes"))
