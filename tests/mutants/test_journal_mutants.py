"""Each planted bug of plain Python is caught by the test it names.

These files are plain Python, so each bug is planted in a copy of them, and nothing is built. A bug
counts as caught when a test fails, and not when it takes too long: then its table wants another
test. A few of them are tried each time, all in the long run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mutants.building import assemble, check_all_pass, library, run_tests
from mutants.planting import Planted, plant
from mutants.tables import PLAIN

EACH_TIME = {"tear taken for damage", "acknowledged one too early", "back by one too many"}
TOO_LONG = "from pytest-timeout"


@pytest.fixture
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for a copy of the sources; it has the same name each time."""
    folder = tmp_path_factory.getbasetemp() / "plain" / "changed"
    folder.parent.mkdir(exist_ok=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.torture
@pytest.mark.xdist_group("mutants")
@pytest.mark.timeout(900)
def test_without_a_bug_all_pass(tree: Path) -> None:
    assemble(tree)
    check_all_pass(PLAIN, library(tree))


@pytest.mark.xdist_group("mutants")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "bug",
    [
        pytest.param(bug, id=bug.name, marks=[] if bug.name in EACH_TIME else pytest.mark.torture)
        for bug in PLAIN
    ],
)
def test_bug_is_caught(bug: Planted, tree: Path) -> None:
    assemble(tree)
    plant(bug, tree)
    # One of a few is through before everything would be compiled.
    result = run_tests(bug.tests, library(tree), bytecode=bug.name not in EACH_TIME)
    assert result.failed, result.text[-3000:]
    assert not result.others, result.text[-3000:]
    assert TOO_LONG not in result.text, result.text[-3000:]


def test_some_are_tried_each_time() -> None:
    assert {bug.name for bug in PLAIN} > EACH_TIME
