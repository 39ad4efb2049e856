"""Many threads at one engine: all of it is as if they had come one after the other.

The input ring tells in which order they came; in that order the reference model must come to the
same outputs, failures and state, and everybody must have been given what was theirs.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.errors import StepError
from headrace.reference import ReferenceEngine

EVENT = np.dtype([("thread", "<i4"), ("number", "<i4"), ("kind", "<i4")])
OUT = np.dtype([("thread", "<i4"), ("number", "<i4"), ("count", "<i4")])
SECONDS_MAX = 30.0


def count(state, thread, number, kind):  # type: ignore[no-untyped-def]
    """Depends on the order of all events; refuses kind 0 after it has counted it."""
    state[thread] = state.get(thread, 0) + 1
    if kind == 0:
        raise ValueError((thread, number))
    return state, [(thread, number, sum(state.values()))] * (kind - 1)


def pass_on(state, thread, number, count):  # type: ignore[no-untyped-def]
    return state + count, (thread, number, state)


FRONT = hr.machine(event=EVENT, output=OUT, initial=dict, name="count")(count)
BEHIND = hr.machine(event=OUT, output=OUT, initial=int, name="pass_on")(pass_on)

# What a thread does: publish so many, or call, with kinds of events.
KINDS = st.integers(0, 3)
SCRIPTS = st.lists(
    st.lists(st.one_of(st.lists(KINDS, max_size=5), KINDS), max_size=6), min_size=2, max_size=4
)


class Worker:
    """A thread and what it was given."""

    def __init__(self, engine: hr.Engine, thread: int, script: list[Any]) -> None:
        self.firsts: list[tuple[int, int, int]] = []  # sequence, number of the first, how many
        self.calls: list[tuple[int, Any]] = []  # number, its outputs (None: it was refused)
        self.failed: BaseException | None = None
        self._engine, self._number, self._script = engine, thread, script
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            number = 0
            for command in self._script:
                kinds = command if isinstance(command, list) else [command]
                events = [(self._number, number + n, kind) for n, kind in enumerate(kinds)]
                if isinstance(command, list):
                    first = self._engine.publish(np.array(events, EVENT), SECONDS_MAX)
                    self.firsts.append((first, number, len(events)))
                else:
                    self.calls.append((number, self._call(events[0])))
                number += len(events)
        except BaseException as error:
            self.failed = error

    def _call(self, event: Any) -> Any:
        try:
            return self._engine.call(event, SECONDS_MAX).copy()
        except StepError:
            return None


def run_reference(
    machine: Any, order: Any, calls: set[tuple[int, int]]
) -> tuple[ReferenceEngine, dict[int, Any]]:
    """The reference after the same events, and what each call that succeeds is given."""
    reference = ReferenceEngine(machine, on_error="dead_letter")
    given = {}
    for index in range(len(order)):
        if tuple(order[["thread", "number"]][index]) in calls:
            try:
                given[index] = reference.call(order[index : index + 1])
            except StepError:
                continue
        else:
            reference.publish(order[index : index + 1])
    return reference, given


@pytest.mark.parametrize("machine", [FRONT, FRONT >> BEHIND], ids=["machine", "pipeline"])
@settings(max_examples=40)
@given(SCRIPTS, st.sampled_from([4, 64]))
def test_threads_are_put_into_one_order(machine: Any, scripts: Any, capacity: int) -> None:
    total = sum(len(c) if isinstance(c, list) else 1 for script in scripts for c in script)
    seen: list[Any] = []
    with hr.Engine(machine, capacity, on_error="dead_letter") as engine:
        witness = engine.input_ring.consumer("witness")

        def watch() -> None:
            while sum(map(len, seen)) < total:
                batch = witness.poll(timeout=SECONDS_MAX)
                seen.append(batch.copy())
                witness.release()

        watcher = threading.Thread(target=watch)
        workers = [Worker(engine, number, script) for number, script in enumerate(scripts)]
        for thread in [watcher, *(worker.thread for worker in workers)]:
            thread.start()
        for thread in [watcher, *(worker.thread for worker in workers)]:
            thread.join(SECONDS_MAX)
        witness.close()
        engine.drain(SECONDS_MAX)
        assert [worker.failed for worker in workers] == [None] * len(workers)
        order = np.concatenate([np.zeros(0, EVENT), *seen])
        calls = {(n, number) for n, worker in enumerate(workers) for number, _ in worker.calls}
        reference, given = run_reference(machine, order, calls)
        parts = [records.copy() for records in engine.outputs()]
        compare(engine, reference, np.concatenate([reference.outputs[:0], *parts]))
    for number, worker in enumerate(workers):
        check_worker(number, worker, order, given)


def compare(engine: hr.Engine, reference: ReferenceEngine, found: Any) -> None:
    names = [name for name in found.dtype.names if name != "input_time_ns"]
    assert found[names].tolist() == reference.outputs[names].tolist()
    assert engine.state == reference.state
    letters = sorted((letter.machine, letter.sequence) for letter in engine.dead_letters)
    assert letters == sorted((failure.machine, failure.sequence) for failure in reference.failures)


def check_worker(number: int, worker: Worker, order: Any, given: dict[int, Any]) -> None:
    """Its events are in its order, what it published at once is in one piece, calls got theirs."""
    own = np.flatnonzero(order["thread"] == number)
    assert order["number"][own].tolist() == list(range(len(own)))
    for first, numbered, length in worker.firsts:
        piece = order[first : first + length]
        assert piece["thread"].tolist() == [number] * length
        assert piece["number"].tolist() == list(range(numbered, numbered + length))
    names = ["input_sequence", "output_index", "origin", "thread", "number", "count"]
    for numbered, records in worker.calls:
        sequence = int(own[numbered])
        if order["kind"][sequence] == 0:
            assert records is None
            assert sequence not in given
            continue
        found = records[names].tolist() if len(records) else []
        assert found == given[sequence][names].tolist()
