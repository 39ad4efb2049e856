"""How far a stage is that reads several rings, where others and its successor can see it.

What it has let go of in each of its rings does not say how many events of its stream that were; nor
can several rings be let go of at once. So before it lets go, it publishes a mark: one event in a
ring of its own, which is there as a whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.ringbuffer import Producer, Ring

_CAPACITY = 64  # a reader that is slower than so many marks would see a mixture


@dataclass(frozen=True)
class Mark:
    """All events below `sequence` are stepped over: in each unit those below its bound, and of
    what comes next of unit `unit` the first `within`. Up to `promised` that unit's have the next
    numbers, under which outputs of theirs may be out already."""

    sequence: int
    bounds: list[int]
    unit: int = 0
    within: int = 0
    promised: int = 0


def _mark_dtype(units: int) -> np.dtype[Any]:
    numbers = [(name, "<i8") for name in ("sequence", "unit", "within", "promised")]
    return np.dtype([*numbers, ("bounds", "<i8", (units,))])


class Marks:
    """The marks of one stage: written by it alone, read from any process."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self._producer: Producer | None = None

    @staticmethod
    def create(name: str | None, sequence: int, units: int) -> Marks:
        """The marks of a stage that goes on at `sequence`, and reads so many units."""
        made = Marks(Ring.create(_mark_dtype(units), _CAPACITY, name))
        if sequence:
            made.keep(Mark(sequence, []))
            made.let_go()
        return made

    def let_go(self) -> None:
        """Leave the writing to others."""
        if self._producer is not None:
            self._producer.close()
            self._producer = None

    def keep(self, mark: Mark) -> None:
        """Publish a mark."""
        if self._producer is None:
            self._producer = self.ring.producer()
        row = np.zeros(1, self.ring.dtype)
        row["sequence"], row["unit"] = mark.sequence, mark.unit
        row["within"], row["promised"] = mark.within, mark.promised
        row["bounds"][0, : len(mark.bounds)] = mark.bounds
        self._producer.publish(row)

    @property
    def newest(self) -> Mark:
        """The last one."""
        row = self.ring.newest()
        if row is None:
            return Mark(0, [])
        one = row[0]
        bounds = [int(each) for each in one["bounds"]]
        unit, within, promised = (int(one[name]) for name in ("unit", "within", "promised"))
        return Mark(int(one["sequence"]), bounds, unit, within, promised)

    @property
    def sequence(self) -> int:
        """How many events the stage has stepped over."""
        row = self.ring.newest()
        return 0 if row is None else int(row["sequence"][0])
