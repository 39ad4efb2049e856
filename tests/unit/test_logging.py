"""What the library logs: through loggers and fields that docs/top.md has, and never by print."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.live.telling import BURST, Told

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "headrace"
SOURCES = [*PACKAGE.rglob("*.py"), *ROOT.glob("src/*/*.py")]
DOCUMENTED = (ROOT / "docs" / "top.md").read_text()
RESERVED = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}


def calls() -> Iterator[tuple[Path, ast.Call]]:
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call):
                yield source, node


def loggers() -> set[str]:
    """The names of all loggers that the package makes."""
    found = set()
    for source, call in calls():
        if ast.unparse(call.func).endswith("getLogger"):
            assert [type(each) for each in call.args] == [ast.Constant], f"{source}: name it"
            found.add(call.args[0].value)  # type: ignore[attr-defined]
    return found


def test_loggers_are_documented() -> None:
    assert "headrace.live" in loggers()
    for name in loggers():
        assert re.fullmatch(r"headrace(\.\w+)+", name)
        assert f"| `{name}` |" in DOCUMENTED


def test_nothing_is_printed() -> None:
    printing = {
        source.relative_to(ROOT).as_posix()
        for source, call in calls()
        if ast.unparse(call.func) in ("print", "sys.stdout.write", "sys.stderr.write")
    }
    assert not printing


def test_fields_of_a_live_node(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    tell = Told("a", lambda: now)
    for _ in range(BURST + 3):
        tell("a stranger: no frame")
    now = 1.0
    tell("a stranger: no frame")
    last = caplog.records[-1]
    assert last.name == "headrace.live"
    assert last.getMessage() == "a: a stranger: no frame (and 3 more were not told)"
    fields = {name: value for name, value in vars(last).items() if name not in RESERVED}
    assert fields == {"node": "a", "problem": "a stranger: no frame", "suppressed": 3}
    for name in fields:
        assert f"`{name}`" in DOCUMENTED
