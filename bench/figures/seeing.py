"""What it costs to be looked at: `headrace top` attached and detached, gauges and none."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from bench.figures.common import OURS, pair
from bench.measure import Check, Contestant, Figure, Open, Sample
from bench.peers.pair import Pair
from bench.peers.ring_gauged import board_name
from bench.watched import Top

ATTACHED = f"{OURS}, top attached"
GAUGELESS = f"{OURS}, without gauges"
LIMITS = {"start": 2048}
SECONDS = 1.0  # several looks


def attached(batch: int) -> Open:
    """The gauged pair of the same figure, looked at while it runs."""

    def open_watched(stack: ExitStack) -> Contestant:
        gauged = pair("ring_gauged", batch, **LIMITS, step=batch)(stack)  # makes the board
        top = Top(board_name(), stack)
        return pair("ring_gauged", batch, partial(_watched, top), **LIMITS, step=gauged.step)(stack)

    return open_watched


def _watched(top: Top, processes: Pair, count: int) -> Sample:
    return top.run(processes, count)


def top(batch: int) -> Figure:
    """Records of 64 bytes between two Python processes, the receiver with a gauge."""
    work, at = "headrace top", f"batch {batch}"
    return Figure(
        f"top-batch-{batch}",
        {
            OURS: pair("ring_gauged", batch, **LIMITS, step=batch),
            ATTACHED: attached(batch),
            GAUGELESS: pair("ring_stamped", batch, **LIMITS, step=batch),
        },
        [
            Check(f"{work} attached", at, ATTACHED, OURS, "rate", ">=", 0.99),
            Check("gauges", at, OURS, GAUGELESS, "rate", ">=", None),
        ],
        seconds=SECONDS,
    )


FIGURES = (top(1024),)
