"""The records that all peers carry, and where a receiver copies them to.

A sender has its blocks ready beforehand, in the form that its channel takes best. A receiver copies
everything into one area, round and round; at the end what lies there must be the last records that
were sent, each in its place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.memory import pages

RECORD_BYTES = 64
SOURCE_RECORDS = 16384  # sent in turns; a multiple of every batch
AREA_RECORDS = 16384


def source() -> NDArray[np.void]:
    """The records, each with contents of its own, as opaque 64-byte items."""
    words = np.arange(SOURCE_RECORDS * 8, dtype="<i8") * 0x9E3779B1
    return words.view(f"V{RECORD_BYTES}")


def blocks(batch: int) -> list[bytes]:
    """The records as bytes, `batch` to a block."""
    text, size = source().tobytes(), batch * RECORD_BYTES
    return [text[at : at + size] for at in range(0, len(text), size)]


class Area:
    """Where received records are copied to; knows afterwards whether they are right.

    A receiver copies to `position`, which is its local variable in the loop, and calls `wrap` when
    the next block would not fit.
    """

    def __init__(self) -> None:
        self.bytes = pages(AREA_RECORDS * RECORD_BYTES)
        self.records: NDArray[np.void] = np.frombuffer(self.bytes, f"V{RECORD_BYTES}")
        self.view = memoryview(self.bytes)
        self.rewind()

    def rewind(self) -> None:
        """Begin anew with record 0."""
        self.records.view(np.uint8)[:] = 0xFF
        self._lap_start = 0  # the record that lies at position 0
        self._previous = (0, 0)  # first record, and how many, of the lap before

    def wrap(self, position: int) -> int:
        """Go on at the front; the new position."""
        self._previous = (self._lap_start, position)
        self._lap_start += position
        return 0

    def answer(self, received: int, position: int) -> str:
        """What was received, and whether what lies in the area is what should."""
        first, length = self._previous
        wanted = np.concatenate([
            np.arange(self._lap_start, self._lap_start + position),
            np.arange(first + position, first + max(length, position)),
        ])  # fmt: skip
        words: NDArray[Any] = self.records.view("<i8").reshape(-1, 8)[: len(wanted)]
        right = source().view("<i8").reshape(-1, 8)[wanted % SOURCE_RECORDS]
        wrong = int((words != right).any(axis=1).sum())
        return f"{received} records, {wrong} wrong"


def expected(count: int) -> str:
    """What `Area.answer` must be."""
    return f"{count} records, 0 wrong"
