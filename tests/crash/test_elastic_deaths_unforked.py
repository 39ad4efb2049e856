"""Worker processes of an elastic stage that die where none is a fork: each starts from nothing.

What a fork has by being a copy (which event was poison, what a worker owes, the machine) comes here
through a pickle; and a successor takes a while to start, in which it may die, too.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elastic_tools import (
    all_of,
    compare,
    deadly,
    elastic,
    keys_of,
    kill,
    may_move,
    pool_of,
    processes,
    replaced,
    rows,
    some,
    total,
    wait_until,
)

import headrace as hr

METHODS = pytest.mark.parametrize("method", ["forkserver", "spawn"])
PIECES = [some(at) for at in range(0, 300, 60)]


def journal(folder: Path) -> hr.Journal:
    return hr.Journal(folder, level="none")


@contextlib.contextmanager
def compared(method: str, folder: Path) -> Iterator[tuple[hr.Engine, Any]]:
    """An engine with two workers, and their pool, between its first events and its last ones.

    In the end all must be as the reference says.
    """
    topology = elastic(min=2)
    with processes(topology, start_method=method, journal=journal(folder)) as engine:
        engine.publish(PIECES[0])
        yield engine, pool_of(engine)
        engine.publish(PIECES[-1])
        engine.drain(20)
        compare(topology, np.concatenate(PIECES), all_of(engine), engine.state)


def moved(pool: Any, *moves: tuple[int, int]) -> None:
    """Move partitions, each to a worker, and wait until they are there."""
    before = pool.moves
    assert pool.move(moves) == len(moves)
    wait_until(lambda: pool.moves == before + len(moves))


@METHODS
def test_each_dies_and_its_successor_has_what_came_to_it_by_moves(
    method: str, tmp_path: Path
) -> None:
    with compared(method, tmp_path) as (engine, pool):
        moved(pool, (0, 1), (2, 1), (1, 0))
        engine.publish(PIECES[1])
        pid = kill(engine, 1)
        engine.publish(PIECES[2])
        replaced(engine, 1, pid)
        pid = kill(engine, 0)
        wait_until(lambda: pool.stages[0].pid != pid)
        pid = kill(engine, 0)  # the successor, before it has begun
        engine.publish(PIECES[3])
        replaced(engine, 0, pid)
        assert pool.owners == (1, 0, 1, 1, 0, 1, 0, 1)
        moved(pool, (0, 0), (3, 0))
        assert [stage.restarts for stage in pool.stages] == [2, 1]


@METHODS
def test_who_dies_while_a_partition_is_on_its_way_leaves_it_with_its_owner(
    method: str, tmp_path: Path
) -> None:
    """First the receiver, which has not heard of it; then the owner, while the other holds back."""
    with compared(method, tmp_path) as (engine, pool):
        pid = kill(engine, 1, signal.SIGSTOP)
        assert pool.move([(0, 1)]) == 1
        engine.publish(PIECES[1])
        kill(engine, 1)
        replaced(engine, 1, pid)
        assert (pool.moving, pool.moves, pool.owners[0]) == (0, 0, 0)
        engine.publish(PIECES[2])
        pid = kill(engine, 0, signal.SIGSTOP)
        assert pool.move([(0, 1)]) == 1
        wait_until(lambda: pool._partitions[0].draining)
        engine.publish(PIECES[3])
        kill(engine, 0)
        replaced(engine, 0, pid)
        assert (pool.moving, pool.moves, pool.owners[0]) == (0, 0, 0)
        moved(pool, (0, 1), (2, 1))


@METHODS
def test_without_a_journal_what_has_moved_away_outlives_its_worker(method: str) -> None:
    """Each death takes the states that its worker had, and no others."""
    first, second, third = (keys_of(at)[0] for at in (0, 2, 1))  # the third is of worker 1
    each = rows((first, 1), (second, 1), (third, 1))
    with processes(elastic(total, min=2), start_method=method) as engine:
        pool = pool_of(engine)
        engine.publish(each)
        moved(pool, (0, 1))
        for number, back in ((0, (0, 0)), (1, (1, 0)), (0, None)):
            engine.drain(20)
            pid = kill(engine, number)
            replaced(engine, number, pid)
            engine.publish(each)
            if back is not None:
                moved(pool, back)
        engine.drain(20)
        made = all_of(engine)["sum"].reshape(4, 3).tolist()
        state = engine.state["total"]
    # Worker 0 dies with the second; worker 1 with the third; worker 0 with all three.
    assert made == [[1, 1, 1], [2, 1, 2], [3, 2, 1], [1, 1, 1]]
    assert state == {0: 1, 1: 1, 2: 1}


def test_poison_becomes_a_dead_letter_and_kills_no_more(tmp_path: Path) -> None:
    """Whoever is started after that knows of it, although its memory is no copy."""
    topology = elastic(deadly, min=2)
    with processes(
        topology, start_method="spawn", on_error="dead_letter", journal=journal(tmp_path)
    ) as engine:
        pool = pool_of(engine)
        moved(pool, (0, 1))
        engine.publish(PIECES[0])
        engine.drain(20)
        engine.publish(rows((keys_of(0)[0], 666)))
        engine.drain(20)
        (letter,) = engine.dead_letters
        assert (letter.sequence, letter.retries, letter.event["value"][0]) == (60, 3, 666)
        wait_until(lambda: may_move(pool))
        pid = kill(engine, 1)
        replaced(engine, 1, pid)
        engine.publish(PIECES[1])
        engine.drain(20)
        assert pool.stages[1].restarts == 4, "three by the event, and one by this test"
        made, state = all_of(engine), engine.state["deadly"]
    made["input_sequence"] -= made["input_sequence"] > 60  # as if it had not been there
    compare(elastic(total, min=2), np.concatenate(PIECES[:2]), made, {"total": state})
