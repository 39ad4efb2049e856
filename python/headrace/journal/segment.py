"""One segment, opened to be read: its header, and the frames in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from headrace.errors import JournalDamaged, RingFormatError
from headrace.journal.folder import join, segment_name
from headrace.journal.identity import Identity
from headrace.journal.layout import (
    FRAME_ALIGNMENT,
    FRAME_HEADER_BYTES,
    FRAME_MAGIC,
    SEGMENT_HEADER_BYTES_MAX,
    BadHeader,
    FrameHeader,
    checksum,
    decode_frame_header,
    decode_segment_header,
    id_seed,
)
from headrace.journal.notes import AnyNote, decode_notes
from headrace.ports import Bytes, Disk

Records = np.ndarray[Any, Any]


class Position(NamedTuple):
    """A place between two frames, where the next one begins."""

    number: int  # of the segment
    offset: int  # bytes
    sequence: int  # of the next event
    previous: int  # checksum of the frame before


class Frame:
    """A frame whose checksums match; events and times are views of the mapped file."""

    __slots__ = ("header", "offset", "segment")

    def __init__(self, segment: Segment, offset: int, header: FrameHeader) -> None:
        self.segment = segment
        self.offset = offset
        self.header = header

    @property
    def bytes(self) -> Bytes:
        """All of it as it stands in the file."""
        return self.segment.data[self.offset : self.offset + self.header.frame_bytes]

    @property
    def first_sequence(self) -> int:
        """Of the first event; of the next one to come, if there are none."""
        return self.header.first_sequence

    @property
    def count(self) -> int:
        """How many events."""
        return self.header.count

    @property
    def times(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Their ingest times, nanoseconds since 1970."""
        return np.frombuffer(
            self.segment.data, "<i8", self.header.count, self.offset + FRAME_HEADER_BYTES
        )

    @property
    def events(self) -> Records:
        """The events, read-only."""
        begin = self.offset + FRAME_HEADER_BYTES + 8 * self.header.count
        return np.frombuffer(
            self.segment.data, self.segment.identity.event, self.header.count, begin
        )

    @property
    def notes(self) -> list[AnyNote]:
        """What is said beside the events. Raises JournalDamaged for what is none."""
        if not self.header.notes_bytes:
            return []
        begin = self.offset + FRAME_HEADER_BYTES
        begin += self.header.count * (8 + self.segment.header.item_bytes)
        data = self.segment.data[begin : begin + self.header.notes_bytes].tobytes()
        try:
            return decode_notes(data)
        except ValueError as error:
            raise self.segment.damage(str(error), self.offset, self.first_sequence) from None

    @property
    def file(self) -> str:
        """The path of its segment."""
        return self.segment.path

    @property
    def place(self) -> str:
        """Where it stands, to be shown."""
        return f"{self.segment.path}, byte {self.offset:,}"

    @property
    def position(self) -> Position:
        """Where it begins."""
        header = self.header
        number = self.segment.header.number
        return Position(number, self.offset, header.first_sequence, header.previous)

    @property
    def behind(self) -> Position:
        """Where the next frame begins."""
        header = self.header
        return Position(
            self.segment.header.number, self.offset + header.frame_bytes, header.end, header.check
        )


class Segment:
    """A segment's file, mapped. Raises JournalDamaged if its header does not hold.

    `mended`: bytes to be read in place of those that the file begins with.
    """

    def __init__(
        self,
        disk: Disk,
        folder: str,
        number: int,
        first_sequence: int,
        mended: bytes | None = None,
    ) -> None:
        self.path = join(folder, segment_name(number, first_sequence))
        file = disk.open(self.path)
        try:
            self.data: Bytes = file.map()
        finally:
            file.close()
        if mended is not None and len(mended) <= len(self.data):
            self.data = self.data.copy()
            self.data[: len(mended)] = np.frombuffer(mended, np.uint8)
        try:
            self.header, check = decode_segment_header(
                self.data[:SEGMENT_HEADER_BYTES_MAX].tobytes()
            )
            self.identity = Identity.decode(self.header.text)
        except (BadHeader, RingFormatError) as error:
            raise self.damage(str(error), 0, first_sequence) from None
        header = self.header
        if (header.number, header.first_sequence) != (number, first_sequence):
            raise self.damage(
                f"its header is that of segment {header.number}", 0, first_sequence
            )
        if header.item_bytes != self.identity.event.itemsize:
            raise self.damage(f"events of {header.item_bytes} bytes", 0, first_sequence)
        self.seed = id_seed(header.journal_id)
        self.start = Position(number, header.header_bytes, first_sequence, check)

    def damage(self, reason: str, offset: int, sequence: int) -> JournalDamaged:
        """The error for something wrong in this file."""
        return JournalDamaged(reason, file=self.path, offset=offset, sequence=sequence)

    def header_at(self, position: Position) -> FrameHeader | str:
        """The header of the frame that begins there and fits there, or why there is none."""
        header = decode_frame_header(self.data, position.offset, self.seed)
        if header is None:
            begin = self.data[position.offset : position.offset + FRAME_HEADER_BYTES]
            return "" if not begin.any() else "a frame's header is damaged"
        used = FRAME_HEADER_BYTES + header.notes_bytes
        used += header.count * (8 + self.header.item_bytes)
        if header.frame_bytes < used or header.frame_bytes % FRAME_ALIGNMENT or (
            position.offset + header.frame_bytes > len(self.data)
        ):
            return f"a frame of {header.frame_bytes:,} bytes does not fit"
        if header.first_sequence != position.sequence:
            return f"input {position.sequence:,} should come, and {header.first_sequence:,} does"
        if header.previous != position.previous:
            return "the frame does not belong behind the one before it"
        return header

    def frame_at(self, position: Position) -> Frame | str:
        """The frame that begins there, checked, or why there is none ("": nothing but zeros)."""
        header = self.header_at(position)
        if isinstance(header, str):
            return header
        times = position.offset + FRAME_HEADER_BYTES
        events = times + 8 * header.count
        notes = events + header.count * self.header.item_bytes
        check = checksum(self.data[times:events], header.previous)
        check = checksum(self.data[events:notes], check)
        check = checksum(self.data[notes : notes + header.notes_bytes], check)
        if check != header.body_checksum:
            return "the checksum of a frame does not match"
        return Frame(self, position.offset, header)

    def used_behind(self, offset: int) -> int:
        """How many bytes from an offset on are not zero, in words of eight."""
        words = self.data[-(-offset // 8) * 8 : len(self.data) // 8 * 8].view("<u8")
        return 8 * int(np.count_nonzero(words))

    def headers_from(self, offset: int) -> Iterator[tuple[int, FrameHeader]]:
        """All intact frame headers from an offset on, whether they belong there or not."""
        begin = -(-offset // FRAME_ALIGNMENT) * FRAME_ALIGNMENT
        whole = (len(self.data) - begin) // FRAME_ALIGNMENT * FRAME_ALIGNMENT
        if whole <= 0:
            return
        words = self.data[begin : begin + whole].view("<u4")[:: FRAME_ALIGNMENT // 4]
        for index in np.flatnonzero(words == FRAME_MAGIC):
            at = begin + int(index) * FRAME_ALIGNMENT
            header = decode_frame_header(self.data, at, self.seed)
            if header is not None:
                yield at, header
