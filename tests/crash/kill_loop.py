"""A process that uses an engine and is killed at some moment; what it told before, as a log.

The process is a fork of the test's, which has no engine at that time; it says through a pipe what
it is about to do, and then that it was done.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

from power_engine import REFUSED, Log, Runner, check_after

from headrace.ports import LocalDisk

KILL_SECONDS_MAX = 0.12


def use(log: Log, seed: int, pipe: int) -> None:
    """Publish, call, read and make snapshots until somebody ends it."""
    rng = random.Random(seed)
    runner = Runner(LocalDisk(), log)
    while True:
        act = rng.choice(["publish", "publish", "call", "call", "refused", "read", "snapshot"])
        count = rng.randrange(1, 60)
        tell(pipe, act, count)
        if act == "publish":
            runner.publish(count)
        elif act == "call":
            runner.call()
            tell(pipe, "answer", log.answer)
        elif act == "refused":
            runner.refused_call()
        elif act == "read":
            runner.read()
            tell(pipe, "last", log.last)
        else:
            runner.engine.snapshot(10)
        tell(pipe, "done", None)


def tell(pipe: int, what: str, detail: object) -> None:
    os.write(pipe, json.dumps([what, detail]).encode() + b"\n")


def killed(log: Log, seed: int) -> Log:
    """What a process did, as far as it came to tell, before it was killed."""
    log = log.copied()
    log.life += 1
    log.read = []
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            use(log, seed, writing)
        finally:
            os._exit(1)  # only if it fails
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            first = pipe.readline()  # its engine is open
            time.sleep(random.Random(seed).random() * KILL_SECONDS_MAX)
            os.kill(pid, signal.SIGKILL)
            told = first + pipe.read()
    finally:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status == -signal.SIGKILL, f"it ended by itself: {status}"
    for line in told.splitlines():
        follow(log, *json.loads(line))
    return log


def follow(log: Log, what: str, detail: object) -> None:
    """Note in a log what a process has told."""
    if what == "publish":
        assert isinstance(detail, int)
        log.new(detail)
    elif what == "call":
        log.called.add(len(log.given))
        log.new(1)
        log.number, log.answer = log.number + 1, None
    elif what == "refused":
        log.called.add(len(log.given))
        log.given.append((REFUSED, len(log.given)))
        log.refused += 1
    elif what == "answer":
        assert isinstance(detail, list)
        log.answer = [tuple(each) for each in detail]
    elif what == "last":
        assert isinstance(detail, list)
        log.last = (int(detail[0]), int(detail[1]))
    elif what == "done" and log.level != "none":
        log.acknowledged = len(log.given)


def lives(folder: Path, level: str, count: int, seed: int) -> int:
    """So many kills of one journal, each recovered from and checked; how many inputs they gave."""
    log = Log(level, str(folder))
    given = 0
    for number in range(count):
        before = len(log.given)
        log = killed(log, seed + number)
        given += len(log.given) - before
        log = check_after(LocalDisk(), log, log.acknowledged)
    return given
