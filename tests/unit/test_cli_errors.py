"""What `headrace run` refuses, how it says so, with which exit code; and steps that raise."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cli_tools import TRADE, headrace, in_folder, refused, rows

from headrace.errors import InternalError

TOTAL, INVERSE = "machines.py:total", "machines.py:inverse"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        yield folder


def files() -> set[str]:
    return set(os.listdir()) - {"__pycache__"}


# -- wrong use -------------------------------------------------------------------------------

WRONG_USE = [
    (["-i", "gone.csv"], "gone.csv: cannot be read: No such file or directory"),
    (["-i", "machines.py"], "machines.py: what kind of file? Names end in .npy, .npz, .csv, .csv"),
    (["-i", "trades.csv", "-o", "out.txt"], "out.txt: what kind of file? Names end in .npy, .npz"),
    (["-i", "trades.csv", "-o", "gone/out.csv"], "gone/out.csv: the folder "),
    (["-i", "trades.csv", "-o", "folder.csv"], "folder.csv: is a folder; give a file name"),
    (["-i", "trades.csv", "-o", "trades.csv"], "trades.csv: is the input as well; write outputs"),
    (["-i", "trades.csv", "-o", "./trades.csv"], "./trades.csv: is the input as well"),
    (["-i", "trades.csv", "-o", "same.csv"], "same.csv: is the input as well"),
    (["-i", "trades.csv", "--batch", "9", "--capacity", "8"], "--batch 9 is more than --capacity"),
    (["-i", "trades.csv", "--capacity", "100", "--batch", "9"], "100 is not a power of two"),
    (["-i", "trades.csv", "--capacity", str(1 << 40)], "bytes of memory and "),
    (["-i", "trades.csv", "--step", "native"], "machine 'total' has no native step"),
    (["-i", "trades.csv", "--step", "batch"], "machine 'total' has no batch step"),
    (["-i", "trades.csv", "--dead-letters", "d.csv"], "goes with --on-error dead_letter"),
]


@pytest.mark.parametrize(("options", "reason"), WRONG_USE)
def test_wrong_use(options: list[str], reason: str, folder: Path) -> None:
    (folder / "folder.csv").mkdir()
    (folder / "same.csv").symlink_to("trades.csv")
    before = files()
    told = refused("run", TOTAL, *options)
    assert told.startswith("error: ")
    assert reason in told
    assert files() == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "--dead-letters FILE where --output has none"),
        (["-o", "-"], "--dead-letters FILE where --output has none"),
        (["-o", "a.csv", "--dead-letters", "a.csv"], "a.csv: is the output as well"),
        (["-o", "a.csv", "--dead-letters", "./a.csv"], "./a.csv: is the output as well"),
        (["--dead-letters", "trades.csv"], "trades.csv: is the input as well; write dead letters"),
        (["-o", "-", "--dead-letters", "-"], "is the output as well"),
        (["--dead-letters", "d.txt"], "d.txt: what kind of file?"),
    ],
)
def test_wrong_use_of_dead_letters(options: list[str], reason: str) -> None:
    before = files()
    options = ["-i", "trades.csv", "--on-error", "dead_letter", *options]
    assert reason in refused("run", INVERSE, *options)
    assert files() == before


def test_dead_letters_beside_the_output_are_not_the_input() -> None:
    Path("trades.csv").rename("out.dead.csv")
    options = ["-i", "out.dead.csv", "-o", "out.csv", "--on-error", "dead_letter"]
    assert "out.dead.csv: is the input as well; write dead letters" in refused(
        "run", INVERSE, *options
    )


def test_output_for_a_machine_without_outputs() -> None:
    told = refused("run", "machines.py:count", "-i", "trades.csv", "-o", "out.csv")
    assert told == "error: machine 'count' has no outputs; leave --output away\n"


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-i", "trades.csv", "--batch", "0"],
        ["-i", "trades.csv", "--batch", "many"],
        ["-i", "trades.csv", "--batch", str((1 << 20) + 1)],
        ["-i", "trades.csv", "--capacity", "0"],
        ["-i", "trades.csv", "--step", "fast"],
        ["-i", "trades.csv", "--on-error", "skip"],
        ["-i", "trades.csv", "--bogus"],
        ["-i", "trades.csv", "-o"],
        ["-i", "trades.csv", "more"],
    ],
)
def test_options_that_cannot_be_parsed(options: list[str]) -> None:
    assert "Error" in refused("run", TOTAL, *options)


# -- bad input -------------------------------------------------------------------------------

BAD_TABLES = [
    ("account,amount\n1,2\n2,x\n", "bad.csv, line 3, column amount: 'x' is no number"),
    ("account,amount\n1,2\n\n2.5,1\n", "bad.csv, line 4, column account: '2.5' is no integer"),
    ("account,amount\n1,2\n2,1,3\n", "bad.csv, line 3: has 3 cells, the header has 2"),
    ("account\n1\n", "bad.csv, line 1: columns missing: amount; the header has account"),
    ("", "bad.csv, line 1: is empty: a header line with the names of the columns is needed"),
]


@pytest.mark.parametrize(("text", "reason"), BAD_TABLES)
def test_bad_table(text: str, reason: str) -> None:
    Path("bad.csv").write_text(text)
    Path("out.csv").write_text("old")
    told = refused("run", TOTAL, "-i", "bad.csv", "-o", "out.csv").splitlines()
    assert told[0] == f"error: {reason}"
    # Where the job had begun, it says how far it came.
    stopped = "note: stopped after 0 events of bad.csv and 0 outputs; out.csv was left as it was"
    assert [line[: len(stopped)] for line in told[1:]] in ([], [stopped])
    assert Path("out.csv").read_text() == "old"


def test_bad_table_after_many_good_rows() -> None:
    Path("bad.csv").write_text("account,amount\n" + "1,1\n" * 20_000 + "1,\n")
    told = refused("run", TOTAL, "-i", "bad.csv", "-o", "out.csv").splitlines()
    assert told == [
        "error: bad.csv, line 20002, column amount: is empty; write nan where a number is missing",
        "note: stopped after 16,384 events of bad.csv and 16,384 outputs; out.csv was not made",
    ]
    assert "out.csv" not in files()


def test_array_that_does_not_fit() -> None:
    np.save("wide.npy", np.zeros(3, [("account", "<f8"), ("amount", "<f8")]))
    told = refused("run", TOTAL, "-i", "wide.npy")
    assert "wide.npy: does not fit the machine's events: field 'account' is float64" in told


# -- a step that raises ----------------------------------------------------------------------


def test_halt() -> None:
    Path("zero.csv").write_text("account,amount\n7,2\n8,0\n9,1\n")
    Path("out.csv").write_text("old")
    told = refused("run", INVERSE, "-i", "zero.csv", "-o", "out.csv", code=1).splitlines()
    assert told[0].startswith(
        "error: machine 'inverse' failed at event 1 {'account': 8, 'amount': 0.0}: "
        "ZeroDivisionError: "
    )
    assert told[0].endswith("; the state is that before it")
    assert told[1].startswith(f"note: raised at {os.path.realpath('machines.py')}:")
    assert told[1].endswith(", in one_over: return 1 / amount")
    assert told[2] == (
        "note: halted after 1 event of zero.csv and 1 output; out.csv was left as it was before"
    )
    assert Path("out.csv").read_text() == "old"
    assert not [file for file in files() if "partial" in file]


def test_halt_puts_out_what_came_before() -> None:
    Path("zero.csv").write_text("account,amount\n" + "7,2\n" * 9 + "8,0\n9,1\n")
    for batch in (1, 4, 100):
        result = headrace("run", INVERSE, "-i", "zero.csv", "-o", "-", "--batch", batch)
        assert result.exit_code == 1
        assert rows(result.stdout) == [[str(i), "0", "7", "0.5"] for i in range(9)]
        assert "halted after 9 events of zero.csv and 9 outputs\n" in result.stderr


def test_halt_in_a_later_stage() -> None:
    Path("minus.csv").write_text("account,amount\n1,5\n1,-9\n")
    told = refused("run", "machines.py:totals_then_large", "-i", "minus.csv", code=1)
    assert "machine 'large' failed at event 1 {'account': 1, 'total': -4.0}" in told


def test_outputs_that_do_not_fit_halt_as_well(folder: Path) -> None:
    with (folder / "machines.py").open("a") as file:
        file.write("\n@hr.machine(event=TRADE, output='i1', initial=int)\n")
        file.write("def wide(state, account, amount): return state, 1000\n")
    told = refused("run", "machines.py:wide", "-i", "trades.csv", code=1)
    assert "OutputError: output field 'value' (int8) cannot be 1000: out of range" in told
    assert "raised at" not in told  # in no line of the user's


def test_initial_state_that_cannot_be_made(folder: Path) -> None:
    with (folder / "machines.py").open("a") as file:
        file.write("\ndef begin(): return {}['a']\n")
        file.write("bad = hr.machine(event=TRADE, initial=begin)(add_one)\n")
    told = refused("run", "machines.py:bad", "-i", "trades.csv")
    assert told.startswith(
        "error: machines.py:bad: its initial state cannot be made: KeyError: 'a' ("
    )
    assert ", in begin: def begin(): return {}['a'])\n" in told


# -- failures of the system ------------------------------------------------------------------


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_no_space_left() -> None:
    os.symlink("/dev/full", "full.csv")
    np.save("many.npy", np.zeros(20_000, TRADE))
    told = refused("run", TOTAL, "-i", "many.npy", "-o", "full.csv", code=1).splitlines()
    assert told[0] == "error: full.csv: cannot be written: No space left on device"
    assert told[1].startswith("note: stopped after 4,096 events of many.npy and 0 outputs")


def test_our_own_bug_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise InternalError("the cursor went back")

    monkeypatch.setattr("headrace.cli.run.work", broken)
    told = refused("run", TOTAL, "-i", "trades.csv", code=1)
    assert told.startswith("error: a bug in headrace, please report it: the cursor went back\n")
