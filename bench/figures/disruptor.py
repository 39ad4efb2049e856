"""This library's ring without Python, against the LMAX Disruptor."""

from __future__ import annotations

from contextlib import ExitStack
from functools import lru_cache, partial

from bench import lmax
from bench.figures.common import OURS, plain
from bench.measure import Check, Contestant, Figure, Open
from bench.native import runs

START = 200_000
WORDS = 1
SLOTS = lmax.RING_SIZE
PAUSES = 128  # after an empty look, as in the line of 64 B that pauses
LMAX = "LMAX"
SHORT = {"seconds": 0.04, "times": 2}
WARM_UPS = 25  # Java's compiler takes about a second until the last loop is as fast as it gets

# Of one figure, whose stack is the key: the compiler that has warmed up stays warm.
_shared = lru_cache(maxsize=1)(lmax.opened)


def java(topology: str, batch: int) -> Open:
    def open_java(stack: ExitStack) -> Contestant:
        disruptor = _shared(stack)
        run = partial(disruptor.run, topology, batch)
        return Contestant(run, start=START, warm_ups=WARM_UPS)

    return open_java


def one_to_one() -> Figure:
    """8-byte slots."""
    contestants: dict[str, Open] = {}
    checks = []
    for batch in (1, 10, 1000):
        ours, theirs = f"{OURS} (batch {batch})", f"{LMAX} (batch {batch})"
        run = partial(runs.one_to_one, WORDS, batch, PAUSES, slots=SLOTS)
        contestants[ours] = plain(run, start=START)
        contestants[theirs] = java("single", batch)
        work = "native, 1 producer, 1 consumer, 8 B, pausing"
        checks.append(Check(work, f"batch {batch}", ours, theirs, "rate", ">=", 2.0))
    return Figure("one-to-one-8B", contestants, checks, **SHORT)


def graphs() -> Figure:
    """Three consumers on two cores, batch 1."""
    contestants: dict[str, Open] = {}
    checks = []
    for topology, at in (
        ("pipeline", "pipeline of 3"), ("multicast", "multicast 1 to 3"), ("diamond", "diamond")
    ):  # fmt: skip
        ours, theirs = f"{OURS} ({topology})", f"{LMAX} ({topology})"
        contestants[ours] = plain(partial(runs.graph, topology, 1, slots=SLOTS), start=START)
        contestants[theirs] = java(topology, 1)
        work = "native graphs on 2 cores, 8 B, batch 1"
        checks.append(Check(work, at, ours, theirs, "rate", ">=", 1.0))
    return Figure("graphs", contestants, checks, **SHORT)


FIGURES = (one_to_one(), graphs())
