"""Long work, watched from another thread: how far it got, and that nobody wants it any more."""

from __future__ import annotations

from collections.abc import Iterator


class Cancelled(Exception):
    """The work was given up because it was asked to be."""


class Watch:
    """What long work tells, and asks, on its way. One thread works, others may look and cancel."""

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self._cancelled = False

    def cancel(self) -> None:
        """Make the work raise Cancelled, the next time that it tells how far it is."""
        self._cancelled = True

    def tell(self, done: int, total: int) -> None:
        """Say how far it is. Raises Cancelled."""
        self.done, self.total = done, total
        if self._cancelled:
            raise Cancelled


def stretches(begin: int, end: int, length: int) -> Iterator[tuple[int, int]]:
    """[begin, end) in pieces, in order; backwards, from the end on, where `length` is negative."""
    if length > 0:
        for at in range(begin, end, length):
            yield at, min(at + length, end)
    else:
        for at in range(end, begin, length):
            yield max(at + length, begin), at
