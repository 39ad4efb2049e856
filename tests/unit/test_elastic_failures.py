"""Elastic stages: steps that fail, calls, readers that are slow, and journals."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elastic_tools import EVENT, SUM, AtRandom, elastic, keys_of, pool_of, rows, total, wait_until

import headrace as hr
from headrace.errors import StepError
from headrace.reference.topology import ReferenceTopology
from headrace.replay import NetFold


def test_a_failed_step_halts() -> None:
    engine = hr.Engine(elastic(min=2))
    engine.publish(rows((1, 1), (2, -7), (3, 1)))
    with pytest.raises(StepError, match="-7"):
        engine.drain(20)
    with pytest.raises(StepError, match="-7"):
        engine.close(20)


def test_nobody_waits_for_a_worker_that_is_gone() -> None:
    """It should have handed a partition over: who waits for the state ends without it."""
    slow, moved = keys_of(0)[0], keys_of(2)[0]
    stuck, go_on = threading.Event(), threading.Event()

    @hr.machine(event=EVENT, output=SUM, initial=int)
    def step(state: int, key: int, value: int) -> Any:
        if key == slow:
            stuck.set()
            assert go_on.wait(20)
            raise SystemExit("gone")
        return state + value, (key, state + value)

    engine = hr.Engine(elastic(step, min=2))
    engine.publish(rows((slow, 1)))
    assert stuck.wait(20)
    pool_of(engine).move([(2, 1)])
    wait_until(lambda: pool_of(engine)._partitions[2].draining)
    engine.publish(rows((moved, 1)))
    go_on.set()
    with pytest.raises(SystemExit, match="gone"):
        engine.close(5)


def test_failures_are_passed_over_by_partition() -> None:
    topology = elastic(min=2, ordered=True)
    inputs = rows((1, 1), (1, -1), (2, 2), (2, -2), (3, 3), (1, 5))
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    with hr.Engine(topology, on_error="dead_letter") as engine:
        engine.publish(inputs)
        engine.drain(20)
        assert engine.state == plain.state
        assert len(engine.dead_letters) == len(plain.failures) == 2
        made = np.concatenate(list(engine.outputs()))
    assert made[["key", "sum"]].tolist() == plain.outputs[["key", "sum"]].tolist()


def test_who_is_asked_about_a_failure_may_look_at_the_state() -> None:
    seen = []

    def decide(error: StepError, event: Any) -> bool:
        seen.append(engine.state["total"])
        return True

    with hr.Engine(elastic(min=2), on_error=decide) as engine:
        engine.publish(rows((1, 1), (1, -1)))
        engine.drain(20)
    assert [list(state.values()) for state in seen] == [[1]]


def test_calls_are_answered_while_partitions_move() -> None:
    controller = AtRandom(4)
    with hr.Engine(elastic(max=3, controller=controller, period=0.002)) as engine:
        for number in range(60):
            key = keys_of(number % 4)[0]
            (answer,) = engine.call((key, 1), timeout=20)
            assert (answer["key"], answer["sum"]) == (key, number // 4 + 1)


def test_a_slow_reader_of_outputs_stops_it_and_no_more() -> None:
    """Outputs that find no room are kept; the events they are of are not let go of."""
    topology = elastic(min=2, ordered=True)
    inputs = rows(*((number % 16, 1) for number in range(600)))
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    with hr.Engine(topology, capacity=64, keep_outputs=100) as engine:
        made: list[Any] = []
        for part in np.array_split(inputs, 30):
            pool_of(engine).move([(at, len(made) % 2) for at in range(8)])
            while True:
                try:
                    engine.publish(part, timeout=0.2)
                    break
                except hr.errors.OutputsUnread as full:
                    part = part[full.published :]  # type: ignore[attr-defined]
                    made += [records.copy() for records in engine.outputs()]
        made += [records.copy() for records in engine.outputs()]
    whole = np.concatenate(made)
    names = ["input_sequence", "output_index", "key", "sum"]
    assert whole[names].tolist() == plain.outputs[names].tolist()


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_journal_brings_all_partitions_back(tmp_path: Path, snapshot: bool) -> None:
    """With another number of workers as well; and what was put out is put out again alike."""
    inputs = rows(*((number % 11, number) for number in range(200)))
    journal = hr.Journal(tmp_path, level="none")
    first = elastic(max=3, controller=lambda: AtRandom(1), period=0.002)
    with hr.Engine(first, journal=journal) as engine:
        engine.publish(inputs[:100])
        engine.drain(20)
        if snapshot:
            engine.snapshot(20)
        engine.publish(inputs[100:])
        engine.drain(20)
        made = np.concatenate(list(engine.outputs()))
        state = engine.state
    plain = ReferenceTopology(first)
    plain.publish(inputs)
    assert state == plain.state
    assert made[["key", "sum"]].tolist() == plain.outputs[["key", "sum"]].tolist()
    second = elastic(min=2, max=5, controller=lambda: AtRandom(2), period=0.002)
    with hr.Engine(second, journal=journal) as engine:
        assert engine.state == state
        again = np.concatenate(list(engine.outputs()))
        assert again.tolist() == made[100 if snapshot else 0 :].tolist()
        engine.publish(inputs)
        plain.publish(inputs)
        engine.drain(20)
        assert engine.state == plain.state
        more = np.concatenate(list(engine.outputs()))
    assert more[["key", "sum"]].tolist() == plain.outputs[["key", "sum"]].tolist()[200:]
    replayed = hr.replay(tmp_path, second)
    assert replayed.state == plain.state


def test_a_fold_has_all_partitions() -> None:
    topology = elastic() >> total_of_sums
    inputs = rows(*((number % 11, number) for number in range(100)))
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    fold = NetFold(topology)
    made = [fold.run(part, np.zeros(len(part), np.int64)) for part in np.array_split(inputs, 7)]
    assert np.concatenate(made).tolist() == plain.outputs.tolist()
    assert fold.state == plain.state
    fold.start_anew()
    assert fold.state == {"total": {}, "total_of_sums": 0}


@hr.machine(event=SUM, output=SUM, initial=int)
def total_of_sums(state: int, key: int, sum: int) -> Any:
    return state + sum, (key, state)


def test_what_is_passed_over_in_a_shard_is_in_an_elastic_stage() -> None:
    """Events that were put aside once are left out whenever the journal is stepped over."""
    inputs = rows(*((number % 5, number) for number in range(40)))
    made = []
    for topology in (hr.shard(total, "key", n=8, ordered=True), elastic(ordered=True)):
        fold = NetFold(topology)
        for sequence in (0, 17, 39):
            event = inputs[sequence : sequence + 1].tobytes()
            fold.pass_over("total", "total", sequence, event)
        parts = np.split(inputs, (10, 18))
        made.append([fold.run(part, np.zeros(len(part), np.int64)).tolist() for part in parts])
    assert made[0] == made[1]
    assert sum(map(len, made[0])) == 37
