"""This library's ring without Python, against the same ring in plain C."""

from __future__ import annotations

from functools import partial

from bench import yardstick
from bench.figures.common import OURS, plain
from bench.measure import Check, Figure
from bench.native import runs

START = 200_000
WORDS = 8
PAUSES_PLAIN = 1
# Between two empty looks a pausing consumer lets the producer get on with the cache line; one that
# shares its core with a producer must not do so for long.
PAUSES = 128
PAUSES_SHARED = 8
PAUSING = f"{OURS}, pausing"
C = "plain C"
C_MULTI = "C, fetch-add"
# Short runs, so that both sides of a ratio are measured before the cores move again.
SHORT = {"seconds": 0.02, "times": 4}


def one_to_one(batch: int) -> Figure:
    """64-byte slots, a ring of 4096."""
    work = "native, 1 producer, 1 consumer, 64 B"
    contestants = {
        OURS: plain(partial(runs.one_to_one, WORDS, batch, PAUSES_PLAIN), start=START),
        C: plain(partial(yardstick.one_to_one, WORDS, batch, PAUSES_PLAIN), start=START),
    }
    checks = [Check(work, f"batch {batch}", OURS, C, "rate", ">=", 0.9)]
    if batch == 1:
        contestants[PAUSING] = plain(partial(runs.one_to_one, WORDS, 1, PAUSES), start=START)
        checks.append(Check(f"{work}, pausing", "batch 1", PAUSING, C, "rate", ">=", 1.7))
    return Figure(f"one-to-one-64B-batch-{batch}", contestants, checks, **SHORT)


def round_trip() -> Figure:
    """Through two rings and back."""
    work = "native round trip through two rings"
    return Figure(
        "round-trip-native",
        {
            OURS: plain(runs.round_trip, start=20_000, most=1 << 20),
            C: plain(yardstick.round_trip, start=20_000, most=1 << 20),
        },
        [
            Check(work, "p50", OURS, C, "p50", "<=", 1.1),
            Check(work, "p99", OURS, C, "p99", "<=", 1.1),
        ],
        **SHORT,
    )


def two_to_one(batch: int) -> Figure:
    """Two producers, of which one shares the consumer's core."""
    work = "native, 2 producers, 1 consumer, 64 B"
    limits = {"start": START, "step": 2}
    contestants = {
        OURS: plain(partial(runs.many_to_one, batch, PAUSES_PLAIN), **limits),
        C_MULTI: plain(partial(yardstick.many_to_one, batch, PAUSES_PLAIN), **limits),
    }
    checks = [Check(work, f"batch {batch}", OURS, C_MULTI, "rate", ">=", 1.0)]
    if batch == 1:
        contestants[PAUSING] = plain(partial(runs.many_to_one, 1, PAUSES_SHARED), **limits)
        checks.append(Check(f"{work}, pausing", "batch 1", PAUSING, C_MULTI, "rate", ">=", 1.3))
    return Figure(f"two-to-one-batch-{batch}", contestants, checks, **SHORT)


FIGURES = (
    *(one_to_one(batch) for batch in (1, 64, 1024)),
    round_trip(),
    *(two_to_one(batch) for batch in (1, 16, 64)),
)
