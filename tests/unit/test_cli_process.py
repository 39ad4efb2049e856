"""`headrace` as a process: signals, pipes, terminals, standard streams that are closed or full."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import queue
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from cli_tools import (
    TOTALS,
    TRADES,
    TRADES_CSV,
    finish,
    headrace,
    in_folder,
    rows,
    start,
    summary,
)
from ring_tools import wait_until

SLOW = """
import pathlib, time
import headrace as hr

pathlib.Path("imported").touch()
TRADE = [("account", "<i8"), ("amount", "<f8")]


@hr.machine(event=TRADE, output=TRADE, initial=int)
def slow(state, account, amount):
    if state == 2:
        pathlib.Path("in the middle").touch()
    time.sleep(0.002)
    return state + 1, (account, amount)


@hr.machine(event=TRADE, initial=int)
def for_ever(state, account, amount):
    pathlib.Path("in the middle").touch()
    while True:
        pass
"""
BAR = "\N{BOX DRAWINGS HEAVY HORIZONTAL}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        (folder / "slow.py").write_text(SLOW)
        (folder / "many.csv").write_text("account,amount\n" + "1,2\n" * 5000)
        yield folder


def interrupt(process: subprocess.Popen[Any], number: int) -> tuple[int, str, str, float]:
    """Send a signal in the middle of a run; how it ended, and after how many seconds."""
    wait_until(Path("in the middle").exists, 15)
    begun = time.monotonic()
    process.send_signal(number)
    return *finish(process), time.monotonic() - begun


# -- stopped from outside --------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_in_the_middle(number: int, code: int) -> None:
    Path("out.csv").write_text("old")
    process = start("run", "slow.py:slow", "-i", "many.csv", "-o", "out.csv", "--batch", 4)
    returned, out, err, _ = interrupt(process, number)
    assert (returned, out) == (code, "")
    assert err.startswith("note: stopped after ")
    assert err.endswith(" outputs; out.csv was left as it was before\n")
    assert Path("out.csv").read_text() == "old"
    assert not list(Path().glob(".*partial"))


def test_a_step_that_never_ends_is_not_waited_for() -> None:
    process = start("run", "slow.py:for_ever", "-i", "many.csv")
    code, out, err, seconds = interrupt(process, signal.SIGINT)
    assert (code, out) == (130, "")
    assert err == "note: stopped after 0 events of many.csv and 0 outputs\n"
    assert seconds < 8


def test_killed_in_the_middle() -> None:
    Path("out.npy").write_text("old")
    process = start("run", "slow.py:slow", "-i", "many.csv", "-o", "out.npy", "--batch", 4)
    assert interrupt(process, signal.SIGKILL)[0] == -signal.SIGKILL
    assert Path("out.npy").read_text() == "old"


@pytest.mark.parametrize("first", ["", "account,amount\n1,2\n"])
def test_stopped_while_waiting_for_a_pipe(first: str) -> None:
    process = start("run", "slow.py:slow", "-i", "-", "-o", "out.csv", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(first)
    process.stdin.flush()
    wait_until(lambda: Path("imported").exists() and not _unread(process.stdin), 15)
    time.sleep(0.2)  # until it waits for more
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    assert not Path("out.csv").exists()


def _unread(stream: IO[str] | None) -> int:
    """How many bytes lie in a pipe."""
    assert stream is not None
    count = fcntl.ioctl(stream.fileno(), termios.FIONREAD, b"\0\0\0\0")
    return int.from_bytes(count, sys.byteorder)


def test_run_from_another_thread() -> None:
    """Where signals cannot be caught."""
    results: list[Any] = []
    arguments = ("run", "machines.py:total", "-i", "trades.csv")
    thread = threading.Thread(target=lambda: results.append(headrace(*arguments)))
    thread.start()
    thread.join(15)
    assert [result.exit_code for result in results] == [0]


# -- pipes -----------------------------------------------------------------------------------


def test_reader_that_goes_away() -> None:
    process = start("run", "slow.py:slow", "-i", "many.csv", "-o", "-", "--batch", 4)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("input_sequence,")
    process.stdout.close()
    process.stdout = None
    code, _, err = finish(process)
    assert code == 1
    assert err.startswith("note: nobody reads stdout any more: stopped after ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["run", "machines.py:total", "-i", "trades.csv"], ["rings"]])
def test_reader_that_does_not_want_to_know(arguments: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    if arguments[0] == "run":
        arguments = [*arguments, "-o", "out.npy"]
    code, _, err = finish(start(*arguments, stdout=write_end))
    os.close(write_end)
    assert code == 0
    assert "Traceback" not in err
    assert "Broken" not in err
    assert arguments[0] == "rings" or len(np.load("out.npy")) == len(TRADES)


def test_events_of_a_pipe_are_answered_as_they_come() -> None:
    process = start(
        "run", "machines.py:total", "-i", "-", "-o", "-", "--batch", 1, stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    answers: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read_lines, args=(process.stdout, answers), daemon=True)
    reader.start()
    head, *lines = TRADES_CSV.splitlines(keepends=True)
    process.stdin.write(head)
    seen = ""
    for index, line in enumerate(lines):
        process.stdin.write(line)
        process.stdin.flush()
        # Only then the next: whoever waits for more events than are there never answers.
        for _ in range(1 if index else 2):
            seen += answers.get(timeout=15)
    process.stdin.close()
    assert process.wait(15) == 0
    reader.join(15)
    assert answers.empty()
    assert [row[3] for row in rows(seen)] == [str(total) for _, total in TOTALS]


def _read_lines(stream: IO[str], lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line)


def test_array_from_a_pipe() -> None:
    array = io.BytesIO()
    np.save(array, TRADES)
    process = start(
        "run", "machines.py:total", "-i", "-", "-o", "-", stdin=subprocess.PIPE, text=False
    )
    out, err = process.communicate(array.getvalue(), timeout=20)
    assert process.returncode == 0
    assert len(rows(out.decode())) == len(TRADES)
    assert summary(err.decode())["events in"] == "5 from stdin"


def test_from_and_to_redirected_files() -> None:
    with open("trades.csv") as table, open("out.csv", "w") as out:
        process = start("run", "machines.py:total", "-i", "-", "-o", "-", stdin=table, stdout=out)
        assert finish(process)[0] == 0
    assert len(rows(Path("out.csv").read_text())) == len(TRADES)


# -- streams that are not there, or full -----------------------------------------------------


@pytest.mark.parametrize(
    ("redirection", "code", "told"),
    [
        ("-i - -o out.csv <&-", 2, "error: stdin is closed; open it, or give the name of a file"),
        ("-i trades.csv -o - >&-", 2, "error: stdout is closed; open it, or give the name of"),
        ("-i trades.csv -o out.csv >&-", 0, ""),
        ("-i trades.csv -o - >/dev/full", 1, "error: stdout: cannot be written: No space left"),
        ("-i trades.csv >/dev/full", 1, "error: stdout: cannot be written: No space left"),
    ],
)
def test_standard_streams(redirection: str, code: int, told: str) -> None:
    command = f"exec '{sys.executable}' -m headrace run machines.py:total {redirection}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(told)
    assert "Traceback" not in done.stderr


# -- terminals -------------------------------------------------------------------------------


def at_a_terminal(*arguments: object, stdout_too: bool = False) -> tuple[str, str]:
    """What a run prints to a terminal of 80 columns on stderr, and to a stdout that is a pipe."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        environment.pop(name, None)
    stdout = theirs if stdout_too else subprocess.PIPE
    process = start(*arguments, stdout=stdout, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # how Linux says that nobody has it open any more
            break
        if not data:
            break
        seen += data
    os.close(ours)
    code, out, _ = finish(process)
    assert code == 0, seen
    return seen.decode(), out


def test_progress_bar_at_a_terminal_only(folder: Path) -> None:
    (folder / "some[red].csv").write_text("account,amount\n" + "1,2\n" * 150)
    options = ["-i", "some[red].csv", "-o", "out.csv", "--batch", 10]
    seen, out = at_a_terminal("run", "slow.py:slow", *options)
    assert BAR in seen
    assert "some[red].csv" in seen
    assert "events in" not in seen  # results go to stdout
    assert summary(out)["events in"] == "150 from some[red].csv"
    counts = [int(word) for word in seen.replace(" events", "\n").split() if word.isdigit()]
    assert any(0 < count < 150 and count % 10 == 0 for count in counts)
    code, out, err = finish(start("run", "machines.py:total", *options))
    assert (code, err) == (0, "")
    assert BAR not in out


def test_no_progress_bar_among_outputs_on_the_same_terminal() -> None:
    arguments = ["run", "machines.py:total", "-i", "trades.csv", "-o", "-"]
    seen, _ = at_a_terminal(*arguments, stdout_too=True)
    assert BAR not in seen
    assert seen.count("\n") == 1 + len(TRADES) + 7
    table = seen.replace("\r\n", "\n").split("\x1b")[0]
    assert len(rows(table)) == len(TRADES)


def test_the_script() -> None:
    script = Path(sys.executable).with_name("headrace")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("headrace 0.")
