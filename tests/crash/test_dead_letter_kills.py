"""`headrace dead-letters --reinject`, killed at each of its writes and run again."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from journal_tools import SEGMENT_BYTES
from letter_tools import amounts, engine, logbook, mended, reinjected_in
from typer.testing import CliRunner

import headrace as hr
from headrace.cli import app
from headrace.ports.local_disk import LocalFile

LETTERS = 3
MENDED = """
from letter_tools import mended
"""


def fill(folder: Path) -> None:
    """Letters of inputs before a snapshot, so that opening the journal does not settle them."""
    with engine(logbook, str(folder / "j"), hr.Journal(str(folder / "dead"))) as running:
        running.publish(amounts(*[-1 - n for n in range(LETTERS)], 50))
        running.drain()
        running.snapshot()


def reinject(folder: Path) -> Any:
    command = ["dead-letters", str(folder / "dead"), "--reinject", str(folder / "mended.py:mended")]
    return CliRunner().invoke(app, [*command, "--journal", str(folder / "j"), "--all"])


def killed_at(folder: Path, write: int, *, before: bool) -> bool:
    """Whether a child was killed at a write, before or behind it; else it came to its end."""
    pid = os.fork()
    if pid == 0:
        left, plain = write, LocalFile.write

        def counted(file: LocalFile, *args: Any, **options: Any) -> None:
            nonlocal left
            left -= 1
            if left < 0 and before:
                os.kill(os.getpid(), signal.SIGKILL)
            plain(file, *args, **options)
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            LocalFile.write = counted  # type: ignore[method-assign,assignment]
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
            os._exit(reinject(folder).exit_code)
        finally:
            os._exit(99)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return status != 0


def kill_at_writes(tmp_path: Path, step: int) -> int:
    """Each letter is published once, and says as which input; how many writes there are."""
    fill(tmp_path / "filled")
    write, killed = 0, True
    while killed:
        folder = tmp_path / str(write)
        shutil.copytree(tmp_path / "filled", folder)
        (folder / "mended.py").write_text(MENDED)
        killed = killed_at(folder, write // 2, before=write % 2 == 0)
        check(folder)
        write += step
    return write // 2


def test_killed_at_some_writes(tmp_path: Path) -> None:
    assert kill_at_writes(tmp_path, 5) > 3 * LETTERS  # three writes for each letter at least


@pytest.mark.torture
def test_killed_at_each_write(tmp_path: Path) -> None:
    assert kill_at_writes(tmp_path, 1) > 3 * LETTERS


def check(folder: Path) -> None:
    again = reinject(folder)
    assert again.exit_code == 0, again.output
    letters = hr.DeadLetters(str(folder / "dead"))
    assert [letter.fate for letter in letters] == ["reinjected"] * LETTERS, str(folder)
    found = [(letter.number, letter.reinjected_as) for letter in letters]
    assert sorted(reinjected_in(str(folder / "j"))) == found
    with hr.Engine(
        mended, journal=hr.Journal(str(folder / "j"), segment_bytes=SEGMENT_BYTES)
    ) as running:
        assert running.sequence == LETTERS + 1 + LETTERS
        assert sorted(running.state) == [-3, -2, -1, 50]
