"""`headrace dead-letters`: what it prints, what it publishes again, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_journals import words
from cli_tools import TRADE, headrace, in_folder, refused, succeeds
from journal_tools import SEGMENT_BYTES, flip
from letter_tools import reinjected_in

import headrace as hr
from headrace.cli.loading import load

MENDED = """
import headrace as hr
from machines import TOTAL, TRADE, large


@hr.machine(event=TRADE, output=TOTAL, initial=int, name="inverse")
def inverse(state, account, amount):
    return state + 1, (account, 1 / amount if amount else 0)


inverse_then_large = inverse >> large
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        (folder / "mended.py").write_text(MENDED)
        yield folder


def fill(machine: str = "inverse", *, snapshot: bool = True) -> None:
    """Letters of trades 1 and 3, and of more where there is a second stage."""
    trades = np.array([(7, 2.0), (8, 0.0), (9, -4.0), (10, 0.0), (11, 0.25)], TRADE)
    with hr.Engine(
        load(f"machines.py:{machine}"),
        on_error="dead_letter",
        dead_letters="dead",
        journal=hr.Journal("j", segment_bytes=SEGMENT_BYTES),
    ) as engine:
        engine.publish(trades)
        engine.drain()
        if snapshot:
            engine.snapshot()


def lines_of(*arguments: object, code: int = 0) -> list[dict[str, Any]]:
    result = headrace("dead-letters", "dead", *arguments, "--json")
    assert result.exit_code == code, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def reinject(app: str = "mended.py:inverse") -> tuple[str, ...]:
    return "--reinject", app, "--journal", "j/"


def test_list() -> None:
    fill("inverse_then_large")
    told = succeeds("dead-letters", "dead/").stdout.splitlines()
    assert told[0].split() == ["letter", "event", "stage", "when", "(UTC)", "error", "fate"]
    found = {" ".join(line.split()[1:3]): line for line in told[1:]}
    assert set(found) == {"1 inverse", "3 inverse", "1 large"}
    assert "ZeroDivisionError: float division by zero" in found["3 inverse"]
    assert "ValueError: a negative total" in found["1 large"]
    assert all(line.rstrip().endswith("waiting") for line in told[1:])
    letters = lines_of()
    assert [each["letter"] for each in letters] == [0, 1, 2]
    (large,) = [each for each in letters if each["machine"] == "large"]
    assert (large["sequence"], large["origin"]) == (1, 2)
    assert large["event"] == {"account": 9, "total": -0.25}


def test_none_are_there() -> None:
    with hr.Engine(load("machines.py:total"), on_error="dead_letter", dead_letters="dead"):
        pass
    assert succeeds("dead-letters", "dead").stdout == "there are no dead letters\n"
    assert lines_of() == []


def test_show() -> None:
    fill()
    told = succeeds("dead-letters", "dead", "--show", 1).stdout
    for wanted in (
        "letter 1 ",
        "machine inverse, version 1 stage inverse ",
        "event 3, of input 3, published 20",
        "retries 0 fate waiting error ZeroDivisionError: float division by zero",
        "field value account 10 amount 0.0",
    ):
        assert wanted in words(told)
    assert "Traceback (most recent call last):\n" in told
    assert "in one_over\n    return 1 / amount\n" in told
    one = json.loads(succeeds("dead-letters", "dead", "--show", 1, "--json").stdout)
    assert one["traceback"].endswith("ZeroDivisionError: float division by zero\n")
    assert one["event"] == {"account": 10, "amount": 0.0}
    assert one["error"] == "ZeroDivisionError"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--show", 2], "there is no letter 2; it has 2 letters"),
        (["--show", -1], "there is no letter -1"),
        (["--discard", 5], "there is no letter 5"),
        (["--show", 1, "--discard", 1], "one of --show, --reinject and --discard"),
        ([1], "belong to --reinject"),
        (["--all"], "belong to --reinject"),
        (["--reinject", "mended.py:inverse", "--all"], "needs the journal"),
        ([*reinject()], "needs the numbers of some letters, or --all"),
        ([*reinject(), 1, "--all"], "needs the numbers of some letters, or --all"),
        ([*reinject(), 2], "there is no letter 2"),
        ([*reinject("mended.py:nothing"), 1], "has no 'nothing'"),
        ([*reinject("machines.py:total"), 1], "letter 1 is of machine 'inverse'"),
        (["--reinject", "mended.py:inverse", "--journal", "k", "0"], "there is no journal"),
    ],
)
def test_wrong_use(arguments: list[object], wanted: str) -> None:
    fill()
    before = sorted(Path().rglob("*"))
    assert wanted in refused("dead-letters", "dead", *arguments)
    assert sorted(each for each in Path().rglob("*") if "__pycache__" not in str(each)) == before
    assert [each["fate"] for each in lines_of()] == ["waiting"] * 2


def test_no_dead_letters_there() -> None:
    fill()
    assert "there is no journal" in refused("dead-letters", "nowhere")
    Path("empty").mkdir()
    assert "there is no dead-letter journal" in refused("dead-letters", "empty")
    assert "j holds no dead letters: it is the journal of" in refused("dead-letters", "j")


def test_damage_is_told() -> None:
    fill()
    (path,) = Path("dead").glob("*.segment")
    flip(path, 2 * 4096 + 70)
    assert "checksum of a frame does not match" in refused("dead-letters", "dead", code=1)


def test_reinject() -> None:
    fill()
    told = succeeds("dead-letters", "dead", *reinject(), 1).stdout
    assert told == "done letter 1 is input 5\n"
    assert [each["reinjected_as"] for each in lines_of()] == [None, 5]
    told = succeeds("dead-letters", "dead", *reinject(), 1, 0).stdout
    assert told == "left letter 1 was input 5 before\ndone letter 0 is input 6\n"
    assert "reinjected as input 6" in succeeds("dead-letters", "dead").stdout
    told = succeeds("dead-letters", "dead", *reinject(), "--all").stdout
    assert told == "there is nothing to re-inject\n"
    with hr.Engine(load("mended.py:inverse"), journal="j") as engine:
        assert (engine.sequence, engine.state) == (7, 5)


def test_what_fails_again() -> None:
    fill()
    result = headrace("dead-letters", "dead", *reinject("machines.py:inverse"), "--all")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == (
        "failed again letter 0, as input 5: letter 2, ZeroDivisionError: float division by zero\n"
        "failed again letter 1, as input 6: letter 3, ZeroDivisionError: float division by zero\n"
    )
    found = lines_of(*reinject("machines.py:inverse"), 2, code=1)
    assert found == [{"letter": 2, "fate": "reinjected", "reinjected_as": 7, "failed_again": 4}]


def test_mended_before_a_snapshot() -> None:
    """The mended machine steps over them where they stand."""
    fill(snapshot=False)
    told = succeeds("dead-letters", "dead", *reinject(), "--all").stdout
    assert told.splitlines() == [
        f"left letter {n} is stepped: the machine has stepped over it when its journal was opened"
        for n in range(2)
    ]
    assert reinjected_in("j") == []
    with hr.Engine(load("mended.py:inverse"), journal="j") as engine:
        assert (engine.sequence, engine.state) == (5, 5)


def test_only_those_of_the_first_machine() -> None:
    fill("inverse_then_large")
    (other,) = [each["letter"] for each in lines_of() if each["machine"] == "large"]
    app = "mended.py:inverse_then_large"
    assert f"letter {other} is of machine 'large'" in refused(
        "dead-letters", "dead", *reinject(app), other
    )
    result = headrace("dead-letters", "dead", *reinject(app), "--all")
    assert result.exit_code == 0
    assert "left alone: 1 letter of other machines" in result.stderr
    assert sorted(reinjected_in("j")) == [
        (each, at) for each, at in zip(sorted({0, 1, 2} - {other}), (5, 6), strict=True)
    ]


def test_discard() -> None:
    fill()
    told = succeeds("dead-letters", "dead", "--discard", 1).stdout
    assert told == "discarded letter 1\n"
    result = headrace("dead-letters", "dead", "--discard", 1, "--discard", 0)
    assert result.stdout == "discarded letter 0\n"
    assert "note: letter 1 was discarded before" in result.stderr
    assert [each["fate"] for each in lines_of()] == ["discarded"] * 2
    told = succeeds("dead-letters", "dead", *reinject(), 0).stdout
    assert told == "left letter 0 is discarded\n"
    assert reinjected_in("j") == []


def test_an_engine_is_at_work() -> None:
    fill()
    with hr.Engine(
        load("machines.py:inverse"), on_error="dead_letter", dead_letters="dead", journal="j"
    ):
        assert len(lines_of()) == 2
        for arguments in ([*reinject(), 0], ["--discard", 0]):
            assert "another writer has it open" in refused("dead-letters", "dead", *arguments)
