"""The tables of planted bugs fit the sources and the tests that there are."""

from __future__ import annotations

import pytest

from mutants.planting import ROOT, Planted, by_name, missing_tests
from mutants.ring_mutants import RING_MUTANTS
from mutants.tables import BUILT, PLAIN, SANITIZED


@by_name([*BUILT, *PLAIN, *SANITIZED])
def test_table_is_not_stale(bug: Planted) -> None:
    text = (ROOT / bug.file).read_text()
    assert bug.apply_to(text) != text


def test_tables_name_tests_that_exist() -> None:
    assert missing_tests([*BUILT, *PLAIN]) == []
    gone = Planted("a", "b", "c", "d", "e", "unit/test_ring_end.py::test_gone")
    assert missing_tests([gone]) == ["tests/unit/test_ring_end.py::test_gone"]


def test_there_are_many_bugs_and_each_is_named_once() -> None:
    assert len(RING_MUTANTS) >= 15
    assert len(PLAIN) >= 150
    for bugs in ([*BUILT, *PLAIN], SANITIZED):
        names = [bug.name for bug in bugs]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("text", ["nothing of it", "old and old"])
def test_stale_table_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="times, not once"):
        Planted("a", "b", "c", "old", "new", "").apply_to(text)
