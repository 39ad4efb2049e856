"""Each planted bug of what is compiled is caught, by the test that its table names.

The unchanged sources are built once; each bug is planted in a copy of that, and what it changes is
built again. A bug counts as caught when a test fails: a build or a collection that breaks does not.
Those of order_mutants.py are for a sanitizer: tests/torture/test_sanitizers.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mutants.building import build, build_with, check_all_pass, copy_sources, library, run_tests
from mutants.planting import Planted, by_name, plant, users
from mutants.ring_mutants import RING_MUTANTS
from mutants.tables import BUILT


def test_what_a_changed_function_is_used_by(tmp_path: Path) -> None:
    copy_sources(tmp_path)
    bug = next(bug for bug in RING_MUTANTS if bug.name == "limit ignored")
    assert bug.file.endswith("barrier.pxd")
    assert plant(bug, tmp_path) == ["src/ringbuffer/consumer.pyx"]
    text = (tmp_path / bug.file).read_text()
    assert len(users(tmp_path, bug.file, text, '"""Polling and releasing')) > 10  # of no function


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unchanged sources, built."""
    tree = tmp_path_factory.mktemp("mutants") / "base"
    copy_sources(tree)
    build(tree)
    return tree


@pytest.fixture
def tree(base: Path) -> Iterator[Path]:
    """A folder for a changed copy."""
    folder = base.parent / "changed"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.torture
@pytest.mark.xdist_group("mutants")
@pytest.mark.timeout(900)
def test_without_a_bug_all_pass(base: Path) -> None:
    check_all_pass(BUILT, library(base))


@pytest.mark.torture
@pytest.mark.xdist_group("mutants")
@pytest.mark.timeout(900)
@by_name(BUILT)
def test_bug_is_caught(bug: Planted, base: Path, tree: Path) -> None:
    build_with(bug, base, tree)
    result = run_tests(bug.tests, library(tree))
    assert result.failed, result.text[-3000:]
    assert not result.others, result.text[-3000:]
