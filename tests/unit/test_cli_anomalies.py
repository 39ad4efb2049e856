"""`headrace anomalies`: verdicts, exit codes, and what is wrong with a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_tools import headrace, in_folder, refused, succeeds

from headrace.cli import anomalies


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        yield folder


def line(client: Any, call: Any, return_: Any, given: Any, output: Any = None, **more: Any) -> str:
    named = {"client": client, "call": call, "return": return_, "input": given}
    return json.dumps({**named, "output": output, "status": "ok", **more})


LINES = [
    line(
        "a",
        0,
        1,
        [["append", "x", 1], ["read", "y", None]],
        [["append", "x", 1], ["read", "y", []]],
    ),
    "",
    line("b", 2, None, [["append", "x", 2]], status="info"),
    line("c", 0, 9, [["read", "x", [1]]]),
]
STALE = line("d", 5, 6, [["read", "x", []]])


def write(*lines: str) -> str:
    Path("history.jsonl").write_text("\n".join(lines) + "\n")
    return "history.jsonl"


def test_ok() -> None:
    said = "ok: 3 transactions, no anomalies\n"
    file = write(*LINES)
    assert succeeds("anomalies", file).stdout == said
    assert succeeds("anomalies", "-", stdin=Path(file).read_text()).stdout == said


def test_bad() -> None:
    file = write(*LINES, STALE)
    result = headrace("anomalies", file)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.splitlines() == [
        "bad: 4 transactions, with G-single-realtime",
        "G-single-realtime:",
        "  T1: client 'a' [0, 1] append 1 to 'x', read 'y': []",
        "  T2: client 'd' [5, 6] read 'x': []",
        "  T1 was before T2 (realtime): T1 had returned when T2 was called",
        "  T2 was before T1 (rw): T2 read nothing in 'x', and so did not see 1, which T1 "
        "appended next",
        "so it is not strong-snapshot-isolation, nor what is stronger",
    ]
    assert succeeds("anomalies", file, "--no-realtime").stdout.startswith("ok: 4 ")
    own = write(*LINES, line("a", 5, 6, [["read", "x", []]]))
    assert "with G-single-process" in headrace("anomalies", own, "--no-realtime").stdout
    assert succeeds("anomalies", own, "--no-realtime", "--no-process").stdout.startswith("ok")


def test_unknown() -> None:
    result = headrace("anomalies", write(*LINES, STALE), "--time-limit", 0)
    assert (result.exit_code, result.stderr) == (3, "")
    assert result.stdout == "unknown: 4 transactions; no time to look for all cycles\n"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("{", "is no JSON: "),
        (line("a", 3, 4, 7), "it is 7, not a list of appends and reads"),
        (line("a", 3, 4, [["append", "x", 1]]), "it appends 1 to 'x', as operation 0 does"),
        (line("a", 3, 4, [["read", "x", None]]), "is ok, but does not say what was read"),
        (line("a", 3, 4, [["append", ["x"], 1]]), "has a key or value that cannot be hashed"),
    ],
)
def test_bad_line(wrong: str, reason: str) -> None:
    said = refused("anomalies", write(*LINES, wrong))
    assert said.startswith("error: history.jsonl, line 5: ")
    assert reason in said


def test_wrong_use() -> None:
    assert "none.jsonl: cannot be read: No such file" in refused("anomalies", "none.jsonl")


def test_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with the code of a verdict."""

    def stop(*arguments: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(anomalies, "check", stop)
    said = refused("anomalies", write(*LINES), code=130)
    assert said == "note: stopped; nothing is decided\n"
