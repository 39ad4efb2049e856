"""Topologies over the cores: pipelines, shards, workers, against one core and the Disruptor."""

from __future__ import annotations

from functools import partial

from bench import topologies
from bench.figures.common import OURS, plain
from bench.figures.disruptor import LMAX, java
from bench.measure import Check, Figure

BATCH = 4096
STEP_NS, STEP_US = 100, 20
SEQUENTIAL = "one by one"
SLEEP_MS = 200  # of the experiment pipelined-state-machines, which the limits are from
EXPERIMENT_MS = {"pipelined": 1620, "sharded": 1020}


def machines_in_sequence() -> Figure:
    """Three native machines in an engine, in threads on two cores."""
    ours, theirs = f"{OURS} (machines)", f"{LMAX} (batch {BATCH})"
    one = f"{LMAX} (batch 1)"
    work = f"three native machines in an engine, 2 cores, 8 B, by {BATCH:,}"
    return Figure(
        "machines-in-sequence",
        {
            ours: plain(partial(topologies.line, BATCH), start=16 * BATCH, step=BATCH),
            one: java("pipeline", 1),
            theirs: java("pipeline", BATCH),
        },
        [
            Check(work, "LMAX by one", ours, one, "rate", ">=", 1.0),
            Check(work, f"LMAX by {BATCH:,}, too", ours, theirs, "rate", ">=", None),
        ],
        seconds=0.08,
    )


def swaps() -> Figure:
    """Three swaps that sleep, six items: in the measured runs 200 ms each, in quick ones 5."""
    limits = {"start": 5, "most": SLEEP_MS}
    return Figure(
        "three-swaps",
        {
            SEQUENTIAL: plain(partial(topologies.swaps, "sequential"), **limits),
            **{how: plain(partial(topologies.swaps, how), **limits) for how in EXPERIMENT_MS},
        },
        [
            Check("three swaps that sleep 0.2 s, 6 items", how, how, SEQUENTIAL, "ms", "<=", limit,
                  "value")
            for how, limit in EXPERIMENT_MS.items()
        ],
        seconds=10.0,
        times=0.3,
    )  # fmt: skip


def workers() -> Figure:
    """A step in Python, in two processes and in one."""
    one, two, keyed = "1 process", f"{OURS} (2 processes)", f"{OURS} (2 processes by key)"
    work = f"Python step of {STEP_US} us, 2 processes"
    opened = {
        name: topologies.python_shards(by, n, STEP_US, 200)
        for name, by, n in ((one, None, 1), (two, None, 2), (keyed, "key", 2))
    }
    return Figure(
        "workers",
        opened,
        [
            Check(work, "by index", two, one, "rate", ">=", 1.9),
            Check(work, "by key", keyed, one, "rate", ">=", 1.9),
        ],
        seconds=0.4,
    )


def elastic_workers() -> Figure:
    """The same step in an elastic stage, which has two worker processes, and one."""
    one, two = "1 worker process", f"{OURS} (2 worker processes)"
    work = f"elastic stage, Python step of {STEP_US} us"
    return Figure(
        "elastic-workers",
        {
            name: topologies.python_elastic(n, STEP_US, 200) for name, n in ((one, 1), (two, 2))
        },
        [Check(work, "2 worker processes", two, one, "rate", ">=", None)],
        seconds=0.4,
    )


def shares() -> Figure:
    """Two shards that read one ring, each its share, and one machine that takes all."""
    one, keyed, by_index = "one takes all", f"{OURS} (by key)", f"{OURS} (by index)"
    work = f"two shards of one ring, native step of {STEP_NS} ns"
    opened = {
        name: topologies.native_shards(by, n, STEP_NS, 4096)
        for name, by, n in ((one, None, 1), (keyed, "key", 2), (by_index, None, 2))
    }
    return Figure(
        "shares",
        opened,
        [
            Check(work, "by key", keyed, one, "rate", ">=", 1.6),
            Check(work, "by index", by_index, one, "rate", ">=", 1.6),
        ],
        seconds=0.08,
    )


FIGURES = (machines_in_sequence(), swaps(), workers(), elastic_workers(), shares())
