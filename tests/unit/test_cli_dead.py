"""Dead letters of `headrace run`: events whose step raised, put aside to be run again."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cli_tools import headrace, in_folder, refused, rows, succeeds, summary

from headrace.state import state_digest

ZERO_CSV = "account,amount\n7,2\n8,0\n9,4\n5,0\n"
OPTIONS = ["-i", "zero.csv", "--on-error", "dead_letter"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        (folder / "zero.csv").write_text(ZERO_CSV)
        yield folder


def letters(file: str) -> list[list[str]]:
    with open(file, newline="") as text:
        header, *found = csv.reader(text)
    assert header[0] == "sequence"
    assert header[-1] == "error"
    return found


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_beside_the_output(batch: int) -> None:
    result = succeeds(
        "run", "machines.py:inverse", *OPTIONS, "-o", "out.csv.gz", "--batch", batch
    )
    found = letters("out.dead.csv")
    assert [letter[:3] for letter in found] == [["1", "8", "0.0"], ["3", "5", "0.0"]]
    assert "failed at event 1 {'account': 8, 'amount': 0.0}: ZeroDivisionError" in found[0][3]
    told = summary(result.stdout)
    assert told["events in"] == "4 from zero.csv"
    assert told["outputs"] == "2 to out.csv.gz"
    assert told["dead letters"] == "2 to out.dead.csv"
    assert told["state digest"] == state_digest(2)


def test_where_there_are_none() -> None:
    result = succeeds("run", "machines.py:total", *OPTIONS, "-o", "out.csv")
    assert summary(result.stdout)["dead letters"] == "0 to out.dead.csv"
    assert letters("out.dead.csv") == []


def test_run_again_once_mended() -> None:
    succeeds("run", "machines.py:inverse", *OPTIONS, "-o", "out.csv")
    result = headrace("run", "machines.py:total", "-i", "out.dead.csv", "-o", "again.csv")
    assert result.exit_code == 0
    assert result.stderr == "note: out.dead.csv: columns left out: 'sequence', 'error'\n"
    assert [row[2:] for row in rows(Path("again.csv").read_text())] == [["8", "0.0"], ["5", "0.0"]]


def test_in_an_array_and_on_stdout() -> None:
    succeeds("run", "machines.py:inverse", *OPTIONS, "--dead-letters", "dead.npy")
    array = np.load("dead.npy")
    assert array.dtype.names == ("sequence", "account", "amount", "error")
    assert array[["sequence", "account", "amount"]].tolist() == [(1, 8, 0.0), (3, 5, 0.0)]
    result = headrace(
        "run", "machines.py:inverse", *OPTIONS, "-o", "out.csv", "--dead-letters", "-"
    )
    assert [line.split(",")[0] for line in result.stdout.splitlines()] == ["sequence", "1", "3"]
    assert summary(result.stderr)["dead letters"] == "2 to stdout"


def test_field_that_is_called_error(folder: Path) -> None:
    (folder / "odd.py").write_text(
        "import headrace as hr\n"
        "@hr.machine(event=[('error', 'i8')], output='i8', initial=int)\n"
        "def odd(state, error):\n    return state, 1 // error\n"
    )
    (folder / "odd.csv").write_text("error\n0\n1\n")
    succeeds(
        "run", "odd.py:odd", "-i", "odd.csv", "--on-error", "dead_letter", "-o", "out.csv"
    )
    header, letter = (folder / "out.dead.csv").read_text().splitlines()
    assert header == "sequence,error,error_"
    assert letter.startswith("0,0,")


def test_each_stage_of_a_pipeline_has_a_table() -> None:
    Path("zero.csv").write_text("account,amount\n7,2\n8,0\n9,0.25\n5,-1\n")
    result = succeeds("run", "machines.py:inverse_then_large", *OPTIONS, "-o", "out.csv")
    assert [letter[:3] for letter in letters("out.dead.csv")] == [["1", "8", "0.0"]]
    # 1/0 made no output: the third output, of event 3, is the second stage's event 2.
    assert [letter[:3] for letter in letters("out.dead.large.csv")] == [["2", "5", "-1.0"]]
    told = summary(result.stdout)
    assert told["dead letters"] == "2 to out.dead.csv, out.dead.large.csv"
    assert told["outputs"] == "1 to out.csv"


def test_stage_with_the_same_columns_has_a_table_of_its_own(folder: Path) -> None:
    with (folder / "machines.py").open("a") as file:
        file.write(
            "\n@hr.machine(event=TRADE, output=TRADE, initial=int)\n"
            "def strict(state, account, amount):\n    return state, (account, 1 / amount)\n"
            "halves_then_strict = halves >> strict\n"
        )
    succeeds("run", "machines.py:halves_then_strict", *OPTIONS, "-o", "out.csv")
    assert letters("out.dead.csv") == []
    assert [letter[0] for letter in letters("out.dead.strict.csv")] == ["2", "3", "6", "7"]


def test_pipeline_cannot_put_several_tables_on_stdout() -> None:
    told = refused(
        "run", "machines.py:inverse_then_large", *OPTIONS, "-o", "out.csv", "--dead-letters", "-"
    )
    assert "each stage of a pipeline has a table of its own" in told
    assert not Path("out.csv").exists()


def test_after_a_failure_nothing_is_written() -> None:
    Path("zero.csv").write_text(ZERO_CSV + "x,1\n")
    Path("out.dead.csv").write_text("old")
    refused("run", "machines.py:inverse", *OPTIONS, "-o", "out.csv", "--batch", 1)
    assert not Path("out.csv").exists()
    assert Path("out.dead.csv").read_text() == "old"
