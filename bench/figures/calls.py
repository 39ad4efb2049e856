"""What single calls from Python cost above an empty loop."""

from __future__ import annotations

from functools import partial

from bench import calls
from bench.figures.common import plain
from bench.measure import Check, Figure

LOOP = "empty loop"
CLAIM, BLOCK, POLL = "next + commit", "with claim(1)", "poll(1) + release"
TURN, BARE_TURN = "for turn", "bare turn"
WORK = "Python calls at batch 1"
START = 20_000

FIGURES = (
    Figure(
        "calls",
        {
            LOOP: plain(calls.empty_loop, start=START),
            CLAIM: plain(calls.claim_publish, start=START),
            BLOCK: plain(partial(calls.claim_publish, block=True), start=START),
            POLL: plain(calls.poll_release, start=START, most=1 << 21),
            TURN: plain(partial(calls.turns, by_ring=True), start=START),
            BARE_TURN: plain(partial(calls.turns, by_ring=False), start=START),
        },
        [
            Check(WORK, "claim + publish", CLAIM, LOOP, "ns", "<=", 35, "difference"),
            Check(WORK, "with claim(1)", BLOCK, LOOP, "ns", "<=", None, "difference"),
            Check(WORK, "poll + release", POLL, LOOP, "ns", "<=", 35, "difference"),
            Check(WORK, "for turn", TURN, BARE_TURN, "ns", "<=", 20, "difference"),
        ],
    ),
)
