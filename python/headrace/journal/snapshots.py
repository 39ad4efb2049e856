"""Snapshots: a state, and the sequence up to which it is true, in a file of its own.

A snapshot is written under another name, synced, and then renamed; so under its own name it is
whole, or the disk has damaged it, which its checksums show.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import msgspec

from headrace.errors import StateError
from headrace.journal.folder import UNFINISHED, join, list_snapshots, snapshot_name
from headrace.journal.layout import BadHeader, checksum
from headrace.journal.segment import Position
from headrace.ports import Disk

SNAPSHOT_MAGIC = b"HRSNAPS1"
FORMAT_VERSION = 1
_HEADER = struct.Struct("<8sII16sqQQ")
_CHECKSUM = struct.Struct("<Q")


class StageState(msgspec.Struct, frozen=True, array_like=True):
    """The state of one machine of an engine."""

    name: str
    version: int
    sequence: int  # of the next event in its own ring
    made: int  # how many output records it has made
    state: bytes  # as journal.states encodes it


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What a client's last call was answered."""

    client: str
    number: int
    sequence: int
    records: bytes  # output records
    error: str | None = None  # the step failed, with this message


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """All that an engine is, before input `sequence`."""

    sequence: int
    stages: list[StageState]
    digest: str  # of the state, or of the tuple of states
    answers: list[Answer]
    place: tuple[int, int, int, int]  # where in the journal to read on; a Position
    headrace: str
    last_output: tuple[int, int]  # the id of the last output record; (-1, -1): there was none

    @property
    def position(self) -> Position:
        """Of a frame with this sequence or an earlier one, at the time of writing."""
        return Position(*self.place)


@dataclass(frozen=True)
class BadSnapshot:
    """A snapshot that was passed over: which file, and why."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


def write_snapshot(disk: Disk, folder: str, journal_id: bytes, snapshot: Snapshot) -> str:
    """Write a snapshot down, for good when this returns; its path. Raises OSError."""
    body = msgspec.msgpack.encode(snapshot)
    header = _HEADER.pack(
        SNAPSHOT_MAGIC,
        FORMAT_VERSION,
        _HEADER.size + 8,
        journal_id,
        snapshot.sequence,
        len(body),
        checksum(body, 0),
    )
    path = join(folder, snapshot_name(snapshot.sequence))
    making = path + UNFINISHED
    if disk.exists(making):
        disk.remove(making)
    file = disk.create(making, 0)
    try:
        file.write(0, [header, _CHECKSUM.pack(checksum(header, 0)), body])
        file.sync()
    finally:
        file.close()
    disk.rename(making, path)
    disk.sync_folder(folder)
    return path


def read_snapshot(disk: Disk, folder: str, sequence: int, journal_id: bytes | None) -> Snapshot:
    """A snapshot, checked (`journal_id` None: of whatever journal). Raises BadHeader, OSError."""
    file = disk.open(join(folder, snapshot_name(sequence)))
    try:
        head = file.read(0, _HEADER.size + 8)
        if len(head) < _HEADER.size + 8:
            raise BadHeader(f"it has {len(head)} bytes")
        magic, version, header_bytes, of, at, body_bytes, check = _HEADER.unpack_from(head)
        if magic != SNAPSHOT_MAGIC:
            raise BadHeader(f"it starts with {magic!r}: no snapshot")
        if version != FORMAT_VERSION:
            raise BadHeader(
                f"format version {version}; this headrace reads version {FORMAT_VERSION}"
            )
        if _CHECKSUM.unpack_from(head, _HEADER.size) != (checksum(head[: _HEADER.size], 0),):
            raise BadHeader("the checksum of its header does not match")
        if journal_id is not None and of != journal_id:
            raise BadHeader("it belongs to another journal")
        if at != sequence:
            raise BadHeader(f"it is the snapshot before input {at:,}")
        have = file.size - header_bytes
        if have != body_bytes:
            raise BadHeader(f"{have:,} bytes of state instead of {body_bytes:,}")
        body = file.read(header_bytes, body_bytes)
    finally:
        file.close()
    if checksum(body, 0) != check:
        raise BadHeader("the checksum of the state does not match")
    try:
        return msgspec.msgpack.decode(body, type=Snapshot)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadHeader(f"it cannot be read: {error}") from None


def newest_snapshot(
    disk: Disk, folder: str, journal_id: bytes | None, before: int | None = None
) -> tuple[Snapshot | None, list[BadSnapshot]]:
    """The newest good snapshot, at or before a sequence, and those that were passed over."""
    bad: list[BadSnapshot] = []
    for sequence in reversed(list_snapshots(disk, folder)):
        if before is not None and sequence > before:
            continue
        try:
            return read_snapshot(disk, folder, sequence, journal_id), bad
        except (BadHeader, OSError, StateError) as error:
            bad.append(BadSnapshot(join(folder, snapshot_name(sequence)), str(error)))
    return None, bad


def drop_old_snapshots(disk: Disk, folder: str, kept: int) -> int | None:
    """Remove all but the newest; the sequence of the oldest that is left."""
    sequences = list_snapshots(disk, folder)
    for sequence in sequences[:-kept]:
        disk.remove(join(folder, snapshot_name(sequence)))
    left = sequences[-kept:]
    return left[0] if left else None
