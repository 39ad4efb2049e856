"""Writing a journal: frames at the end, segment after segment.

One thread writes at a time. Nothing is ever written over: frames go where zeros are, and what is
written after a sync begins on a block of its own, so that a write that is torn cannot damage what
was safe before. After a failed write or sync nothing more is written by this writer.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from headrace.errors import JournalFailed, JournalFull
from headrace.journal.folder import (
    SPARE,
    UNFINISHED,
    join,
    list_segments,
    remove_unfinished,
    segment_name,
)
from headrace.journal.identity import Identity
from headrace.journal.layout import (
    BLOCK_BYTES,
    FRAME_ALIGNMENT,
    FRAME_HEADER_BYTES,
    SegmentHeader,
    aligned,
    encode_frame,
    id_seed,
)
from headrace.journal.notes import AnyNote, encode_notes
from headrace.journal.segment import Position
from headrace.ports import Disk, File

NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_UNSYNCED_MAX = 16  # segments
Records = np.ndarray[Any, Any]
Times = np.ndarray[Any, np.dtype[np.int64]]


class Writer:
    """The writing end of a journal's folder, whose lock the caller holds.

    `at`: where to go on, behind all frames that are there; None: the journal is begun.
    `unsynced_max`: how many full segments may wait for their sync, at other levels. Raises
    JournalFailed and JournalFull from every method once something has gone wrong.
    """

    def __init__(
        self,
        disk: Disk,
        folder: str,
        identity: Identity,
        *,
        level: str,
        segment_bytes: int,
        at: Position | None = None,
        journal_id: bytes | None = None,
        first_sequence: int = 0,
        unsynced_max: int = _UNSYNCED_MAX,
    ) -> None:
        self._disk = disk
        self._folder = folder
        self._identity = identity
        self._level = level
        self._segment_bytes = segment_bytes
        self._alignment = BLOCK_BYTES if level == "fsync" else FRAME_ALIGNMENT
        self._unsynced_max = 0 if level == "fsync" else unsynced_max
        self._ready = level == "fsync"  # only syncs gain by files that are written out
        self._nothing = np.empty(0, identity.event), np.empty(0, np.int64)
        self._journal_id = journal_id if journal_id is not None else os.urandom(16)
        self._seed = id_seed(self._journal_id)
        self._failed: JournalFailed | None = None
        self._file: File | None = None
        self._behind: list[File] = []  # full, and not synced yet
        self._syncing = threading.Lock()  # held by who takes one of them away
        self._safe: Position | None = None  # all frames before it are on the disk
        self.path = ""
        if at is None:
            self.position = Position(-1, 0, first_sequence, 0)
            self.synced_sequence = first_sequence
            self._roll()
        else:
            self.position = at
            self.synced_sequence = 0  # what was found may be in the system's memory only
            with self._failing("opened"):
                remove_unfinished(disk, folder)
                first = next(first for n, first in list_segments(disk, folder) if n == at.number)
                self.path = join(folder, segment_name(at.number, first))
                self._file = disk.open(self.path, writable=True)
                self._size = self._file.size
            if at.offset % self._alignment:
                self._roll()  # a block that holds what is safe is not written again
            else:
                self.sync()
        item_bytes = identity.event.itemsize
        room = self._segment_bytes // 2 - FRAME_HEADER_BYTES - BLOCK_BYTES
        self._count_max = max(1, room // (item_bytes + 8))

    @property
    def sequence(self) -> int:
        """Of the next event."""
        return self.position.sequence

    @property
    def filled(self) -> float:
        """How much of the segment is written, of 1."""
        return self.position.offset / self._size

    @property
    def journal_id(self) -> bytes:
        """The same in all its segments."""
        return self._journal_id

    def append(
        self,
        events: Records,
        times: Times,
        notes: list[AnyNote] = [],  # noqa: B006
        *,
        sync: bool = False,
    ) -> None:
        """Write events, one frame if they are not too many, each note with the input it is of.

        When this returns, the operating system has them; with `sync`, or after `sync()`, they are
        on the disk.
        """
        done = 0
        while len(events) - done > self._count_max:
            end = done + self._count_max
            behind = self.sequence + self._count_max
            own = [note for note in notes if note.sequence < behind]
            notes = [note for note in notes if note.sequence >= behind]
            self._write(events[done:end], times[done:end], encode_notes(own))
            done = end
        # Only what is written then is safe: not if there is a frame before it that is not.
        at_once = sync and self._safe == self.position and not self._behind
        self._write(events[done:], times[done:], encode_notes(notes), sync=at_once)
        if at_once:
            self._safe = self.position
            self.synced_sequence = self.sequence
        elif sync:
            self.sync()

    def _write(
        self,
        events: Records,
        times: Times,
        notes: bytes,
        alignment: int | None = None,
        *,
        sync: bool = False,
    ) -> None:
        used = FRAME_HEADER_BYTES + events.nbytes + times.nbytes + len(notes)
        self._check()
        if self.position.offset + aligned(used, self._alignment) > self._size:
            self._roll(used)
        at = self.position
        parts, frame_bytes, check = encode_frame(
            at.sequence,
            events,
            times,
            notes,
            synced_sequence=self.synced_sequence,
            previous=at.previous,
            seed=self._seed,
            alignment=alignment or self._alignment,
        )
        assert self._file is not None
        try:
            self._file.write(at.offset, parts, sync=sync)
        except OSError as error:
            raise self._fail("written to and synced" if sync else "written to", error) from error
        self.position = Position(
            at.number, at.offset + frame_bytes, at.sequence + len(events), check
        )

    def sync(self) -> None:
        """Return when all that was appended is on the disk."""
        self._check()
        self._fill_block()
        try:
            while self._sync_one_behind():
                pass
            if self._file is not None:
                self._file.sync()
        except OSError as error:
            raise self._fail("synced", error) from error
        self._safe = self.position
        self.synced_sequence = self.position.sequence

    def sync_full(self) -> None:
        """Sync segments that are full, so that less is left to do later; from any thread."""
        if self._level == "os" and self._failed is None:
            try:
                self._sync_one_behind()
            except OSError as error:
                raise self._fail("synced", error) from error

    def _sync_one_behind(self) -> bool:
        with self._syncing:
            if not self._behind:
                return False
            self._behind[0].sync()
            self._behind.pop(0).close()
            return True

    def _fill_block(self) -> None:
        """Let what comes behind a sync begin on a block of its own: with an empty frame."""
        at = self.position
        rest = -at.offset % BLOCK_BYTES
        if self._file is not None and rest and at.offset + rest <= self._size:
            self._write(*self._nothing, b"", rest)

    def _roll(self, used: int = 0) -> None:
        """Go on in a new segment, with room for a frame of `used` bytes."""
        if self._file is not None:
            # Nothing is called in between, so no interrupt can come: it would be there twice.
            self._behind += [self._file]
            self._file = None
            if len(self._behind) > self._unsynced_max:
                self.sync()
        at = self.position
        header = SegmentHeader(
            journal_id=self._journal_id,
            number=at.number + 1,
            first_sequence=at.sequence,
            previous=at.previous,
            segment_bytes=self._segment_bytes,
            synced_sequence=self.synced_sequence,
            item_bytes=self._identity.event.itemsize,
            text=self._identity.encode(),
        )
        data, check = header.encode()
        size = max(self._segment_bytes, aligned(len(data) + used + BLOCK_BYTES, BLOCK_BYTES))
        self.path = join(self._folder, segment_name(header.number, header.first_sequence))
        with self._failing("made"):
            file, making = self._empty_file(size)
            file.write(0, [data])
            file.sync()
            self._disk.rename(making, self.path)
            self._disk.sync_folder(self._folder)
        position = Position(header.number, len(data), at.sequence, check)
        self._file, self._size, self.position = file, size, position  # all, or none
        if self._safe == at and not self._behind:
            self._safe = position

    def _empty_file(self, size: int) -> tuple[File, str]:
        """A file of zeros, and its name for now: the spare one, if there is one that fits."""
        spare = join(self._folder, SPARE)
        if self._disk.exists(spare):
            file = self._disk.open(spare, writable=True)
            # Whoever took it and died has written a header, and nothing behind that.
            if file.size == size and not any(file.read(0, BLOCK_BYTES)):
                return file, spare
            file.close()
            self._disk.remove(spare)
        # Not under the name of the spare one, which another thread may be about to make.
        making = self.path + UNFINISHED
        if self._disk.exists(making):
            self._disk.remove(making)
        # Somebody waits for it, and fills it quickly, or the spare one would have been there.
        ready = self._ready and self.position.number < 0
        return self._disk.create(making, size, ready=ready), making

    def prepare_spare(self, *, ready: bool) -> bool:
        """Make the next segment's file ahead of time; from another thread than the writer's.

        `ready`: written out, so that syncs are quick; or only reserved, which is quick itself.
        False: there is no room for it now.
        """
        spare = join(self._folder, SPARE)
        if self._failed is not None or self._disk.exists(spare):
            return True
        making = spare + UNFINISHED
        try:
            if self._disk.exists(making):
                self._disk.remove(making)
            file = self._disk.create(making, self._segment_bytes, ready=ready and self._ready)
            file.sync()
            file.close()
            self._disk.rename(making, spare)
        except OSError:
            return False  # whoever needs it makes it, and says what is wrong
        return True

    def seal(self, note: AnyNote) -> None:
        """Say that the journal is whole up to here, so that what is lost later shows."""
        self.sync()
        self.append(*self._nothing, [note])
        self.sync()

    def close(self) -> None:
        """Let go of the file; nothing is synced by this."""
        for file in [*self._behind, self._file]:
            if file is not None:
                file.close()
        self._file = None
        self._behind = []

    def _check(self) -> None:
        if self._failed is not None:
            raise JournalFailed(f"{self.path}: nothing more is written: {self._failed}")

    def _fail(self, what: str, error: OSError) -> JournalFailed:
        full = error.errno in NO_SPACE
        kind = JournalFull if full else JournalFailed
        hint = (
            "make space, and open the engine anew"
            if full
            else "open the engine anew, which reads what is there"
        )
        self._failed = kind(
            f"{self.path}: could not be {what} at input {self.position.sequence:,}: "
            f"{error.strerror or error}; inputs before {self.synced_sequence:,} are safe; {hint}"
        )
        return self._failed

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._fail(what, error) from error


def drop_segments_before(disk: Disk, folder: str, sequence: int) -> int:
    """Remove the segments that hold only inputs before a sequence; how many. Raises OSError.

    The oldest first, so that there is never a gap.
    """
    dropped = 0
    for (number, first), (_, behind) in itertools.pairwise(list_segments(disk, folder)):
        if behind > sequence:
            break
        disk.remove(join(folder, segment_name(number, first)))
        disk.sync_folder(folder)
        dropped += 1
    return dropped
