"""What a SIGKILL costs those who live on."""

from __future__ import annotations

from functools import partial

from bench import journaling, killing, restarting
from bench.figures.common import plain
from bench.measure import Check, Figure

HOLE, SURVIVOR, SUCCESSOR = "hole", "survivor", "successor"
LIMIT_MS = 100
LINES = {
    HOLE: "a producer killed between claim and publish: the consumer goes on",
    SURVIVOR: "a shard's process killed: the other shard goes on",
    SUCCESSOR: "a shard's process killed: its successor (fork) goes on",
}


def deaths() -> Figure:
    """From SIGKILL to the next event that goes through; 50 kills each."""
    contestants = {
        HOLE: plain(killing.producers_killed, **killing.LIMITS),
        SURVIVOR: plain(partial(killing.workers_killed, "survivor"), **killing.LIMITS),
        SUCCESSOR: plain(partial(killing.workers_killed, "successor"), **killing.LIMITS),
    }
    checks = [
        Check(f"{work}, p99 of 50", "", who, who, "ms", "<=", LIMIT_MS, "value")
        for who, work in LINES.items()
    ]
    return Figure("deaths", contestants, checks, seconds=60.0, times=0.1)


def restart() -> Figure:
    """A machine with a native step brought back: a snapshot, and a million inputs behind it."""
    ours, opened, read = "restarted", "opened", "read"
    once = {"start": 1, "most": 1}
    work = "machine restarted, snapshot + 1 million inputs"
    engine = "engine opened again, snapshot + 1 million inputs"
    return Figure(
        "restart",
        {
            ours: plain(restarting.restored, **once),
            opened: plain(journaling.reopened, **once),
            read: plain(restarting.read, **once),
        },
        [
            Check(work, "", ours, read, "ms", "<=", 3.0),
            Check(work, "", ours, ours, "ms", "<=", 200, "value"),
            Check(engine, "", opened, read, "ms", "<=", None),
            Check(engine, "", opened, opened, "ms", "<=", 200, "value"),
        ],
    )


FIGURES = (deaths(), restart())
