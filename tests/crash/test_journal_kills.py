"""Real deaths and a real full disk: what was acknowledged is there, in order, and once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from journal_tools import EVENT
from kill_loop import lives
from power_engine import SECONDS, Log, logbook, settings
from ring_tools import expect_line, finish, kill, program, run, start

import headrace as hr
from headrace.errors import JournalLocked
from headrace.ports import LocalDisk

PRELUDE = f"""
    sys.path.insert(0, {os.path.dirname(__file__)!r})
    import threading
    import numpy as np
    import headrace as hr
    from headrace import errors
    from journal_tools import EVENT
    from power_engine import Log, Runner, logbook
    from headrace.ports import LocalDisk
    from headrace.ports.local_disk import LocalFile
"""


@pytest.mark.parametrize(("level", "count"), [("fsync", 8), ("os", 6), ("none", 6)])
def test_killed_at_some_moment(tmp_path: Path, level: str, count: int) -> None:
    assert lives(tmp_path, level, count, seed=1) > 20 * count


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("level", ["fsync", "os", "none"])
def test_killed_again_and_again(tmp_path: Path, level: str) -> None:
    for turn in range(15):
        assert lives(tmp_path / str(turn), level, 10, seed=1000 * turn) > 200


def test_stopped_and_continued(tmp_path: Path) -> None:
    """A process that stands still keeps its journal, and goes on as if nothing had been."""
    process = start(
        PRELUDE
        + """
    log = Log("fsync", sys.argv[1])
    runner = Runner(LocalDisk(), log)
    print("open", flush=True)
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        runner.publish(20)
        runner.call()
    runner.end()
    print(len(log.given))
        """,
        tmp_path,
    )
    expect_line(process, "open")
    for _ in range(3):
        time.sleep(0.05)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        with pytest.raises(JournalLocked, match=f"process {process.pid} on"):
            hr.Engine(logbook, journal=tmp_path)
        process.send_signal(signal.SIGCONT)
    count = int(finish(process))
    with hr.Engine(logbook, journal=settings(LocalDisk(), Log("os", str(tmp_path)))) as engine:
        assert [each % 1_000_000 for each in engine.state] == list(range(count))


def test_a_child_does_not_hold_the_journal_of_a_dead_parent(tmp_path: Path) -> None:
    process = start(
        PRELUDE
        + """
    engine = hr.Engine(logbook, journal=sys.argv[1])
    engine.publish(np.zeros(3, EVENT), durable=True)
    pid = os.fork()
    if pid == 0:
        said = []
        for act in (
            lambda: engine.publish(np.zeros(1, EVENT), durable=True),
            lambda: engine.call((1, 1), 2),
            engine.snapshot,
            engine.close,
        ):
            try:
                act()
            except errors.ForkedHandle:
                said.append("forked")
        try:
            hr.Engine(logbook, journal=sys.argv[1])
        except errors.JournalLocked:
            said.append("locked")
        print(*said, os.getpid(), flush=True)
        time.sleep(30)
        os._exit(0)
    time.sleep(30)
        """,
        tmp_path,
    )
    assert process.stdout is not None
    *said, child = process.stdout.readline().split()
    try:
        assert said == ["forked"] * 4 + ["locked"]
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        os.kill(int(child), 0)  # lives on
        with hr.Engine(logbook, journal=tmp_path) as engine:
            assert engine.sequence == 3
            engine.publish(np.zeros(2, EVENT), SECONDS, durable=True)
    finally:
        os.kill(int(child), signal.SIGKILL)
        kill(process)


def test_interrupted_while_waiting_for_the_disk(tmp_path: Path) -> None:
    """The input stays published, and is there once; the engine goes on."""
    said = run(
        PRELUDE
        + """
    import signal
    slow = threading.Event()
    slow.set()
    sync = LocalFile.sync
    LocalFile.sync = lambda self: (slow.wait(), sync(self))[1]
    write = LocalFile.write
    def slowly(self, offset, parts, *, sync=False):
        if sync:
            slow.wait()
        write(self, offset, parts, sync=sync)
    LocalFile.write = slowly
    engine = hr.Engine(logbook, journal=sys.argv[1])
    engine.publish([(0, 0)], durable=True)
    for act in (
        lambda: engine.publish([(0, 1)], durable=True),
        lambda: engine.call((0, 2)),
        lambda: engine.call((0, 3), client="a", number=1),
        engine.drain,
        engine.snapshot,
    ):
        slow.clear()
        engine.publish([(9, 9)])
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        begun = time.monotonic()
        try:
            act()
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - begun < 2)
        slow.set()
    print(engine.call((0, 3), client="a", number=1)["total"].tolist())
    engine.drain()
    engine.close()
    with hr.Engine(logbook, journal=sys.argv[1]) as engine:
        print([each for each in engine.state if each < 9])
        """,
        tmp_path,
    ).splitlines()
    assert said[:5] == ["interrupted True"] * 5
    assert said[5:] == ["[7, 8]", "[0, 1, 2, 3]"]


FULL = (
    PRELUDE
    + """
    folder = sys.argv[1]
    ballast = open(folder + "/ballast", "wb")
    ballast.write(bytes(300_000))
    ballast.flush()
    log = Log(sys.argv[2], folder + "/journal")
    runner = Runner(LocalDisk(), log, outputs=False)
    try:
        for _ in range(10_000):
            runner.publish(100)
        print("never full")
    except errors.JournalFull as error:
        print("make space" in str(error))
    try:
        runner.engine.close()
    except errors.JournalFull:
        pass
    try:
        hr.Engine(logbook, journal=hr.Journal(log.folder, level=sys.argv[2])).close()
    except errors.JournalFull:
        print("still full")  # or it had as much room as it needed
    os.unlink(folder + "/ballast")
    ballast.close()
    given = log.given
    runner = Runner(LocalDisk(), log, outputs=False)
    there = runner.engine.sequence
    print(log.acknowledged <= there <= len(given), len(given) > 5000)
    log.given = given[:there]
    print(runner.engine.state == log.state())
    runner.publish(100)
    runner.end()
    """
)


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    unshare, mount = shutil.which("unshare"), shutil.which("mount")
    mounting = f"mount -t tmpfs -o size=1m tmpfs {tmp_path}"
    if not unshare or not mount:
        pytest.skip("there is no unshare, or no mount, to make a small disk with")
    if subprocess.run([unshare, "-m", "sh", "-c", mounting], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted by this user")
    script = tmp_path.parent / f"{tmp_path.name}.py"
    script.write_text(program(FULL))
    for level in ("fsync", "os", "none"):
        command = f"{mounting} && exec {sys.executable} {script} {tmp_path} {level}"
        done = subprocess.run(
            [unshare, "-m", "sh", "-c", command], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        said = [line for line in done.stdout.splitlines() if line != "still full"]
        assert said == ["True", "True True", "True"], level
