"""Finding inputs by their fields, many at a time and without stepping over any."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.debugger.expressions import EventTest
from headrace.debugger.watch import Watch, stretches
from headrace.replay import History

CHUNK = 1 << 16


def find(
    history: History,
    text: str,
    dtype: Any,
    begin: int,
    end: int,
    forwards: bool,
    watch: Watch,
) -> int | None:
    """The first of inputs [begin, end) that passes a test, or the last; None: none does."""
    test = EventTest(text, dtype)
    for start, stop in stretches(begin, end, CHUNK if forwards else -CHUNK):
        watch.tell(start - begin if forwards else end - stop, end - begin)
        found = _passing(history, test, start, stop)
        if len(found):
            return int(found[0 if forwards else -1])
    return None


def _passing(history: History, test: EventTest, begin: int, end: int) -> Any:
    """The sequences of those inputs that pass."""
    parts = [np.empty(0, np.int64)]
    for events, times in history.events(begin, end):
        parts.append(np.flatnonzero(test.mask(events, times, begin)) + begin)
        begin += len(events)
    return np.concatenate(parts)


class Filter:
    """The inputs that pass a test: only their sequences are held, 8 bytes each."""

    def __init__(self, text: str, dtype: Any, begin: int) -> None:
        self.test = EventTest(text, dtype)
        self.text = self.test.text
        self.begin = begin
        self.end = begin  # inputs [begin, end) were looked at
        self._found = np.empty(0, np.int64)

    def extend(self, history: History, watch: Watch | None = None) -> None:
        """Look at the inputs that have come since."""
        parts, first, last = [self._found], self.end, history.end
        for start, stop in stretches(first, last, CHUNK):
            if watch is not None:
                watch.tell(start - first, last - first)
            parts.append(_passing(history, self.test, start, stop))
        if last > first:
            self._found, self.end = np.concatenate(parts), last

    def __len__(self) -> int:
        return len(self._found)

    def sequence(self, row: int) -> int:
        """The input in a row."""
        return int(self._found[row])

    def row(self, sequence: int) -> int:
        """The row of an input; of one that does not pass, the row of the last before it, or -1."""
        return int(np.searchsorted(self._found, sequence, side="right")) - 1
