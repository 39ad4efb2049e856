"""Runs of engines with a journal, and of what they stand against: bare writes, loops, databases."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

import headrace as hr
from bench import machines
from bench.measure import Sample, rate_sample
from bench.stepping import timed
from headrace.journal.reader import Reader
from headrace.machine import Machine, machine
from headrace.ports import LocalDisk

WIDE = np.dtype([("key", "<i8"), ("amount", "<i8"), ("more", "<i8", 6)])  # 64 bytes
WIDE_LAP = 1 << 14
LONG = 10_000_000  # inputs of the journal that is opened, and walked about in
PYTHON_LONG = 1 << 20  # of the one that a Python step goes over
SNAPSHOT_EVERY = 1_000_000
SECONDS = 60.0


@contextlib.contextmanager
def folder() -> Iterator[str]:
    """A folder on the disk, not in memory, that is gone afterwards."""
    made = tempfile.mkdtemp(prefix="headrace-bench-")
    try:
        yield os.path.join(made, "journal")
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _settings(path: str, level: str, **more: Any) -> hr.Journal:
    return hr.Journal(path, level=level, **{"snapshot_every": None, **more})


@cache
def wide_events() -> Any:
    events = np.zeros(WIDE_LAP, WIDE)
    events["key"] = np.arange(WIDE_LAP) % 100
    events["amount"] = np.arange(WIDE_LAP)
    return events


def wide_sum(state: Any, events: Any) -> tuple[Any, None]:
    state[0] += len(events)
    state[1] += int(events["amount"].sum())
    return state, None


def wide_step(state: Any, amount: int) -> tuple[Any, None]:
    state[0] += 1
    state[1] += amount
    return state, None


def wide_machine() -> Machine:
    """Counts and adds up events of 64 bytes, a batch at a time."""
    return machine(
        event=WIDE, initial=lambda: np.zeros(2, np.int64), step_batch=wide_sum, name="wide"
    )(wide_step)


frame_sizes: list[int] = []  # of the last saturated run: what the bare writes write


def saturated(level: str | None, count: int) -> Sample:
    """Events of 64 bytes as fast as they are taken, until all are safe; level None: no journal."""
    laps, events = max(1, count // WIDE_LAP), wide_events()
    with folder() as path:
        journal = None if level is None else _settings(path, level)
        with hr.Engine(wide_machine(), journal=journal, keep_outputs=0) as engine:

            def work() -> None:
                for _ in range(laps):
                    engine.publish(events, SECONDS)
                engine.drain(SECONDS)

            seconds, _ = timed(work)
            found = engine.state.tolist()
        if level == "fsync":
            reader = Reader(LocalDisk(), path)
            frame_sizes[:] = [frame.header.frame_bytes for frame in reader.frames()]
    wanted = [laps * WIDE_LAP, laps * int(events["amount"].sum())]
    return rate_sample(laps * WIDE_LAP, seconds, found, wanted)


def bare_writes(prepared: bool, count: int, *, sync: bool = True) -> Sample:
    """The same bytes in the same sizes: write, fdatasync; to a new file, or one of zeros.

    Without `sync` the system has them in memory only, which is what the other levels ask of it.
    """
    sizes = frame_sizes or [1 << 20] * 8
    data = memoryview(np.ones(max(sizes), np.uint8))
    with folder() as path:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if prepared:
                for offset in range(0, sum(sizes), 1 << 20):
                    os.pwrite(fd, bytes(1 << 20), offset)
                os.fsync(fd)

            def work() -> None:
                offset = 0
                for size in sizes:
                    os.pwrite(fd, data[:size], offset)
                    if sync:
                        os.fdatasync(fd)
                    offset += size

            seconds, _ = timed(work)
        finally:
            os.close(fd)
    events = sum(sizes) // (WIDE.itemsize + 8)
    return rate_sample(events, seconds, events, events)


def _latencies(one: Callable[[], Any], count: int, answer: Any, wanted: Any) -> Sample:
    """Percentiles of single turns, in nanoseconds."""
    taken = []
    begin = time.perf_counter()
    for _ in range(count):
        start = time.perf_counter_ns()
        one()
        taken.append(time.perf_counter_ns() - start)
    seconds = time.perf_counter() - begin
    p50, p99 = np.percentile(taken, [50, 99])
    metrics = {"p50": float(p50), "p99": float(p99), "rate": count / seconds / 1e6}
    return Sample(count, seconds, metrics, str(answer()), str(wanted))


def durable_calls(count: int) -> Sample:
    """`call`, one at a time, each safe on the disk when it returns."""
    with folder() as path, hr.Engine(wide_machine(), journal=_settings(path, "fsync")) as engine:
        event = wide_events()[:1]
        engine.call(event)
        return _latencies(
            lambda: engine.call(event), count, lambda: int(engine.state[0]), count + 1
        )


def bare_block_writes(count: int) -> Sample:
    """One block of 4 KB after the other: write, fdatasync, to a file of zeros."""
    block = bytes(4096)
    with folder() as path:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.pwrite(fd, bytes(4096 * count), 0)
            os.fsync(fd)
            offsets = iter(range(0, 4096 * count, 4096))

            def one() -> None:
                os.pwrite(fd, block, next(offsets))
                os.fdatasync(fd)

            return _latencies(one, count, lambda: count, count)
        finally:
            os.close(fd)


# -- a long journal ------------------------------------------------------------------------------


@cache
def long_journal() -> str:
    """A journal of LONG payments, with a snapshot each million; made once, gone at the exit."""
    import atexit

    made = tempfile.mkdtemp(prefix="headrace-bench-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    path = os.path.join(made, "journal")
    settings = _settings(path, "none", snapshots_kept=None)
    with hr.Engine(machines.keyed_sum("native"), journal=settings, keep_outputs=0) as engine:
        for done in range(0, LONG, SNAPSHOT_EVERY):
            for events in machines.payment_laps(SNAPSHOT_EVERY):
                engine.publish(events, SECONDS)
            engine.drain(SECONDS)
            if done + SNAPSHOT_EVERY < LONG:
                engine.snapshot(SECONDS)
    return path


@cache
def python_journal() -> str:
    """A shorter one, without snapshots."""
    import atexit

    made = tempfile.mkdtemp(prefix="headrace-bench-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    path = os.path.join(made, "journal")
    settings = _settings(path, "none")
    with hr.Engine(machines.keyed_sum("native"), journal=settings, keep_outputs=0) as engine:
        for events in machines.payment_laps(PYTHON_LONG):
            engine.publish(events, SECONDS)
    return path


@cache
def long_answer(count: int) -> str:
    """The state behind `count` inputs of the long journal."""
    totals = np.zeros(machines.KEYS, np.int64)
    for whole in [SNAPSHOT_EVERY] * (count // SNAPSHOT_EVERY) + [count % SNAPSHOT_EVERY]:
        for events in machines.payment_laps(whole):
            np.add.at(totals, events["key"], events["amount"])
    return machines.sums_digest(totals)


def replayed(kind: str, count: int) -> Sample:
    """The long journal stepped over again, its digests compared."""
    path = long_journal()
    seconds, replay = timed(lambda: hr.replay(path, machines.keyed_sum(kind)))
    found = machines.sums_digest(replay.state)
    return rate_sample(LONG, seconds, found, long_answer(LONG))


def read_and_checked(count: int) -> Sample:
    """Its files mapped, and checksummed a frame's length at a time."""
    path = Path(long_journal())

    def work() -> int:
        seen = 0
        for file in sorted(path.glob("*.segment")):
            with open(file, "rb") as opened:
                mapped = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
            data = np.frombuffer(mapped, np.uint8)
            for at in range(0, len(data), 1 << 18):
                xxhash.xxh3_64_intdigest(data[at : at + (1 << 18)])
                seen += 1
        return seen

    seconds, _ = timed(work)
    return rate_sample(LONG, seconds, LONG, LONG)


def replayed_in_python(count: int) -> Sample:
    """A journal stepped over by a Python step and a dict."""
    path = python_journal()
    total = PYTHON_LONG
    seconds, replay = timed(lambda: hr.replay(path, machines.keyed_sum("python"), verify=False))
    return rate_sample(
        total, seconds, machines.sums_digest(replay.state), machines.sums_answer(total)
    )


def reopened(count: int) -> Sample:
    """The long journal opened as after a crash, a million inputs behind the last snapshot."""
    source = Path(long_journal())
    with folder() as path:
        os.makedirs(path)
        for file in source.iterdir():
            if file.is_file() and file.name != "lock":
                os.link(file, os.path.join(path, file.name))
        snapshots = sorted(Path(path).glob("*.snapshot"))
        begin = time.perf_counter()
        engine = hr.Engine(machines.keyed_sum("native"), journal=_settings(path, "none"))
        seconds = time.perf_counter() - begin
        found = (engine.sequence, machines.sums_digest(engine.state), len(snapshots))
        # The files are those of others: nothing is to be written to them.
        engine._journaling.recorder.failed = RuntimeError("not to be written to")  # type: ignore[union-attr]
        with contextlib.suppress(RuntimeError):
            engine.close()
    wanted = (LONG, long_answer(LONG), LONG // SNAPSHOT_EVERY - 1)
    metrics = {"ms": seconds * 1e3}
    return Sample(1, seconds, metrics, str(found), str(wanted))


def jumps(count: int) -> Sample:
    """`history.at` anywhere: the slowest of some."""
    places = [1, 999_999, 1_500_001, 4_999_990, 7_777_777, 9_999_999]
    history = hr.History(long_journal(), machines.keyed_sum("native"))
    taken, found = [], []
    for place in places:
        begin = time.perf_counter()
        moment = history.at(place)
        taken.append(time.perf_counter() - begin)
        found.append(machines.sums_digest(moment.state))
    metrics = {"ms": max(taken) * 1e3}
    wanted = [long_answer(place) for place in places]
    return Sample(len(places), sum(taken), metrics, str(found), str(wanted))


def steps_and_backs(count: int) -> Sample:
    """`step` and `back` far from a snapshot: the slowest of some."""
    history = hr.History(long_journal(), machines.keyed_sum("native"))
    history.at(4_700_000)
    taken = []
    for move in [history.step, history.back, history.back, history.step] * 5:
        begin = time.perf_counter()
        move()
        taken.append(time.perf_counter() - begin)
    found = (history.sequence, machines.sums_digest(history.at(4_700_000).state))
    metrics = {"ms": max(taken) * 1e3}
    return Sample(20, sum(taken), metrics, str(found), str((4_700_000, long_answer(4_700_000))))


def beside_snapshots(with_them: bool, count: int) -> Sample:
    """Batches of 64 published and drained, while snapshots are written all the time, or none."""
    events = machines.payments()[:64]
    with folder() as path:
        options = {"snapshot_seconds": 0.05} if with_them else {}
        settings = _settings(path, "none", **options)
        with hr.Engine(machines.keyed_sum("native"), journal=settings) as engine:

            def one() -> None:
                engine.publish(events)
                engine.drain()

            return _latencies(one, count, lambda: engine.sequence, 64 * count)


def durable_sum(batch: int, kind: str, count: int) -> Sample:
    """A keyed sum whose inputs are published `batch` at a time, until all are safe."""
    events = machines.payments()[:count]
    with folder() as path:
        settings = _settings(path, "fsync")
        with hr.Engine(machines.keyed_sum(kind), journal=settings) as engine:

            def work() -> None:
                for at in range(0, len(events), batch):
                    engine.publish(events[at : at + batch])
                engine.drain(SECONDS)

            seconds, _ = timed(work)
            found = machines.sums_digest(engine.state)
    return rate_sample(len(events), seconds, found, machines.sums_answer(len(events)))
