"""Stretches of a stream, and the places in them of the events that somebody is to step over."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Span:
    """Events of the sequences [first, first + length), and what they came with.

    A failed step's traceback keeps the frames that called it, and whatever these name; so views
    have one owner, which lets go of them. `origins`: None: their own sequences. `outer`: positions
    of the splits around, shape (n, depth).
    """

    __slots__ = ("_views", "first", "length")

    def __init__(
        self, events: Array, times: Array, first: int, origins: Array | None, outer: Array | None
    ) -> None:
        self._views: Any = (events, times, origins, outer)
        self.first = first
        self.length = len(events)

    def arguments(self, places: Array) -> tuple[Any, ...]:
        """What a stepper is given, to step over some places."""
        events, times, origins, _ = self._views
        return events, times, self.first, origins, places

    @property
    def events(self) -> Array:
        events: Array = self._views[0]
        return events

    def event(self, place: int) -> Array:
        """A copy of one event, an array of length 1."""
        return self.events[place : place + 1].copy()

    def time_ns(self, place: int) -> int:
        """When that input was published."""
        return int(self._views[1][place])

    def times_at(self, places: Array) -> Array:
        """Copies of the times at some places."""
        times: Array = self._views[1][places]
        return times

    def origin(self, place: int) -> int:
        """Which of the engine's own inputs it descends from."""
        origins = self._views[2]
        return self.first + place if origins is None else int(origins[place])

    def outer(self, places: Array) -> Array | None:
        """Copies of the outer positions at some places."""
        outer = self._views[3]
        return None if outer is None else outer[places]

    def copied(self) -> Span:
        """The same, good after the views are not."""
        copies: Any = [None if one is None else one.copy() for one in self._views]
        events, times, origins, outer = copies
        return Span(events, times, self.first, origins, outer)

    def let_go(self) -> None:
        self._views = None

    def within(self, places: Array, first: int, end: int) -> Array:
        """Those of some places whose sequences are in [first, end)."""
        begin, upto = np.searchsorted(places, (first - self.first, end - self.first))
        return places[begin:upto]
