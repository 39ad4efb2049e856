"""How far a ring is complete: below which position of a split all has come that will come.

A stage publishes what it makes of its input before it lets go of that, so what it has let go of
bounds what can still come. Inside a split that bound goes through the stages one after the other:
the first one has let go of position p; what it had published by then is in its ring; once the next
one has let go of all that, what came of positions below p is in *its* ring; and so on. The
sequences are read in that order, so nothing that moves meanwhile can make the answer too high.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from headrace.compose.layout import Layout, StageLayout, rings_of
from headrace.errors import UnknownConsumer
from headrace.ringbuffer import Ring

ALL = 1 << 62  # a position beyond all others: nothing more will come


def released(ring: Ring, stage: StageLayout) -> int:
    """The sequence below which a stage has let go of all events of a ring.

    Where a worker of an elastic stage has left the ring, or is not there yet, nothing below the
    ring's end is its business: one that comes reads what is published after that.
    """
    end = ring.cursor  # before the look: whoever joins after it begins no earlier
    try:
        return ring.released(stage.name)
    except UnknownConsumer:
        if stage.slot is None:
            raise
        return end


Waiting = Generator[None, None, int]


class Settling:
    """Watches one ring inside a split; `moved` looks again, and says up to where it is complete.

    `level`: of the split. `rings`: all rings of the layout, by index. `sequence_of(stage)`: how
    many events of its own stream a stage has let go of. Used by one thread.
    """

    def __init__(
        self,
        layout: Layout,
        ring: int,
        level: int,
        rings: dict[int, Ring],
        sequence_of: Callable[[StageLayout], int],
    ) -> None:
        self._layout = layout
        self._ring = ring
        self._level = level
        self._rings = rings
        self._sequence_of = sequence_of
        self._running = self._settle()
        self._pending: tuple[int, int] | None = None  # a bound, and what is to be polled first

    def moved(self, polled: int) -> int | None:
        """A new bound, if there is one; `polled`: all below was polled from the ring."""
        if self._pending is None:
            try:
                next(self._running)
            except StopIteration as done:
                self._pending = done.value, self._rings[self._ring].cursor
                self._running = self._settle()
        if self._pending is None or polled < self._pending[1]:
            return None
        bound, self._pending = self._pending[0], None
        return bound

    def _settle(self) -> Waiting:
        writer = self._layout.rings[self._ring].writer
        assert writer is not None
        return (yield from self._through(self._layout.stages[writer]))

    def _through(self, stage: StageLayout) -> Waiting:
        """Wait until a stage is through with all of some bound; that bound."""
        if stage.depth_in <= self._level:  # the split begins here: its numbers are the positions
            return self._sequence_of(stage)
        bounds, ends = [], []
        for ring in rings_of(stage.source):
            writer = self._layout.rings[ring].writer
            assert writer is not None  # the engine's own inputs are in no split
            bounds.append((yield from self._through(self._layout.stages[writer])))
            ends.append((ring, self._rings[ring].cursor))
        for ring, end in ends:
            while released(self._rings[ring], stage) < end:
                yield
        return min(bounds)
