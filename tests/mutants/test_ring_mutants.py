"""Each planted bug of the compiled ring and engine is caught, by the test that its table names.

The unchanged sources are built once; each bug is planted in a copy of that, and what it changes is
built again. A bug counts as caught when a test fails: a build or a collection that breaks does not.
Those of order_mutants.py are for a sanitizer: tests/torture/test_sanitizers.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mutants.building import build, build_with, copy_sources, imported_from, library, run_tests
from mutants.engine_mutants import ENGINE_MUTANTS
from mutants.handle_mutants import HANDLE_MUTANTS
from mutants.order_mutants import ORDER_MUTANTS
from mutants.planting import ROOT, Planted, missing_tests, plant, users
from mutants.ring_mutants import RING_MUTANTS

RUN_BY_TESTS = [*RING_MUTANTS, *HANDLE_MUTANTS, *ENGINE_MUTANTS]
ALL = [*RUN_BY_TESTS, *ORDER_MUTANTS]


def by_name(bugs: list[Planted]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("bug", bugs, ids=lambda bug: bug.name)


# -- the tables ----------------------------------------------------------------------------------


@by_name(ALL)
def test_table_is_not_stale(bug: Planted) -> None:
    text = (ROOT / bug.file).read_text()
    assert bug.apply_to(text) != text


def test_tables_name_tests_that_exist() -> None:
    assert missing_tests(RUN_BY_TESTS) == []
    gone = Planted("a", "b", "c", "d", "e", "unit/test_ring_end.py::test_gone")
    assert missing_tests([gone]) == ["tests/unit/test_ring_end.py::test_gone"]


def test_there_are_many_bugs_and_each_is_named_once() -> None:
    assert len(RING_MUTANTS) >= 15
    for bugs in (RUN_BY_TESTS, ORDER_MUTANTS):
        names = [bug.name for bug in bugs]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("text", ["nothing of it", "old and old"])
def test_stale_table_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="times, not once"):
        Planted("a", "b", "c", "old", "new", "").apply_to(text)


def test_what_a_changed_function_is_used_by(tmp_path: Path) -> None:
    copy_sources(tmp_path)
    bug = next(bug for bug in RING_MUTANTS if bug.name == "limit ignored")
    assert bug.file.endswith("barrier.pxd")
    assert plant(bug, tmp_path) == ["src/ringbuffer/consumer.pyx"]
    text = (tmp_path / bug.file).read_text()
    assert len(users(tmp_path, bug.file, text, '"""Polling and releasing')) > 10  # of no function


# -- the bugs ------------------------------------------------------------------------------------


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
    assert imported_from(library(base)) == library(base) / "headrace"
    named = sorted({test for bug in RUN_BY_TESTS for test in bug.tests})
    result = run_tests(named, library(base), stop=False)
    assert not result.failed, result.text
    assert not result.others, result.text
    for test in named:
        assert any(passed.startswith(test) for passed in result.passed), test


@pytest.mark.torture
@pytest.mark.xdist_group("mutants")
@pytest.mark.timeout(900)
@by_name(RUN_BY_TESTS)
def test_bug_is_caught(bug: Planted, base: Path, tree: Path) -> None:
    build_with(bug, base, tree)
    result = run_tests(bug.tests, library(tree))
    assert result.failed, result.text[-3000:]
    assert not result.others, result.text[-3000:]
