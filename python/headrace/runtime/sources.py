"""What a stage reads: one ring in place, or several brought together, and of these its share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace.compose.layout import Layout, Read, Share, StageLayout
from headrace.compose.rows import Rows, shared_out
from headrace.events import POSITIONS, payload
from headrace.machine import Machine
from headrace.ringbuffer import Ring, WaitStrategy
from headrace.runtime.gathering import Gathered
from headrace.runtime.marks import Mark, Marks

if TYPE_CHECKING:
    from numpy.typing import NDArray

Records = np.ndarray[Any, Any]


class Batch:
    """Events that a stage was handed, as views that are good until `let_go`.

    A failed step's traceback keeps the frames that called it, and whatever these name; so the views
    have one owner, which lets go of them. `select`: the places of those that are the stage's own;
    None: all.
    """

    def __init__(
        self,
        events: Records,
        times: NDArray[np.int64],
        origins: NDArray[np.int64] | None,
        first: int,
        select: NDArray[np.int64] | None = None,
        positions: NDArray[np.int64] | None = None,
    ) -> None:
        self._views: Any = (events, times, origins, positions)
        self.first = first  # the sequence of the first event
        self.length = len(events)
        self.select = select

    def part(self, start: int, end: int) -> tuple[Any, Any, Any, Any]:
        """Events, ingest times, origins (None: own sequences), select (None: all) of [start, end).

        The places in `select` count from `start`.
        """
        events, times, origins, _ = self._views
        select = self.select
        if start == 0 and end == self.length:
            return events, times, origins, select
        if select is not None:
            begin, upto = np.searchsorted(select, (start, end))
            select = select[begin:upto] - start
        part = slice(start, end)
        return events[part], times[part], None if origins is None else origins[part], select

    @property
    def times(self) -> NDArray[np.int64]:
        """Ingest times of all events."""
        times: NDArray[np.int64] = self._views[1]
        return times

    @property
    def count(self) -> int:
        """How many events are the stage's own."""
        return self.length if self.select is None else len(self.select)

    def is_own(self, place: int) -> bool:
        """Whether the event at a place is the stage's own."""
        return self.select is None or place in self.select

    def positions(self, places: Any) -> Records:
        """The positions of events at some places."""
        positions: Records = self._views[3][places]
        return positions

    def event(self, index: int) -> Records:
        """A copy of one event, an array of length 1."""
        copy: Records = self._views[0][index : index + 1].copy()
        return copy

    def origin(self, index: int) -> int:
        """Which of the engine's own inputs the event descends from."""
        origins = self._views[2]
        return self.first + index if origins is None else int(origins[index])

    def time_ns(self, index: int) -> int:
        """When that input was published."""
        return int(self._views[1][index])

    def let_go(self) -> None:
        self._views = None


class RingSource:
    """One ring, read in place: the input ring's events are bare, other rings have records."""

    reads_ahead = True  # a batch can be polled before the one before is let go of

    def __init__(
        self,
        ring: Ring,
        machine: Machine,
        name: str,
        wait: WaitStrategy | None,
        shares: tuple[Share, ...] = (),
        depth: int = 0,
    ) -> None:
        self._bare = ring.timestamps
        self._event = machine.event
        self._shares = shares
        self._depth = depth
        self.consumer = ring.consumer(name, wait=wait)

    @property
    def ended(self) -> bool:
        """Whether the ring has ended and all is read."""
        return self.consumer.ended

    @property
    def sequence(self) -> int:
        """All events below are let go of."""
        return self.consumer.sequence

    def poll(self, size_max: int, timeout: float | None = None) -> Batch | None:
        """Wait for the next batch, `timeout` seconds at most; None: none came, or it has ended."""
        batch = self.consumer.poll(size_max, timeout)
        if not len(batch):
            return None
        first = self.consumer.batch_sequence
        if self._bare:
            select = shared_out(batch, first, self._shares)
            return Batch(batch, self.consumer.times, None, first, select)
        events = payload(batch, self._event)
        select = shared_out(events, first, self._shares)
        positions = batch[POSITIONS] if self._depth else None
        return Batch(events, batch["input_time_ns"], batch["origin"], first, select, positions)

    def release(self, count: int | None = None) -> None:
        """Let go of the batch, or of its first events."""
        self.consumer.release(count)

    def release_to(self, end: int) -> None:
        """Let go of all events below a sequence; of later ones that were polled, not yet."""
        self.consumer.release(end - self.consumer.sequence)

    def close(self) -> None:
        """Leave the ring."""
        self.consumer.close()


class GatheredSource:
    """Several rings, brought together into one stream; counts its events itself.

    `marks`: told how far the stage is, before the rings' slots are let go of.
    """

    reads_ahead = False

    def __init__(
        self, gathered: Gathered, shares: tuple[Share, ...], depth: int, marks: Marks
    ) -> None:
        self._gathered = gathered
        self._shares = shares
        self._depth = depth
        self._marks = marks
        mark = marks.newest
        self.sequence = mark.sequence
        gathered.resume(mark.bounds)
        # Of the unit that comes first a predecessor has stepped over so many, and given numbers to
        # so many: events of another unit must not have these, or its outputs would be theirs.
        self._stepped, self._promised = mark.within, mark.promised
        if self._promised:
            gathered.begin_with(mark.unit)
        self._rows: Rows | None = None  # taken from the rings, and not let go of
        self._before = gathered.bounds  # how far the units were before these
        self._begin = self._out = 0  # [begin, begin + out) of them are handed out
        self.ended = False

    def poll(self, size_max: int, timeout: float | None = None) -> Batch | None:
        """Wait for the next batch, `timeout` seconds at most; None: as RingSource."""
        while self._rows is None:
            self._before = self._gathered.bounds
            self._rows = self._gathered.wait(timeout)
            if self._rows is None:
                self.ended = self._gathered.ended
                return None
            self._begin = min(len(self._rows), self._stepped)
            if self._begin == len(self._rows):
                self.release(0)
        self._out = min(size_max, len(self._rows) - self._begin)
        if self._gathered.mixed:
            self._promise(self._begin + self._out)
        rows = self._rows.part(slice(self._begin, self._begin + self._out))
        select = shared_out(rows.events, self.sequence, self._shares)
        positions = rows.positions[:, : self._depth] if self._depth else None
        return Batch(rows.events, rows.times, rows.origins, self.sequence, select, positions)

    def _promise(self, count: int) -> None:
        """Have a successor number the first `count` rows as they are numbered here."""
        if count > self._promised:
            self._promised = count
            self._mark(self._before, self._begin)

    def _mark(self, bounds: list[int], within: int) -> None:
        unit, promised = self._gathered.index, max(within, self._promised)
        self._marks.keep(Mark(self.sequence, bounds, unit, within, promised))

    def release(self, count: int | None = None) -> None:
        """Let go of the batch, or of its first events; of the rings when all that was taken is."""
        assert self._rows is not None
        done = self._out if count is None else count
        self.sequence += done
        self._begin += done
        self._out = 0
        count = len(self._rows)
        if self._begin < count:
            self._mark(self._before, self._begin)
            return
        self._stepped = max(0, self._stepped - count)
        self._promised = max(0, self._promised - count)
        if not self._promised:
            self._gathered.begin_with(None)
        self._mark(self._gathered.bounds, self._stepped)
        self._gathered.release()
        self._rows = None

    def release_to(self, end: int) -> None:
        """Let go of the batch, as far as it lies below the sequence."""
        done = min(end - self.sequence, self._out)
        left = self._out - done
        self.release(done)
        self._out = left

    def close(self) -> None:
        """Leave the rings."""
        self._gathered.close()


Source = RingSource | GatheredSource


def source_of(
    layout: Layout,
    stage: StageLayout,
    rings: dict[int, Ring],
    wait: WaitStrategy | None,
    sequence_of: Callable[[StageLayout], int],
    marks: Marks | None,
) -> Source:
    """What a stage of a layout reads. `marks`: its own, if it reads several rings."""
    if isinstance(stage.source, Read):
        ring = rings[stage.source.ring]
        return RingSource(ring, stage.machine, stage.name, wait, stage.shares, stage.depth_in)
    assert marks is not None
    gathered = Gathered(layout, stage.source, stage.name, rings, sequence_of, stage.machine.event)
    return GatheredSource(gathered, stage.shares, stage.depth_in, marks)
