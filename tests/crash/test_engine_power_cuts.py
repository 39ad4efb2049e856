"""The power is cut under a running engine: at each operation of its threads, whichever that is.

The engine stops and says so. What is opened on the rest has stepped over all that was acknowledged,
in order and once; answers calls that are made again as the first time; and resumes its outputs
without gap or repeat.
"""

from __future__ import annotations

import contextlib
import threading

import pytest
from power_engine import Log, check_after, live

from headrace import Engine, Journal, machine
from headrace.errors import HeadraceError
from headrace.journal.reader import Reader
from headrace.simulation import PowerCut, SimulatedDisk

LEVELS = ("fsync", "os", "none")


@machine(event=[("a", "i8")], initial=int)
def counter(count: int, a: int) -> tuple[int, None]:
    """Counts."""
    return count + 1, None


def operations(level: str) -> int:
    """How many there are about in a life, as threads go."""
    disk = SimulatedDisk()
    assert live(disk, Log(level))
    return len(disk.operations)


def cut_at(level: str, at: int, limit: int, part: int | None = None) -> bool:
    """A life, and what may be left of it; whether it was cut short."""
    disk, log = SimulatedDisk(crash_at=at, crash_part=part), Log(level)
    ended = live(disk, log)
    check_after(disk.after_kill(), log, log.acknowledged)
    for after in disk.power_cuts(limit, seed=at):
        check_after(after, log, log.safe())
    return not ended


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_is_lost_without_a_cut(level: str) -> None:
    disk, log = SimulatedDisk(), Log(level)
    assert live(disk, log)
    for after in (disk.after_kill(), *disk.power_cuts(3)):
        check_after(after, log, len(log.given))


def test_what_is_acknowledged_first_relies_on_nothing_unsynced() -> None:
    # Opening writes a frame of its own, a note, and who is acknowledged next is behind it.
    disk = SimulatedDisk()
    for event in range(2):
        engine = Engine(counter, journal=Journal("/j", segment_bytes=1 << 20, disk=disk))
        engine.publish([(event,)], durable=True)
        for after in disk.power_cuts(50):
            with Engine(counter, journal=Journal("/j", disk=after)) as again:
                assert again.sequence == event + 1, after.origin
        engine.close()


@pytest.mark.parametrize("operations", range(4))
def test_a_snapshot_stands_behind_nothing_that_may_be_lost(
    operations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the newest inputs: from it on, the journal has what it has from its beginning on."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    disk = SimulatedDisk(sector_bytes=4096)
    with Engine(counter, journal=Journal("/j", segment_bytes=1 << 16, disk=disk)) as engine:
        engine.publish([(1,)], durable=True)
    engine = Engine(counter, journal=Journal("/j", segment_bytes=1 << 16, disk=disk))
    engine.snapshot()
    disk.crash_at = len(disk.operations) + operations
    with contextlib.suppress(PowerCut):
        engine.publish([(2,)], durable=True)
    for left in disk.power_cuts(50, seed=1):
        reader = Reader(left, "/j")
        assert list(reader.frames())
        assert reader.end is not None
        with Engine(counter, journal=Journal("/j", segment_bytes=1 << 16, disk=left)) as again:
            assert again.sequence == reader.end.sequence
    with contextlib.suppress(PowerCut, HeadraceError):
        engine.close()


@pytest.mark.parametrize("level", LEVELS)
def test_some_points(level: str) -> None:
    count = operations(level)
    points = range(3, count, count // 11)
    cut = [cut_at(level, at, 2, 100 if at % 2 else None) for at in points]
    assert sum(cut) > 8


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("level", LEVELS)
def test_all_points(level: str) -> None:
    for at in range(operations(level) + 4):
        for part in (None, 1, 1000):
            cut_at(level, at, 12, part)
