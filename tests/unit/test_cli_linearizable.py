"""`headrace linearizable`: verdicts, exit codes, and what is wrong with a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_tools import headrace, in_folder, refused, succeeds

from headrace.cli import interrupts, linearizable

MODEL = """
import headrace as hr


@hr.machine(
    event=[("key", "U4"), ("write", "?"), ("value", "<i8")],
    output=[("value", "<i8"), ("key", "U4")],
    initial=dict,
)
def registers(state, key, write, value):
    if write:
        state[key] = value
        return state, None
    return state, (state.get(key, 0), key)


@hr.machine(event="<i4", output="<i4", initial=list)
def last_put(state, value):
    if value == 1000:
        return state, state[0]
    state.append(value)
    return state, None
"""
MODELLED = ("--model", "registers.py:registers")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "registers.py").write_text(MODEL)
    with in_folder(tmp_path) as folder:
        yield folder


def line(client: Any, call: Any, return_: Any, given: Any, output: Any = None, **more: Any) -> str:
    named = {"client": client, "call": call, "return": return_, "input": given}
    return json.dumps({**named, "output": output, "status": "ok", **more})


WRITES = [
    line("a", 1, 2, {"key": "x", "write": True, "value": 5}),
    line(1, 3.5, None, ["x", True, 6], status="info"),
    "",
    line("b", 4, 5, ["y", False, 0], {"value": 0, "key": "y"}),
]


def write(*lines: str) -> str:
    Path("history.jsonl").write_text("\n".join(lines) + "\n")
    return "history.jsonl"


def test_ok() -> None:
    file = write(*WRITES, line("b", 6, 7, ["x", False, 0], [[5, "x"]]))
    said = "ok: 4 operations can be put in one order\n"
    assert succeeds("linearizable", file, *MODELLED).stdout == said
    assert succeeds("linearizable", file, *MODELLED, "--partition", "key").stdout == said
    content = Path(file).read_text()
    assert succeeds("linearizable", "-", *MODELLED, stdin=content).stdout == said


def test_bad() -> None:
    file = write(*WRITES, line("b", 6, 7, ["x", False, 0], [{"value": 7, "key": "x"}]))
    result = headrace("linearizable", file, *MODELLED, "--partition", "key")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.splitlines() == [
        "bad, part 'x': 4 operations cannot be put in one order",
        "longest prefix that can be (2):",
        "  client 'a' [1, 2] {'key': 'x', 'write': True, 'value': 5} -> None",
        "  client 1 [3.5, ?] ('x', True, 6) (info)",
        "cannot follow:",
        "  client 'b' [6, 7] ('x', False, 0) -> [{'value': 7, 'key': 'x'}]",
        "states reached:",
        "  {'x': 5}: the answer is (5, 'x')",
        "  {'x': 6}: the answer is (6, 'x')",
    ]


def test_sequential() -> None:
    stale = line("b", 6, 7, ["x", False, 0], [[0, "x"]])
    file = write(*WRITES, stale)
    assert headrace("linearizable", file, *MODELLED).exit_code == 1
    said = succeeds("linearizable", file, *MODELLED, "--consistency", "sequential").stdout
    assert said == "ok: 4 operations can be put in one order that each client kept to\n"
    file = write(*WRITES, line("b", 6, 7, ["x", False, 0], [[9, "x"]]))
    result = headrace("linearizable", file, *MODELLED, "--consistency", "sequential")
    assert result.exit_code == 1
    assert "cannot be put in one order that each client kept to" in result.stdout


def test_pictures() -> None:
    file = write(*WRITES, line("b", 6, 7, ["x", False, 0], [[7, "x"]]))
    options = ("--html", "h.html", "--svg", "h.svg")
    result = headrace("linearizable", file, *MODELLED, *options)
    assert (result.exit_code, result.stderr) == (1, "")
    page, picture = Path("h.html").read_text(), Path("h.svg").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert picture.startswith("<svg ")
    for text in (page, picture):
        assert "bad: 4 operations cannot be put in one order" in re.sub(r"<[^>]*>", "", text)
        assert "[6, 7] (&#x27;x&#x27;, False, 0)" in text
    said = refused("linearizable", file, *MODELLED, "--svg", "nowhere/h.svg")
    assert "nowhere" in said


def test_unknown() -> None:
    puts = [line(client, 0, 10, client) for client in range(12)]
    file = write(*puts, line("reader", 11, 12, 1000, 77))
    result = headrace(
        "linearizable", file, "--model", "registers.py:last_put", "--time-limit", 0.05
    )
    assert (result.exit_code, result.stderr) == (3, "")
    assert result.stdout == "unknown: 13 operations; not decided within 0.05 s\n"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("{", "is no JSON: "),
        ("[1]", "is no operation: Expected `object`, got `array`"),
        ('{"client": "a", "call": 1, "input": 1}', "missing required field `status`"),
        (line("a", "x", 2, 1), "Expected `int | float`, got `str` - at `$.call`"),
        (line("a", 1, 2, 1, extra=1), "contains unknown field `extra`"),
        (line("a", 1, 2, ["x", True, 6], status="done"), "its status is 'done'"),
        (line("a", 3, 2, ["x", True, 6]), "it returns at 2, before its call at 3"),
        (line("b", 4.5, 6, ["x", True, 6]), "client 'b' calls at 4.5, while its operation 2"),
        (line("a", 3, None, ["x", True, 6]), "it has no return, but is 'ok'"),
        (line("a", 3, 4, ["x", True]), "its input is no event of machine 'registers'"),
        (line("a", 3, 4, ["xyz12", True, 1]), "field 'key' cannot be 'xyz12'"),
        (line("a", 3, 4, ["x", False, 1], [5, "x"]), "its output is none of machine"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--partition", "key")])
def test_bad_line(wrong: str, reason: str, options: tuple[str, ...]) -> None:
    said = refused("linearizable", write(*WRITES, wrong), *MODELLED, *options)
    assert said.startswith("error: history.jsonl, line 5: ")
    assert reason in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("none.jsonl", *MODELLED), "none.jsonl: cannot be read: No such file or directory"),
        (("history.jsonl",), "Missing option '--model'"),
        (("history.jsonl", *MODELLED, "--partition", "kee"), "--partition kee: the events of 'reg"),
        (("history.jsonl", *MODELLED, "--time-limit", "-1"), "--time-limit"),
        (
            ("history.jsonl", *MODELLED, "--partition", "key", "--consistency", "sequential"),
            "--partition: parts that are each sequentially consistent",
        ),
        (("history.jsonl", *MODELLED, "--consistency", "strict"), "--consistency"),
        (("history.jsonl", "--model", "machines.py:totals_then_large"), "is a pipeline"),
        (("history.jsonl", "--model", "registers.py:nothing"), "registers.py has no 'nothing'"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], reason: str) -> None:
    write(*WRITES)
    assert reason in refused("linearizable", *arguments)


@pytest.mark.parametrize(
    ("interrupt", "code"), [(KeyboardInterrupt(), 130), (interrupts.Terminated(), 143)]
)
def test_stopped(interrupt: BaseException, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with the code of a verdict."""

    def stop(*arguments: Any) -> None:
        raise interrupt

    monkeypatch.setattr(linearizable, "check", stop)
    said = refused("linearizable", write(*WRITES), *MODELLED, code=code)
    assert said == "note: stopped; nothing is decided\n"
