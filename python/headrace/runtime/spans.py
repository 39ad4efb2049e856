"""Stretches of a stream, and the places in them of the events that somebody is to step over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.runtime.sources import Batch

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Span:
    """Events of the sequences [first, first + n), and what they came with.

    `origins`: None: their own sequences. `outer`: positions of the splits around, shape (n, depth).
    """

    events: Array
    times: Array
    first: int
    origins: Array | None
    outer: Array | None

    @classmethod
    def of(cls, batch: Batch, depth: int) -> Span:
        """A whole batch, as views."""
        events, times, origins, _ = batch.part(0, batch.length)
        outer = batch.positions(slice(None)) if depth else None
        return cls(events, times, batch.first, origins, outer)

    def copied(self) -> Span:
        """The same, good after the batch was let go of."""
        return Span(
            self.events.copy(),
            self.times.copy(),
            self.first,
            None if self.origins is None else self.origins.copy(),
            None if self.outer is None else self.outer.copy(),
        )

    def within(self, places: Array, first: int, end: int) -> Array:
        """Those of some places whose sequences are in [first, end)."""
        begin, upto = np.searchsorted(places, (first - self.first, end - self.first))
        return places[begin:upto]
