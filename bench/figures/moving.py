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

_apart = partial(waiting, place="processes")

FIGURES = (
    Figure(
        "moving",
        {
            MOVED: plain(partial(waiting, key="moved", moving=True), **LIMITS),
            OTHER: plain(partial(waiting, key="other", moving=True), **LIMITS),
            STILL: plain(partial(waiting, key="other", moving=False), **LIMITS),
        },
        [
            Check(WORK, "its key, p99", MOVED, STILL, "ms", "<=", 10, "difference"),
            Check(WORK, "other keys, p99", OTHER, STILL, "ms", "<=", 1, "difference"),
        ],
        seconds=1.5,
    ),
    Figure(
        "moving-processes",
        {
            MOVED: plain(partial(_apart, key="moved", moving=True), **LIMITS),
            OTHER: plain(partial(_apart, key="other", moving=True), **LIMITS),
            STILL: plain(partial(_apart, key="other", moving=False), **LIMITS),
        },
        [
            Check(APART, "its key, p99", MOVED, STILL, "ms", "<=", 10, "difference"),
            Check(APART, "other keys, p99", OTHER, STILL, "ms", "<=", 1, "difference"),
        ],
        seconds=1.5,
    ),
)
