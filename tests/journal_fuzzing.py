"""Hostile journals: real files changed at will, with checksums that vouch for it or not.

Whoever reads them may raise what `headrace.errors` names, and nothing else.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from journal_tools import SEGMENT_BYTES, read_all, some_events, sums

import headrace as hr
from headrace.errors import HeadraceError, InternalError
from headrace.journal.folder import list_snapshots
from headrace.journal.index import Index
from headrace.journal.layout import BadHeader, checksum, id_seed
from headrace.journal.notes import decode_notes
from headrace.journal.reader import Reader, damaged_segments
from headrace.journal.recovery import Tail
from headrace.journal.snapshots import newest_snapshot, read_snapshot
from headrace.simulation import SimulatedDisk

FOLDER = "/journal"
SEGMENT_FIELDS = [0, 8, 12, 16, 32, 40, 48, 56, 64, 72, 76, 80, 88]
FRAME_FIELDS = [0, 4, 8, 16, 20, 24, 32, 40, 48, 56]
SNAPSHOT_FIELDS = [0, 8, 12, 16, 32, 40, 48, 56]
Files = dict[str, bytes]


@cache
def real_files() -> Files:
    """A journal of two segments, a snapshot, calls, and notes."""
    disk = SimulatedDisk()
    settings = hr.Journal(
        FOLDER, level="os", segment_bytes=SEGMENT_BYTES, snapshot_every=None, disk=disk
    )
    with hr.Engine(sums, journal=settings) as engine:
        engine.publish(some_events(1500))
        engine.call((1, 5), client="a", number=1)
        engine.drain()
        engine.snapshot()
        engine.publish(some_events(2200, 1501))
        engine.drain()
        engine.call((2, 7))
    kept = ("segment", "snapshot")
    return {path: data for path, data in disk.contents().items() if path.endswith(kept)}


def paths() -> list[str]:
    """Of the files: two segments, and the snapshot."""
    return sorted(real_files(), key=lambda path: (path.endswith("snapshot"), path))


@cache
def frame_offsets(path: str) -> list[int]:
    _, reader = read_all(FOLDER, disk_with(real_files()))
    return [frame.offset for frame in reader.frames() if frame.file == path]


def disk_with(files: Files) -> SimulatedDisk:
    disk = SimulatedDisk()
    disk.make_folder(FOLDER)
    for path, data in files.items():
        disk.create(path, 0).write(0, [data])
    return disk


def places_of(path: str) -> list[int]:
    """Where numbers stand in a file."""
    if path.endswith("snapshot"):
        size = len(real_files()[path])
        return [*SNAPSHOT_FIELDS, *range(64, 160), *range(size - 90, size)]
    frames = [at + field for at in frame_offsets(path) for field in FRAME_FIELDS]
    return [*SEGMENT_FIELDS, *range(96, 160), *frames]


def vouch(path: str, data: bytes) -> bytes:
    """The same with checksums that are right, as a program gone astray could write it."""
    made = bytearray(data)
    with contextlib.suppress(struct.error):  # it is too short to have any
        if path.endswith("snapshot"):
            struct.pack_into("<Q", made, 48, checksum(bytes(made[64:]), 0))
            struct.pack_into("<Q", made, 56, checksum(bytes(made[:56]), 0))
        else:
            vouch_for_segment(made, frame_offsets(path))
    return bytes(made)


def vouch_for_segment(made: bytearray, offsets: list[int]) -> None:
    (text_bytes,) = struct.unpack_from("<I", made, 76)
    text = bytes(made[88 : 88 + text_bytes])
    check = checksum(text, checksum(bytes(made[:80]), 0))
    struct.pack_into("<Q", made, 80, check)
    item_bytes = struct.unpack_from("<I", made, 72)[0]
    seed = id_seed(bytes(made[16:32]))
    for at in offsets:
        notes_bytes, _, _, count = struct.unpack_from("<IQqI", made, at + 4)
        body = at + 64
        events, notes = body + 8 * count, body + (8 + item_bytes) * count
        struct.pack_into("<Q", made, at + 40, check)
        hashed = checksum(bytes(made[body:events]), check)
        hashed = checksum(bytes(made[events:notes]), hashed)
        hashed = checksum(bytes(made[notes : notes + notes_bytes]), hashed)
        struct.pack_into("<Q", made, at + 48, hashed)
        check = checksum(bytes(made[at : at + 56]), seed)
        struct.pack_into("<Q", made, at + 56, check)


def read_everything(files: Files) -> None:
    """All that reads a journal's files; only what has a name may come of it."""
    disk = disk_with(files)
    acts: list[Callable[[], Any]] = [
        lambda: read_all(FOLDER, disk),
        lambda: [frame.notes for frame in Reader(disk, FOLDER).frames()],
        lambda: use_index(Index(Reader(disk, FOLDER))),
        lambda: damaged_segments(disk, FOLDER),
        lambda: newest_snapshot(disk, FOLDER, None),
        lambda: use_tail(Tail(disk.after_kill(), FOLDER)),
        lambda: hr.History(hr.Journal(FOLDER, disk=disk), sums).at(2000),
        lambda: use_engine(disk.after_kill()),
    ]
    acts += [
        lambda at=at: read_snapshot(disk, FOLDER, at, None)  # type: ignore[misc]
        for at in list_snapshots(disk, FOLDER)
    ]
    for act in acts:
        survive(act)


def survive(act: Callable[[], Any]) -> None:
    """Call; a named error will do, unless it says that the fault is ours."""
    try:
        act()
    except InternalError:
        raise
    except (HeadraceError, BadHeader):
        pass


def use_index(index: Index) -> None:
    end = index.end
    for sequence in (index.first, (index.first + end) // 2, end - 1, end, -1):
        survive(lambda sequence=sequence: index.frame(sequence).events.tobytes())  # type: ignore[misc]
    survive(lambda: list(index.notes()))
    survive(lambda: [len(events) for events, _ in index.slices(index.first, index.end)])


def use_tail(tail: Tail) -> None:
    for frame in tail.frames():
        np.asarray(frame.times).sum()
        survive(lambda frame=frame: frame.notes)  # type: ignore[misc]
    tail.cut()


def use_engine(disk: SimulatedDisk) -> None:
    settings = hr.Journal(FOLDER, segment_bytes=SEGMENT_BYTES, snapshot_every=None, disk=disk)
    engine = hr.Engine(sums, 64, journal=settings, on_error="dead_letter")
    try:
        engine.publish(some_events(2), 10, durable=True)
        engine.drain(10)
    finally:
        engine.close(10)


def read_notes(data: bytes) -> None:
    """Bytes as notes: ValueError, as their reader promises."""
    with contextlib.suppress(ValueError):
        decode_notes(data)
