"""The bytes of a journal: segment headers and frames. `docs/journal-format.md` has the tables.

A journal is a folder of segments, files of zeros into which frames are written one behind the
other. A frame holds the events of one write: a header of 64 bytes, their ingest times, the events
as they lay in the ring, notes, and zeros up to a multiple of the alignment.

Each frame's checksum is seeded with the one before it, and the first one's with the segment's
header, which repeats that of the last frame of the segment before. So a frame can only be read
where it was written: one left over from earlier, or written to the wrong place, does not fit.

All numbers are little endian. The checksum is XXH3, 64 bits.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xxhash

from headrace.ports import Buffer

FORMAT_VERSION = 1
SEGMENT_MAGIC = b"HRSEGMT1"
FRAME_MAGIC = 0x4D415246  # "FRAM", read as little endian
FRAME_ALIGNMENT = 64  # frames begin at multiples of this, so they can be looked for
BLOCK_BYTES = 4096  # what a disk writes at once
FRAME_HEADER_BYTES = 64
TEXT_BYTES_MAX = 1 << 20

# The kernel takes several microseconds longer for some small buffers than for one.
_JOINED_BYTES_MAX = 16 * BLOCK_BYTES

_SEGMENT = struct.Struct("<8sII16sQqQQqII")
_FRAME = struct.Struct("<IIQqIIqQQQ")
_SEGMENT_CHECKED = _SEGMENT.size  # the checksum stands behind the fields, the text behind that
_SEGMENT_TEXT = _SEGMENT_CHECKED + 8
_FRAME_CHECKED = FRAME_HEADER_BYTES - 8
_CHECKSUM = struct.Struct("<Q")
assert _FRAME.size == FRAME_HEADER_BYTES


def checksum(data: Buffer, seed: int) -> int:
    """XXH3 of 64 bits."""
    return xxhash.xxh3_64_intdigest(data, seed)


def aligned(size: int, alignment: int) -> int:
    """The next multiple of the alignment."""
    return -(-size // alignment) * alignment


@dataclass(frozen=True)
class SegmentHeader:
    """What stands at the beginning of a segment."""

    journal_id: bytes  # 16 bytes, the same in all segments
    number: int  # counts the segments from 0
    first_sequence: int  # of the first event in it
    previous: int  # checksum of the last frame before it; 0 for the first segment
    segment_bytes: int
    synced_sequence: int  # all below was known to be on the disk when this was written
    item_bytes: int
    text: bytes  # what the journal is of; see journal.identity

    @property
    def header_bytes(self) -> int:
        """Frames begin behind this."""
        return aligned(_SEGMENT_TEXT + len(self.text), BLOCK_BYTES)

    def encode(self) -> tuple[bytes, int]:
        """Its bytes, and the checksum that seeds the first frame."""
        fields = _SEGMENT.pack(
            SEGMENT_MAGIC,
            FORMAT_VERSION,
            self.header_bytes,
            self.journal_id,
            self.number,
            self.first_sequence,
            self.previous,
            self.segment_bytes,
            self.synced_sequence,
            self.item_bytes,
            len(self.text),
        )
        check = checksum(self.text, checksum(fields, 0))
        data = fields + _CHECKSUM.pack(check) + self.text
        return data.ljust(self.header_bytes, b"\0"), check


class BadHeader(ValueError):
    """Bytes that are no segment header: why."""


def decode_segment_header(data: bytes) -> tuple[SegmentHeader, int]:
    """A segment's header and the checksum that seeds its first frame, or raise BadHeader.

    `data`: the file's beginning, the first SEGMENT_HEADER_BYTES_MAX of it at most.
    """
    if len(data) < _SEGMENT_TEXT:
        raise BadHeader(f"it has {len(data)} bytes")
    magic, version, header_bytes, *fields, text_bytes = _SEGMENT.unpack_from(data)
    if magic != SEGMENT_MAGIC:
        what = "it is empty" if not any(data) else f"it starts with {magic!r}"
        raise BadHeader(f"{what}: no segment of a journal")
    if version != FORMAT_VERSION:
        raise BadHeader(f"format version {version}; this headrace reads version {FORMAT_VERSION}")
    text = data[_SEGMENT_TEXT : _SEGMENT_TEXT + text_bytes]
    (check,) = _CHECKSUM.unpack_from(data, _SEGMENT_CHECKED)
    if text_bytes > TEXT_BYTES_MAX or len(text) != text_bytes or (
        checksum(text, checksum(data[:_SEGMENT_CHECKED], 0)) != check
    ):
        raise BadHeader("the checksum of its header does not match")
    journal_id, number, first, previous, segment_bytes, synced, item_bytes = fields
    header = SegmentHeader(
        journal_id, number, first, previous, segment_bytes, synced, item_bytes, text
    )
    if header_bytes != header.header_bytes:
        raise BadHeader(f"a header of {header_bytes} bytes")
    return header, check


def unchecked_header(data: bytes) -> tuple[SegmentHeader, int] | None:
    """What the bytes of a damaged header say, and the checksum in it; any of it may be wrong."""
    if len(data) < _SEGMENT_TEXT:
        return None
    _, _, _, *fields, text_bytes = _SEGMENT.unpack_from(data)
    (check,) = _CHECKSUM.unpack_from(data, _SEGMENT_CHECKED)
    text = data[_SEGMENT_TEXT : _SEGMENT_TEXT + min(text_bytes, TEXT_BYTES_MAX)]
    journal_id, number, first, previous, segment_bytes, synced, item_bytes = fields
    return SegmentHeader(
        journal_id, number, first, previous, segment_bytes, synced, item_bytes, text
    ), check


SEGMENT_HEADER_BYTES_MAX = aligned(_SEGMENT_TEXT + TEXT_BYTES_MAX, BLOCK_BYTES)


class FrameHeader(NamedTuple):
    """What stands at the beginning of a frame."""

    frame_bytes: int  # of the whole frame, with the zeros behind it
    first_sequence: int  # of the first event; of the next one to come, if there are none
    count: int  # type: ignore[assignment]  # of events
    notes_bytes: int
    synced_sequence: int  # all below was known to be on the disk when this was written
    previous: int  # checksum of the frame before, or of the segment's header
    body_checksum: int  # of times, events and notes, seeded with `previous`
    check: int  # of the fields above, seeded with the journal's id

    @property
    def end(self) -> int:
        """The sequence behind the last event."""
        return self.first_sequence + self.count


def id_seed(journal_id: bytes) -> int:
    """What frame headers' checksums are seeded with: another journal's frames do not fit."""
    return checksum(journal_id, 0)


def encode_frame(
    first_sequence: int,
    events: np.ndarray[Any, Any],
    times: np.ndarray[Any, Any],
    notes: bytes,
    *,
    synced_sequence: int,
    previous: int,
    seed: int,
    alignment: int,
) -> tuple[list[Buffer], int, int]:
    """A frame as buffers to be written one behind the other, its length, and its checksum.

    `events` and `times` must be contiguous; those of long frames are not copied.
    """
    count = len(times)
    used = FRAME_HEADER_BYTES + 8 * count + events.nbytes + len(notes)
    frame_bytes = aligned(used, alignment)
    joined = frame_bytes <= _JOINED_BYTES_MAX
    body: list[Buffer] = (
        [times.tobytes(), events.tobytes(), notes]
        if joined
        else [times.view(np.uint8), events.view(np.uint8), notes]
    )
    checked = previous
    for part in body:
        checked = checksum(part, checked)
    fields = _FRAME.pack(
        FRAME_MAGIC,
        len(notes),
        frame_bytes,
        first_sequence,
        count,
        0,
        synced_sequence,
        previous,
        checked,
        0,
    )[:_FRAME_CHECKED]
    check = checksum(fields, seed)
    parts = [fields, _CHECKSUM.pack(check), *body, bytes(frame_bytes - used)]
    return [b"".join(parts)] if joined else parts, frame_bytes, check


def decode_frame_header(data: Buffer, offset: int, seed: int) -> FrameHeader | None:
    """The header at an offset, if there is a whole one; it says nothing about the body."""
    if not 0 <= offset <= len(data) - FRAME_HEADER_BYTES:
        return None
    magic, notes_bytes, size, first, count, _, synced, previous, body, check = _FRAME.unpack_from(
        data, offset
    )
    if magic != FRAME_MAGIC or checksum(data[offset : offset + _FRAME_CHECKED], seed) != check:
        return None
    return FrameHeader(size, first, count, notes_bytes, synced, previous, body, check)
