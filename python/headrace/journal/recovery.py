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
from headrace.journal.layout import BLOCK_BYTES, FRAME_ALIGNMENT, encode_frame
from headrace.journal.reader import Reader, Tear
from headrace.journal.segment import Frame, Position
from headrace.journal.snapshots import BadSnapshot, Snapshot, newest_snapshot
from headrace.ports import Buffer, Bytes, Disk

_ZEROS = bytes(1 << 20)


@dataclass
class Recovery:
    """What opening a journal found."""

    snapshot: Snapshot | None = None
    inputs: int = 0  # stepped over again, from the snapshot on
    tear: Tear | None = None  # what was cut off
    bad_snapshots: list[BadSnapshot] = field(default_factory=list)  # passed over
    letters: list[str] = field(default_factory=list)  # dead letters that somebody should look at

    @property
    def lines(self) -> list[str]:
        """What a person should know of it; nothing where nothing was wrong."""
        told = [f"passed over the snapshot {bad}" for bad in self.bad_snapshots]
        return told + ([str(self.tear)] if self.tear else []) + self.letters


class Tail:
    """The journal from the newest good snapshot on, or from its beginning.

    Raises JournalDamaged. After `frames` has come to its end, `end` is where writing goes on.
    `begins_anywhere`: what is not there before the first frame is not missed.
    """

    def __init__(
        self, disk: Disk, folder: str, before: int | None = None, *, begins_anywhere: bool = False
    ) -> None:
        self._disk = disk
        self._folder = folder
        self._begins_anywhere = begins_anywhere
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
        if sequence < reader.first_sequence and not self._begins_anywhere:
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
            self._disk.make_folder(join(self._folder, KEPT))
            put_aside_behind(self._disk, self._folder, tear.position.number)
            cut_file(self._disk, self._folder, tear.file, tear.position.offset)
            self.reader.refresh()
            end = tear.position.number, tear.position.offset
            left = [f for f in self._doubtful if (f.position.number, f.offset) < end]
            self._doubtful = deque(left)
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


def cut_file(disk: Disk, folder: str, path: str, offset: int) -> str | None:
    """Write zeros over all of a segment from an offset on, after a copy of it is safe.

    The path of the copy; None if there were zeros only. Raises OSError.
    """
    file = disk.open(path, writable=True)
    try:
        used, name = _keep_behind(disk, folder, path, offset, file.map())
        for begin in range(0, used, len(_ZEROS)):
            file.write(offset + begin, [_ZEROS[: min(len(_ZEROS), used - begin)]])
        if used:
            file.sync()
    finally:
        file.close()
    return name


def shorten(disk: Disk, folder: str, frame: Frame, count: int) -> Position:
    """Let a journal end behind the first `count` events of a frame; where it ends then.

    Those are safe at any moment: the segment is made anew beside the one that there is, and takes
    its name. A copy of what is cut off is kept. Raises OSError.
    """
    segment, at = frame.segment, frame.position
    disk.make_folder(join(folder, KEPT))
    put_aside_behind(disk, folder, at.number)
    _keep_behind(disk, folder, segment.path, at.offset, segment.data)
    parts: list[Buffer] = [segment.data[: at.offset]]
    if count:
        at = _add_frame(parts, frame, at, count, FRAME_ALIGNMENT)
    rest = -at.offset % BLOCK_BYTES
    if rest and at.offset + rest <= len(segment.data):
        # An empty frame, so that the block that holds what is safe is not written again.
        at = _add_frame(parts, frame, at, 0, rest)
    making = segment.path + UNFINISHED
    if disk.exists(making):
        disk.remove(making)
    file = disk.create(making, len(segment.data), ready=False)
    try:
        file.write(0, parts)
        file.sync()
    finally:
        file.close()
    disk.rename(making, segment.path)
    disk.sync_folder(folder)
    return at


def _add_frame(
    parts: list[Buffer], frame: Frame, at: Position, count: int, alignment: int
) -> Position:
    """Add a frame of the first events of another one; where the next one begins."""
    more, size, check = encode_frame(
        at.sequence,
        frame.events[:count],
        frame.times[:count],
        b"",
        synced_sequence=frame.header.synced_sequence,
        previous=at.previous,
        seed=frame.segment.seed,
        alignment=alignment,
    )
    parts += more
    return Position(at.number, at.offset + size, at.sequence + count, check)


def _keep_behind(
    disk: Disk, folder: str, path: str, offset: int, whole: Bytes
) -> tuple[int, str | None]:
    """Keep a copy of what a segment has behind an offset: how many bytes, and the copy's path."""
    data, kept = whole[offset:], join(folder, KEPT)
    used = int(data.nonzero()[0][-1]) + 1 if data.any() else 0
    if not used:
        return 0, None
    name = free_name(disk, kept, f"{path.rsplit('/', 1)[-1]}-{offset}.torn")
    keep_bytes(disk, name, data[:used].tobytes())
    disk.sync_folder(kept)
    return used, name


def keep_bytes(disk: Disk, path: str, data: bytes) -> None:
    """Write a file down; its name is safe when its folder is synced."""
    copy = disk.create(path, 0)
    try:
        copy.write(0, [data])
        copy.sync()
    finally:
        copy.close()


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
