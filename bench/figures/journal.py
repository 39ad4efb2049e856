"""Journals: durable inputs, recovery, replay and histories, against bare writes and databases."""

from __future__ import annotations

from functools import partial

from bench import journaling, machines, stepping
from bench.figures.common import OURS, plain
from bench.measure import Check, Figure
from bench.peers import durable

APPENDED, PREPARED = "write, fdatasync (new file)", "write, fdatasync (file of zeros)"
BLOCK = "write 4 KB, fdatasync"
WRITTEN = "write (new file)"
NO_JOURNAL = "no journal"
CHECKED = "read and checksum"
LOOP = "bare for over tuples"
BY_BATCH = "batch step"
EVENTSOURCING, REDIS = "eventsourcing", "redis stream"
WITHOUT = "without snapshots"

WIDE = {"start": journaling.WIDE_LAP * 4, "step": journaling.WIDE_LAP, "most": 1 << 20}
FEW = {"start": 30, "most": 300}
ONCE = {"start": 1, "most": 1}


def saturated() -> Figure:
    """Events of 64 bytes, as many as are taken."""
    return Figure(
        "journal-saturated",
        {
            OURS: plain(partial(journaling.saturated, "fsync"), **WIDE),
            APPENDED: plain(partial(journaling.bare_writes, False), **WIDE),
            PREPARED: plain(partial(journaling.bare_writes, True), **WIDE),
            **{
                level: plain(partial(journaling.saturated, level), **WIDE)
                for level in ("os", "none")
            },
            WRITTEN: plain(partial(journaling.bare_writes, False, sync=False), **WIDE),
            NO_JOURNAL: plain(partial(journaling.saturated, None), **WIDE),
        },
        [
            Check("durable events, 64 B, saturated", "", OURS, APPENDED, "rate", ">=", 0.7),
            Check("durable events, 64 B, saturated", "", OURS, PREPARED, "rate", ">=", None),
            Check("journal of level", "os", "os", NO_JOURNAL, "rate", ">=", 0.5),
            Check("journal of level", "none", "none", NO_JOURNAL, "rate", ">=", 0.7),
            *(
                Check("journal of level", level, level, WRITTEN, "rate", ">=", None)
                for level in ("os", "none")
            ),
        ],
        seconds=0.1,
    )


def calls() -> Figure:
    """One durable call after the other."""
    return Figure(
        "journal-calls",
        {
            OURS: plain(journaling.durable_calls, **FEW),
            BLOCK: plain(journaling.bare_block_writes, **FEW),
        },
        [
            Check("durable call, p50", "", OURS, BLOCK, "p50", "<=", 1.4),
            Check("durable call, p99", "", OURS, BLOCK, "p99", "<=", None),
        ],
    )


def replay() -> Figure:
    """Ten million inputs stepped over again, their digests compared."""
    work = "replay with verification"
    return Figure(
        "journal-replay",
        {
            **{
                kind: plain(partial(journaling.replayed, kind), **ONCE)
                for kind in ("native", "batch")
            },
            CHECKED: plain(journaling.read_and_checked, **ONCE),
        },
        [
            Check(work, "native", "native", CHECKED, "rate", ">=", 0.5),
            Check(work, "batch", "batch", CHECKED, "rate", ">=", 0.5),
        ],
        times=0.5,
    )


def replay_python() -> Figure:
    """A Python step, against the loop that calls it."""
    lap = {"start": machines.LAP, "step": machines.LAP}
    return Figure(
        "journal-replay-python",
        {
            OURS: plain(journaling.replayed_in_python, **ONCE),
            LOOP: plain(stepping.loop_sum_step, **lap),
        },
        [Check("replay, Python step", "", OURS, LOOP, "rate", ">=", 0.9)],
        times=0.5,
    )


def looking_back() -> Figure:
    """Opening ten million inputs again, and walking about in them."""
    return Figure(
        "journal-history",
        {
            "open": plain(journaling.reopened, **ONCE),
            "at": plain(journaling.jumps, **ONCE),
            "step": plain(journaling.steps_and_backs, **ONCE),
        },
        [
            Check("10 million inputs, opened again", "", "open", "open", "ms", "<=", 1000, "value"),
            Check("10 million inputs", "history.at", "at", "at", "ms", "<=", 1000, "value"),
            Check("10 million inputs", "step and back", "step", "step", "ms", "<=", 20, "value"),
        ],
        times=0.3,
    )


def databases() -> list[Figure]:
    """Durable sums, one input and a hundred at a time."""
    most = {1: 400, 100: 10_000}
    theirs = {batch: {"start": 2 * batch, "step": batch, "most": most[batch]} for batch in (1, 100)}
    ours = {
        batch: {"start": 100 * batch, "step": batch, "most": machines.LAP} for batch in (1, 100)
    }
    return [
        Figure(
            f"journal-sum-{batch}",
            {
                OURS: plain(partial(journaling.durable_sum, batch, "python"), **ours[batch]),
                BY_BATCH: plain(partial(journaling.durable_sum, batch, "batch"), **ours[batch]),
                EVENTSOURCING: plain(partial(durable.eventsourcing_sum, batch), **theirs[batch]),
                REDIS: plain(partial(durable.redis_sum, batch), **theirs[batch]),
            },
            [
                Check(f"durable keyed sum, {step}", f"by {batch}", who, peer, "rate", ">=", 100)
                for who, step in ((OURS, "Python step"), (BY_BATCH, "batch step"))
                for peer in (EVENTSOURCING, REDIS)
            ],
            times=0.4,
        )
        for batch in (1, 100)
    ]


def snapshots() -> Figure:
    """Latency beside snapshots."""
    many = {"start": 200, "most": 5000}
    return Figure(
        "journal-snapshots",
        {
            OURS: plain(partial(journaling.beside_snapshots, True), **many),
            WITHOUT: plain(partial(journaling.beside_snapshots, False), **many),
        },
        [Check("batch of 64, p99, beside snapshots", "", OURS, WITHOUT, "p99", "<=", 2.0)],
        seconds=0.4,
    )


FIGURES = (
    saturated(),
    calls(),
    replay(),
    replay_python(),
    looking_back(),
    *databases(),
    snapshots(),
)
