"""How many events a stage takes at once: as many as it steps over within a short time.

What a batch makes is put out, and its slots are let go of, when all of it is stepped over; so the
stages behind would stand still while a slow step goes through a long batch, and run the slower for
it the slower it is. Quick steps get as many as their ring has.
"""

from __future__ import annotations

BATCH_NS = 2_000_000


class Pace:
    """The size of the next batch, by how long the last ones took; `size_max` bounds it."""

    def __init__(self, size_max: int) -> None:
        self.size = 1  # nothing is known yet
        self._size_max = size_max
        self._held = 0  # events that are still taken one at a time

    def hold_at_one(self) -> None:
        """Take one event at a time until as many as a batch can have are through."""
        self._held = self._size_max

    def took(self, count: int, ns: int) -> None:
        """`count` events were stepped over in so many nanoseconds."""
        self._held -= count
        if self._held > 0:
            return
        if ns > BATCH_NS:
            self.size = max(1, count * BATCH_NS // ns)
        elif count >= self.size and ns < BATCH_NS // 2:
            self.size = min(self._size_max, 2 * self.size)
