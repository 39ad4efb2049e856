"""Reading several rings as one stream: what may be taken, and how a successor goes on.

The rings are written by the test, in the place of the stages in front.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from topology_tools import EVENT, count, engine, events, front, plain, total

import headrace as hr
from headrace.compose import lay_out
from headrace.compose.layout import INPUT, Layout
from headrace.compose.rows import positioned
from headrace.errors import JournalError, MachineError
from headrace.events import record_dtype
from headrace.reference.keys import partition_of
from headrace.replay import PassedOver
from headrace.ringbuffer import Ring
from headrace.runtime.gathering import Gathered, units_of
from headrace.runtime.marks import Mark, Marks
from headrace.runtime.pace import Pace
from headrace.runtime.restoring import Restored
from headrace.runtime.settling import ALL, Settling
from headrace.runtime.sources import GatheredSource
from headrace.runtime.stage import id_of
from headrace.runtime.worker import Worker


class Rings:
    """The rings of a layout, to write records into, and what stages have let go of."""

    def __init__(self, topology: Any, capacity: int = 16) -> None:
        self.layout: Layout = lay_out(topology)
        self.rings = {
            each.index: Ring.create(each.dtype, capacity, timestamps=each.index == INPUT)
            for each in self.layout.rings
        }
        self._producers = {index: ring.producer() for index, ring in self.rings.items()}
        self.released: dict[str, int] = {}
        self.marks = Marks.create(None, 0, 2)

    def put(self, ring: int, *positions: int, values: Any = None) -> None:
        """A record of each position, with these values, or the position as value."""
        writer = self.layout.rings[ring].writer
        assert writer is not None
        records = np.zeros(len(positions), record_dtype(EVENT))
        records["input_sequence"] = positions
        records["value"] = positions if values is None else values
        depth = self.layout.rings[ring].depth
        made = positioned(records, EVENT, depth, None) if depth else records
        self._producers[ring].publish(made)

    def end(self, *rings: int) -> None:
        for ring in rings:
            self.rings[ring].end()

    def gathered(self, name: str = "reader") -> Gathered:
        """The stream of the last stage."""
        stage = self.layout.stages[-1]
        return Gathered(
            self.layout, stage.source, name, self.rings,
            lambda each: self.released.get(each.name, 0), EVENT,
        )  # fmt: skip

    def source(self) -> GatheredSource:
        return GatheredSource(self.gathered(), (), 0, self.marks)

    def close(self) -> None:
        for ring in [*self.rings.values(), self.marks.ring]:
            ring.close()


@pytest.fixture
def ordered() -> Iterator[Rings]:
    made = Rings(hr.shard(count, by="key", n=2, ordered=True) >> total)
    yield made
    made.close()


@pytest.fixture
def mixed() -> Iterator[Rings]:
    made = Rings(hr.shard(count, by="key", n=2) >> total)
    yield made
    made.close()


def taken(gathered: Gathered) -> list[int]:
    """The values of all that can be taken now."""
    values: list[int] = []
    for _ in range(8):  # bounds move a step at a time
        if (rows := gathered.take()) is not None:
            values += rows.events["value"].tolist()
            gathered.release()
    return values


# -- what may be taken ---------------------------------------------------------------------------


def test_nothing_is_taken_that_something_may_still_come_before(ordered: Rings) -> None:
    gathered = ordered.gathered()
    ordered.put(1, 0, 2, 5)
    assert taken(gathered) == [], "the other one may put out something for 0"
    ordered.put(2, 3)
    assert taken(gathered) == [0, 2], "it has come to 3, for which there may be more"
    ordered.released |= {"count.0": 6}
    assert taken(gathered) == []
    ordered.released |= {"count.1": 4}
    assert taken(gathered) == [3], "all before 4 is let go of"
    ordered.released |= {"count.1": 6}
    assert taken(gathered) == [5]


def test_a_record_says_nothing_of_its_own_position(ordered: Rings) -> None:
    gathered = ordered.gathered()
    ordered.released |= {"count.1": 9}
    ordered.put(1, 4)
    assert taken(gathered) == []
    ordered.put(1, 4, 4)
    assert taken(gathered) == []
    ordered.put(1, 7)
    assert taken(gathered) == [4, 4, 4]


def test_the_end_of_a_ring_makes_it_complete(ordered: Rings) -> None:
    gathered = ordered.gathered()
    ordered.put(1, 0, 2, 5)
    ordered.put(2, 1)
    ordered.end(2)
    assert taken(gathered) == [0, 1, 2]
    ordered.end(1)
    assert taken(gathered) == [5]
    assert gathered.ended


def test_without_order_all_is_taken(mixed: Rings) -> None:
    gathered = mixed.gathered()
    assert len(units_of(mixed.layout.stages[-1].source)) == 2
    mixed.put(1, 0, 2)
    mixed.put(2, 3)
    assert sorted(taken(gathered)) == [0, 2, 3]


def test_a_ring_full_of_one_input(ordered: Rings) -> None:
    gathered = ordered.gathered()
    ordered.put(1, *[0] * 16)
    with pytest.raises(MachineError, match="one input has 16 outputs or more"):
        gathered.take()


def test_a_bound_goes_through_stages_one_after_the_other() -> None:
    """What the first has let go of bounds what the second has put out, once it is through."""
    made = Rings(hr.shard(hr.chain(front, count), by="key", n=2, ordered=True))
    layout = made.layout
    names = [each.name for each in layout.stages]
    assert names == ["front.0", "count.0", "front.1", "count.1"]
    reads, writes = layout.stages[0].output, layout.stages[1].output
    assert reads is not None
    assert writes is not None
    consumer = made.rings[reads].consumer("count.0")
    settling = Settling(layout, writes, 0, made.rings, lambda each: made.released[each.name])
    made.released |= {"front.0": 0}
    assert settling.moved(0) == 0
    made.put(reads, 0, 3, 6)
    made.released |= {"front.0": 8}
    assert settling.moved(0) is None, "of those three, something may still come"
    made.put(reads, 9)  # not waited for: it was not there when the first had let go of 8
    consumer.poll(2)
    consumer.release()
    assert settling.moved(0) is None
    consumer.poll(1)
    made.put(writes, 6)
    consumer.release()
    assert settling.moved(0) is None, "what has come of them is to be polled first"
    assert settling.moved(1) == 8
    assert settling.moved(1) in (None, 8)
    assert ALL > 1 << 60
    made.close()


# -- successors ----------------------------------------------------------------------------------


def step_over(source: GatheredSource, count: int | None = None) -> list[int]:
    """Take a batch, and let go of it or of its first events; their values."""
    batch = source.poll(count or 100)
    assert batch is not None
    values: list[int] = batch.part(0, batch.length)[0]["value"].tolist()
    batch.let_go()
    source.release()
    return values


def die(source: GatheredSource) -> None:
    """Leave its places in the rings as they are, as a death does."""
    for unit in source._gathered.units:
        for leaf in unit.leaves.values():
            leaf.consumer.detach()


def test_a_successor_goes_on_within_what_was_taken(ordered: Rings) -> None:
    first = ordered.source()
    ordered.put(1, 0, 2, 4, 6)
    ordered.put(2, 1, 3, 5, 7)
    assert step_over(first, 2) == [0, 1]
    assert step_over(first, 1) == [2]
    die(first)
    assert ordered.marks.sequence == 3
    ordered.put(1, 8)
    ordered.put(2, 9)
    second = ordered.source()
    assert second.sequence == 3
    assert step_over(second, 2) == [3, 4]
    die(second)
    assert step_over(ordered.source()) == [5, 6, 7]
    assert ordered.marks.sequence == 8


def test_a_successor_lets_go_of_what_was_marked_only(ordered: Rings) -> None:
    """Dead between the mark and letting go of the slots."""
    first = ordered.source()
    ordered.put(1, 0, 2, 4)
    ordered.put(2, 1, 3)
    batch = first.poll(100)
    assert batch is not None
    batch.let_go()
    ordered.marks.keep(Mark(3, first._gathered.bounds))
    die(first)
    second = ordered.source()
    assert second.sequence == 3
    ordered.released |= {"count.0": 9, "count.1": 9}
    assert step_over(second) == [3, 4]


def test_successors_of_successors_where_there_is_no_order(mixed: Rings) -> None:
    """A mark tells of one unit that is taken in part: so that comes first, whatever else came."""
    first = mixed.source()
    mixed.put(2, 1, 3, 5)
    assert step_over(first, 2) == [1, 3]
    die(first)
    mixed.put(1, 0, 2)
    second = mixed.source()
    seen = step_over(second, 1)
    die(second)
    third = mixed.source()
    seen += step_over(third)
    if len(seen) < 3:
        seen += step_over(third)
    assert sorted(seen) == [0, 2, 5], "each once, and 1 and 3 not again"


def test_a_successor_gives_the_same_numbers_where_there_is_no_order(mixed: Rings) -> None:
    """What was handed out may have outputs under its numbers, although nothing is let go of."""
    first = mixed.source()
    mixed.put(2, 1, 3, 5)
    for size, done in ((2, 1), (100, 0)):  # the second one, when the first was done in part
        batch = first.poll(size)
        assert batch is not None
        batch.let_go()
        if done:
            first.release(done)
    assert (first.sequence, mixed.marks.newest.promised) == (1, 3)
    die(first)
    mixed.put(1, 0, 2)
    second = mixed.source()
    assert second.sequence == 1
    assert step_over(second, 1) == [3]
    die(second)
    third = mixed.source()
    assert (third.sequence, step_over(third)) == (2, [5])
    assert step_over(third) == [0, 2]
    assert mixed.marks.newest.promised == 0


def test_a_mark_is_kept_before_slots_are_let_go_of(
    ordered: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So whoever dies in between has let go of nothing that nobody knows of."""
    source = ordered.source()
    ordered.put(1, 0, 2)
    ordered.put(2, 1, 3)
    seen: list[int] = []
    monkeypatch.setattr(source._gathered, "release", lambda: seen.append(ordered.marks.sequence))
    assert step_over(source) == [0, 1]
    assert seen == [2]


def test_a_successor_puts_out_what_is_not_out_yet() -> None:
    """Record by record: its predecessor may have died in the middle of an input's outputs."""

    class Told:
        def __init__(self) -> None:
            self.ids: list[tuple[int, int]] = []

        def emit(self, records: Any, gone: Any) -> None:
            self.ids += [id_of(each) for each in records]

    worker = object.__new__(Worker)
    worker._outlet = told = Told()  # type: ignore[assignment]
    worker._is_last = worker._waits_for_journal = False
    worker._published = (4, 1)
    for inputs, numbers in (([2, 4, 4], [0, 0, 1]), ([4, 4, 5, 5], [1, 2, 0, 1]), ([6], [0])):
        records = np.zeros(len(inputs), record_dtype(EVENT))
        records["input_sequence"], records["output_index"] = inputs, numbers
        worker._emit(None, records)  # type: ignore[arg-type]
    assert told.ids == [(4, 2), (5, 0), (5, 1), (6, 0)]


# -- how many at once ----------------------------------------------------------------------------


def test_who_is_careful_takes_one_at_a_time_at_first() -> None:
    pace = Pace(64)
    for _ in range(3):
        pace.took(pace.size, 1000)
    assert pace.size == 8
    pace.took(8, 20_000_000)
    assert pace.size == 1, "as many as are stepped over in a short time"
    careful = Pace(64)
    careful.hold_at_one()
    for _ in range(63):
        careful.took(careful.size, 1000)
        assert careful.size == 1
    careful.took(1, 1000)
    careful.took(1, 1000)
    assert careful.size > 1


# -- restored ------------------------------------------------------------------------------------

TOPOLOGY = front >> hr.shard(count, by="key", n=2) >> hr.shard(plain, by="key", n=2)


@pytest.mark.parametrize("sequence", [0, 1, 37, 60, 61, 99])
def test_the_state_before_any_event_is_restored(tmp_path: Path, sequence: int) -> None:
    """From a snapshot that is not newer, and the journal behind it."""
    inputs = events(100)
    with engine(TOPOLOGY, place="threads", journal=tmp_path / "j") as running:
        running.publish(inputs[:60])
        running.snapshot(20)
        running.publish(inputs[60:])
        running.drain(20)
    ring = Ring.create(EVENT, 16)
    ring.consumer("headrace-journal")
    for shard in (0, 1):
        made = Restored(TOPOLOGY, f"count.{shard}", None, sequence, PassedOver())
        made.from_journal(str(tmp_path / "j"), ring)
        expected: dict[int, int] = {}
        for key in inputs["key"][:sequence].tolist():
            if partition_of(key, 2) == shard:
                expected[key] = expected.get(key, 0) + 1
        assert made.stepper.state == expected
        where = "the first input" if sequence < 60 else "the snapshot before 60"
        assert made.origin == (f"{where} and the journal" if sequence else "the initial state")
    made = Restored(TOPOLOGY, "count.0", None, 101, PassedOver())
    with pytest.raises(JournalError, match="lead to event 100 of this stage, which was at 101"):
        made.from_journal(str(tmp_path / "j"), ring)
    ring.close()
