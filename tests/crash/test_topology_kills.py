"""Workers of a topology are killed at any moment: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from topology_storms import inputs, run_killed, run_mixed, run_storm

SECONDS = float(os.environ.get("HEADRACE_STORM_SECONDS", "120"))


@pytest.mark.timeout(120)
def test_each_kind_of_stage_is_killed_without_a_journal() -> None:
    storm = run_killed(inputs(700, 1), 1, None, 1)
    assert sorted(storm.killed) == ["a", "b.0", "b.1", "c.0", "c.1", "d", "e.0", "e.1", "f"]


@pytest.mark.timeout(120)
def test_each_kind_of_stage_is_killed_with_a_journal(tmp_path: Path) -> None:
    storm = run_killed(inputs(700, 2), 2, tmp_path / "j", 1)
    assert sorted(storm.killed) == ["a", "b.0", "b.1", "c.0", "c.1", "d", "e.0", "e.1", "f"]


@pytest.mark.torture
@pytest.mark.timeout(SECONDS + 600)
def test_a_storm_over_a_topology(tmp_path: Path) -> None:
    storm = run_storm(tmp_path / "j", os.getpid(), SECONDS)
    assert sum(storm.killed.values()) > SECONDS / 2
    assert storm.stopped > SECONDS / 10


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(6))
def test_kills_where_there_is_no_order(seed: int) -> None:
    run_mixed(inputs(3000, seed), seed, 6)


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(10))
def test_many_kills(tmp_path: Path, seed: int) -> None:
    run_killed(inputs(5000, seed), seed, tmp_path / "j" if seed % 2 else None, 10)
