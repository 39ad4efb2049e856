"""Pipelines: stages in threads of their own, each the only writer of its state."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from ring_tools import wait_until

import headrace as hr
from headrace.errors import MachineError, StepError
from headrace.reference import ReferenceEngine


def stage(name: str, step: Any = None, **options: Any) -> hr.Machine:
    options = {"event": "<i8", "output": "<i8", "initial": int} | options
    return hr.machine(name=name, **options)(step or (lambda state, value: (state + value, value)))


def repeat(count: int) -> Any:
    return lambda state, value: (state + 1, [value * count + n for n in range(count)])


def values_of(engine: hr.Engine) -> list[int]:
    return [value for records in engine.outputs() for value in records["value"].tolist()]


def test_every_stage_is_one_thread_all_the_time() -> None:
    threads: dict[str, set[int]] = {"a": set(), "b": set(), "c": set()}

    def seen(name: str) -> Any:
        def step(state, value):  # type: ignore[no-untyped-def]
            threads[name].add(threading.get_ident())
            return state, value

        return step

    with hr.Engine(stage("a", seen("a")) >> stage("b", seen("b")) >> stage("c", seen("c"))) as e:
        for _ in range(20):
            e.publish(np.arange(10))
            e.call(1)
        assert len(values_of(e)) == 200
    assert [len(idents) for idents in threads.values()] == [1, 1, 1]
    assert len(set.union(*threads.values())) == 3
    assert threading.get_ident() not in set.union(*threads.values())


def test_stages_work_at_the_same_time() -> None:
    """Each of the two waits for the other: no one thread could come through this."""
    met = threading.Barrier(2, timeout=20)

    def front(state, value):  # type: ignore[no-untyped-def]
        if value == 1:
            met.wait()
        return state, value

    def behind(state, value):  # type: ignore[no-untyped-def]
        if value == 0:
            met.wait()
        return state, value

    with hr.Engine(stage("front", front) >> stage("behind", behind), 16) as engine:
        engine.publish([0])
        wait_until(lambda: engine.sequence == 1)
        engine.publish([1])
        engine.drain(timeout=20)
        assert values_of(engine) == [0, 1]


@pytest.mark.parametrize("capacity", [1, 2, 8, 64])
def test_more_outputs_than_any_ring_holds(capacity: int) -> None:
    """Every stage makes three of one: 27 outputs an event, in order, through small rings."""
    machines = stage("a", repeat(3)) >> stage("b", repeat(3)) >> stage("c", repeat(3))
    with hr.Engine(machines, capacity) as engine:
        engine.publish(np.arange(20), timeout=20)
        engine.drain(timeout=20)
        assert values_of(engine) == list(range(20 * 27))
        assert engine.call(20, timeout=20)["value"].tolist() == list(range(540, 567))
        assert engine.state == (21, 63, 189)


def test_outputs_know_the_input_they_descend_from() -> None:
    with hr.Engine(stage("a", repeat(2)) >> stage("b", repeat(3)), 16) as engine:
        engine.publish(np.arange(10), timeout=20)
        engine.drain(timeout=20)
        records = np.concatenate([records.copy() for records in engine.outputs()])
    assert records["origin"].tolist() == [origin for origin in range(10) for _ in range(6)]
    assert records["input_sequence"].tolist() == [n for n in range(20) for _ in range(3)]
    assert records["output_index"].tolist() == [0, 1, 2] * 20
    times = records["input_time_ns"].reshape(10, 6)
    assert (times == times[:, :1]).all()  # the time at which the engine's own input came
    assert (np.diff(times[:, 0]) >= 0).all()


def test_calls_of_many_threads_get_what_descends_from_their_own() -> None:
    wrong: list[Any] = []
    machines = stage("a", repeat(2)) >> stage("b", repeat(2)) >> stage("c")
    with hr.Engine(machines, 16, keep_outputs=0) as engine:

        def work(number: int) -> None:
            for turn in range(25):
                value = number * 1000 + turn
                got = engine.call(value, timeout=20)["value"].tolist()
                if got != [value * 4 + n for n in range(4)]:
                    wrong.append((value, got))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            engine.publish(np.arange(10), timeout=20)  # whose outputs are nobody's answer
        for thread in threads:
            thread.join(30)
        engine.drain(timeout=20)
        assert wrong == []
        assert engine.state[0] == 5 * 25 + 200


def test_the_last_stage_may_have_no_outputs() -> None:
    with hr.Engine(stage("a") >> stage("b", lambda s, value: (s + value, None), output=None)) as e:
        e.publish(np.arange(100))
        e.drain()
        assert e.state == (4950, 4950)
        assert e.output_ring is None
        assert len(e.call(5, timeout=20)) == 0


def test_stages_that_swallow_everything() -> None:
    silent = stage("silent", lambda state, value: (state, None))
    with hr.Engine(silent >> stage("behind"), 16) as engine:
        engine.publish(np.arange(100), timeout=20)
        engine.drain(timeout=20)
        assert len(engine.call(1, timeout=20)) == 0
        assert engine.state == (0, 0)
        assert values_of(engine) == []


def refuse(*values: int) -> Any:
    def step(state, value):  # type: ignore[no-untyped-def]
        if value in values:
            raise ValueError(value)
        return state + value, value

    return step


def test_a_call_that_fails_in_front_is_not_seen_behind() -> None:
    with hr.Engine(stage("a", refuse(3)) >> stage("b"), 16) as engine:
        witness = engine.output_ring.consumer("witness")
        engine.call(1, timeout=20)
        with pytest.raises(StepError, match="'a' failed at event 1"):
            engine.call(3, timeout=20)
        engine.call(5, timeout=20)
        assert engine.state == (6, 6)
        assert witness.poll()["value"].tolist() == [1, 5]


def test_a_call_that_fails_behind_stays_done_in_front() -> None:
    """One of its two descendants is refused: the caller hears of it, the other is an output.

    But not one for `outputs()`, which gives what comes of published events.
    """
    with hr.Engine(stage("a", repeat(2)) >> stage("b", refuse(6)), 16) as engine:
        witness = engine.output_ring.consumer("witness")
        with pytest.raises(StepError, match="'b' failed at event 0"):
            engine.call(3, timeout=20)
        assert engine.state == (1, 7)
        assert witness.poll()["value"].tolist() == [7]
        assert values_of(engine) == []
        assert engine.dead_letters == ()


def test_dead_letters_of_all_stages() -> None:
    machines = stage("a", refuse(2, 9)) >> stage("b", refuse(5)) >> stage("c", refuse(7, 8))
    reference = ReferenceEngine(machines, on_error="dead_letter")
    reference.publish(np.arange(12))
    with hr.Engine(machines, 4, on_error="dead_letter") as engine:
        engine.publish(np.arange(12), timeout=20)
        engine.drain(timeout=20)
        dead = engine.dead_letters
        letters = sorted((one.machine, one.sequence, one.error.origin) for one in dead)
        assert letters == [("a", 2, 2), ("a", 9, 9), ("b", 4, 5), ("c", 5, 7), ("c", 6, 8)]
        assert letters == sorted((f.machine, f.sequence, f.origin) for f in reference.failures)
        assert values_of(engine) == [0, 1, 3, 4, 6, 10, 11]
        assert engine.state == reference.state


@pytest.mark.parametrize("kind", ["python", "batch"])
def test_the_kind_of_step_is_that_of_all_stages(kind: str) -> None:
    def batch(state, events):  # type: ignore[no-untyped-def]
        return state + int(events.sum()), events.copy()

    machines = stage("a", step_batch=batch) >> stage("b", step_batch=batch)
    with hr.Engine(machines, 16, step=kind) as engine:
        engine.publish(np.arange(100), timeout=20)
        engine.drain(timeout=20)
        assert engine.state == (4950, 4950)
        assert values_of(engine) == list(range(100))
    with pytest.raises(MachineError, match="'plain' has no batch step"):
        hr.Engine(machines >> stage("plain"), 16, step="batch")


def test_a_pipeline_of_one_is_a_pipeline() -> None:
    with hr.Engine(hr.Pipeline(stage("alone")), 16) as engine:
        engine.call(5, timeout=20)
        assert engine.state == (5,)


WAITS = [hr.wait.BusySpin(), hr.wait.Yield(), hr.wait.Backoff(), hr.wait.Block()]


@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: type(wait).__name__)
def test_any_wait_strategy_will_do(wait: hr.wait.WaitStrategy) -> None:
    with hr.Engine(stage("a", repeat(2)) >> stage("b"), 8, wait=wait) as engine:
        engine.publish(np.arange(50), timeout=20)
        assert engine.call(50, timeout=20)["value"].tolist() == [100, 101]
        assert values_of(engine) == list(range(100))
