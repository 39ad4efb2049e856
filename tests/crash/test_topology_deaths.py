"""Deaths and pauses of a topology's workers, one at a time: what happens, and what is told."""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from topology_tools import (
    engine,
    events,
    front,
    gone,
    kill,
    kill_and_wait,
    segments,
    slow,
    stage,
    strict,
    total,
    wait_for,
)

import headrace as hr
from headrace.errors import (
    JournalFailed,
    UsageError,
    WaitTimeout,
    WorkerDied,
)
from headrace.metrics.watching import Watcher, as_json

ROOT = Path(__file__).resolve().parents[2]


# -- calls in flight -----------------------------------------------------------------------------


def test_calls_in_flight_are_answered_after_recovery(tmp_path: Path) -> None:
    with engine(front >> slow >> total, journal=hr.Journal(tmp_path / "j", level="os")) as running:
        running.call((0, 5), timeout=20)
        answers: dict[int, Any] = {}

        def call(value: int) -> None:
            answers[value] = running.call((0, value), timeout=30)["value"].tolist()

        callers = [threading.Thread(target=call, args=(value,)) for value in (60, 70, 80)]
        for each in callers:
            each.start()
        wait_for(lambda: running.input_ring.cursor == 4)
        for name in ("slow", "total", "front"):
            kill(running, name)
        for each in callers:
            each.join()
        assert sorted(answers) == [60, 70, 80]
        assert max(answers.values()) == [215], "each was added once"
        assert running.state == (4, 4, 215)


def test_without_a_journal_a_state_begins_anew_and_that_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "headrace.runtime")
    with engine(front >> total) as running:
        running.publish(events(10))
        running.drain(20)
        pid = kill(running, "total")
        assert running.call((0, 5), timeout=20)["value"].tolist() == [5]
    told = [each.getMessage() for each in caplog.records]
    assert f"the worker of stage total (process {pid}) ended with exit code -9 at event 10" in told
    assert "stage total runs from event 10 on, with the initial state" in told


def test_with_a_journal_it_begins_from_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "headrace.runtime")
    with engine(front >> total, journal=tmp_path / "j") as running:
        running.publish(events(10))
        running.snapshot(20)
        kill(running, "total")
        assert running.call((0, 5), timeout=20)["value"].tolist() == [50]
    wanted = "stage total runs from event 10 on, with the snapshot before 10 and the journal"
    assert wanted in [each.getMessage() for each in caplog.records]


# -- pauses --------------------------------------------------------------------------------------


def test_a_paused_worker_holds_all_up_is_told_and_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = f"paused-{os.getpid()}"
    with engine(front >> total, name=name, capacity=16) as running:
        running.call((0, 1), timeout=20)
        pid = kill(running, "total", signal.SIGSTOP)
        try:
            wait_for(lambda: "is paused" in caplog.text)
            with pytest.raises(WaitTimeout):
                running.publish(events(200), timeout=0.2)
            (reader,) = hr.Ring.attach(f"{name}.1").consumers
            assert (reader.name, reader.pid, reader.state) == ("total", pid, "stopped")
            assert reader.depth == 16, "it holds back who is in front of it"
            watcher = Watcher(name, time.time_ns)
            told = as_json(watcher.look())
            states = {each["stage"]: each["state"] for each in told["stages"]}
            assert states["total"] == "paused"
        finally:
            os.kill(pid, signal.SIGCONT)
        published = running.input_ring.cursor
        running.drain(20)
        assert running.state == (published, 1 + sum(range(published - 1)))
        assert stage(running, "total").pid == pid


def test_a_worker_that_is_paused_too_long_is_replaced(tmp_path: Path) -> None:
    with engine(front >> total, journal=tmp_path / "j", paused_max=0.1) as running:
        running.call((0, 5), timeout=20)
        pid = kill(running, "total", signal.SIGSTOP)
        assert running.call((0, 6), timeout=20)["value"].tolist() == [11]
        assert stage(running, "total").pid != pid
        assert gone(pid)


# -- giving up -----------------------------------------------------------------------------------


def test_a_worker_that_dies_too_often_halts_the_engine() -> None:
    running = engine(front >> slow >> total, supervisor=strict(1))
    pids = [each.pid for each in running._line.stages]
    failures: list[BaseException] = []

    def call() -> None:
        try:
            running.call((0, 300), timeout=30)
        except BaseException as error:
            failures.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    for _ in range(2):
        wait_for(lambda: stage(running, "slow").run.steps)
        before = stage(running, "slow").pid
        kill(running, "slow")
        wait_for(lambda: stage(running, "slow").pid != before or stage(running, "slow").stopped)  # noqa: B023
    caller.join()
    assert [type(each) for each in failures] == [WorkerDied]
    uses = (
        lambda: running.publish(events(1)),
        lambda: running.call((1, 1)),
        lambda: running.drain(20),
        lambda: list(running.outputs()),
        lambda: running.close(20),
    )
    for use in uses:
        with pytest.raises(WorkerDied, match="'slow' has lost its worker too often") as told:
            use()
        assert (told.value.stage, told.value.exit_code) == ("slow", -signal.SIGKILL)
    assert "hr.Engine(supervisor=hr.Supervisor(...)) says how often it may" in str(told.value)
    wait_for(lambda: all(gone(pid) for pid in pids))


def test_a_strategy_that_stops_others_blames_no_event() -> None:
    """Who is stopped because another one died did not die of its event."""
    all_of_them = hr.Supervisor("one_for_all", (), 100, 60.0)
    topology = front >> slow >> total
    with engine(topology, on_error="dead_letter", supervisor=all_of_them) as running:
        running.publish([(0, 400)])
        for _ in range(4):
            wait_for(lambda: stage(running, "slow").run.steps)
            kill_and_wait(running, "total")
        running.drain(20)
        assert running.dead_letters == ()


@pytest.mark.parametrize(
    "supervisor", [5, strict(1).__class__("one_for_one", (hr.Child("a", lambda: None),), 1, 1.0)]
)
def test_what_supervises_workers_has_no_children_of_its_own(supervisor: Any) -> None:
    with pytest.raises(UsageError, match="without children: its strategy"):
        engine(front, supervisor=supervisor)


def test_a_failed_journal_ends_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait until their outputs may leave, which they never may."""
    running = engine(front >> total, journal=tmp_path / "j")
    running.call((0, 1), timeout=20)
    pids = [each.pid for each in running._line.stages]

    def fails(*of: Any) -> int:
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr(os, "pwritev", fails)
    for use in (lambda: running.call((0, 2), timeout=20), lambda: running.close(20)):
        with pytest.raises(JournalFailed, match="the disk is gone"):
            use()
    wait_for(lambda: all(gone(pid) for pid in pids))


# -- the engine's own process --------------------------------------------------------------------

PARENT = """
import sys, time
sys.path[:0] = sys.argv[2:]
from topology_tools import *
with engine(front >> hr.shard(slow, by="key", n=2) >> total, name=sys.argv[1]) as running:
    running.publish(events(20))
    print(*[each.pid for each in running._line.stages], flush=True)
    time.sleep(60)
"""


@pytest.mark.timeout(90)
def test_workers_end_with_the_process_of_their_engine() -> None:
    name = f"orphans-{os.getpid()}"
    command = [sys.executable, "-W", "ignore", "-c", PARENT, name, str(ROOT / "tests")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(each) for each in parent.stdout.readline().split()]
        assert len(pids) == 4
        parent.kill()
    wait_for(lambda: all(gone(pid) for pid in pids), 10.0)
    assert segments(name)
    clean = [sys.executable, "-m", "headrace", "rings", "--clean"]
    subprocess.run(clean, check=True, capture_output=True, timeout=60)
    assert segments(name) == []


