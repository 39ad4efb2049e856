"""What it costs to be looked at: `headrace top` attached and detached, gauges and none."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import lru_cache, partial

from bench.figures.common import OURS, pair
from bench.measure import Check, Contestant, Figure, Open, Sample
from bench.peers.pair import Pair
from bench.peers.ring_gauged import board_name
from bench.topologies import Line
from bench.watched import Top

ATTACHED = f"{OURS}, top attached"
GAUGELESS = f"{OURS}, without gauges"
LIMITS = {"start": 2048}
SECONDS = 1.0  # several looks
BATCH = 4096


def attached(batch: int) -> Open:
    """The gauged pair of the same figure, looked at while it runs."""

    def open_watched(stack: ExitStack) -> Contestant:
        gauged = pair("ring_gauged", batch, **LIMITS, step=batch)(stack)  # makes the board
        top = Top(board_name(), "receiver", stack)
        return pair("ring_gauged", batch, partial(_watched, top), **LIMITS, step=gauged.step)(stack)

    return open_watched


def _watched(top: Top, processes: Pair, count: int) -> Sample:
    return top.run(processes.run, count)


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


def engine_attached() -> Figure:
    """Three native machines in an engine with a name, looked at and not."""
    detached, name = f"{OURS} (engine)", f"bench-top-engine-{os.getpid()}"
    watched = f"{ATTACHED} (engine)"
    limits = {"start": 16 * BATCH, "step": BATCH}

    def opened(attach: bool, stack: ExitStack) -> Contestant:
        line = _line(name, stack)
        if not attach:
            return Contestant(line.run, **limits)
        return Contestant(partial(Top(name, "second", stack).run, line.run), **limits)

    return Figure(
        "top-engine",
        {detached: partial(opened, False), watched: partial(opened, True)},
        [Check("headrace top attached, engine", "", watched, detached, "rate", ">=", 0.99)],
        seconds=SECONDS,
    )


# Of one figure, whose stack is the key: both contestants are the same engine.
_line = lru_cache(maxsize=1)(lambda name, stack: Line(stack, BATCH, name=name))

FIGURES = (top(1024), engine_attached())
