"""Supervised processes: killed, deaf, failing; Ctrl-C, and scripts that forget to stop."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import supervised
from ring_tools import wait_until
from supervised import deaf, fails, sleep, through

import headrace as hr
from headrace.errors import ForkedHandle, SupervisorFailed, UsageError
from headrace.supervision import KILLED, NORMAL, SHUTDOWN, Exit, Tree, process
from headrace.supervision.processes import exit_of_code

WAIT_S = 30.0
METHODS = ("fork", "spawn")


def pid_of(tree: Tree, path: str = "a") -> int | None:
    """The process of a child that runs now."""
    (info,) = [each for each in tree.children() if each.path == path]
    return None if info.running is None else info.running.pid  # type: ignore[attr-defined]


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_process_is_started_again(tmp_path: Path, method: str) -> None:
    folder = str(tmp_path)
    child = hr.Child("a", process(sleep, folder, "a", method=method))
    with hr.Supervisor("one_for_one", [child]).run() as tree:
        first = pid_of(tree)
        assert first is not None
        wait_until((tmp_path / "a runs").exists, WAIT_S)
        (tmp_path / "a runs").unlink()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: pid_of(tree) not in (first, None), WAIT_S)
        second = pid_of(tree)
        assert second is not None
        assert tree.children()[0].starts == 2
        wait_until((tmp_path / "a runs").exists, WAIT_S)
    assert not is_there(first)
    assert not is_there(second)
    assert (tmp_path / "a stopped").exists()  # it was asked: its finally has run


@pytest.mark.parametrize("method", METHODS)
def test_a_process_that_always_fails_ends_the_tree(method: str) -> None:
    child = hr.Child("a", process(fails, method=method))
    tree = hr.Supervisor("one_for_one", [child], intensity=1, period=60, name="top").run()
    with pytest.raises(SupervisorFailed) as failed:
        tree.wait(WAIT_S)
    assert str(failed.value) == (
        "supervisor 'top' gave up: more than 1 restarts within 60 s, the last of child 'a', which "
        "ended: error: exit code 3"
    )


def test_a_deaf_process_is_killed_when_its_time_is_over(tmp_path: Path) -> None:
    starts = process(deaf, str(tmp_path), method="fork")
    told = []
    with hr.Supervisor("one_for_one", [hr.Child("a", starts, shutdown=0.05)]).run() as tree:
        wait_until(lambda: (tmp_path / "deaf").exists(), WAIT_S)
        pid = pid_of(tree)
        running = tree.children()[0].running
        assert running is not None
        assert pid is not None
    running.on_exit(told.append)
    assert (tmp_path / "asked").exists()
    assert told == [Exit("killed", "signal SIGKILL")]
    assert not is_there(pid)


def test_a_process_that_is_through() -> None:
    child = hr.Child("a", process(through, method="fork"), "transient", significant=True)
    tree = hr.Supervisor("one_for_one", [child], auto_shutdown="all_significant").run()
    assert "'a' has ended: normal" in str(tree.wait(WAIT_S))


def test_exit_codes() -> None:
    assert exit_of_code(0, asked=False) == NORMAL
    assert exit_of_code(0, asked=True) == SHUTDOWN
    assert exit_of_code(-signal.SIGTERM, asked=True) == SHUTDOWN
    assert exit_of_code(143, asked=True) == SHUTDOWN
    assert exit_of_code(143, asked=False) == Exit("error", "exit code 143")
    assert exit_of_code(-signal.SIGTERM, asked=False) == Exit("error", "signal SIGTERM")
    assert exit_of_code(-signal.SIGSEGV, asked=True) == Exit("error", "signal SIGSEGV")
    assert exit_of_code(-signal.SIGKILL, asked=False).kind == KILLED.kind
    assert exit_of_code(-50, asked=False) == Exit("error", "signal 50")
    assert exit_of_code(None, asked=False).abnormal


def test_of_an_unknown_method() -> None:
    with pytest.raises(UsageError, match="method is 'thread'; give one of 'spawn', 'fork'"):
        process(sleep, method="thread")


def test_a_copy_of_the_process_has_no_tree() -> None:
    tree = hr.Supervisor("one_for_one").run()

    def tries() -> None:
        for call in (tree.ask_to_stop, tree.kill, tree.wait, tree.children, tree.stop):
            with pytest.raises(ForkedHandle, match="of which this one is a copy"):
                call()

    copy: Any = multiprocessing.get_context("fork").Process(target=tries)  # type: ignore[attr-defined]
    copy.start()
    copy.join(WAIT_S)
    assert copy.exitcode == 0
    tree.stop()


def start_script(how: str, folder: Path) -> subprocess.Popen[str]:
    """The script of supervised.py, in a process group of its own, once all its children run."""
    script = subprocess.Popen(
        [sys.executable, supervised.__file__, how, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert script.stdout is not None
    while script.stdout.readline() not in ("all run\n", ""):
        pass
    return script


def rest_of(script: subprocess.Popen[str]) -> tuple[str, str]:
    """What it says until its end; `communicate` loses what came with a line that was read."""
    assert script.stdout is not None
    assert script.stderr is not None
    said = script.stdout.read(), script.stderr.read()
    script.wait(WAIT_S)
    return said


STOPPED = re.compile(r"child '(\w)' was stopped: shutdown")


def test_ctrl_c_stops_in_reverse_order(tmp_path: Path) -> None:
    """In a terminal, all processes of the group get the signal; the children don't heed it."""
    script = start_script("waits", tmp_path)
    os.killpg(script.pid, signal.SIGINT)
    out, err = rest_of(script)
    assert STOPPED.findall(out) == ["c", "b", "a"]
    assert "has ended" not in out
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert {path.name for path in tmp_path.glob("* stopped")} == {f"{n} stopped" for n in "abc"}


def test_a_script_that_forgets_to_stop_its_tree_ends(tmp_path: Path) -> None:
    script = start_script("forgets", tmp_path)
    out, err = rest_of(script)
    assert STOPPED.findall(out) == ["c", "b", "a"]
    assert (script.returncode, err) == (0, "")
