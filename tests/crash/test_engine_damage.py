"""Damage of every kind to what an engine left: found and told, or harmless; never a wrong state.

What cannot be told from a crash, the last frames of a journal that was not sealed, may be cut off,
which is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from journal_tools import EVENT
from power_engine import SECONDS, Log, Runner, live, logbook, settings

import headrace as hr
from headrace.errors import JournalDamaged, JournalError
from headrace.simulation import SimulatedDisk


@cache
def small(sealed: bool, with_snapshot: bool = False) -> tuple[SimulatedDisk, Log]:
    """A journal of a few inputs, as a process left it."""
    disk, log = SimulatedDisk(), Log("os")
    runner = Runner(disk, log, outputs=False)
    runner.publish(2)
    runner.call()
    runner.engine.drain(SECONDS)
    if with_snapshot:
        runner.engine.snapshot(SECONDS)
    runner.publish(1)
    runner.engine.drain(SECONDS)
    left = disk.after_kill()
    runner.end()
    return (disk.after_kill() if sealed else left), log


@cache
def large() -> tuple[SimulatedDisk, Log]:
    """A closed journal of several segments, with snapshots."""
    disk, log = SimulatedDisk(), Log("os")
    assert live(disk, log)
    runner = Runner(disk, log)
    for _ in range(6):
        runner.publish(1500, durable=False)
        runner.read()
    runner.engine.drain(SECONDS)
    runner.engine.snapshot(SECONDS)
    runner.end()
    return disk, log


def opened(disk: SimulatedDisk, log: Log) -> str:
    """Open and compare: "whole", "cut" where some last inputs are gone and it says so, "found"."""
    try:
        engine = hr.Engine(logbook, 64, journal=settings(disk, log, outputs=False))
    except JournalError:
        return "found"
    try:
        state = engine.state
        recovery = engine.recovery
    finally:
        engine.close(SECONDS)
    whole = log.state()
    assert state == whole[: len(state)], "a state that never was"
    assert recovery is not None
    if len(state) == len(whole):
        return "whole"
    assert recovery.tear is not None, "inputs are gone, and nothing tells it"
    return "cut"


def used_bytes(disk: SimulatedDisk, suffix: str) -> tuple[str, list[int]]:
    """A file, and the offsets in it that are written, and some behind them."""
    (path,) = [each for each in disk.contents() if each.endswith(suffix)]
    data = np.frombuffer(disk.contents()[path], np.uint8)
    (places,) = data.nonzero()
    near = {int(place) + more for place in places for more in range(0, 24, 8)}
    return path, sorted(place for place in near if place < len(data))


def flip_all(
    disk: SimulatedDisk, log: Log, suffix: str, step: int, bit: int | None = None
) -> dict[str, int]:
    """What becomes of the journal if one bit of a byte is turned round, of one after the other."""
    path, places = used_bytes(disk, suffix)
    outcomes: dict[str, int] = {}
    for place in places[::step]:
        trial = disk.after_kill()
        trial.flip(path, 8 * place + (place % 8 if bit is None else bit))
        outcome = opened(trial, log)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes


def test_flipped_bytes_of_a_sealed_journal() -> None:
    disk, log = small(True)
    outcomes = flip_all(disk, log, ".segment", 1)
    assert outcomes["found"] > 300
    assert outcomes["whole"] > 30  # zeros that fill a block, and what says that it was sealed
    assert "cut" not in outcomes


def test_flipped_bytes_of_an_unsealed_journal() -> None:
    disk, log = small(False)
    outcomes = flip_all(disk, log, ".segment", 3)
    assert outcomes["found"] > 30
    assert outcomes["cut"] > 30


def test_flipped_bytes_of_a_snapshot() -> None:
    """Passed over: the journal goes back to the beginning."""
    disk, log = small(True, with_snapshot=True)
    assert set(flip_all(disk, log, ".snapshot", 1)) == {"whole"}


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit(bit: int) -> None:
    for sealed in (True, False):
        disk, log = small(sealed, with_snapshot=sealed)
        for suffix in (".segment", *([".snapshot"] if sealed else [])):
            flip_all(disk, log, suffix, 1, bit)


def change(disk: SimulatedDisk, path: str, data: bytes | None) -> None:
    """Put another file in a file's place, or none."""
    disk.remove(path)
    if data is not None:
        disk.create(path, 0).write(0, [data])


def segments(disk: SimulatedDisk) -> list[str]:
    return [
        path
        for path in sorted(disk.contents())
        if path.endswith(".segment") and "outputs" not in path
    ]


def test_a_truncated_segment_of_every_length() -> None:
    disk, log = small(True)
    (path,) = segments(disk)
    data = disk.contents()[path]
    for length in [*range(0, 600, 97), *range(4000, 13_000, 97), *range(13_000, len(data), 9700)]:
        trial = disk.after_kill()
        change(trial, path, data[:length])
        assert opened(trial, log) == "found", length


def test_a_truncated_snapshot_of_every_length() -> None:
    disk, log = small(True, with_snapshot=True)
    (path,) = [each for each in disk.contents() if each.endswith(".snapshot")]
    data = disk.contents()[path]
    for length in range(0, len(data), 97):
        trial = disk.after_kill()
        change(trial, path, data[:length])
        assert opened(trial, log) == "whole"


def without_snapshots(disk: SimulatedDisk) -> SimulatedDisk:
    trial = disk.after_kill()
    for path in list(trial.contents()):
        if path.endswith(".snapshot"):
            trial.remove(path)
    return trial


def test_a_missing_segment() -> None:
    """Found, but for the last one: nothing is left that knows of it, if no snapshot does."""
    disk, log = large()
    paths = segments(disk)
    assert len(paths) > 4
    for number, path in enumerate(paths):
        trial = without_snapshots(disk)
        trial.remove(path)
        if path != paths[-1]:
            assert opened(trial, log) == "found", number


def test_a_hole_in_each_segment() -> None:
    disk, log = large()
    holes = 0
    for path in segments(disk)[:-1]:  # the last one may have no inputs
        data = bytearray(disk.contents()[path])
        data[4096:8192] = bytes(4096)
        holes += 1
        trial = without_snapshots(disk)
        change(trial, path, bytes(data))
        assert opened(trial, log) == "found"
    assert holes > 3


def test_snapshots_newer_than_the_journal() -> None:
    disk, log = large()
    trial = disk.after_kill()
    assert any(path.endswith(".snapshot") for path in trial.contents())
    for path in segments(disk)[1:]:
        trial.remove(path)
    with pytest.raises(JournalDamaged, match="a snapshot knows of inputs up to"):
        hr.Engine(logbook, journal=settings(trial, log, outputs=False))
    trial.remove(segments(disk)[0])
    with pytest.raises(JournalDamaged, match="there is a snapshot, and no segment"):
        hr.Engine(logbook, journal=settings(trial, log, outputs=False))


def test_a_segment_of_another_journal() -> None:
    disk, log = large()
    other, other_log = SimulatedDisk(), Log("os")
    assert live(other, other_log)
    theirs = segments(other)[0]
    for path in segments(disk):
        trial = without_snapshots(disk)
        change(trial, path, other.contents()[theirs])
        assert opened(trial, log) == "found"


def test_segments_that_have_changed_places() -> None:
    disk, log = large()
    first, second = segments(disk)[1:3]
    trial = without_snapshots(disk)
    data = trial.contents()
    change(trial, first, data[second])
    change(trial, second, data[first])
    assert opened(trial, log) == "found"


def faulty_life(level: str, plan: Callable[[SimulatedDisk], None]) -> tuple[SimulatedDisk, Log]:
    disk, log = SimulatedDisk(), Log(level)
    plan(disk)
    assert live(disk, log, outputs=False)
    return disk, log


@pytest.mark.parametrize("at", range(0, 40, 5))
def test_a_sync_that_lies(at: int) -> None:
    """Shown by what was written later; or else what is left is a beginning of what was given."""
    disk, log = faulty_life("fsync", lambda disk: disk.lie("sync", at, path="/journal/[0s]*"))
    check_left(disk, log)


@pytest.mark.parametrize("at", range(0, 40, 5))
def test_a_write_that_is_lost(at: int) -> None:
    disk, log = faulty_life("fsync", lambda disk: disk.lie("write", at, path="/journal/[0s]*"))
    check_left(disk, log)


@pytest.mark.parametrize("to", [0, 512, 4096, 8192, 40_960])
@pytest.mark.parametrize("at", [2, 5, 11])
def test_a_write_to_the_wrong_place(at: int, to: int) -> None:
    def plan(disk: SimulatedDisk) -> None:
        disk.lie("write", at, path="/journal/[0s]*", to=(first, to))

    first = f"/journal/{0:010d}-{0:020d}.segment"
    disk, log = faulty_life("fsync", plan)
    check_left(disk, log)


def check_left(disk: SimulatedDisk, log: Log) -> None:
    for after in disk.power_cuts(4):
        for trial in (without_snapshots(after), after):
            try:
                engine = hr.Engine(logbook, 64, journal=settings(trial, log, outputs=False))
            except JournalError:
                continue
            state = engine.state
            engine.close(SECONDS)
            assert state == log.state()[: len(state)]


def test_a_read_that_is_wrong_once() -> None:
    disk, log = small(True)
    for bit in range(0, 8 * 12_288, 8 * 211 + 3):
        trial = disk.after_kill()
        trial.lie("read", 0, path="*.segment", bit=bit)
        assert opened(trial, log) in ("found", "whole")


@pytest.mark.parametrize("operation", ["open", "read"])
def test_a_journal_that_cannot_be_read(operation: str) -> None:
    disk, log = small(True, with_snapshot=True)
    for suffix in (".segment", ".snapshot"):
        trial = disk.after_kill()
        trial.fail(operation, path=f"*{suffix}")
        if suffix == ".snapshot":
            assert opened(trial, log) == "whole"
        else:
            with pytest.raises(JournalError, match="the journal cannot be opened: Input/output"):
                hr.Engine(logbook, journal=settings(trial, log, outputs=False))


def test_the_small_journal_is_small() -> None:
    disk, _ = small(False)
    _, places = used_bytes(disk, ".segment")
    assert 300 < len(places) < 2000
    assert EVENT.itemsize == 12
