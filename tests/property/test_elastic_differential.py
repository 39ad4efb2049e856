"""Elastic stages whose workers and partitions change all the time come to what the reference does.

Workers are added and retired, and partitions moved, by chance and as often as it goes, while events
come in pieces: nothing may be lost or stepped twice, each key in order, and the states the same.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elastic_tools import AtRandom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_topology_differential import assert_same
from topologies import EVENT, Mixer, events, pairs

import headrace as hr
from headrace.events import record_dtype
from headrace.reference.topology import ReferenceTopology
from headrace.runtime import elastic_worker

QUIETLY = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle workers hear at once what they are told, so that much happens in little time."""
    monkeypatch.setattr(elastic_worker, "_IDLE_SECONDS", 0.0005)
    monkeypatch.setattr(elastic_worker, "_BUSY_SECONDS", 0.0001)


def mixer(name: str, stateful: bool = True) -> Mixer:
    return Mixer(name, EVENT, True, 2, stateful)


def stage(name: str, seed: int, by: Any = "key", ordered: bool = True, **how: Any) -> hr.Elastic:
    workers = {"min": 1, "max": 3, "partitions": 6, "period": 0.001} | how
    return hr.elastic(
        mixer(name), by, controller=lambda: AtRandom(seed), ordered=ordered, **workers
    )


SHAPES = {
    "alone": lambda seed: stage("m", seed, ["key", "venue"]),
    "many": lambda seed: stage("m", seed, "value", min=2, max=6, partitions=64),
    "between": lambda seed: mixer("a") >> stage("m", seed) >> mixer("b"),
    "in a shard": lambda seed: hr.shard(
        stage("m", seed, ordered=False), by="venue", n=2, ordered=True
    ),
    "in a shard of chains": lambda seed: hr.shard(
        hr.chain(mixer("a"), stage("m", seed), mixer("b")), by="venue", n=2, ordered=True
    ),
    "in a fan-out": lambda seed: hr.fanout(stage("m", seed), mixer("z")),
    "behind itself": lambda seed: stage("m", seed, ordered=False) >> stage("n", seed, "value"),
    "behind a shard": lambda seed: hr.shard(mixer("a"), "venue", n=2) >> stage("m", seed, "value"),
    "behind a pair": lambda seed: hr.fanout(mixer("a"), mixer("b")) >> pairs >> stage("m", seed),
}


def run(
    topology: Any, inputs: Any, pieces: int, naps: bool, **how: Any
) -> tuple[Any, Any, int, int]:
    """Outputs, states by stage, failures, and hand-overs of an engine."""
    with hr.Engine(topology, on_error="dead_letter", capacity=512, **how) as engine:
        for number, piece in enumerate(np.array_split(inputs, pieces)):
            engine.publish(piece, timeout=30)
            if naps and number % 3 == 0:
                time.sleep(0.002)
        engine.drain(30)
        made = [records.copy() for records in engine.outputs()]
        state = engine.state
        moves = sum(pool.moves for pool in engine._line.pools.values())  # type: ignore[union-attr]
    output = record_dtype(topology.output)
    return np.concatenate([np.zeros(0, output), *made]), state, len(engine.dead_letters), moves


def compare(
    topology: Any, seed: int, count: int, pieces: int, naps: bool = True, **how: Any
) -> int:
    inputs = events(seed, count)
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    made, state, failures, moves = run(topology, inputs, pieces, naps, **how)
    assert_same(made, plain.outputs)
    assert state == plain.state
    assert failures == len(plain.failures)
    return moves


@settings(max_examples=25, **QUIETLY)
@given(st.sampled_from(list(SHAPES)), st.integers(0, 1 << 32), st.integers(0, 300), st.booleans())
def test_threads_equal_the_reference(shape: str, seed: int, count: int, naps: bool) -> None:
    compare(SHAPES[shape](seed), seed, count, 1 + count // 20, naps)


def test_much_is_moved_meanwhile() -> None:
    """Or the test above would test little."""
    assert compare(SHAPES["alone"](3), 3, 800, 60) > 5


def order_of_keys(made: Any, inputs: Any) -> dict[int, list[Any]]:
    """The ids of outputs by the key of their input, in the order in which they came."""
    found: dict[int, list[Any]] = {}
    for record in made:
        key = int(inputs["key"][record["input_sequence"]])
        found.setdefault(key, []).append(record[["input_sequence", "output_index"]].tolist())
    return found


def compare_keys(seed: int, count: int, pieces: int, max_workers: int = 3) -> None:
    """Without `ordered`: the same outputs, those of each key in order; and the same states."""
    topology = stage("m", seed, ordered=False, max=max_workers)
    inputs = events(seed, count)
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    made, state, failures, _ = run(topology, inputs, pieces, True)
    assert state == plain.state
    assert failures == len(plain.failures)
    assert order_of_keys(made, inputs) == order_of_keys(plain.outputs, inputs)
    assert_same(np.sort(made, order=["input_sequence", "output_index"]), plain.outputs)


@settings(max_examples=12, **QUIETLY)
@given(st.integers(0, 1 << 32), st.integers(0, 400))
def test_each_key_in_order_without_order(seed: int, count: int) -> None:
    compare_keys(seed, count, 1 + count // 20)


def test_between_worker_processes_that_are_killed(tmp_path: Path) -> None:
    """They see which workers are there, and fold what all partitions made, to go on from it."""
    topology = mixer("a") >> stage("m", 7) >> mixer("n")
    inputs = events(7, 900)
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    how: Any = {"place": {"a": "processes", "n": "processes"}, "start_method": "fork"}
    journal = hr.Journal(tmp_path, level="none")
    with hr.Engine(
        topology, 512, on_error="dead_letter", name=f"elastic-{os.getpid()}", journal=journal, **how
    ) as engine:
        for number, piece in enumerate(np.array_split(inputs, 30)):
            engine.publish(piece, timeout=30)
            if number == 10:
                engine.snapshot(30)
            if number in (12, 20):
                os.kill(engine._line.stages[-1].pid, signal.SIGKILL)  # type: ignore[union-attr]
        engine.drain(30)
        made = np.concatenate([records.copy() for records in engine.outputs()])
        state = engine.state
    assert_same(made, plain.outputs)
    assert state == plain.state


# -- in processes --------------------------------------------------------------------------------

PROCESSES: dict[str, Any] = {"place": "processes", "start_method": "fork"}
STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")


@settings(max_examples=4, **QUIETLY)
@given(
    st.sampled_from(list(SHAPES)),
    st.integers(0, 1 << 32),
    st.integers(0, 300),
    st.sampled_from(["processes", {"m": "processes"}]),
)
def test_processes_equal_the_reference(shape: str, seed: int, count: int, place: Any) -> None:
    """All stages in processes, or one elastic stage among threads."""
    how = PROCESSES | {"place": place}
    compare(SHAPES[shape](seed), seed, count, 1 + count // 20, seed % 2 > 0, **how)


def compare_killed(
    topology: Any, seed: int, count: int, journal: hr.Journal | None, every: int = 8, **how: Any
) -> tuple[int, int]:
    """Kill or pause one worker after each `every` pieces; how many were killed, and moves.

    Without a journal the topology is one whose outputs do not hang on its states.
    """
    inputs, chance = events(seed, count), random.Random(seed)
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    kills = 0
    patient = hr.Supervisor(STRATEGIES[seed % 3], (), 1_000_000, 1.0)
    how = PROCESSES | how
    with hr.Engine(
        topology, 128, on_error="dead_letter", journal=journal, supervisor=patient, **how
    ) as engine:
        for number, piece in enumerate(np.array_split(inputs, count // 20)):
            engine.publish(piece, timeout=60)
            time.sleep(chance.random() * 0.005)
            if number % every == 3:
                remote = [each for each in engine._line.stages if hasattr(each, "pid")]
                kills += hit(chance, chance.choice(remote))
        engine.drain(60)
        made = [records.copy() for records in engine.outputs()]
        state, failures = engine.state, len(engine.dead_letters)
        moves = sum(pool.moves for pool in engine._line.pools.values())  # type: ignore[union-attr]
    assert_same(np.concatenate(made), plain.outputs)
    assert failures == len(plain.failures)
    assert journal is None or state == plain.state
    return kills, moves


def hit(chance: random.Random, stage: Any) -> int:
    """Kill a worker, or pause it for a while; whether it was killed."""
    with contextlib.suppress(ProcessLookupError):
        if chance.random() < 0.7:
            os.kill(stage.pid, signal.SIGKILL)
            return 1
        os.kill(stage.pid, signal.SIGSTOP)
        time.sleep(chance.random() * 0.02)
        os.kill(stage.pid, signal.SIGCONT)
    return 0


@settings(max_examples=3, **QUIETLY)
@given(st.sampled_from(list(SHAPES)), st.integers(0, 1 << 32))
def test_processes_that_are_killed_equal_the_reference(shape: str, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = hr.Journal(folder, level="none", snapshot_every=200)
        compare_killed(SHAPES[shape](seed), seed, 500, journal)


def stateless(name: str, seed: int, by: Any = "key", ordered: bool = True) -> hr.Elastic:
    node = stage(name, seed, by, ordered)
    return hr.elastic(
        mixer(name, stateful=False), by, node.min, node.max, node.partitions, node.controller,
        ordered, node.period,
    )  # fmt: skip


STATELESS = {
    "alone": lambda seed: stateless("m", seed, ["key", "venue"], False),
    "between": lambda seed: mixer("a", False) >> stateless("m", seed) >> mixer("b", False),
    "behind itself": lambda seed: stateless("m", seed) >> stateless("n", seed, "value"),
}


@settings(max_examples=2, **QUIETLY)
@given(st.sampled_from(list(STATELESS)), st.integers(0, 1 << 32))
def test_killed_without_a_journal_they_lose_nothing(shape: str, seed: int) -> None:
    """But for their states, on which no outputs hang here."""
    compare_killed(STATELESS[shape](seed), seed, 500, None)


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("method", "count", "kills_min"),
    [("fork", 2000, 100), ("forkserver", 500, 20), ("spawn", 500, 20)],
)
def test_storm_of_deaths(tmp_path: Path, method: str, count: int, kills_min: int) -> None:
    """A minute of kills and pauses, in each shape in turn, with a journal and without.

    Each process that is no fork takes its time to start: there are fewer deaths then.
    """
    end, seed, kills, moves = time.monotonic() + 60, 0, 0, 0
    while time.monotonic() < end:
        for make in (*SHAPES.values(), *STATELESS.values()):
            seed += 1
            journal = None
            if make in SHAPES.values():
                journal = hr.Journal(tmp_path / str(seed), level="os", snapshot_every=500)
            done = compare_killed(
                make(seed), seed, count, journal, 3 + seed % 9, start_method=method
            )
            kills, moves = kills + done[0], moves + done[1]
    assert kills > kills_min
    assert moves > kills_min


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_storm_of_moves() -> None:
    """A minute of it, in each shape in turn."""
    end, seed, moves = time.monotonic() + 60, 0, 0
    while time.monotonic() < end:
        for make in SHAPES.values():
            moves += compare(make(seed), seed, 2000, 100)
            seed += 1
        compare_keys(seed, 3000, 150, max_workers=6)
    assert moves > 100
