"""Headers of segments that are damaged, put together again from what is whole.

A header says what the journal is of, which its neighbours say too; which segment it is, which its
name says; and what was before it. Its checksum seeds the first frame behind it, and so stands in
that frame a second time: a header that has this checksum is the one that was there, to the bit.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from headrace.errors import JournalDamaged
from headrace.journal.folder import join, segment_name
from headrace.journal.layout import (
    SEGMENT_HEADER_BYTES_MAX,
    SegmentHeader,
    decode_frame_header,
    id_seed,
    unchecked_header,
)
from headrace.journal.segment import Segment
from headrace.ports import Disk

Name = tuple[int, int]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Mended:
    """A header put together; `exact`: it is shown to be the one that was there."""

    data: bytes
    exact: bool


class Headers:
    """The headers of a journal's segments.

    `journal_id`: that of most of them, and `event`: the dtype of their events. `model`: a whole
    segment of that journal, the last one.
    """

    def __init__(self, disk: Disk, folder: str, names: list[Name]) -> None:
        self._disk = disk
        self._folder = folder
        self._names = names
        self._whole: dict[Name, Segment] = {}
        for name in names:
            try:
                self._whole[name] = Segment(disk, folder, *name)
            except (JournalDamaged, OSError):
                continue
        ids = Counter(each.header.journal_id for each in self._whole.values())
        self.journal_id = ids.most_common(1)[0][0] if ids else None
        own = [each for each in self._whole.values() if each.header.journal_id == self.journal_id]
        events = Counter(each.identity.event for each in own)
        self.event = events.most_common(1)[0][0] if events else None
        own = [each for each in own if each.identity.event == self.event]
        self.model = own[-1] if own else None

    def mend(self, name: Name, previous: int | None) -> Mended | None:
        """A segment's header as it must have been; `previous`: the checksum of the frame before.

        None if there is nothing to make one from. Raises OSError.
        """
        file = self._disk.open(join(self._folder, segment_name(*name)))
        try:
            head, size = file.read(0, SEGMENT_HEADER_BYTES_MAX), file.size
        finally:
            file.close()
        best: Mended | None = None
        for header in self._candidates(name, previous, head, size):
            data, check = header.encode()
            if len(data) > size:
                continue
            first = decode_frame_header(head, len(data), id_seed(header.journal_id))
            stored = unchecked_header(head)
            if first is not None and first.first_sequence == name[1]:
                exact = first.previous == check
            else:
                exact = stored is not None and stored[1] == check
            if exact:
                return Mended(data, True)
            best = best or Mended(data, False)
        return best if self.model is not None else None

    def _candidates(
        self, name: Name, previous: int | None, head: bytes, size: int
    ) -> Iterator[SegmentHeader]:
        """Headers that may have been there: from the neighbours, and from what is left of it."""
        number, first = name
        left = unchecked_header(head)
        models = self._neighbours(name)
        if left is not None:
            models.append(left[0])
        if not models:
            return
        befores = [] if previous is None else [previous]
        befores += [] if left is None else [left[0].previous]
        befores += [0]
        syncs = [first] + ([] if left is None else [left[0].synced_sequence])
        sizes = [model.segment_bytes for model in models] + [size]
        texts = [(model.item_bytes, model.text) for model in models]
        ids = [model.journal_id for model in models]
        for before in _once(befores):
            for sync, length in itertools.product(_once(syncs), _once(sizes)):
                for (item, text), own in itertools.product(_once(texts), _once(ids)):
                    yield SegmentHeader(own, number, first, before, length, sync, item, text)

    def _neighbours(self, name: Name) -> list[SegmentHeader]:
        """The whole headers of the journal, the nearest first."""
        own = [
            (abs(each[0] - name[0]), segment.header)
            for each, segment in self._whole.items()
            if segment.header.journal_id == self.journal_id
            and segment.identity.event == self.event
        ]
        return [header for _, header in sorted(own, key=lambda one: one[0])[:4]]


def _once(values: list[_T]) -> list[_T]:
    return list(dict.fromkeys(values))
