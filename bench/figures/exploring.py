"""Unique states a second of an exploration, and what the plain explorer does in that time."""

from __future__ import annotations

from bench import exploring
from bench.figures.common import OURS, plain
from bench.measure import Check, Figure

PLAIN = "the plain explorer"
WORK = "exploring, two-phase commit"


def _whole(resources: int) -> dict[str, int]:
    unique, _ = exploring.ANSWERS[resources]
    return {"start": unique, "step": unique, "most": 8 * unique}


FIGURES = (
    Figure(
        "exploring",
        {
            OURS: plain(exploring.explored, **_whole(5)),
            PLAIN: plain(exploring.explored_plainly, **_whole(3)),
        },
        [
            Check(WORK, "unique states", OURS, OURS, "rate", ">=", 0.05, "value"),
            Check(WORK, "unique states", OURS, PLAIN, "rate", ">=", None),
        ],
        seconds=0.4,
    ),
)
