"""Reading several rings as one stream: what a merge or a pair is read by.

Records are copied out of their slots when they are polled, and the slots are let go of when the
stage is through with them; so no ring ever has more copies outside than it has slots. Up to which
position a batch may go, `settling` says; or a ring's own last record, since positions never go
back: all before that one have come.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from headrace.compose.layout import Layout, Merge, Read, Source, StageLayout, rings_of
from headrace.compose.rows import Rows, brought_together, joined, rows_of
from headrace.errors import MachineError
from headrace.ringbuffer import Ring
from headrace.ringbuffer.watching import wait_any
from headrace.runtime.settling import ALL, Settling

_LOOKS = 50  # without a sleep
_NAP_SECONDS, _NAP_SECONDS_MAX = 0.00002, 0.001  # while something is held back


class Leaf:
    """One ring of several: what was polled of it and not taken yet."""

    def __init__(self, ring: Ring, name: str, output: Any, settling: Settling | None) -> None:
        self.consumer = ring.consumer(name)
        self._ring = ring
        self._output = output
        self._settling = settling
        self._held: list[Rows] = []
        self._held_count = 0
        self._bound = 0

    @property
    def ended(self) -> bool:
        return self.consumer.ended and not self._held_count

    @property
    def polled(self) -> int:
        """All records of the ring below are polled."""
        return self.consumer.sequence + self._held_count

    @property
    def holding(self) -> bool:
        return self._held_count > 0

    def poll(self) -> None:
        """Copy out what is there; the last look, at nothing, notices the ring's end."""
        while len(batch := self.consumer.poll(None, 0)):
            self._held.append(rows_of(batch, self._output))
            self._held_count += len(batch)

    def bound(self, level: int) -> int:
        """Below which position all is held that will come."""
        if self.consumer.ended:
            return ALL
        if self._settling is not None:
            moved = self._settling.moved(self.polled)
            if moved is not None:
                self._bound = max(self._bound, moved)
        if self._held_count:
            self._bound = max(self._bound, int(self._held[-1].positions[-1, level]))
        return self._bound

    def check_room(self, level: int) -> None:
        """Raise MachineError if a single input fills the whole ring: it would never get through."""
        if self._held_count < self._ring.capacity:
            return
        first, last = self._held[0].positions[0, level], self._held[-1].positions[-1, level]
        if first == last:
            raise MachineError(
                f"one input has {self._ring.capacity:,} outputs or more in one branch, which is "
                "all that its ring holds, so they cannot be put in order; give the engine a larger "
                "capacity"
            )

    def take(self, level: int, bound: int) -> Rows:
        """What is held of positions below a bound; all of it, if `level` is negative."""
        held = joined(self._held) if self._held else rows_of(self._nothing(), self._output)
        count = len(held)
        if level >= 0:
            count = int(np.searchsorted(held.positions[:, level], bound, side="left"))
        self._held = [held.part(slice(count, None))] if count < len(held) else []
        self._held_count -= count
        return held.part(slice(0, count))

    def drop(self, end: int) -> int:
        """Forget what is held of the ring below a sequence; how many that are."""
        count = max(0, min(self._held_count, end - self.consumer.sequence))
        if self._held:
            held = joined(self._held)
            self._held = [held.part(slice(count, None))]
            self._held_count -= count
        return count

    def _nothing(self) -> Any:
        return np.empty(0, self._ring.dtype)

    def release(self, count: int) -> None:
        self.consumer.release(count)


class Unit:
    """Rings that must be brought together before anything can be taken; or a single one."""

    def __init__(self, source: Source, leaves: dict[int, Leaf]) -> None:
        self.source = source
        self.leaves = leaves
        self.level = -1 if isinstance(source, Read) else source.level
        self.bound = 0
        self._taken: dict[int, int] = {}

    @property
    def ended(self) -> bool:
        return all(leaf.ended for leaf in self.leaves.values())

    @property
    def holding(self) -> bool:
        return any(leaf.holding for leaf in self.leaves.values())

    def fetch(self) -> Rows | None:
        """What can be taken now."""
        for leaf in self.leaves.values():
            leaf.poll()
        if self.level >= 0:
            bound = min(leaf.bound(self.level) for leaf in self.leaves.values())
            if bound <= self.bound:
                if self.holding:
                    for leaf in self.leaves.values():
                        leaf.check_room(self.level)
                return None
            self.bound = bound
        else:
            self.bound = max(leaf.polled for leaf in self.leaves.values())
        rows = {ring: leaf.take(self.level, self.bound) for ring, leaf in self.leaves.items()}
        self._taken = {ring: len(part) for ring, part in rows.items()}
        if not any(self._taken.values()):
            return None
        return brought_together(self.source, rows)

    def resume(self, bound: int) -> None:
        """Let go of what a predecessor took, and was gone before it could let go of it."""
        self.bound = bound
        for leaf in self.leaves.values():
            leaf.poll()
            again = len(leaf.take(self.level, bound)) if self.level >= 0 else leaf.drop(bound)
            leaf.release(again)

    def release(self) -> None:
        """Let go of the slots of what was taken."""
        for ring, count in self._taken.items():
            if count:
                self.leaves[ring].release(count)
        self._taken = {}


class Gathered:
    """A stream of several rings. `stage`: whose; None: the reader of a topology's outputs."""

    def __init__(
        self,
        layout: Layout,
        source: Source,
        name: str,
        rings: dict[int, Ring],
        sequence_of: Any,
        output: Any,
    ) -> None:
        self.units = [
            Unit(
                each,
                {
                    ring: Leaf(
                        rings[ring],
                        name,
                        _output_of(layout, ring),
                        None
                        if isinstance(each, Read)
                        else Settling(layout, ring, each.level, rings, sequence_of),
                    )
                    for ring in rings_of(each)
                },
            )
            for each in units_of(source)
        ]
        self.output = output
        self._turn = 0
        self._only: int | None = None  # the unit whose turn it is, however long it takes
        self.index = 0  # of the unit of which rows were handed out last

    @property
    def ended(self) -> bool:
        return all(unit.ended for unit in self.units)

    @property
    def mixed(self) -> bool:
        """Whether it hangs on time what comes next."""
        return len(self.units) > 1

    @property
    def bounds(self) -> list[int]:
        """How far each unit is, to `resume` from."""
        return [unit.bound for unit in self.units]

    def resume(self, bounds: list[int]) -> None:
        """Go on where a predecessor was."""
        for unit, bound in zip(self.units, bounds, strict=False):
            unit.resume(bound)

    def begin_with(self, unit: int | None) -> None:
        """Take what comes next of one unit before that of others; None: in turn."""
        self._only = unit

    def take(self) -> Rows | None:
        """What can be taken now, of one unit; to be released before the next."""
        if self._only is not None:
            self.index = self._only
            return self.units[self._only].fetch()
        for _ in self.units:
            self.index = self._turn
            self._turn = (self._turn + 1) % len(self.units)
            rows = self.units[self.index].fetch()
            if rows is not None:
                return rows
        return None

    def wait(self, timeout: float | None = None) -> Rows | None:
        """The next rows; None: all rings have ended, or `timeout` seconds are over."""
        looks, nap = 0, _NAP_SECONDS
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            rows = self.take()
            if rows is not None:
                return rows
            if self.ended or (end is not None and time.monotonic() >= end):
                return None
            looks += 1
            if looks < _LOOKS:
                time.sleep(0)
            elif end is not None or any(unit.holding for unit in self.units):
                time.sleep(nap)
                nap = min(nap * 1.5, _NAP_SECONDS_MAX)
            else:
                rows = self._park()
                if rows is not None:
                    return rows

    def _park(self) -> Rows | None:
        consumers = [leaf.consumer for unit in self.units for leaf in unit.leaves.values()]
        tokens = [each._park_token() for each in consumers if not each.ended]
        rows = self.take()
        if rows is None and tokens and not any(unit.holding for unit in self.units):
            wait_any(tokens)
        return rows

    def release(self) -> None:
        """Let go of what was handed out last."""
        self.units[self.index].release()

    def close(self) -> None:
        for unit in self.units:
            for leaf in unit.leaves.values():
                leaf.consumer.close()


def _output_of(layout: Layout, ring: int) -> Any:
    writer = layout.rings[ring].writer
    assert writer is not None
    return layout.stages[writer].machine.output


def units_of(source: Source) -> list[Source]:
    """What may be taken each for itself: the parts of merges that are not ordered."""
    if isinstance(source, Merge) and not source.ordered:
        return [unit for part in source.parts for unit in units_of(part)]
    return [source]


def is_gathered(stage: StageLayout) -> bool:
    """Whether a stage reads more than the one ring."""
    return not isinstance(stage.source, Read)


