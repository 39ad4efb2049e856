"""Elastic stages that run: what moves when, who leaves, what is kept, and what is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elastic_tools import AtRandom, Still

import headrace as hr
from headrace.elastic import Measurement
from headrace.errors import StepError, UsageError
from headrace.keys import partition_of
from headrace.reference.topology import ReferenceTopology
from headrace.replay import NetFold

EVENT = np.dtype([("key", "<i8"), ("value", "<i8")])
SUM = np.dtype([("key", "<i8"), ("sum", "<i8")])
NEVER = 3600.0  # seconds between two looks of the pool: the tests do what it would do


@hr.machine(event=EVENT, output=SUM, initial=int)
def total(state: int, key: int, value: int) -> Any:
    if value < 0:
        raise ValueError(value)
    return state + value, (key, state + value)


def elastic(machine: Any = total, **how: Any) -> hr.Elastic:
    settings = {"by": "key", "max": 2, "partitions": 8, "controller": Still(), "period": NEVER}
    return hr.elastic(machine, **(settings | how))


def pool_of(engine: hr.Engine) -> Any:
    (pool,) = engine._line.pools.values()  # type: ignore[union-attr]
    return pool


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.001)


def rows(*pairs: tuple[int, int]) -> Any:
    return np.array(list(pairs), EVENT)


def keys_of(partition: int, partitions: int = 8) -> list[int]:
    """Keys of one partition."""
    keys = np.arange(1000)
    return keys[partition_of(keys, partitions) == partition].tolist()


def tell(engine: hr.Engine, seen: list[Any]) -> Callable[[], list[int]]:
    """Collects what comes out; gives the keys of it so far."""

    def collect() -> list[int]:
        backlog = engine._line.backlog  # `outputs()` would wait for all that was published
        while (records := backlog.take()) is not None:
            seen.extend(records.tolist())
        return [row[4] for row in seen]

    return collect


# -- the node ------------------------------------------------------------------------------------


def test_function_and_package_are_one_name() -> None:
    from headrace.elastic import PID, elastic

    assert hr.elastic is elastic
    assert hr.Elastic is type(elastic(total, "key"))
    assert PID().decide is not None


def test_it_is_a_value() -> None:
    assert hr.elastic(total, "key") == hr.elastic(total, by="key", min=1, max=4)
    assert hr.elastic(total, "key") != hr.elastic(total, "key", max=5)
    assert len({hr.elastic(total, "key"), hr.elastic(total, "key")}) == 1
    made = hr.elastic(total, ["key", "value"], max=2, ordered=True)
    assert repr(made) == "elastic(total, by=('key', 'value'), partitions=256, ordered=True)"
    assert (made.event, made.output, made.machines) == (EVENT, SUM, (total,))


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"by": "price"}, "no field 'price'"),
        ({"by": None}, "goes by key"),
        ({"min": 0}, "1 to 60 workers"),
        ({"min": 3, "max": 2}, r"no fewer at most \(max=2\)"),
        ({"max": 61}, "1 to 60 workers"),
        ({"max": 2.0}, "max is a number of workers"),
        ({"partitions": 0}, "partitions"),
        ({"ordered": 1}, "ordered is True or False"),
        ({"controller": 3}, "decide"),
        ({"period": 0}, "period is in seconds"),
    ],
)
def test_what_it_refuses(how: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        hr.elastic(total, **({"by": "key"} | how))


def test_it_is_of_one_machine() -> None:
    with pytest.raises(UsageError, match="is of one machine"):
        hr.elastic(hr.shard(total, "key"), "key")
    with pytest.raises(UsageError, match="class of machines"):
        hr.elastic(hr.Machine, "key")  # type: ignore[arg-type]


def test_workers_in_processes_are_refused() -> None:
    with pytest.raises(UsageError, match="elastic stage 'total': its workers are threads"):
        hr.Engine(elastic(), place="processes")


def test_a_controller_is_made_for_each_stage() -> None:
    made: list[Still] = []

    def make() -> Still:
        made.append(Still())
        return made[-1]

    with hr.Engine(hr.shard(elastic(controller=make), "value", n=3)):
        assert len(made) == 3
    with pytest.raises(UsageError, match="has no method decide"):
        hr.Engine(elastic(controller=dict))


# -- what moves ----------------------------------------------------------------------------------


def test_states_are_by_partition() -> None:
    topology = elastic()
    inputs = rows(*((key, key) for key in range(5)), (3, 1))
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    with hr.Engine(topology) as engine:
        engine.publish(inputs)
        engine.drain(20)
        assert engine.state == plain.state
        assert set(engine.state["total"]) == set(partition_of(inputs["key"], 8).tolist())


def test_a_move_pauses_the_keys_of_the_partition_only() -> None:
    """While the owner is in the midst of a long step, its partition is on its way to another."""
    moved, (slow, *_), (other, *_) = keys_of(2)[0], keys_of(0), keys_of(1)
    stuck, go_on = threading.Event(), threading.Event()

    @hr.machine(event=EVENT, output=SUM, initial=int)
    def step(state: int, key: int, value: int) -> Any:
        if key == slow:
            stuck.set()
            assert go_on.wait(20)
        return state + value, (key, state + value)

    with hr.Engine(elastic(step, min=2)) as engine:
        pool, seen = pool_of(engine), []
        collect = tell(engine, seen)
        engine.publish(rows((moved, 1), (other, 1)))
        engine.drain(20)
        engine.publish(rows((slow, 1)))  # worker 0 has the even partitions
        assert stuck.wait(20)
        assert pool.move([(2, 1)]) == 1
        wait_until(lambda: pool._partitions[2].draining)  # worker 1 holds it back from here on
        engine.publish(rows(*[(moved, 1), (other, 1)] * 20))
        wait_until(lambda: collect().count(other) == 21)
        assert collect().count(moved) == 1, "its owner has not let go of it"
        assert (pool.moving, pool.owners[2]) == (1, 0)
        go_on.set()
        engine.drain(20)
        assert collect().count(moved) == 21
        assert [row[5] for row in seen if row[4] == moved] == list(range(1, 22))
        assert (pool.moving, pool.moves, pool.owners[2]) == (0, 1, 1)


def test_what_cannot_be_moved_is_passed_over() -> None:
    with hr.Engine(elastic(min=2, max=3)) as engine:
        pool = pool_of(engine)
        assert pool.move([(0, 0)]) == 0, "it is there"
        assert pool.move([(0, 2)]) == 0, "nobody is there"
        assert pool.move([(0, 1), (0, 1), (2, 1)]) == 2
        wait_until(lambda: pool.moving == 0)
        assert pool.owners == (1, 1, 1, 1, 0, 1, 0, 1)


def test_workers_come_and_go() -> None:
    """One that is not needed gives all it owns away, and is in the ring's way no more."""
    topology = elastic(max=3)
    with hr.Engine(topology) as engine:
        pool = pool_of(engine)

        def names() -> set[str]:
            told = {each.name for each in engine.input_ring.consumers}
            return {name for name in told if name.startswith("total")}

        assert (pool.workers, names()) == ((0,), {"total.0"})
        pool.want(3)
        wait_until(lambda: names() == {"total.0", "total.1", "total.2"})
        wait_until(lambda: pool.workers == (0, 1, 2))
        engine.publish(rows(*((key, 1) for key in range(20))))
        pool.move([(at, 2) for at in range(8)])
        wait_until(lambda: pool.owners == (2,) * 8)
        pool.want(1)
        for _ in range(1000):  # each a step of it, as far as it can go
            pool.tick()
            if pool.workers == (0,):
                break
            time.sleep(0.005)
        assert (pool.workers, names(), pool.owners) == ((0,), {"total.0"}, (0,) * 8)
        engine.publish(rows(*((key, 1) for key in range(20))))
        engine.drain(20)
        assert sum(engine.state["total"].values()) == 40


def test_a_worker_that_is_wanted_again_stays() -> None:
    with hr.Engine(elastic(min=1, max=2)) as engine:
        pool = pool_of(engine)
        pool.want(2)
        wait_until(lambda: pool.workers == (0, 1) and pool._status[1].name == "RUNNING")
        pool.want(1)
        assert pool._status[1].name == "RETIRING"
        pool.want(2)
        assert pool._status[1].name == "RUNNING"


def test_it_follows_its_controller() -> None:
    """What waits is measured, and what the controller wants is done."""
    gate = threading.Semaphore(0)
    told: list[Measurement] = []

    class Two(Still):
        def decide(self, measurement: Measurement) -> int:
            told.append(measurement)
            return 2

    @hr.machine(event=EVENT, output=SUM, initial=int)
    def step(state: int, key: int, value: int) -> Any:
        assert gate.acquire(timeout=20)
        return state + value, (key, state)

    with hr.Engine(elastic(step, controller=Two())) as engine:
        pool = pool_of(engine)
        engine.publish(rows(*((key, 1) for key in range(50))))
        wait_until(lambda: engine._line.stages[0].done == 0)
        pool.tick()
        assert (told[0].depth, told[0].workers, told[0].workers_max) == (50, 1, 2)
        wait_until(lambda: pool.workers == (0, 1))
        gate.release(50)
        engine.drain(20)
        pool.tick()
        assert (told[1].depth, told[1].done, told[1].workers) == (0, 50, 2)
        assert told[1].busy_s > 0


def test_by_itself_it_moves_what_is_busy() -> None:
    """The default balance, by measured load, without a controller that says what moves."""

    class Two:
        def decide(self, measurement: Measurement) -> int:
            return 2

    with hr.Engine(elastic(controller=Two(), period=0.01)) as engine:
        pool = pool_of(engine)
        keys = np.arange(400)
        inputs = np.zeros(400, EVENT)
        inputs["key"] = keys
        for _ in range(2000):
            engine.publish(inputs)
            if set(pool.owners) == {0, 1}:
                break
        engine.drain(20)
        assert set(pool.owners) == {0, 1}
        list(engine.outputs())


def test_a_controller_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Fails:
        def decide(self, measurement: Measurement) -> int:
            raise RuntimeError("no idea")

    with hr.Engine(elastic(controller=Fails(), period=0.005)) as engine:
        wait_until(lambda: bool(caplog.records))
        assert caplog.records[0].message.startswith("the controller of stage total failed")
        engine.publish(rows((1, 1)))
        engine.drain(20)
        assert sum(engine.state["total"].values()) == 1


# -- failures, calls, journals -------------------------------------------------------------------


def test_a_failed_step_halts_and_nobody_waits_for_ever() -> None:
    with pytest.raises(StepError, match="-7"), hr.Engine(elastic(min=2)) as engine:
        engine.publish(rows((1, 1), (2, -7), (3, 1)))
        engine.drain(20)


def test_a_partition_of_a_worker_that_halted_does_not_keep_the_engine_open() -> None:
    """The state will never come: the other worker ends without it."""
    bad = keys_of(0)[0]
    with pytest.raises(StepError, match="-7"), hr.Engine(elastic(min=2)) as engine:
        engine.publish(rows((bad, -7)))
        wait_until(lambda: engine._line.stages[0].stopped)
        pool_of(engine)._broken = False
        pool_of(engine)._status[0] = type(pool_of(engine)._status[0]).RUNNING
        pool_of(engine).move([(2, 1)])
        pool_of(engine).break_off()


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
        engine.drain(20)
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
def total_of_sums(state: int, key: int, sum: int) -> Any:  # noqa: A002
    return state + sum, (key, state)


def test_it_can_be_drawn() -> None:
    text = hr.draw(elastic(max=3)) if callable(hr.draw) else ""
    assert "elastic by key: 1 to 3 workers, 8 partitions" in str(text)
