"""Simulated systems: messages delivered, against seedloop and simloom; runs with faults."""

from __future__ import annotations

from bench import newer, simulating
from bench.figures.common import OURS, plain
from bench.games import PER_ROUND
from bench.measure import Check, Figure

BARE = "world alone"
SEEDLOOP, SIMLOOM = "seedloop", "simloom"
MODULES = {SEEDLOOP: "bench.peers.seedloop_games", SIMLOOM: "bench.peers.simloom_games"}
FASTER = 3.0
RATE = 0.6  # million a second
CHECKED = "always"
LOOP = "for that calls the handlers"  # what they cost by themselves; for information
PING_PONG, BROADCAST = "ping-pong", "broadcast"
SOME = {"start": 50 * PER_ROUND, "step": PER_ROUND}
# The same for all, so many that what a run costs by itself (simloom's collects garbage) is little.
MANY = dict.fromkeys(("start", "step", "most"), 2000 * PER_ROUND)


def game(name: str) -> Figure:
    """The same game by all three, in one interpreter."""
    run = name.replace("-", "_")
    work = f"simulated {name}, delivered"
    return Figure(
        f"simulated-{name}",
        {
            OURS: newer.ours("bench.simulating", run, **MANY),
            BARE: newer.ours("bench.simulating", f"bare_{run}", **MANY),
            **{peer: newer.peer(module, run, **MANY) for peer, module in MODULES.items()},
        },
        [
            *(Check(work, "", OURS, peer, "rate", ">=", FASTER) for peer in MODULES),
            *(Check(f"{work}, {BARE}", "", BARE, peer, "rate", ">=", None) for peer in MODULES),
        ],
    )


def delivered() -> Figure:
    """On the interpreter that runs this, by itself."""
    work = "simulated, delivered"
    return Figure(
        "simulated-delivered",
        {
            PING_PONG: plain(simulating.ping_pong, **SOME),
            BROADCAST: plain(simulating.broadcast, **SOME),
            CHECKED: plain(simulating.checked_broadcast, **SOME),
            BARE: plain(simulating.bare_ping_pong, **SOME),
            LOOP: plain(simulating.loop_ping_pong, **SOME),
        },
        [
            *(
                Check(work, name, name, name, "rate", ">=", RATE, "value")
                for name in (PING_PONG, BROADCAST)
            ),
            Check(f"{work}, always", BROADCAST, CHECKED, BROADCAST, "rate", ">=", None),
            Check("simulated ping-pong, world alone", "", BARE, LOOP, "rate", ">=", None),
        ],
    )


def chaos() -> Figure:
    """Whole runs of a small system with faults; for information."""
    few = {"start": 4, "most": 1000}
    return Figure(
        "simulated-chaos",
        {OURS: plain(simulating.chaotic, **few)},
        [Check("simulated runs with faults", "", OURS, OURS, "runs", ">=", None, "value")],
    )


FIGURES = (game(PING_PONG), game(BROADCAST), delivered(), chaos())
