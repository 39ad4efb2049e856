"""Who owns which partition from when on, and which partitions move."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.elastic import Assignment, Move, rebalance, retire
from headrace.errors import UsageError
from headrace.keys import partition_of

EVEN = np.ones(256)


def applied(assignment: Assignment, moves: list[Move], since: int = 0) -> Assignment:
    return assignment.moved(moves, since)


def sums(assignment: Assignment, loads: Any) -> dict[int, float]:
    table = assignment.table
    return {worker: float(loads[table == worker].sum()) for worker in assignment.workers}


def test_the_first_table() -> None:
    first = Assignment.over([3, 1], 5)
    assert (first.version, first.owners, first.workers) == (0, (1, 3, 1, 3, 1), (1, 3))
    assert first.owned(3) == (1, 3)
    assert first.owned(9) == ()
    assert first.table[partition_of(np.arange(100), 5)].dtype == np.int32
    with pytest.raises(ValueError, match="read-only"):
        first.table[0] = 7
    assert Assignment.over([0]).partitions == 256


def test_tenures() -> None:
    first = Assignment.over([0], 3)
    second = first.moved([Move(1, 0, 2)], 100)
    third = second.moved([Move(1, 2, 0), Move(0, 0, 1)], 150)
    assert (first.owners, second.owners, third.owners) == ((0, 0, 0), (0, 2, 0), (1, 0, 0))
    assert (second.version, third.version) == (1, 2)
    assert [third.owner_at(1, at) for at in (0, 99, 100, 149, 150)] == [0, 0, 2, 2, 0]
    settled = third.settled(120)
    assert settled.version == third.version
    assert [settled.owner_at(1, at) for at in (100, 149, 150)] == [2, 2, 0]
    assert settled.owner_at(0, 149) == 0
    with pytest.raises(UsageError, match="oldest tenure kept begins at 100"):
        settled.owner_at(1, 99)
    assert third.settled(150).tenures[1] == third.tenures[1][-1:]
    assert third.moved([], 200) is third
    # Owned for no event at all.
    assert second.moved([Move(1, 2, 5)], 100).tenures[1] == ((0, 0), (100, 5))


@pytest.mark.parametrize(
    ("moves", "since"),
    [
        ([Move(0, 1, 0)], 100),
        ([Move(0, 0, 1), Move(0, 0, 2)], 100),
        ([Move(0, 0, 1), Move(0, 1, 2)], 100),
        ([Move(1, 2, 0)], 99),
    ],
)
def test_moves_that_cannot_be(moves: list[Move], since: int) -> None:
    table = Assignment.over([0], 3).moved([Move(1, 0, 2)], 100)
    with pytest.raises(UsageError, match="it belongs to worker"):
        table.moved(moves, since)


def test_a_new_worker_gets_its_share_in_bounded_rounds() -> None:
    table = Assignment.over([0])
    rounds = 0
    while moves := rebalance(table, [0, 1], EVEN, moves_max=32, tolerance=0.05):
        assert len(moves) <= 32
        assert all(move.source == 0 and move.target == 1 for move in moves)  # none for nothing
        table = applied(table, moves)
        rounds += 1
    assert rounds == 4
    assert abs(len(table.owned(0)) - 128) <= 4
    assert rebalance(table, [0, 1], EVEN) == []


def test_hot_partitions_are_spread() -> None:
    loads = np.ones(256)
    loads[[0, 4, 8, 12]] = 100  # all of worker 0
    table = Assignment.over(range(4))
    moves = rebalance(table, range(4), loads)
    assert len(moves) <= 12
    table = applied(table, moves)
    assert len({table.owners[at] for at in (0, 4, 8, 12)}) == 4
    assert max(sums(table, loads).values()) < 1.2 * loads.sum() / 4


def test_a_partition_hotter_than_a_worker_has_it_to_itself() -> None:
    loads = np.ones(256)
    loads[7] = 1000
    table = Assignment.over(range(4))
    for _ in range(5):
        table = applied(table, rebalance(table, range(4), loads))
    hot = table.owners[7]
    assert table.owned(hot) == (7,)
    others = [load for worker, load in sums(table, loads).items() if worker != hot]
    assert max(others) - min(others) <= 2  # the others are even, though one never will be
    assert rebalance(table, range(4), loads) == []


def test_what_does_nothing_stays_where_it_is() -> None:
    loads = np.zeros(256)
    loads[0] = 1.0
    assert rebalance(Assignment.over([0, 1]), [0, 1], loads) == []


def test_what_is_nearly_even_stays_as_it_is() -> None:
    loads = np.ones(256)
    loads[::2] = 1.15  # all of worker 0
    table = Assignment.over([0, 1])
    assert rebalance(table, [0, 1], loads) == []
    assert rebalance(table, [0, 1], loads, tolerance=0.15) == []
    assert len(rebalance(table, [0, 1], loads, tolerance=0.1)) in range(1, 6)
    assert rebalance(table, [0, 1], loads, tolerance=0, moves_max=0) == []


def test_retiring_moves_everything_away_and_nothing_else() -> None:
    table = Assignment.over(range(3))
    moves = retire(table, 1, range(3), EVEN)
    assert sorted(move.partition for move in moves) == list(table.owned(1))
    after = applied(table, moves)
    assert after.workers == (0, 2)
    assert abs(len(after.owned(0)) - len(after.owned(2))) <= 1
    assert retire(table, 1, [1, 2], EVEN) == [Move(at, 1, 2) for at in table.owned(1)]
    assert retire(table, 7, [0], EVEN) == []
    with pytest.raises(UsageError, match="nobody else"):
        retire(table, 1, [1], EVEN)


@pytest.mark.parametrize("loads", [np.ones(3), np.full(256, -1.0), [float("nan")] * 256])
def test_loads_that_cannot_be(loads: Any) -> None:
    with pytest.raises(UsageError, match="256 finite numbers"):
        rebalance(Assignment.over([0]), [0], loads)


@pytest.mark.parametrize("workers", [[], [-1, 0]])
def test_workers_that_cannot_be(workers: list[int]) -> None:
    with pytest.raises(UsageError, match="at least one worker"):
        rebalance(Assignment.over([0]), workers, EVEN)
    with pytest.raises(UsageError, match="at least one worker"):
        Assignment.over(workers)


def test_what_is_as_heavy_as_the_gap_stays_where_it_is() -> None:
    """However the sums are rounded: two workers would swap it for ever."""
    for light in (0.1, 6.0, 7.3):
        loads = np.array([light, 18.0, 18.0])
        table = Assignment.over([0], 3)
        for _ in range(4):
            moves = rebalance(table, [0, 1], loads, moves_max=1)
            table = table.moved(moves, 0)
        assert not moves


@given(
    owners=st.lists(st.integers(0, 5), min_size=1, max_size=24),
    workers=st.sets(st.integers(0, 5), min_size=1),
    moves_max=st.integers(0, 8),
    data=st.data(),
)
def test_any_round(owners: list[int], workers: set[int], moves_max: int, data: Any) -> None:
    count = len(owners)
    table = Assignment.over([0], count).moved(
        [Move(at, 0, owner) for at, owner in enumerate(owners)], 10
    )
    loads = np.array(data.draw(st.lists(st.floats(0, 100), min_size=count, max_size=count)))
    moves = rebalance(table, workers, loads, moves_max=moves_max)
    assert moves == rebalance(table, sorted(workers), loads.tolist(), moves_max=moves_max)
    orphans = {at for at, owner in enumerate(owners) if owner not in workers}
    assert {move.partition for move in moves} >= orphans
    assert len(moves) <= len(orphans) + moves_max
    assert len({move.partition for move in moves}) == len(moves)
    after = table.moved(moves, 20)
    assert set(after.owners) <= workers
    if not orphans and moves:
        before, then = sums(table, loads), sums(after, loads)
        assert max(then.values()) <= max(before.values()) + 1e-9
    # Rounds come to an end.
    for _ in range(count * count + 1):
        moves = rebalance(after, workers, loads, moves_max=max(moves_max, 1))
        if not moves:
            break
        after = after.moved(moves, 30)
    assert not moves
