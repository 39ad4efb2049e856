"""The frames that nodes and clients send each other: bytes in, frames out; no socket here.

A frame is a header of 24 bytes and a payload:

    0   4  magic, "HDRW"
    4   1  version of this format, 1
    5   1  kind of the frame
    6   2  zero
    8   4  bytes of the payload
    12  4  XXH32 of the 12 bytes before
    16  8  XXH3 with 64 bits of the payload, seeded with the kind

Numbers are little-endian. The header has a checksum of its own, so that a length is believed only
if it is right: else one flipped bit would have the reader wait for what never comes. Checksums find
accidents; against those who forge frames there are the handshake and TLS.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import xxhash

from headrace.errors import WireError

MAGIC = b"HDRW"
VERSION = 1
HEADER = struct.Struct("<4sBBHIIQ")
_CHECKED = 12  # bytes of the header that its checksum is of

HELLO, CHALLENGE, PROOF, WELCOME, MESSAGE, REQUEST, REPLY, FAILED, PING, PONG = range(1, 11)
BYE, AWAY = 11, 12  # the last words of a connection: come again, and do not
KINDS = frozenset(range(HELLO, AWAY + 1))


class Frame(NamedTuple):
    """One frame, whole and with the right checksums."""

    kind: int
    payload: bytes


def encode_frame(kind: int, payload: bytes = b"") -> bytes:
    """A frame as bytes."""
    begin = HEADER.pack(MAGIC, VERSION, kind, 0, len(payload), 0, 0)[:_CHECKED]
    check = xxhash.xxh32_intdigest(begin)
    body = xxhash.xxh3_64_intdigest(payload, seed=kind)
    return b"".join((begin, struct.pack("<IQ", check, body), payload))


class FrameReader:
    """Takes bytes as they come, and gives the frames in them.

    `payload_bytes_max`: a frame with more is refused when its header is there, so that never more
    than that, and what `feed` was given, is held. After an error every call raises it again.
    """

    def __init__(self, payload_bytes_max: int) -> None:
        self.payload_bytes_max = payload_bytes_max
        self._data = bytearray()
        self._failed: WireError | None = None

    @property
    def held(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._data)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole now. Raises WireError, once those before were given."""
        self.check()
        self._data += data
        frames: list[Frame] = []
        at = 0
        try:
            while (end := self._end_of_frame(at)) is not None:
                frames.append(self._frame(at, end))
                at = end
        except WireError as error:
            self._failed = error
            if not frames:
                raise
        del self._data[:at]
        return frames

    def end(self) -> None:
        """There will be no more bytes. Raises WireError if a frame is half there."""
        self.check()
        if self._data:
            raise WireError(
                f"the connection ended within a frame, after {len(self._data)} bytes of it"
            )

    def check(self) -> None:
        """Raise the error that was found behind the frames that `feed` gave, if there was one."""
        if self._failed is not None:
            self._data.clear()
            raise self._failed

    def _end_of_frame(self, at: int) -> int | None:
        """Where the frame that begins there ends, if all of it is here; its header is checked."""
        have = len(self._data) - at
        start = bytes(self._data[at : at + len(MAGIC)])
        if start != MAGIC[: len(start)]:
            raise WireError(f"{start!r} is no frame, which begins with {MAGIC!r}")
        if have > len(MAGIC) and self._data[at + 4] != VERSION:
            raise WireError(
                f"the other side speaks version {self._data[at + 4]} of this protocol, and this "
                f"one {VERSION}; run the same version of headrace on both"
            )
        if have < HEADER.size:
            return None
        _, _, kind, zero, length, check, _ = HEADER.unpack_from(self._data, at)
        if check != xxhash.xxh32_intdigest(bytes(self._data[at : at + _CHECKED])):
            raise WireError("the checksum of a frame's header is wrong")
        if kind not in KINDS or zero:
            raise WireError(f"there are no frames of kind {kind}")
        if length > self.payload_bytes_max:
            raise WireError(
                f"a frame of {length:,} bytes; no more than {self.payload_bytes_max:,} are taken"
            )
        return at + HEADER.size + length if have >= HEADER.size + length else None

    def _frame(self, at: int, end: int) -> Frame:
        _, _, kind, _, _, _, check = HEADER.unpack_from(self._data, at)
        payload = bytes(self._data[at + HEADER.size : end])
        if check != xxhash.xxh3_64_intdigest(payload, seed=kind):
            raise WireError(f"the checksum of a frame of kind {kind} is wrong")
        return Frame(kind, payload)
