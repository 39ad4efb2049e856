"""Native steps: the same outputs and states as the Python step, also when an event is refused."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.engine import Stepper
from headrace.engine.errors import NativeStepError, StepError
from headrace.machine import machine
from headrace.native import Native

EVENT = np.dtype([("amount", "<i8")])
STATE = np.dtype([("sum", "<i8"), ("count", "<i8")])
SOURCE = r"""
#include <stdint.h>
typedef struct { int64_t sum, count; } state_t;
int64_t one(void *s, const void *e, int64_t seq, int64_t time, void *out) {
    state_t *state = s; int64_t amount = *(const int64_t *)e;
    state->sum += amount; state->count++;
    if (amount < 0) return amount;
    for (int64_t i = 0; i < amount % 3; i++) ((int64_t *)out)[i] = state->sum + i;
    return amount % 3;
}
int64_t many(void *s, const void *e, int64_t n, int64_t first, const int64_t *times, void *out,
             int64_t *of) {
    char *at = out;
    for (int64_t i = 0; i < n; i++) {
        int64_t made = one(s, (const int64_t *)e + i, first + i, times[i], at);
        of[i] = made;
        if (made < 0) return i;
        at += 8 * made;
    }
    return n;
}
"""


def python_step(state, amount):  # type: ignore[no-untyped-def]
    state["sum"] += amount
    state["count"] += 1
    if amount < 0:
        raise ValueError(amount)
    return state, [int(state["sum"]) + i for i in range(amount % 3)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder: Path = tmp_path_factory.mktemp("native")
    (folder / "step.c").write_text(SOURCE)
    subprocess.run(
        ["cc", "-O2", "-shared", "-fPIC", "-o", folder / "step.so", folder / "step.c"], check=True
    )
    return ctypes.CDLL(str(folder / "step.so"))


def steppers(native: Native) -> list[Stepper]:
    made = machine(event=EVENT, output="<i8", initial=lambda: np.zeros((), STATE), native=native)(
        python_step
    )
    return [Stepper(made, "python"), Stepper(made)]


@pytest.mark.parametrize("form", ["step", "step_batch"])
def test_native_equals_python(library: ctypes.CDLL, form: str) -> None:
    function: Any = library.one if form == "step" else library.many
    python, native = steppers(Native(outputs_max=2, **{form: function}))
    amounts = np.arange(9000).view(EVENT)
    assert native.run(amounts, None, 4).tobytes() == python.run(amounts, None, 4).tobytes()
    assert native.state == python.state
    strided = amounts[::3]
    assert native.run(strided, None, 9004).tobytes() == python.run(strided, None, 9004).tobytes()


RECORD = np.dtype([("before", "u1"), ("time", "<i8"), ("of", "<i8"), ("event", EVENT)])


@pytest.mark.parametrize("forms", [["step"], ["step_batch"], ["step", "step_batch"]])
@pytest.mark.parametrize("packed", [False, True])
def test_of_selected_records(library: ctypes.CDLL, forms: list[str], packed: bool) -> None:
    """As a shard reads them: some of the records of the ring, which need not be aligned."""
    functions: Any = {"step": library.one, "step_batch": library.many}
    native = Native(outputs_max=2, **{form: functions[form] for form in forms})
    count = 40_000  # some chunks
    records = np.zeros(count, RECORD if packed else np.dtype(RECORD.descr[1:]))
    records["event"]["amount"] = np.arange(count) % 7
    records["time"], records["of"] = np.arange(count) * 5, np.arange(count) * 3
    chance = np.random.default_rng(7)
    for share in (0.0, 0.1, 0.9, 1.0):
        places = np.flatnonzero(chance.random(count) < share)
        python, stepper = steppers(native)
        made = [
            one.run(records["event"], records["time"], 11, records["of"], places)
            for one in (python, stepper)
        ]
        assert made[0].tobytes() == made[1].tobytes()
        assert stepper.state == python.state
        assert stepper.state["count"] == len(places)
        assert set(made[1]["input_sequence"] - 11) <= set(places.tolist())


@pytest.mark.parametrize("form", ["step", "step_batch"])
def test_refused_among_selected_events(library: ctypes.CDLL, form: str) -> None:
    function: Any = library.one if form == "step" else library.many
    python, native = steppers(Native(outputs_max=2, **{form: function}))
    amounts = np.array([1, -9, 2, 5, -9, 8, -4, 1]).view(EVENT)
    places = np.array([0, 2, 3, 5, 6, 7])
    failures = []
    for stepper in (python, native):
        with pytest.raises(StepError) as caught:
            stepper.run(amounts, None, 100, None, places)
        failures.append(caught.value)
    assert [failure.sequence for failure in failures] == [106, 106]
    assert failures[0].partial.tobytes() == failures[1].partial.tobytes()
    assert native.state == python.state
    assert native.state["sum"] == 16


@pytest.mark.parametrize("form", ["step", "step_batch"])
def test_refused_event_changes_nothing(library: ctypes.CDLL, form: str) -> None:
    function: Any = library.one if form == "step" else library.many
    python, native = steppers(Native(outputs_max=2, **{form: function}))
    amounts = np.array([1, 2, 5, -4, 8]).view(EVENT)
    failures = []
    for stepper in (python, native):
        with pytest.raises(StepError) as caught:
            stepper.run(amounts, None, 0)
        failures.append(caught.value)
    assert [failure.sequence for failure in failures] == [3, 3]
    assert failures[0].partial.tobytes() == failures[1].partial.tobytes()
    assert isinstance(failures[1].__cause__, NativeStepError)
    assert failures[1].__cause__.code == -4
    assert native.state == python.state
    assert native.state["sum"] == 8
