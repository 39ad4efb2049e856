"""Topologies in threads and in processes come to what the reference comes to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from topologies import events, topologies

import headrace as hr
from headrace.events import record_dtype
from headrace.reference.topology import ReferenceTopology

FIELDS_OF_RUN = {"input_time_ns"}
IDS = ("input_sequence", "output_index")


def run(topology: Any, inputs: Any, pieces: int, **how: Any) -> tuple[Any, Any, int]:
    """Outputs, states by stage, and failures of an engine."""
    with hr.Engine(topology, on_error="dead_letter", **how) as engine:
        for piece in np.array_split(inputs, pieces):
            engine.publish(piece, timeout=30)
        engine.drain(30)
        made = [records.copy() for records in engine.outputs()]
        state = engine.state
    output = record_dtype(topology.output)
    return np.concatenate([np.zeros(0, output), *made]), state, len(engine.dead_letters)


def assert_same(made: Any, expected: Any) -> None:
    assert made.dtype == expected.dtype
    for name in made.dtype.names:
        if name not in FIELDS_OF_RUN:
            assert made[name].tolist() == expected[name].tolist(), name


def as_dict(topology: Any, state: Any) -> Any:
    """The states of an engine by the name of the stage."""
    if isinstance(topology, hr.Pipeline):
        return dict(zip((each.name for each in topology.machines), state, strict=True))
    return state


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(topologies(), st.integers(0, 1 << 32), st.integers(0, 120), st.integers(1, 5))
def test_threads_equal_the_reference(
    topology: Any, seed: int, count: int, pieces: int
) -> None:
    inputs = events(seed, count)
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    made, state, failures = run(topology, inputs, pieces, capacity=512)
    assert_same(made, plain.outputs)
    assert as_dict(topology, state) == plain.state
    assert failures == len(plain.failures)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(topologies(), st.integers(0, 1 << 32), st.integers(0, 120), st.integers(1, 5))
def test_processes_equal_the_reference(
    topology: Any, seed: int, count: int, pieces: int
) -> None:
    compare_with_processes(topology, seed, count, pieces)


@pytest.mark.torture
@pytest.mark.timeout(1800)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(topologies(), st.integers(0, 1 << 32), st.integers(0, 500), st.integers(1, 5))
def test_many_processes_equal_the_reference(
    topology: Any, seed: int, count: int, pieces: int
) -> None:
    compare_with_processes(topology, seed, count, pieces)


def compare_with_processes(topology: Any, seed: int, count: int, pieces: int) -> None:
    inputs = events(seed, count)
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    made, state, failures = run(
        topology, inputs, pieces, capacity=512, place="processes", start_method="fork"
    )
    assert_same(made, plain.outputs)
    assert as_dict(topology, state) == plain.state
    assert failures == len(plain.failures)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(topologies(in_order=False, stateful=False), st.integers(0, 1 << 32), st.integers(0, 120))
def test_without_order_the_same_comes_in_another_order(
    topology: Any, seed: int, count: int
) -> None:
    inputs = events(seed, count)
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    made, _, failures = run(topology, inputs, 3, capacity=512)
    expected = plain.outputs
    assert failures == len(plain.failures)
    payload = [name for name in made.dtype.names if name not in ("input_time_ns", *IDS)]
    assert sorted(made[payload].tolist()) == sorted(expected[payload].tolist())
    assert len(set(made[list(IDS)].tolist())) == len(made), "an id stands twice"


@pytest.mark.torture
@pytest.mark.timeout(1800)
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
@given(topologies(), st.integers(0, 1 << 32), st.integers(0, 400), st.integers(1, 5))
def test_many_topologies_in_threads(topology: Any, seed: int, count: int, pieces: int) -> None:
    inputs = events(seed, count)
    plain = ReferenceTopology(topology)
    plain.publish(inputs)
    made, state, _ = run(topology, inputs, pieces, capacity=512)
    assert_same(made, plain.outputs)
    assert as_dict(topology, state) == plain.state
