"""What a topology is laid out as: its stages, their rings, shares and positions."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from topology_tools import EVENT, count, events, front, many, plain, sink, total

import headrace as hr
from headrace.compose import lay_out
from headrace.compose.layout import INPUT, Merge, Pair, Read, Share, rings_of
from headrace.compose.rows import Rows, brought_together, shared_out, within
from headrace.errors import MachineError
from headrace.events import POSITIONS
from headrace.machine import NAME_BYTES_MAX
from headrace.reference.keys import partition_of


def table(layout: Any) -> list[tuple[Any, ...]]:
    """Name, rings that it reads and writes, positions that it reads and writes, of each stage."""
    return [
        (each.name, rings_of(each.source), each.output, each.depth_in, each.depth)
        for each in layout.stages
    ]


def test_machines_one_behind_the_other() -> None:
    layout = lay_out(front >> count >> total)
    assert table(layout) == [
        ("front", (0,), 1, 0, 0), ("count", (1,), 2, 0, 0), ("total", (2,), 3, 0, 0),
    ]  # fmt: skip
    assert layout.outlet == Read(3)
    assert [ring.writer for ring in layout.rings] == [None, 0, 1, 2]
    assert layout.rings[0].dtype == EVENT
    assert layout.is_pipeline
    assert layout.before(1) == {0, 1}


def test_shards_share_a_ring_and_are_merged_by_whoever_reads_them() -> None:
    layout = lay_out(front >> hr.shard(count, by="key", n=2) >> total)
    assert table(layout) == [
        ("front", (0,), 1, 0, 0), ("count.0", (1,), 2, 0, 1), ("count.1", (1,), 3, 0, 1),
        ("total", (2, 3), 4, 0, 0),
    ]  # fmt: skip
    assert [each.shares for each in layout.stages[1:3]] == [
        (Share(("key",), 0, 2),), (Share(("key",), 1, 2),),
    ]  # fmt: skip
    assert layout.stages[3].source == Merge((Read(2), Read(3)), 0, False)
    assert [POSITIONS in (ring.dtype.names or ()) for ring in layout.rings] == [
        False, False, True, True, False,
    ]  # fmt: skip
    assert [each.name for each in layout.readers(1)] == ["count.0", "count.1"]
    assert layout.before(3) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "make",
    [
        lambda: hr.shard(count, by="key", ordered=True) >> total,
        lambda: hr.shard(count, by="key") >> hr.shard(total),
        lambda: hr.shard(count, by="key") >> hr.fanout(sink, total),
        lambda: hr.fanout(hr.shard(count, by="key"), plain),
        lambda: hr.shard(hr.chain(front, hr.shard(count, by="key")), by="key", ordered=True),
    ],
)
def test_what_is_numbered_is_put_in_order_first(make: Any) -> None:
    layout = lay_out(make())
    merges = [
        part for each in [*(stage.source for stage in layout.stages), layout.outlet]
        for part in [each, *getattr(each, "parts", ())] if isinstance(part, Merge)
    ]  # fmt: skip
    assert merges
    assert merges[0].ordered
    assert lay_out(hr.shard(count), in_order=True).outlet == Merge((Read(1), Read(2)), 0, True)


def test_records_of_one_position_stay_together_where_there_is_no_order() -> None:
    """Or two of them would have the same id."""
    for inner in (
        hr.chain(front, hr.shard(count, by="key")), hr.chain(hr.shard(count, by="key"), plain),
    ):  # fmt: skip
        layout = lay_out(hr.shard(inner, by="value"))
        assert isinstance(layout.outlet, Merge)
        assert not layout.outlet.ordered
        sources = [*(stage.source for stage in layout.stages), *layout.outlet.parts]
        merges = [each for each in sources if isinstance(each, Merge)]
        assert len(merges) == 2
        assert all(each.ordered for each in merges)


def test_splits_inside_of_each_other() -> None:
    inner = hr.chain(front, hr.fanout(plain, hr.chain(many, count)))
    layout = lay_out(hr.shard(inner, by="key", n=2))
    names = [each.name for each in layout.stages]
    assert names == [f"{name}.{n}" for n in (0, 1) for name in ("front", "plain", "many", "count")]
    assert [(each.depth_in, each.depth) for each in layout.stages[:4]] == [
        (0, 1), (1, 2), (1, 2), (2, 2),
    ]  # fmt: skip
    assert isinstance(layout.outlet, Merge)
    assert layout.outlet.level == 0
    pair = layout.outlet.parts[0]
    assert isinstance(pair, Pair)
    assert (pair.level, pair.fanout) == (1, inner.parts[1])
    assert [each.shares for each in layout.stages[1:4]] == [(), (), ()], "only what is first shares"


def test_a_fan_out_without_pairs_is_no_split() -> None:
    layout = lay_out(front >> hr.fanout(sink, plain))
    assert table(layout) == [
        ("front", (0,), 1, 0, 0), ("sink", (1,), None, 0, 0), ("plain", (1,), 2, 0, 0),
    ]  # fmt: skip
    assert layout.outlet == Read(2)
    assert lay_out(front >> sink).outlet is None
    assert lay_out(hr.shard(sink, by="key")).outlet is None
    assert layout.readers(INPUT) == [layout.stages[0]]


def test_shards_of_shards_take_what_is_in_all_their_shares() -> None:
    layout = lay_out(hr.shard(hr.shard(count, by="value", n=3), by="key", n=2))
    assert [each.name for each in layout.stages] == [
        f"count.{outer}.{inner}" for outer in range(2) for inner in range(3)
    ]
    assert layout.stages[4].shares == (Share(("key",), 1, 2), Share(("value",), 1, 3))


def test_long_names_are_refused() -> None:
    @hr.machine(event=EVENT, output=EVENT, initial=int, name="n" * (NAME_BYTES_MAX - 3))
    def long(state, event):  # type: ignore[no-untyped-def]
        return state, None

    lay_out(hr.shard(long, n=2))
    with pytest.raises(MachineError, match=r"would be called 'nnn.*\.0\.0', which is longer than"):
        lay_out(hr.shard(hr.shard(hr.shard(long, by="key"), by="value"), n=2, by="key"))


# -- shares --------------------------------------------------------------------------------------


@given(st.integers(0, 40), st.integers(0, 1000), st.integers(1, 5), st.integers(1, 4))
def test_each_event_is_in_one_share(length: int, first: int, outer: int, inner: int) -> None:
    """Also of shards in shards; where it is, is as it was when the batch began elsewhere."""
    made = events(length, first)
    for by in (None, ("key",), ("key", "value")):
        seen: list[int] = []
        for here in range(outer):
            for there in range(inner):
                shares = (Share(by, here, outer), Share(("value",), there, inner))
                select = shared_out(made, first, shares)
                places = range(length) if select is None else select.tolist()
                for place in places:
                    row = made[place]
                    if by is None:
                        assert (first + place) % outer == here
                    else:
                        key = row[by[0]].item() if len(by) == 1 else row[list(by)].item()
                        assert partition_of(key, outer) == here
                    assert partition_of(row["value"].item(), inner) == there
                seen += places
        assert sorted(seen) == list(range(length))


# -- brought together ----------------------------------------------------------------------------


def rows(values: list[int], positions: list[int]) -> Rows:
    made = events(len(values))
    made["value"] = values
    numbers = np.array(positions, np.int64)
    return Rows(made, numbers + 100, numbers, numbers[:, None])


def test_a_merge_is_in_order_and_keeps_the_order_of_each_position() -> None:
    merge = Merge((Read(1), Read(2)), 0, True)
    made = brought_together(
        merge, {1: rows([3, 1, 2, 9], [0, 3, 3, 4]), 2: rows([7, 5, 6] * 20, [2] * 60)}
    )
    assert made.positions[:, 0].tolist() == [0, *[2] * 60, 3, 3, 4]
    assert made.events["value"].tolist() == [3, *[7, 5, 6] * 20, 1, 2, 9]
    assert made.times.tolist() == [each + 100 for each in made.positions[:, 0]]


def test_numbers_go_on_where_a_batch_before_has_ended() -> None:
    positions = np.array([4, 4, 5, 7, 7, 7])
    assert within(positions).tolist() == [0, 1, 0, 0, 1, 2]
    assert within(positions, (4, 2)).tolist() == [3, 4, 0, 0, 1, 2]
    assert within(positions, (3, 2)).tolist() == [0, 1, 0, 0, 1, 2]
    assert within(positions[:0], (4, 2)).tolist() == []


def test_numbers_of_positions_that_go_back() -> None:
    """As behind workers whose outputs are not brought in order."""
    positions = np.array([4, 4, 2, 2, 2, 3, 1])
    assert within(positions).tolist() == [0, 1, 0, 1, 2, 0, 0]
    assert within(positions, (4, 0)).tolist() == [1, 2, 0, 1, 2, 0, 0]
