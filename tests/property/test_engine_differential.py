"""The engine against its reference: the same commands to both, compared after each one.

Machines change their state in place, have none to three outputs, and raise at some events after
they have done their work; pipelines feed one into the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import headrace as hr
from headrace.errors import StepError
from headrace.reference import ReferenceEngine
from headrace.state import difference

EVENT = np.dtype([("kind", "i1"), ("key", "<u2"), ("value", "<f4")])
STATE = np.dtype([("sums", "<i8", 4), ("seen", "<i8")])
BATCHES = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(-3, 3)), max_size=30
)


def by_fields(state, kind, key, value):  # type: ignore[no-untyped-def]
    state.setdefault(key, []).append(value)
    if kind == 0:
        raise ValueError(key)
    return state, [(kind, key, value + len(state[key]))] * (kind % 4)


def by_event(state, event):  # type: ignore[no-untyped-def]
    return by_fields(state, event.kind, event.key, event.value)


def fixed(state, kind, key, value):  # type: ignore[no-untyped-def]
    state["sums"][key] += int(value)
    state["seen"] += 1
    if kind == 0:
        raise ValueError(key)
    return state, (kind, key, float(state["sums"][key]))


def fixed_batch(state, events):  # type: ignore[no-untyped-def]
    if (events["kind"] == 0).any():
        raise ValueError("one of these")
    made = events.copy()
    for index, (_, key, value) in enumerate(events.tolist()):
        state["sums"][key] += int(value)
        made["value"][index] = state["sums"][key]
    state["seen"] += len(events)
    return state, made


def made(step: Any, name: str, **parts: Any) -> hr.Machine:
    parts = {"initial": dict} | parts
    return hr.machine(event=EVENT, output=EVENT, name=name, **parts)(step)


FIXED = made(fixed, "fixed", step_batch=fixed_batch, initial=lambda: np.zeros((), STATE))
RUNS: list[tuple[Any, str | None]] = [
    (made(by_fields, "fields"), None),
    (made(by_event, "event"), None),
    (FIXED, "batch"),
    (FIXED, "python"),
    (made(by_fields, "front") >> made(by_event, "behind"), None),
    (FIXED >> made(by_fields, "behind"), None),
]


class EngineAgainstReference(RuleBasedStateMachine):
    @initialize(
        run=st.sampled_from(RUNS),
        capacity=st.sampled_from([4, 16, 64]),
        policy=st.sampled_from(["halt", "dead_letter"]),
    )
    def create(self, run: tuple[Any, str | None], capacity: int, policy: str) -> None:
        self.machine, step = run
        self.is_pipeline = isinstance(self.machine, hr.Pipeline)
        self.real = hr.Engine(self.machine, capacity, step=step, on_error=policy)
        self.reference = ReferenceEngine(self.machine, on_error=policy)
        self.read = 0

    def teardown(self) -> None:
        if hasattr(self, "real"):
            try:
                self.real.close(20)
            except StepError:
                assert self.reference.halted

    def alive(self) -> bool:
        return not self.reference.halted

    @precondition(alive)
    @rule(raw=BATCHES)
    def publish(self, raw: list[Any]) -> None:
        events = np.array(raw, EVENT)
        wanted = self.reference.publish(events)
        if self.reference.halted:
            with pytest.raises(StepError) as caught:
                self.publish_and_drain(events)
            self.check_failure(caught.value)
            return
        assert self.publish_and_drain(events) == wanted
        self.check()

    def publish_and_drain(self, events: Any) -> int:
        first = self.real.publish(events, 20)
        self.real.drain(20)
        return first

    def check_failure(self, error: StepError) -> None:
        (failure,) = self.reference.failures
        assert (error.machine, error.sequence) == (failure.machine, failure.sequence)
        assert error.origin == failure.origin
        assert type(error.__cause__) is type(failure.error)
        if not self.is_pipeline:  # a stage in front may have gone on
            assert self.real.sequence == self.reference.sequence
            assert difference(self.reference.state, self.real.state) is None

    @precondition(alive)
    @rule(one=st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(-3, 3)))
    def call(self, one: tuple[int, int, int]) -> None:
        try:
            wanted = self.reference.call(one)
        except StepError:
            with pytest.raises(StepError):
                self.real.call(one, 20)
        else:
            found = self.real.call(one, 20)
            self.same_records(wanted, found)
        self.check()

    @precondition(alive)
    @rule()
    def outputs(self) -> None:
        parts = [records.copy() for records in self.real.outputs()]
        wanted = self.reference.outputs[self.read :]
        self.read += len(wanted)
        self.same_records(wanted, np.concatenate([wanted[:0], *parts]))

    @precondition(lambda self: self.reference.halted)
    @rule(raw=BATCHES)
    def publish_to_a_halted_engine(self, raw: list[Any]) -> None:
        with pytest.raises(StepError) as caught:
            self.real.publish(np.array(raw, EVENT), 20)
        self.check_failure(caught.value)

    def same_records(self, wanted: Any, found: Any) -> None:
        names = [name for name in wanted.dtype.names if name != "input_time_ns"]
        assert found[names].tolist() == wanted[names].tolist()

    def check(self) -> None:
        assert self.real.sequence == self.reference.sequence
        assert difference(self.reference.state, self.real.state) is None
        letters = [(letter.machine, letter.sequence) for letter in self.real.dead_letters]
        wanted = [(failure.machine, failure.sequence) for failure in self.reference.failures]
        assert sorted(letters) == sorted(wanted)


TestEngine = EngineAgainstReference.TestCase
TestEngine.settings = settings(
    max_examples=150,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
