"""How far a stage is that reads several rings, where others and its successor can see it.

What it has let go of in each of its rings does not say how many events of its stream that were; nor
can several rings be let go of at once. So before it lets go, it publishes a mark: one event in a
ring of its own, which is there as a whole or not at all.
"""

from __future__ import annotations

import numpy as np

from headrace.ringbuffer import Producer, Ring

UNITS_MAX = 64
_MARK = np.dtype([("sequence", "<i8"), ("bounds", "<i8", (UNITS_MAX,))])
_CAPACITY = 64  # a reader that is slower than so many marks would see a mixture


class Marks:
    """The marks of one stage: written by it alone, read from any process."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self._producer: Producer | None = None

    @staticmethod
    def create(name: str | None, sequence: int) -> Marks:
        """The marks of a stage that goes on at `sequence`."""
        made = Marks(Ring.create(_MARK, _CAPACITY, name))
        if sequence:
            made.keep(sequence, [])
            made.let_go()
        return made

    def let_go(self) -> None:
        """Leave the writing to others."""
        if self._producer is not None:
            self._producer.close()
            self._producer = None

    def keep(self, sequence: int, bounds: list[int]) -> None:
        """All events below `sequence` are stepped over, in each unit all positions below these."""
        if self._producer is None:
            self._producer = self.ring.producer()
        mark = np.zeros(1, _MARK)
        mark["sequence"] = sequence
        mark["bounds"][0, : len(bounds)] = bounds
        self._producer.publish(mark)

    @property
    def sequence(self) -> int:
        """How many events the stage has stepped over."""
        mark = self.ring.newest()
        return 0 if mark is None else int(mark["sequence"][0])

    @property
    def bounds(self) -> list[int]:
        """Below which position of each unit all is stepped over."""
        mark = self.ring.newest()
        return [0] * UNITS_MAX if mark is None else [int(each) for each in mark["bounds"][0]]
