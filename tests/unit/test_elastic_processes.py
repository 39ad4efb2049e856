"""Elastic stages whose workers are processes: what moves, who comes and goes, what is refused."""

from __future__ import annotations

import copy
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elastic_tools import (
    EVENT,
    SUM,
    AtRandom,
    Still,
    all_of,
    compare,
    elastic,
    keys_of,
    pool_of,
    processes,
    retire_all_but_one,
    rows,
    silent,
    slow_total,
    total,
    wait_until,
)

import headrace as hr
from headrace.compose import lay_out
from headrace.elastic import Measurement
from headrace.errors import StateError, StepError, UsageError
from headrace.reference.topology import ReferenceTopology
from headrace.runtime.placing import lay_out_and_place
from headrace.runtime.pool_load import Load


@hr.machine(event=SUM, initial=int)
def count_sums(state: int, key: int, sum: int) -> Any:
    return state + 1, None


# -- where they are ------------------------------------------------------------------------------


def test_all_workers_of_a_stage_are_in_one_kind_of_place() -> None:
    topology = total_first >> elastic(max=3)
    for place, remote in (
        ("processes", [True] * 4),
        ({"total": "processes"}, [False, True, True, True]),
        ({"total_first": "processes"}, [True, False, False, False]),
    ):
        layout, placement = lay_out_and_place(topology, False, place, None)
        assert list(placement.remote) == remote
        in_order = {stage.slot.ordered for stage in layout.stages if stage.slot is not None}
        assert in_order == {remote[1]}, "what leaves processes leaves in order"
    with pytest.raises(UsageError, match=r"a stage 'total.0'; there are total, total_first"):
        lay_out_and_place(topology, False, {"total.0": "processes"}, None)
    sharded = hr.shard(elastic(), "value", n=2)
    _, placement = lay_out_and_place(sharded, False, {"total.1": "processes"}, None)
    assert list(placement.remote) == [False, False, True, True]
    assert [stage.name for stage in lay_out(sharded).stages][2:] == ["total.1.0", "total.1.1"]


@hr.machine(event=EVENT, output=EVENT, initial=int)
def total_first(state: int, key: int, value: int) -> Any:
    return state + value, (key, value)


def test_each_worker_is_a_process_that_stays() -> None:
    """Who leaves sleeps, and leaves the ring; and comes again as the same process."""
    with processes(elastic(max=3)) as engine:
        pool = pool_of(engine)
        pids = [stage.pid for stage in engine._line.stages]
        assert len(set(pids) - {os.getpid()}) == 3

        def names() -> set[str]:
            told = {each.name for each in engine.input_ring.consumers}
            return {name for name in told if name.startswith("total")}

        assert (pool.workers, names()) == ((0,), {"total.0"})
        for _ in range(2):
            pool.want(3)
            wait_until(lambda: pool.workers == (0, 1, 2) and not pool._behind)
            assert names() == {"total.0", "total.1", "total.2"}
            engine.publish(rows(*((key, 1) for key in range(20))))
            assert pool.move([(at, 2) for at in range(8)]) == 8
            wait_until(lambda: pool.owners == (2,) * 8)
            retire_all_but_one(pool)
            assert (pool.workers, names(), pool.owners) == ((0,), {"total.0"}, (0,) * 8)
        engine.publish(rows(*((key, 1) for key in range(20))))
        engine.drain(20)
        assert sum(engine.state["total"].values()) == 60
        assert [stage.pid for stage in engine._line.stages] == pids
    assert not [each for each in threading.enumerate() if "headrace-post" in each.name]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_states_move_between_processes(method: str) -> None:
    topology = elastic(min=2, controller=lambda: AtRandom(5))  # no process needs the controller
    inputs = rows(*((number % 13, number) for number in range(300)))
    with processes(topology, start_method=method) as engine:
        pool = pool_of(engine)
        for number, piece in enumerate(np.array_split(inputs, 6)):
            engine.publish(piece)
            pool.move([(at, (at + number) % 2) for at in range(8)])
            wait_until(lambda: pool.moving == 0)
        engine.drain(20)
        assert pool.moves > 20
        compare(topology, inputs, all_of(engine), engine.state)


def test_a_controller_stays_where_it_decides() -> None:
    """It goes to no process, and may be of any kind."""
    node = elastic(controller=lambda: AtRandom(1))
    assert pickle.loads(pickle.dumps(node)) == elastic(controller=None)
    assert copy.copy(node) is copy.deepcopy(node) is node


def test_outputs_come_in_order_although_nobody_asked() -> None:
    """Of a slow and of a quick worker."""
    slow, quick = keys_of(0)[0], keys_of(1)[0]
    with processes(elastic(slow_total, min=2)) as engine:
        engine.publish(rows((slow, 30), (quick, 0), (slow, 1), (quick, 0)))
        engine.drain(20)
        assert all_of(engine)["input_sequence"].tolist() == [0, 1, 2, 3]


def test_without_outputs() -> None:
    with processes(elastic(silent, min=2)) as engine:
        engine.publish(rows(*((key, 1) for key in range(50))))
        pool_of(engine).move([(at, 1) for at in range(8)])
        engine.publish(rows(*((key, 1) for key in range(50))))
        engine.drain(20)
        assert sum(engine.state["silent"].values()) == 100


# -- what is asked, and seen ---------------------------------------------------------------------


def test_the_state_is_whole_while_partitions_move() -> None:
    topology = elastic(max=3, min=2, controller=lambda: AtRandom(1), period=0.001)
    inputs = rows(*((number % 20, 1) for number in range(20)))
    with processes(topology) as engine:
        engine.publish(inputs)
        engine.drain(20)
        expected = engine.state

        def moved_on() -> bool:
            assert engine.state == expected
            return pool_of(engine).moves > 5

        wait_until(moved_on)
    assert engine.state == expected, "also when all have ended"


def test_it_is_measured_by_what_the_workers_share() -> None:
    told: list[Measurement] = []

    class Tells(Still):
        def decide(self, measurement: Measurement) -> int:
            told.append(measurement)
            return 2

    with processes(elastic(slow_total, controller=Tells())) as engine:
        pool = pool_of(engine)
        engine.publish(rows(*((key, 1) for key in range(40))))
        engine.drain(20)
        wait_until(lambda: sum(stage.measured[1] for stage in pool.stages) == 40)
        pool.tick()
        assert (told[0].depth, told[0].done, told[0].workers) == (0, 40, 1)
        assert told[0].busy_s > 0.03
        wait_until(lambda: pool.tick() or bool(pool._load.by_partition.sum() > 0.03e9))
        wait_until(lambda: pool.workers == (0, 1) and not pool._behind)
        assert pool.move([(at, 1) for at in range(8)]) > 0
        wait_until(lambda: set(pool.owners) == {1})
        engine.publish(rows(*((key, 1) for key in range(40))))
        engine.drain(20)
        wait_until(lambda: pool.stages[1].measured[1] > 0)
        board: Any = engine._line._board  # type: ignore[union-attr]
        readings = [board.stage(at).read() for at in range(2)]
        assert sum(one.events for one in readings) == sum(one.outputs for one in readings) == 80
        assert {one.state for one in readings} <= {"running", "waiting"}


def test_a_partition_that_comes_back_is_not_counted_twice() -> None:
    """Each process counts what it spends on a partition from when it has it."""

    class Place:
        counts_move = False
        measured, done = (0, 0, 0.0), 0

        def __init__(self, number: int) -> None:
            self.number = number
            self.spent: dict[int, int] = {}

        def loads(self) -> dict[int, int]:
            return self.spent

    places = [Place(0), Place(1)]
    load = Load(places, elastic(), lambda place: 0, False)
    seen = []
    for owner, spent, others in ((0, 0, 0), (0, 500, 0), (1, 500, 10), (1, 500, 40), (0, 500, 40)):
        places[0].spent[3], places[1].spent[3] = spent, others
        load.add_steps(lambda partition, owner=owner: owner)  # type: ignore[misc]
        seen.append(round(load.by_partition[3]))
    assert seen == [0, 500, 490, 510, 500]


def test_failures_are_passed_over_by_partition() -> None:
    topology = elastic(min=2)
    inputs = rows((1, 1), (1, -1), (2, 2), (2, -2), (3, 3), (1, 5))
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    with processes(topology, on_error="dead_letter") as engine:
        engine.publish(inputs)
        engine.drain(20)
        assert len(engine.dead_letters) == len(plain.failures) == 2
        compare(topology, inputs, all_of(engine), engine.state)


@pytest.mark.parametrize("topology", [elastic(min=2), total >> count_sums])
def test_who_is_asked_about_a_failure_cannot_wait_for_the_state(topology: Any) -> None:
    """The process whose step failed waits for the decision, and who hears it waits for that."""
    engine = processes(topology, on_error=lambda error, event: bool(engine.state))
    engine.publish(rows((1, 1), (1, -1)))
    with pytest.raises(UsageError, match="cannot be had by on_error, for which that process wait"):
        engine.close(20)


def test_a_failed_step_halts_all_workers() -> None:
    engine = processes(elastic(min=2, max=3))
    pool_of(engine).move([(at, at % 2) for at in range(8)])
    engine.publish(rows((1, 1), (2, -7), (3, 1)))
    for call in (engine.drain, engine.close):
        with pytest.raises(StepError, match="-7"):
            call(20)


def test_a_state_that_cannot_move_halts_and_says_so() -> None:
    class Odd:
        pass

    @hr.machine(event=EVENT, output=SUM, initial=int)
    def odd(state: Any, key: int, value: int) -> Any:
        return Odd, (key, value)

    engine = processes(elastic(odd, min=2))
    engine.publish(rows((keys_of(0)[0], 1)))
    engine.drain(20)
    pool_of(engine).move([(0, 1)])
    with pytest.raises(StateError, match=r"'odd.0': partition 0 cannot move to another process"):
        engine.close(20)


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_journal_brings_all_partitions_back(tmp_path: Path, snapshot: bool) -> None:
    """From processes into processes, into threads, and with other numbers of workers."""
    inputs = rows(*((number % 11, number) for number in range(200)))
    journal = hr.Journal(tmp_path, level="none")
    with processes(
        elastic(max=3, controller=lambda: AtRandom(1), period=0.002), journal=journal
    ) as engine:
        engine.publish(inputs[:100])
        engine.drain(20)
        if snapshot:
            engine.snapshot(20)
        engine.publish(inputs[100:])
        engine.drain(20)
        made = all_of(engine)
        compare(elastic(), inputs, made, engine.state)
        state = engine.state
    for place, least in (("processes", 2), ("threads", 1), ("processes", 1)):
        second = elastic(min=least, max=3, controller=lambda: AtRandom(2), period=0.002)
        with hr.Engine(second, journal=journal, place=place, start_method="fork") as engine:
            assert engine.state == state
            engine.publish(inputs[:50])
            engine.drain(20)
            state = engine.state
