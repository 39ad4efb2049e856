"""Reading a journal's folder: its frames in order, and what to make of the place where they end.

Frames end at zeros, or at something that is no frame. That is the torn tail of a crash, unless it
is shown that what is missing there had been on the disk: each frame and each segment's header says
up to which sequence the journal was synced when it was written. So if anything intact behind that
place was written when the missing input was synced, the disk has lost what it had promised to keep.
Otherwise nobody had been told that it was safe, and all from there on can be cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headrace.errors import JournalDamaged
from headrace.journal.folder import join, list_segments, segment_name
from headrace.journal.identity import Identity
from headrace.journal.segment import Frame, Position, Segment
from headrace.ports import Disk


@dataclass(frozen=True)
class Tear:
    """Where a journal's frames end, if not at zeros: the rest can be cut off."""

    position: Position
    file: str
    reason: str
    bytes_behind: int  # that are not zero, in this segment and those behind it
    frames_behind: int  # intact ones, which do not follow on each other any more
    segments_behind: int

    def __str__(self) -> str:
        more = f", with {self.frames_behind} frames behind it" if self.frames_behind else ""
        return (
            f"{self.file}, byte {self.position.offset:,}: {self.reason}; it was never synced: cut "
            f"off from input {self.position.sequence:,} on{more}"
        )


class Reader:
    """A journal's frames. Not thread-safe; the files may be written to meanwhile.

    Raises JournalNotFound, JournalDamaged. `end`: where the frames end, and `tear`: why, if not at
    zeros; both are known once `frames` has come to its end.
    """

    def __init__(self, disk: Disk, folder: str) -> None:
        self.disk = disk
        self.folder = folder
        self._names: list[tuple[int, int]] = []
        self._segments: dict[int, Segment] = {}
        self.end: Position | None = None
        self.tear: Tear | None = None
        self.refresh()

    def refresh(self) -> None:
        """Look again which segments there are."""
        self._names = list_segments(self.disk, self.folder)

    @property
    def names(self) -> list[tuple[int, int]]:
        """Number and first sequence of each segment."""
        return self._names

    @property
    def identity(self) -> Identity:
        """What the journal is of, as its newest segment says."""
        return self.segment(*self._names[-1]).identity

    @property
    def first_sequence(self) -> int:
        """The first input that is kept."""
        return self._names[0][1] if self._names else 0

    def segment(self, number: int, first_sequence: int) -> Segment:
        """A segment, opened once."""
        found = self._segments.get(number)
        if found is None:
            found = Segment(self.disk, self.folder, number, first_sequence)
            if self._segments:
                other = next(iter(self._segments.values()))
                if found.header.journal_id != other.header.journal_id:
                    raise found.damage("it belongs to another journal", 0, first_sequence)
                if found.identity.event != other.identity.event:
                    raise found.damage(
                        f"it says that its events are {found.identity.event}, and another segment "
                        f"of this journal that they are {other.identity.event}", 0, first_sequence
                    )  # fmt: skip
            self._segments[number] = found
        return found

    def forget_before(self, number: int) -> None:
        """Let go of the mapped files before a segment."""
        for old in [n for n in self._segments if n < number]:
            del self._segments[old]

    def start_of(self, sequence: int) -> Position:
        """The beginning of the segment that holds an input."""
        number, first = max(
            (name for name in self._names if name[1] <= sequence), default=self._names[0]
        )
        return self.segment(number, first).start

    def frames(self, start: Position | None = None) -> Iterator[Frame]:
        """All frames from a place on (None: the beginning), each checked.

        Raises JournalDamaged where something is missing that had been synced.
        """
        self.tear = None
        if start is None:
            if not self._names:
                return
            start = self.segment(*self._names[0]).start
        position = start
        index = next(i for i, name in enumerate(self._names) if name[0] == position.number)
        while True:
            segment = self.segment(*self._names[index])
            frame = segment.frame_at(position)
            while not isinstance(frame, str):
                position = frame.behind
                yield frame
                frame = segment.frame_at(position)
            self.end = position
            if index + 1 < len(self._names):
                number, first = self._names[index + 1]
                behind = self.segment(number, first)
                # If it follows on this frame, nothing is missing, whatever stands behind the frame.
                if (first, behind.header.previous) == (position.sequence, position.previous):
                    index += 1
                    position = behind.start
                    continue
                frame = frame or f"segment {number} begins at input {first:,}"
            if self._judge(position, frame, index):
                return

    def _has_come(self, segment: Segment, position: Position) -> bool:
        """Whether a frame that was being written when it was looked at is there now."""
        return not isinstance(segment.header_at(position), str) and not isinstance(
            segment.frame_at(position), str
        )

    def _judge(self, position: Position, reason: str, index: int) -> bool:
        """Whether what is there, or is not there, is a tear, damage, or the plain end.

        False: neither, as a frame has come meanwhile.
        """
        segment = self.segment(*self._names[index])
        if len(segment.data) < segment.header.segment_bytes:
            raise segment.damage(
                f"the file is cut short: it has {len(segment.data):,} bytes and was made with "
                f"{segment.header.segment_bytes:,}; inputs from {position.sequence:,} on may be "
                "missing",
                position.offset,
                position.sequence,
            )
        frames = bytes_behind = 0
        synced = -1
        where = ""
        for name in self._names[index:]:
            here = self.segment(*name)
            begin = position.offset if here is segment else 0
            used = here.used_behind(begin)
            if not used:
                continue
            bytes_behind += used
            found = [(at, header.synced_sequence) for at, header in here.headers_from(begin)]
            frames += len(found)
            if here is not segment:
                found.insert(0, (0, here.header.synced_sequence))
            for at, up_to in found:
                if up_to > synced:
                    synced, where = up_to, f"{here.path}, byte {at:,}"
        if bytes_behind and self._has_come(segment, position):
            return False  # written while this was looked at
        if synced > position.sequence:
            reason = reason or "nothing but zeros"
            raise segment.damage(
                f"{reason}; inputs {position.sequence:,} to {synced - 1:,} had been synced, as "
                f"{where} says, and cannot be read. Look with: headrace journal check "
                f"{self.folder}",
                position.offset,
                position.sequence,
            )
        if bytes_behind:
            self.tear = Tear(
                position,
                segment.path,
                reason or "zeros where a frame was",
                bytes_behind,
                frames,
                len(self._names) - 1 - index,
            )
        return True


def read_journal(disk: Disk, folder: str) -> Reader:
    """A reader whose end is known: all frames are checked. Raises JournalDamaged."""
    reader = Reader(disk, folder)
    for _ in reader.frames():
        pass
    return reader


def damaged_segments(disk: Disk, folder: str) -> list[JournalDamaged]:
    """The segments whose headers do not hold, as errors."""
    found = []
    for number, first in list_segments(disk, folder):
        try:
            Segment(disk, folder, number, first)
        except JournalDamaged as error:
            found.append(error)
        except FileNotFoundError as error:  # dropped meanwhile
            found.append(
                JournalDamaged(
                    str(error),
                    file=join(folder, segment_name(number, first)),
                    offset=0,
                    sequence=first,
                )
            )
    return found
