"""Builds the ring with its crash points and runs ring_crash_points.py in that; and how they stand.

The ordinary build has no trace of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from crash_operations import LOCKED, OPERATIONS, POINTS, numbers
from mutants.building import build, copy_sources, imported_from, library, run_tests

from headrace.ringbuffer import entries

CASES = "tests/crash/ring_crash_points.py"


def test_this_build_has_no_crash_points() -> None:
    assert not entries.CRASH_POINTS
    for module in Path(entries.__file__).parent.glob("*.so"):
        assert b"HEADRACE_CRASH_AT" not in module.read_bytes()


def test_each_point_is_in_some_operation_and_has_its_number() -> None:
    died_at = {point for operation in OPERATIONS for point, _ in operation.points}
    assert died_at | {"MULTI_SWAP_FAILED"} == set(POINTS)  # that one has a test of its own
    assert len(set(numbers().values())) == len(POINTS) >= 60
    assert set(POINTS) >= LOCKED
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_killed_and_paused_at_each_point(tmp_path: Path) -> None:
    tree = tmp_path / "crash-points"
    copy_sources(tree)
    build(tree, HEADRACE_CRASH_POINTS="1")
    assert imported_from(library(tree)) == library(tree) / "headrace"
    result = run_tests([CASES], library(tree), stop=False)
    assert not result.failed, result.text[-5000:]
    assert not result.others, result.text[-5000:]
    cases = sum(len(operation.points) for operation in OPERATIONS)
    assert len(result.passed) > cases > 120
