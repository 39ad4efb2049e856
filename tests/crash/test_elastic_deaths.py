"""Worker processes of an elastic stage that die, while partitions are here, there, on their way."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elastic_tools import (
    NEVER,
    AtRandom,
    Still,
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
    slow_total,
    some,
    total,
    wait_until,
)

import headrace as hr
from headrace.elastic.succession import Duty, Past
from headrace.errors import StepError, WorkerDied
from headrace.reference.topology import ReferenceTopology
from headrace.replay import PassedOver
from headrace.replay.spans import Span
from headrace.runtime.again import Again
from headrace.runtime.deadline import Deadline
from headrace.runtime.task import Task

# -- one death -----------------------------------------------------------------------------------


def test_the_owner_dies_and_its_successor_has_what_came_to_it_by_moves(tmp_path: Path) -> None:
    topology = elastic(min=2)
    inputs = np.concatenate([some(0), some(60), some(120), some(180)])
    with processes(topology, journal=hr.Journal(tmp_path, level="none")) as engine:
        pool = pool_of(engine)
        engine.publish(inputs[:60])
        pool.move([(0, 1), (2, 1), (1, 0)])
        wait_until(lambda: pool.moves == 3)
        engine.publish(inputs[60:120])
        for number in (1, 0):
            pid = kill(engine, number)
            replaced(engine, number, pid)
            assert pool.owners == (1, 0, 1, 1, 0, 1, 0, 1)
            engine.publish(inputs[120 + 60 * (1 - number) :][:60])
        pool.move([(0, 0), (3, 0)])
        wait_until(lambda: pool.moves == 5)
        engine.drain(20)
        compare(topology, inputs, all_of(engine), engine.state)


def test_without_a_journal_it_begins_anew_and_that_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What came to others by moves is not lost with it."""
    caplog.set_level(logging.INFO, "headrace.runtime")
    kept, lost = keys_of(0)[0], keys_of(2)[0]
    with processes(elastic(min=2)) as engine:
        engine.publish(rows((kept, 5), (lost, 7)))
        pool_of(engine).move([(0, 1)])
        wait_until(lambda: pool_of(engine).moves == 1)
        engine.drain(20)
        pid = kill(engine, 0)
        replaced(engine, 0, pid)
        engine.publish(rows((kept, 1), (lost, 1)))
        engine.drain(20)
        made = all_of(engine)
        assert made["sum"].tolist() == [5, 7, 6, 1]
        assert engine.state["total"] == {0: 6, 2: 1}
    assert "stage total.0 runs from event 2 on, with the initial state" in caplog.text


def test_the_receiver_dies_and_the_owner_keeps_the_partition(tmp_path: Path) -> None:
    topology = elastic(min=2)
    with processes(topology, journal=hr.Journal(tmp_path, level="none")) as engine:
        pool = pool_of(engine)
        kill(engine, 1, signal.SIGSTOP)
        assert pool.move([(0, 1)]) == 1
        engine.publish(some(0))
        pid = kill(engine, 1)
        wait_until(lambda: pool.moving == 0)
        assert (pool.owners[0], pool.moves) == (0, 0)
        replaced(engine, 1, pid)
        pool.move([(0, 1)])
        wait_until(lambda: pool.owners[0] == 1)
        engine.drain(20)
        compare(topology, some(0), all_of(engine), engine.state)


def test_nothing_is_moved_to_one_that_is_dead(tmp_path: Path) -> None:
    """Or from it: until its successor has caught up."""
    with processes(elastic(min=2), journal=hr.Journal(tmp_path, level="none")) as engine:
        pool = pool_of(engine)
        pid = kill(engine, 1)
        wait_until(lambda: 1 in pool._behind or pool.stages[1].pid != pid)
        while 1 in pool._behind:
            assert pool.move([(0, 1), (1, 0)]) == 0 or 1 not in pool._behind
        pool.move([(0, 1), (1, 0)])
        engine.publish(some(0))
        engine.drain(20)
        compare(elastic(), some(0), all_of(engine), engine.state)


def test_the_owner_dies_while_it_should_hand_over(tmp_path: Path) -> None:
    """Who holds the events back lets go of them, or nothing would come through it any more."""
    topology = elastic(slow_total, min=2)
    quick = rows(*((number % 16, 1) for number in range(40)))
    inputs = np.concatenate([rows((keys_of(2)[0], 100)), quick])
    with processes(topology, journal=hr.Journal(tmp_path, level="none")) as engine:
        pool = pool_of(engine)
        engine.publish(inputs[:1])
        time.sleep(0.02)
        kill(engine, 0, signal.SIGSTOP)  # in the midst of a step
        engine.publish(inputs[1:20])
        pool.move([(0, 1)])
        wait_until(lambda: pool._partitions[0].draining)
        engine.publish(inputs[20:])
        pid = kill(engine, 0)
        replaced(engine, 0, pid)
        assert (pool.moving, pool.moves, pool.owners[0]) == (0, 0, 0)
        engine.drain(20)
        compare(topology, inputs, all_of(engine), engine.state)


def test_what_was_given_away_is_stepped_again_as_far_as_it_was_not_out(tmp_path: Path) -> None:
    """Its outputs waited for a partition on its way to it; it gave another away, and died."""
    topology = elastic(slow_total, min=3, max=3)
    quick = rows(*((number % 16, 1) for number in range(60)))
    inputs = np.concatenate([rows((keys_of(1)[0], 100)), quick])
    with processes(topology, journal=hr.Journal(tmp_path, level="none")) as engine:
        pool = pool_of(engine)
        engine.publish(inputs[:1])
        time.sleep(0.02)
        kill(engine, 1, signal.SIGSTOP)  # in the midst of a step
        pool.move([(1, 0)])
        wait_until(lambda: pool._partitions[1].draining)
        engine.publish(inputs[1:40])
        wait_until(lambda: pool.stages[2].done == 40)
        assert pool.move([(0, 2)]) == 1
        wait_until(lambda: pool.owners[0] == 2)
        assert pool.stages[0].done < pool._partitions[0].since
        pid = kill(engine, 0)
        kill(engine, 1, signal.SIGCONT)
        engine.publish(inputs[40:])
        replaced(engine, 0, pid)
        assert pool.owners[:2] == (2, 1)
        engine.drain(20)
        compare(topology, inputs, all_of(engine), engine.state)


def test_one_that_has_retired_and_stays_in_its_rings_owes_what_it_made() -> None:
    """Who reads several rings never leaves them, and may have outputs that found no room."""
    second = hr.elastic(many_sums, "key", max=2, partitions=8, controller=Still(), period=NEVER)
    with processes(elastic() >> second) as engine:
        tasks = []
        for pool in engine._line.pools.values():  # type: ignore[union-attr]
            assert pool.workers == (0,)
            pool._past.append(Past(3, 1, 0, 100))
            tasks.append(pool.task(1))
            pool.up(1)
    assert tasks[0] == Task(False, ()), "it has left the ring, and with that was done"
    assert tasks[1] == Task(True, (Duty(3, ((0, 100),), None),))


def test_calls_are_answered_across_deaths(tmp_path: Path) -> None:
    controller = AtRandom(4)
    topology = elastic(max=3, controller=controller, period=0.005)
    with processes(topology, journal=hr.Journal(tmp_path, level="none")) as engine:
        for number in range(40):
            if number % 10 == 5:
                kill(engine, number % 3)
            key = keys_of(number % 4)[0]
            (answer,) = engine.call((key, 1), timeout=20)
            assert (answer["key"], answer["sum"]) == (key, number // 4 + 1)


# -- and what is told ----------------------------------------------------------------------------


def test_workers_that_die_too_often_halt_the_engine() -> None:
    supervisor = hr.Supervisor("one_for_one", (), 1, 60.0)
    engine = processes(elastic(min=2, max=3), supervisor=supervisor)
    for number in (0, 1):
        kill(engine, number)
        wait_until(lambda n=number: pool_of(engine).stages[n].restarts == 1)  # type: ignore[misc]
    wait_until(lambda: all(stage.stopped for stage in pool_of(engine).stages))
    with pytest.raises(WorkerDied, match=r"stage 'total.1' has lost its worker too often"):
        engine.publish(some(0))
    with pytest.raises(WorkerDied):
        engine.close(20)


def test_poison_becomes_a_dead_letter(tmp_path: Path) -> None:
    topology = elastic(deadly, min=2)
    poisoned = keys_of(0)[0]
    before, after = some(0, 30), some(30, 30)
    inputs = np.concatenate([before, rows((poisoned, 666)), after])
    journal = hr.Journal(tmp_path, level="none")
    with processes(topology, on_error="dead_letter", journal=journal) as engine:
        pool_of(engine).move([(0, 1)])
        wait_until(lambda: pool_of(engine).owners[0] == 1)
        engine.publish(inputs)
        engine.drain(20)
        (letter,) = engine.dead_letters
        assert (letter.sequence, letter.retries, letter.event["value"][0]) == (30, 3, 666)
        wait_until(lambda: may_move(pool_of(engine)))
        # Whoever steps again over what others did passes it over, too.
        pool_of(engine).move([(0, 0)])
        wait_until(lambda: pool_of(engine).owners[0] == 0)
        pid = kill(engine, 0)
        replaced(engine, 0, pid)
        engine.publish(after)
        engine.drain(20)
        made, state = all_of(engine), engine.state["deadly"]
    for place in ("processes", "threads"):  # it kills nobody who opens the journal
        with hr.Engine(
            topology, on_error="dead_letter", journal=journal, place=place, start_method="fork"
        ) as again:
            assert again.state["deadly"] == state
            assert [each.sequence for each in again.dead_letters] == [30]
    plain = ReferenceTopology(elastic(total, min=2))
    plain.publish(np.concatenate([before, after, after]))
    assert made[["key", "sum"]].tolist() == plain.outputs[["key", "sum"]].tolist()
    assert state == plain.state["total"]
    assert 30 not in made["input_sequence"]


def test_poison_halts_and_blames_its_event() -> None:
    engine = processes(elastic(deadly, min=2))
    engine.publish(np.concatenate([some(0, 30), rows((keys_of(1)[0], 666)), some(30, 30)]))
    with pytest.raises(StepError, match=r"event 30 .* has killed its worker 3 times"):
        engine.drain(20)
    with pytest.raises(StepError):
        engine.close(20)


def test_a_worker_that_is_paused_too_long_is_replaced(tmp_path: Path) -> None:
    topology = elastic(min=2)
    journal = hr.Journal(tmp_path, level="none")
    with processes(topology, journal=journal, paused_max=0.05) as engine:
        engine.publish(some(0))
        pid = kill(engine, 1, signal.SIGSTOP)
        pool_of(engine).move([(at, 1) for at in range(8)])
        engine.publish(some(60))
        replaced(engine, 1, pid)
        engine.drain(20)
        compare(topology, np.concatenate([some(0), some(60)]), all_of(engine), engine.state)


def test_no_state_is_waited_for_of_one_that_is_paused(tmp_path: Path) -> None:
    """Or nothing could be published, for a digest wants the states while nothing is."""
    with processes(elastic(min=2) >> many_sums, journal=tmp_path) as engine:
        engine.publish(some(0))
        engine.drain(20)
        line: Any = engine._line
        assert line.take_cut(Deadline(0.05)) is not None
        for at in (0, 2):  # of an elastic stage, and another one
            pid = line.stages[at].pid
            os.kill(pid, signal.SIGSTOP)
            wait_until(lambda at=at: line.stages[at].paused)  # type: ignore[misc]
            assert line.take_cut(Deadline(0.05)) is None
            engine.publish(some(0, 1), timeout=20)
            os.kill(pid, signal.SIGCONT)
            engine.drain(20)
        assert line.take_cut(Deadline(0.05)) is not None


@hr.machine(event=total.output, initial=int)
def many_sums(state: int, key: int, sum: int) -> Any:
    return state + sum, None


def test_one_that_is_paused_holds_up_nobody_who_tells_it_something() -> None:
    """Large states go to it, and its pipe is full; what others say is heard all the same."""
    with processes(elastic(large, min=2), on_error="dead_letter") as engine:
        pool = pool_of(engine)
        engine.publish(rows(*((key, 0) for key in range(16))))
        engine.drain(20)
        engine.publish(rows((keys_of(0)[0], 200)))  # worker 0 is busy meanwhile
        moved = [at for at in range(2, 8) if pool.owners[at] == 0]
        pool.move([(at, 1) for at in moved])
        wait_until(lambda: all(pool._partitions[at].draining for at in moved))
        kill(engine, 1, signal.SIGSTOP)
        engine.publish(rows((keys_of(0)[0], -1)))
        wait_until(lambda: len(engine.dead_letters) == 1)
        assert pool.moving == len(moved)
        kill(engine, 1, signal.SIGCONT)
        engine.drain(20)
        wait_until(lambda: pool.moving == 0)
        assert set(pool.owners[2:]) == {1}


@hr.machine(event=total.event, output=total.output, initial=list)
def large(state: list[bytes], key: int, value: int) -> Any:
    if value < 0:
        raise ValueError(value)
    time.sleep(value / 1000)
    return state or [bytes(400_000)], (key, value)


# -- what is stepped again -----------------------------------------------------------------------


def test_what_killed_others_is_passed_over_where_it_is_only_stepped_again() -> None:
    passed = PassedOver()
    events = rows(*((0, number) for number in range(10)))
    for sequence in (102, 105):
        passed.add("total", sequence, events[sequence - 100 : sequence - 99].tobytes())
    again = Again((Duty(0, ((104, 106),), None), Duty(1, (), 108)), (104, 0), "total", passed)
    span = Span(events, np.zeros(10, np.int64), 100, None, None)
    places = np.arange(10)
    assert again.places(0, span, places).tolist() == [0, 1, 3, 4, 5], "up to where it is given away"
    assert again.places(1, span, places).tolist() == [0, 1, 3, 4, 6, 7, 8, 9]
    made = np.zeros(12, [("input_sequence", "<i8"), ("output_index", "<i4")])
    made["input_sequence"] = np.arange(100, 106).repeat(2)
    made["output_index"] = np.tile([0, 1], 6)
    assert again.new(0, made).tolist() == [(104, 1), (105, 0), (105, 1)]
    assert again.new(1, made).tolist() == []
    assert (again.end, again.owned, again.given_away) == (108, (1,), (0,))
