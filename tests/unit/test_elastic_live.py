"""Elastic stages that run: what moves when, who leaves, what is kept, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from elastic_tools import (
    EVENT,
    SUM,
    Still,
    elastic,
    keys_of,
    pool_of,
    retire_all_but_one,
    rows,
    total,
    wait_until,
)

import headrace as hr
from headrace.elastic import Measurement
from headrace.errors import UsageError
from headrace.keys import partition_of
from headrace.reference.topology import ReferenceTopology


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
        retire_all_but_one(pool)
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


def test_it_can_be_drawn() -> None:
    text = hr.draw(elastic(max=3)) if callable(hr.draw) else ""
    assert "elastic by key: 1 to 3 workers, 8 partitions" in str(text)
