"""An engine put through a life on a disk that may lose its power, and what must be true behind it.

The machine keeps all that it was given, in order; so a state shows which inputs have been stepped
over, and how often. An event's key says in which life it was given.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from journal_tools import EVENT, SEGMENT_BYTES, SUM

import headrace as hr
from headrace.errors import EngineStopped, StepError
from headrace.ports import Disk
from headrace.runtime.output_journal import read_outputs
from headrace.simulation import PowerCut, SimulatedDisk

REFUSED = -1
LIVES = 1_000_000
SECONDS = 30
Input = tuple[int, int]


@hr.machine(event=EVENT, output=SUM, initial=list)
def logbook(state: list[Any], key: int, amount: int) -> Any:
    """Remembers everything; makes one output, or two; refuses a key below 0, having spoilt it."""
    state.append(key * LIVES + amount)
    if key < 0:
        raise ValueError("refused")
    return state, [(key, len(state) + more) for more in range(1 + amount % 2)]


def expected(given: list[Input], called: set[int], with_calls: bool = False) -> list[Any]:
    """The outputs of some inputs, as (input sequence, index, key, total), by other means."""
    made, length = [], 0
    for sequence, (key, amount) in enumerate(given):
        if key != REFUSED:
            length += 1
            if with_calls or sequence not in called:
                made += [(sequence, n, key, length + n) for n in range(1 + amount % 2)]
    return made


def plain(records: Any) -> list[Any]:
    names = ["input_sequence", "output_index", "key", "total"]
    return list(zip(*(records[name].tolist() for name in names), strict=True))


@dataclass
class Log:
    """What was given to an engine, what it has said, and what it has handed out."""

    level: str
    folder: str = "/journal"
    given: list[Input] = field(default_factory=list)
    called: set[int] = field(default_factory=set)
    acknowledged: int = 0
    life: int = 0
    number: int = 0  # of the client's last call
    answer: list[Any] | None = None  # to that
    refused: int = 0  # number of the other client's last call, which is refused
    read: list[Any] = field(default_factory=list)  # outputs of what was published
    last: tuple[int, int] = (-1, -1)  # id of the last output that was read

    def new(self, count: int) -> list[Input]:
        made = [(self.life, len(self.given) + n) for n in range(count)]
        self.given += made
        return made

    def safe(self) -> int:
        """How many inputs survive a power cut for certain."""
        return self.acknowledged if self.level == "fsync" else 0

    def state(self) -> list[int]:
        return [key * LIVES + amount for key, amount in self.given if key != REFUSED]

    def copied(self) -> Log:
        parts = {"given": list(self.given), "called": set(self.called), "read": list(self.read)}
        return replace(self, **parts)  # type: ignore[arg-type]


def settings(disk: Disk, log: Log, **options: Any) -> hr.Journal:
    kinds = {"segment_bytes": SEGMENT_BYTES, "snapshot_every": None, "outputs": True, **options}
    return hr.Journal(log.folder, level=log.level, disk=disk, **kinds)


class Runner:
    """An engine, and the log of what was done with it."""

    def __init__(self, disk: Disk, log: Log, **options: Any) -> None:
        self.log = log
        self.engine = hr.Engine(logbook, 1024, journal=settings(disk, log, **options))

    def publish(self, count: int, durable: bool = True) -> None:
        self.engine.publish(np.array(self.log.new(count), EVENT), SECONDS, durable=durable)
        if durable and self.log.level != "none":
            self.log.acknowledged = len(self.log.given)

    def call(self) -> None:
        log = self.log
        log.called.add(len(log.given))
        (event,) = log.new(1)
        log.number, log.answer = log.number + 1, None
        answer = self.engine.call(event, SECONDS, client="one", number=log.number)
        log.answer = plain(answer)
        self._noted()

    def refused_call(self) -> None:
        log = self.log
        log.called.add(len(log.given))
        log.given.append((REFUSED, len(log.given)))
        log.refused += 1
        with pytest.raises(StepError, match="refused"):
            self.engine.call(log.given[-1], SECONDS, client="other", number=log.refused)
        self._noted()

    def _noted(self) -> None:
        if self.log.level != "none":
            self.log.acknowledged = len(self.log.given)

    def read(self) -> None:
        log = self.log
        for records in self.engine.outputs(after=log.last):
            log.last = plain(records)[-1][:2]
            # An engine that has recovered hands out those of calls before as well.
            log.read += [each for each in plain(records) if each[0] not in log.called]

    def end(self) -> None:
        self.engine.close(SECONDS)
        self.log.acknowledged = len(self.log.given)


def live(disk: SimulatedDisk, log: Log, **options: Any) -> bool:
    """A life; False: the power was cut, and the engine has stopped and told so."""
    runner = None
    try:
        runner = Runner(disk, log, **options)
        runner.publish(5)
        runner.call()
        runner.read()
        runner.publish(40, durable=False)
        runner.refused_call()
        runner.engine.snapshot(SECONDS)
        runner.publish(700)
        runner.call()
        runner.publish(900, durable=False)
        runner.read()
        runner.engine.drain(SECONDS)
        runner.engine.snapshot(SECONDS)
        runner.publish(500)
        runner.call()
        runner.publish(7, durable=False)
        runner.read()
        runner.end()
    except PowerCut:
        if runner is not None:
            check_stopped(runner.engine, log.level)
        return False
    return True


def check_stopped(engine: hr.Engine, level: str) -> None:
    """It acknowledges nothing more, says why, and ends; with all its threads."""
    told: type[BaseException] | None = None
    try:
        engine.publish(np.zeros(1, EVENT), SECONDS, durable=True)
    except (PowerCut, EngineStopped) as error:
        told = type(error)
    assert told or level == "none"
    if told is EngineStopped:  # closing has told it
        with contextlib.suppress(PowerCut):
            engine.close(SECONDS)
    else:
        with pytest.raises(PowerCut):
            engine.close(SECONDS)
    left = [each.name for each in threading.enumerate() if each.name.startswith("headrace-")]
    assert left == [], left


def check_after(disk: Disk, log: Log, at_least: int) -> Log:
    """What an engine is that is opened on what is left, and what becomes of it; the log of that."""
    log = log.copied()
    try:
        _check_after(disk, log, at_least)
    except BaseException as error:
        error.add_note(str(getattr(disk, "origin", "")))
        raise
    return log


def _check_after(disk: Disk, log: Log, at_least: int) -> None:
    log.life += 1
    runner = Runner(disk, log)
    engine = runner.engine
    assert engine.recovery is not None
    assert engine.recovery.bad_snapshots == []
    there = engine.sequence
    assert at_least <= there <= len(log.given)
    log.given = log.given[:there]
    assert engine.state == log.state()
    check_outputs(runner)
    check_calls(runner)
    runner.publish(400)
    runner.read()
    engine.drain(SECONDS)
    assert engine.state == log.state()
    engine.close(SECONDS)
    every = [each for part in read_outputs(disk, log.folder) for each in plain(part)]
    assert every == expected(log.given, log.called, with_calls=True)
    again = Runner(disk, log)
    assert again.engine.state == log.state()
    again.end()


def check_outputs(runner: Runner) -> None:
    """Those that were read before, and those that come now, are all there are, each once."""
    log = runner.log
    if log.last[0] >= len(log.given):  # what was read was of inputs that are lost
        assert log.level != "fsync"
        log.last = (len(log.given), -1)
    every = expected(log.given, log.called)
    before = [each for each in every if each[:2] <= log.last]
    if log.read:
        assert [each for each in log.read if each[0] < len(log.given)] == before
    log.read = before
    runner.read()
    assert log.read == every


def check_calls(runner: Runner) -> None:
    """A call that is made again is answered as the first time, and run once in all."""
    log, engine = runner.log, runner.engine
    length = len(log.given)
    event = (log.life, length)
    if log.number:
        before = engine.sequence
        records = plain(engine.call(event, SECONDS, client="one", number=log.number))
        if log.answer is not None and log.level == "fsync":
            assert records == log.answer
            assert engine.sequence == before
        if engine.sequence > before:  # it was lost, or is new
            log.called = {each for each in log.called if each < length} | {length}
            log.given.append(event)
        twice = plain(engine.call(event, SECONDS, client="one", number=log.number))
        assert twice == records
    if log.refused:
        before = engine.sequence
        for _ in range(2):
            with pytest.raises(StepError, match="refused"):
                engine.call((REFUSED, 7), SECONDS, client="other", number=log.refused)
        assert engine.sequence <= before + 1
        if engine.sequence > before:
            log.called = {each for each in log.called if each < before} | {before}
            log.given.append((REFUSED, 7))
