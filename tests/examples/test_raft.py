"""The replicated store is right under chaos; every bug planted in it is found, and made small."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from lengths import cases
from protocol_bugs import ProtocolBug, check_found, example, find
from raft_bugs import BUGS

import headrace as hr

SEEDS = 40  # of each simulation that the correct store passes; the torture has many more
SEEDS_MANY = 3_000
SIMULATIONS = ("simulation", "elections", "restarts", "figure_3_7")
# Made small in seconds of runs that fail late; the torture does it, and here they are only found.
SLOW = {
    "acknowledged before the disk",
    "log truncated by an old message",
    "log not truncated on conflict",
    "read before the term's first entry",
    "stale read",
    "vote forgotten at a restart",
    "commit of an earlier term by counting",
    "duplicate execution of a retry",
    "clock used as a lease without bound",
    "commit without quorum",
}
RARE_SEEDS = 100  # bugs that need more of them are left to the torture

raft: Any = example("raft/__init__.py")


def run_all(simulation: hr.Simulation, seeds: range) -> list[hr.Run]:
    """Runs that are all right, and decided."""
    runs = [simulation.run(seed).check() for seed in seeds]
    assert not any(run.undecided for run in runs)
    return runs


@pytest.mark.parametrize("name", SIMULATIONS)
def test_the_store_is_right(name: str) -> None:
    run_all(getattr(raft, name), range(SEEDS))


def test_five_nodes_are_right() -> None:
    run_all(raft.simulation_of_five, range(SEEDS // 3))


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [*SIMULATIONS, "simulation_of_five"])
def test_the_store_is_right_for_many_seeds(name: str) -> None:
    run_all(getattr(raft, name), range(SEEDS, SEEDS_MANY))


def test_chaos_happens_and_the_store_still_answers() -> None:
    """A store that refuses all, or a world in which nothing goes wrong, would be right as well."""
    runs = run_all(raft.simulation, range(60))
    faults: Counter[str] = sum((run.faults for run in runs), Counter())
    assert faults.keys() >= {
        "Crash",
        "FullDisk",
        "SlowDisk",
        "Pause",
        "Partition",
        "Cut",
        "Clog",
        "Weather",
        "Jump",
        "Drift",
    }
    counts: Counter[str] = sum((run.counts for run in runs), Counter())
    assert min(counts[what] for what in ("LOST", "DUPLICATED", "CORRUPTED", "FULL")) > 0
    reached = frozenset().union(*(run.reached for run in runs))
    assert reached == raft.system.sometimes.keys()
    asked = [one for run in runs for history in run.history.values() for one in history]
    assert len(asked) == 60 * 3 * raft.COMMANDS
    assert sum(one.status == "ok" for one in asked) > 0.9 * len(asked)
    assert any(one.status == "info" for one in asked)


@pytest.mark.parametrize("seed", range(4))
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    one, other = raft.simulation.run(seed), raft.simulation.run(seed)
    assert one.digest == other.digest
    assert one.history == other.history
    assert one.digest != raft.simulation.run(seed + 100).digest


LONG = {*SLOW, "snapshot without the client table", "unknown told as failed", "vote not synced"}


@pytest.mark.parametrize(
    "bug", cases(BUGS, {*LONG, *(bug.name for bug in BUGS if bug.seeds > RARE_SEEDS)})
)
def test_a_planted_bug_is_found(bug: ProtocolBug) -> None:
    check_found(bug)


@pytest.mark.parametrize(
    "bug", cases([bug for bug in BUGS if bug.name in SLOW], {*SLOW} - {"stale read"})
)
def test_a_planted_bug_fails(bug: ProtocolBug) -> None:
    assert not find(bug).ok
