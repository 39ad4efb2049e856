"""What the tests of checking and repairing share: journals in memory, and ways to harm them."""

from __future__ import annotations

from typing import Any

from journal_tools import some_events, sums, totals

import headrace as hr
from headrace.journal.check import Check, check
from headrace.journal.folder import list_snapshots, segments_in
from headrace.journal.repair import Repair
from headrace.simulation import SimulatedDisk

FOLDER = "/j"
BATCH = 100


def settings(disk: SimulatedDisk, **options: Any) -> hr.Journal:
    chosen = {"segment_bytes": 1 << 16, "snapshot_every": None, **options}
    return hr.Journal(FOLDER, disk=disk, **chosen)


def made_journal(
    batches: int = 60, snapshots: tuple[int, ...] = (), disk: SimulatedDisk | None = None,
    **options: Any,
) -> SimulatedDisk:
    """A journal of so many batches, with snapshots behind some of them, closed."""
    disk = disk or SimulatedDisk()
    with hr.Engine(sums, journal=settings(disk, **options)) as engine:
        begin = engine.sequence // BATCH
        for index in range(begin, begin + batches):
            engine.publish(some_events(BATCH, index * BATCH))
            engine.drain()
            list(engine.outputs())
            if index + 1 in snapshots:
                engine.snapshot()
    return disk


def segments(disk: SimulatedDisk, folder: str = FOLDER) -> list[str]:
    """Paths of the segments."""
    names = [name for name in disk.names(folder) if segments_in([name])]
    return [f"{folder}/{name}" for name in names]


def snapshots(disk: SimulatedDisk) -> list[str]:
    return [f"{FOLDER}/{at:020d}.snapshot" for at in list_snapshots(disk, FOLDER)]


def harm(disk: SimulatedDisk, path: str, offset: int, size: int = 1) -> None:
    """Turn the bits of some bytes over."""
    file = disk.open(path, writable=True)
    file.write(offset, [bytes(byte ^ 0xFF for byte in file.read(offset, size))])
    file.sync()
    file.close()


def read(disk: SimulatedDisk, path: str) -> bytes:
    file = disk.open(path)
    return file.read(0, file.size)


def checked(disk: SimulatedDisk) -> Check:
    return check(disk, FOLDER)


def repaired(disk: SimulatedDisk, **options: Any) -> Repair:
    """A repair that has been done; nothing that was in the folder is anywhere gone."""
    before = everything(disk)
    with Repair(disk, FOLDER, **options) as repair:
        repair.run()
    missing = before - everything(disk)
    assert not missing, f"{len(missing)} blocks are nowhere any more"
    return repair


def everything(disk: SimulatedDisk) -> set[bytes]:
    """All that stands anywhere in the folder and below it, in pieces that are not zeros only."""
    found: set[bytes] = set()
    folders = [FOLDER]
    while folders:
        folder = folders.pop()
        for name in disk.names(folder):
            path = f"{folder}/{name}"
            try:
                data = read(disk, path)
            except IsADirectoryError:
                folders.append(path)
                continue
            if name != "lock":
                found |= {data[at : at + 64] for at in range(0, len(data), 64)}
    return {piece.rstrip(b"\0") for piece in found} - {b""}


def opens(disk: SimulatedDisk, **options: Any) -> int:
    """How many inputs an engine has that goes on with it, whose state is right; it works on."""
    with hr.Engine(sums, journal=settings(disk, **options)) as engine:
        count = engine.sequence
        assert engine.state == totals(some_events(count))
        engine.publish(some_events(BATCH, count), durable=True)
        engine.drain()
        list(engine.outputs())
        assert engine.state == totals(some_events(count + BATCH))
    return count
