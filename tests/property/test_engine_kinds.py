"""One machine as a Python, a batch and a native step, in engines, against the reference model."""

from __future__ import annotations

import ctypes
import subprocess
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.errors import NativeStepError, StepError
from headrace.reference import ReferenceEngine
from headrace.state import difference

EVENT = np.dtype([("kind", "<i4"), ("key", "<i4"), ("value", "<i8")])
OUT = np.dtype([("key", "<i8"), ("total", "<i8")])
STATE = np.dtype([("sums", "<i8", 3), ("seen", "<i8")])
SOURCE = r"""
#include <headrace/step.h>
typedef struct { int32_t kind, key; int64_t value; } event_t;
typedef struct { int64_t key, total; } output_t;
typedef struct { int64_t sums[3], seen; } state_t;
int64_t one(void *s, const void *e, int64_t sequence, int64_t time, void *out) {
    state_t *state = s; const event_t *event = e; output_t *output = out;
    state->sums[event->key] += event->value * (sequence + 1);
    state->seen++;
    if (event->kind == 0) return -1 - event->key;
    for (int32_t i = 0; i < event->kind - 1; i++)
        output[i] = (output_t){event->key, state->sums[event->key] + i};
    return event->kind - 1;
}
int64_t many(void *s, const void *e, int64_t count, int64_t first, const int64_t *times,
             void *out, int64_t *of) {
    output_t *output = out;
    for (int64_t i = 0; i < count; i++) {
        of[i] = one(s, (const event_t *)e + i, first + i, times[i], output);
        if (of[i] < 0) return i;
        output += of[i];
    }
    return count;
}
"""


def step(state, kind, key, value, sequence):  # type: ignore[no-untyped-def]
    """Works in place, refuses kind 0 only then, and has up to three outputs."""
    state["sums"][key] += value * (sequence + 1)
    state["seen"] += 1
    if kind == 0:
        raise ValueError(key)
    return state, [(key, int(state["sums"][key]) + n) for n in range(kind - 1)]


def plain(state, kind, key, value):  # type: ignore[no-untyped-def]
    """The same for a batch step, which is not told sequences."""
    return step(state, kind, key, value, 0)


def plain_batch(state, events):  # type: ignore[no-untyped-def]
    made, of = [], []
    for index, event in enumerate(events.tolist()):
        _, outputs = plain(state, *event)
        made += outputs
        of += [index] * len(outputs)
    return state, (np.array(made, OUT), np.array(of, np.int64))


def initial() -> Any:
    return np.zeros((), STATE)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, hr.Machine]:
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "step.c").write_text(SOURCE)
    command = ["cc", "-O2", "-shared", "-fPIC", f"-I{hr.get_include()}", "-o"]
    subprocess.run([*command, folder / "step.so", folder / "step.c"], check=True)
    library = ctypes.CDLL(str(folder / "step.so"))
    make = {"event": EVENT, "output": OUT, "initial": initial}
    one = hr.Native(step=library.one, outputs_max=3)
    many = hr.Native(step_batch=library.many, outputs_max=3)
    return {
        "python": hr.machine(**make, name="python")(step),  # type: ignore[arg-type]
        "batch": hr.machine(**make, name="batch", step_batch=plain_batch)(plain),  # type: ignore[arg-type]
        "native": hr.machine(**make, name="native", native=one)(step),  # type: ignore[arg-type]
        "native batch": hr.machine(**make, name="native batch", native=many)(step),  # type: ignore[arg-type]
    }


EVENTS = st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(-9, 9))
COMMANDS = st.lists(
    st.one_of(st.lists(EVENTS, max_size=25), EVENTS, st.none()), min_size=1, max_size=8
)  # to publish, to call, to read the outputs


class Pair:
    """A real engine and the reference, which get the same."""

    def __init__(self, machine: Any, capacity: int, policy: str) -> None:
        self.real = hr.Engine(machine, capacity, on_error=policy)
        self.reference = ReferenceEngine(machine, on_error=policy)
        self.read = 0

    def run(self, command: Any) -> None:
        if command is None:
            self.read_outputs()
        elif isinstance(command, tuple):
            self.call(command)
        else:
            self.publish(np.array(command, EVENT))
        if not self.reference.halted:
            self.compare()

    def publish(self, events: Any) -> None:
        first = self.reference.publish(events)
        try:
            assert self.real.publish(events, 20) == first
            self.real.drain(20)
        except StepError as error:
            self.check_halt(error)
        else:
            assert not self.reference.halted

    def check_halt(self, error: StepError) -> None:
        (failure,) = self.reference.failures
        assert self.reference.halted
        assert (error.machine, error.sequence) == (failure.machine, failure.sequence)
        assert self.real.sequence == self.reference.sequence
        assert difference(self.reference.state, self.real.state) is None
        with pytest.raises(StepError):
            self.read_outputs()

    def call(self, event: Any) -> None:
        failed = event[0] == 0 and not isinstance(self.real.machine, hr.Pipeline)
        try:
            wanted = self.reference.call(event)
        except StepError:
            with pytest.raises(StepError) as caught:
                self.real.call(event, 20)
            if failed and "native" in caught.value.machine:
                cause = caught.value.__cause__
                assert isinstance(cause, NativeStepError)
                assert cause.code == -1 - event[1]
        else:
            same(self.real.call(event, 20), wanted)

    def read_outputs(self) -> None:
        wanted = self.reference.outputs[self.read :]
        self.read += len(wanted)
        parts = [wanted[:0]]
        try:
            for records in self.real.outputs():
                parts.append(records.copy())
        finally:
            same(np.concatenate(parts), wanted)

    def compare(self) -> None:
        assert self.real.sequence == self.reference.sequence
        assert difference(self.reference.state, self.real.state) is None
        letters = {(one.machine, one.sequence, one.error.origin) for one in self.real.dead_letters}
        assert len(letters) == len(self.real.dead_letters)
        failures = {(one.machine, one.sequence, one.origin) for one in self.reference.failures}
        assert letters == failures

    def close(self) -> None:
        try:
            self.real.close(20)
        except StepError:
            assert self.reference.halted


def same(found: Any, wanted: Any) -> None:
    names = [name for name in wanted.dtype.names if name != "input_time_ns"]
    assert found[names].tolist() == wanted[names].tolist()


@pytest.mark.parametrize("kind", ["python", "batch", "native", "native batch"])
@settings(max_examples=60)
@given(COMMANDS, st.sampled_from([2, 16, 256]), st.sampled_from(["halt", "dead_letter"]))
def test_kinds(
    machines: dict[str, hr.Machine], kind: str, commands: Any, capacity: int, policy: str
) -> None:
    pair = Pair(machines[kind], capacity, policy)
    try:
        for command in commands:
            if pair.reference.halted:
                break
            pair.run(command)
    finally:
        pair.close()


@hr.machine(event=OUT, output=OUT, initial=list, name="behind")
def behind(state, key, total):  # type: ignore[no-untyped-def]
    state.append(total)
    if total % 7 == 6:
        raise OverflowError(total)
    return state, [(key, total)] * (total % 3)


@pytest.mark.parametrize("kind", ["batch", "native", "native batch"])
@settings(max_examples=40)
@given(COMMANDS, st.sampled_from([2, 16, 256]))
def test_pipelines_of_kinds(
    machines: dict[str, hr.Machine], kind: str, commands: Any, capacity: int
) -> None:
    pair = Pair(machines[kind] >> behind, capacity, "dead_letter")
    try:
        for command in commands:
            pair.run(command)
    finally:
        pair.close()
