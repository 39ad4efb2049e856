"""Opening a journal to go on with it: what there is, what is cut off, where writing goes on.

Recovery = the newest good snapshot + the frames behind it. A torn tail is cut off: a copy goes to
the folder `kept`, and zeros are written over it, so that nothing of it can ever be taken for what
is written there later. What is left is made safe before anybody relies on it: it may have been
written by a process that died before it was synced, or whose sync failed, after which Linux takes
for written down what is not; so it is written once more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headrace.errors import JournalDamaged
from headrace.journal.folder import (
    KEPT,
    UNFINISHED,
    holds_a_journal,
    join,
    list_segments,
    list_snapshots,
    segment_name,
    snapshot_name,
)
from headrace.journal.layout import FRAME_ALIGNMENT, encode_frame, id_seed
from headrace.journal.notes import encode_notes
from headrace.journal.reader import Reader, Tear
from headrace.journal.segment import Frame, Position
from headrace.journal.snapshots import BadSnapshot, Snapshot, newest_snapshot
from headrace.ports import Bytes, Disk

_ZEROS = bytes(1 << 20)


@dataclass
class Recovery:
    """What opening a journal found."""

    snapshot: Snapshot | None = None
    inputs: int = 0  # stepped over again, from the snapshot on
    tear: Tear | None = None  # what was cut off
    bad_snapshots: list[BadSnapshot] = field(default_factory=list)  # passed over

    @property
    def lines(self) -> list[str]:
        """What a person should know of it; nothing where nothing was wrong."""
        told = [f"passed over the snapshot {bad}" for bad in self.bad_snapshots]
        return told + ([str(self.tear)] if self.tear else [])


class Tail:
    """The journal from the newest good snapshot on, or from its beginning.

    Raises JournalDamaged. After `frames` has come to its end, `end` is where writing goes on.
    """

    def __init__(self, disk: Disk, folder: str, before: int | None = None) -> None:
        self._disk = disk
        self._folder = folder
        self.recovery = Recovery()
        self.reader: Reader | None = None
        self._doubtful: deque[Frame] = deque()  # not known to be on the disk
        if not holds_a_journal(disk, folder):
            left = list_snapshots(disk, folder)
            if left:
                raise JournalDamaged(
                    f"there is a snapshot, and no segment of a journal: the inputs behind it, "
                    f"from {left[-1]:,} on, are missing",
                    file=join(folder, snapshot_name(left[-1])),
                    offset=0,
                    sequence=left[-1],
                )
            return
        self.reader = Reader(disk, folder)
        number, first = self.reader.names[-1]
        self.journal_id = self.reader.segment(number, first).header.journal_id
        snapshot, bad = newest_snapshot(disk, folder, self.journal_id, before)
        self.recovery.snapshot = snapshot
        self.recovery.bad_snapshots = bad
        self._start = self._where_to_start(self.reader, snapshot)

    def _where_to_start(self, reader: Reader, snapshot: Snapshot | None) -> Position:
        sequence = 0 if snapshot is None else snapshot.sequence
        if sequence < reader.first_sequence:
            raise JournalDamaged(
                f"the inputs from {sequence:,} on are missing, and no good snapshot covers them",
                file=join(self._folder, segment_name(*reader.names[0])),
                offset=0,
                sequence=sequence,
            )
        if snapshot is not None:
            place = snapshot.position
            for name in reader.names:
                if name[0] == place.number and name[1] <= place.sequence <= sequence:
                    segment = reader.segment(*name)
                    good = not isinstance(segment.frame_at(place), str)
                    if good or place == segment.start:
                        return place
        return reader.start_of(sequence)

    def frames(self) -> Iterator[Frame]:
        """Frames with inputs behind the snapshot, or with notes; the first may begin before it."""
        if self.reader is None:
            return
        snapshot = self.recovery.snapshot
        start = 0 if snapshot is None else snapshot.sequence
        for frame in self.reader.frames(self._start):
            self._doubt(frame)
            if frame.header.end > start or frame.header.notes_bytes:
                self.recovery.inputs += max(0, frame.header.end - max(start, frame.first_sequence))
                yield frame
        end = self.end
        if end is not None and end.sequence < start:
            raise JournalDamaged(
                f"a snapshot knows of inputs up to {start:,}, and the journal ends here: it has "
                "lost what was safe",
                file=join(self._folder, segment_name(*self.reader.names[-1])),
                offset=end.offset,
                sequence=end.sequence,
            )
        self.recovery.tear = self.reader.tear

    def _doubt(self, frame: Frame) -> None:
        """What a frame says of those before it: what was safe when it was written."""
        doubtful, safe = self._doubtful, frame.header.synced_sequence
        while doubtful and (doubtful[0].header.end, not doubtful[0].count) <= (safe, False):
            doubtful.popleft()
        doubtful.append(frame)

    @property
    def end(self) -> Position | None:
        """Behind the last frame; None: there is no journal yet."""
        return None if self.reader is None else self.reader.end

    def cut(self) -> None:
        """Cut the torn tail off, keeping a copy, and make all before it safe. Raises OSError."""
        if self.reader is None:
            return
        tear = self.recovery.tear
        if tear is not None:
            kept = join(self._folder, KEPT)
            self._disk.make_folder(kept)
            put_aside_behind(self._disk, self._folder, tear.position.number)
            self._cut_segment(tear, kept)
            self.reader.refresh()
        self._make_safe()

    def _make_safe(self) -> None:
        parts: dict[str, list[Frame]] = {}
        for frame in self._doubtful:
            parts.setdefault(frame.file, []).append(frame)
        for path, frames in parts.items():
            file = self._disk.open(path, writable=True)
            try:
                for part in _pieces(frames):
                    file.write(*part)
                file.sync()
            finally:
                file.close()
        self._disk.sync_folder(self._folder)

    def _cut_segment(self, tear: Tear, kept: str) -> None:
        disk = self._disk
        offset = tear.position.offset
        file = disk.open(tear.file, writable=True)
        try:
            data = file.map()[offset:]
            used = int(data.nonzero()[0][-1]) + 1 if data.any() else 0
            if not used:
                return
            name = free_name(disk, kept, f"{tear.file.rsplit('/', 1)[-1]}-{offset}.torn")
            _write_file(disk, name, [data[:used].tobytes()])
            disk.sync_folder(kept)
            for begin in range(0, used, len(_ZEROS)):
                file.write(offset + begin, [_ZEROS[: min(len(_ZEROS), used - begin)]])
            file.sync()
        finally:
            file.close()


def _pieces(frames: list[Frame]) -> Iterator[tuple[int, list[Bytes]]]:
    """Frames that lie one behind the other, as offsets and bytes to be written there."""
    waiting: list[Frame] = []
    size = 0
    for frame in frames:
        waiting.append(frame)
        size += frame.header.frame_bytes
        if size >= len(_ZEROS) or frame is frames[-1]:
            yield waiting[0].offset, [np.concatenate([each.bytes for each in waiting])]
            waiting, size = [], 0


def cut_from(disk: Disk, folder: str, sequence: int) -> None:
    """Take the events from a sequence on away, safe or not, keeping a copy. Raises OSError.

    What is left is at each moment a journal that ends there or later.
    """
    reader = Reader(disk, folder)
    frame = next(
        each for each in reader.frames(reader.start_of(sequence)) if each.header.end > sequence
    )
    header = frame.header
    left = sequence - header.first_sequence
    parts, _, _ = encode_frame(
        header.first_sequence,
        frame.events[:left],
        frame.times[:left],
        encode_notes([note for note in frame.notes if note.sequence < sequence]),
        synced_sequence=header.synced_sequence,
        previous=header.previous,
        seed=id_seed(frame.segment.header.journal_id),
        alignment=FRAME_ALIGNMENT,
    )
    kept = join(folder, KEPT)
    disk.make_folder(kept)
    put_aside_behind(disk, folder, frame.segment.header.number)
    data = frame.segment.data
    name = frame.file.rsplit("/", 1)[-1]
    _write_file(disk, free_name(disk, kept, f"{name}-{frame.offset}.lost"), [data[frame.offset :]])
    disk.sync_folder(kept)
    making = frame.file + UNFINISHED
    if disk.exists(making):
        disk.remove(making)
    _write_file(disk, making, [data[: frame.offset], *(parts if left else [])], len(data))
    disk.rename(making, frame.file)
    disk.sync_folder(folder)


def _write_file(disk: Disk, path: str, parts: list[Any], size: int = 0) -> None:
    """A new file with these bytes, and zeros behind them up to a size; its name is not safe."""
    file = disk.create(path, size)
    try:
        file.write(0, parts)
        file.sync()
    finally:
        file.close()


def put_aside_behind(disk: Disk, folder: str, number: int) -> None:
    """Move the segments behind one to the folder of what is kept, which is there.

    The last one first, each for good before the next, so that there is never a gap.
    """
    kept = join(folder, KEPT)
    for behind, first in reversed(list_segments(disk, folder)):
        if behind > number:
            name = segment_name(behind, first)
            disk.rename(join(folder, name), free_name(disk, kept, name))
            disk.sync_folder(kept)
            disk.sync_folder(folder)


def free_name(disk: Disk, folder: str, name: str) -> str:
    """A path in a folder that nothing has yet: the name, or the name and a number."""
    path = join(folder, name)
    for number in range(1, 1 << 30):
        if not disk.exists(path):
            break
        path = join(folder, f"{name}.{number}")
    return path
