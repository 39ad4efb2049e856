"""Each test that docs/failure.md names is there, and each row names one."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "failure.md"
LINK = re.compile(r"\[(test_\w+)\]\(\.\./(tests/[\w/]+\.py)\)")


def missing(text: str) -> list[str]:
    """The tests that a page names, and that no file has."""
    return [
        f"{path}::{name}" for name, path in LINK.findall(text)
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text()
    ]  # fmt: skip


def test_the_tests_that_are_named_exist() -> None:
    assert missing(PAGE.read_text()) == []
    here = "tests/unit/test_failure_page.py"
    assert missing(f"[test_gone](../{here})") == [f"{here}::test_gone"]
    assert missing("[test_gone](../tests/gone.py)") == ["tests/gone.py::test_gone"]


def test_each_row_names_a_test() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    told = [line for line in rows if not line.startswith("| who |")]
    assert len(told) >= 30
    assert [line for line in told if not LINK.search(line)] == []
