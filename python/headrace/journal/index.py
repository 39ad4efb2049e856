"""Inputs of a journal by sequence: where each frame is, found out segment by segment when asked.

Frames' headers are checked when they are indexed, bodies when they are read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

import numpy as np

from headrace.errors import HistoryGone
from headrace.journal.notes import AnyNote
from headrace.journal.reader import Reader
from headrace.journal.segment import Frame, Position, Segment

Records = np.ndarray[Any, Any]


class _SegmentIndex:
    """The frames of one segment, as far as they are written."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.firsts: list[int] = []
        self.places: list[Position] = []
        self.noted: list[Position] = []  # frames with notes
        self.end = segment.start

    def extend(self) -> None:
        """Index the frames that have come since."""
        header = self.segment.header_at(self.end)
        while not isinstance(header, str):
            offset = self.end.offset + header.frame_bytes
            behind = Position(self.end.number, offset, header.end, header.check)
            header_behind = self.segment.header_at(behind)
            # The last frame may be under way to the disk: its header is there first.
            if isinstance(header_behind, str) and isinstance(self.segment.frame_at(self.end), str):
                return
            if header.count:
                self.firsts.append(header.first_sequence)
                self.places.append(self.end)
            if header.notes_bytes:
                self.noted.append(self.end)
            self.end, header = behind, header_behind


class Index:
    """The inputs of a journal, which may be written to meanwhile. Not thread-safe.

    Raises HistoryGone for sequences that are not there, JournalDamaged for frames that cannot be
    read.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._segments: dict[int, _SegmentIndex] = {}

    @property
    def first(self) -> int:
        """The first input that is kept."""
        return self.reader.first_sequence

    @property
    def end(self) -> int:
        """Behind the last input that is there now."""
        return self.end_place.sequence

    @property
    def end_place(self) -> Position:
        """Behind the last frame that is there now."""
        self.reader.refresh()
        if not self.reader.names:
            return Position(0, 0, self.first, 0)
        return self._of(*self.reader.names[-1]).end

    def _of(self, number: int, first: int) -> _SegmentIndex:
        index = self._segments.get(number)
        if index is None:
            index = _SegmentIndex(self.reader.segment(number, first))
            self._segments[number] = index
        index.extend()
        return index

    def slices(self, begin: int, end: int) -> Iterator[tuple[Records, Any]]:
        """Inputs [begin, end) and their times, as views, frame by frame."""
        while begin < end:
            frame = self.frame(begin)
            skip = begin - frame.first_sequence
            stop = min(frame.count, end - frame.first_sequence)
            yield frame.events[skip:stop], frame.times[skip:stop]
            begin = frame.first_sequence + stop

    def frame(self, sequence: int) -> Frame:
        """The frame that holds an input."""
        if not self.first <= sequence:
            raise HistoryGone(
                f"input {sequence:,} is not kept any more: the journal begins at {self.first:,}"
            )
        names = self.reader.names
        if not names:
            raise HistoryGone(f"there is no input {sequence:,}: there are none at all")
        at = bisect_right([first for _, first in names], sequence) - 1
        known = self._segments.get(names[at][0])
        # What is indexed does not change; looking for more each time would take as long again.
        index = known if known and sequence < known.end.sequence else self._of(*names[at])
        place = bisect_right(index.firsts, sequence) - 1
        if place < 0 or sequence >= index.end.sequence:
            self._explain_end(index, sequence, last=at + 1 == len(names))
        frame = index.segment.frame_at(index.places[place])
        if isinstance(frame, str):
            damaged = index.places[place]
            raise index.segment.damage(frame, damaged.offset, damaged.sequence)
        return frame

    def _explain_end(self, index: _SegmentIndex, sequence: int, *, last: bool) -> None:
        end = index.end
        if last:
            raise HistoryGone(f"there is no input {sequence:,}: they end at {end.sequence:,}")
        reason = index.segment.header_at(end)
        raise index.segment.damage(str(reason or "no frame"), end.offset, end.sequence)

    def notes(self) -> Iterator[AnyNote]:
        """All notes, in the order in which they were written. Looks at every frame's header."""
        for name in self.reader.names:
            index = self._of(*name)
            for place in index.noted:
                frame = index.segment.frame_at(place)
                if isinstance(frame, str):
                    raise index.segment.damage(frame, place.offset, place.sequence)
                yield from frame.notes
