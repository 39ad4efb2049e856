"""Native steps run by an engine: how they are given, what they get, and what they may return."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import time
import weakref
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.errors import MachineError, NativeStepError, OutputError, StepError

EVENT = np.dtype([("amount", "<i8")])
STATE = np.dtype([("sum", "<i8"), ("count", "<i8")])
SEEN = np.dtype([("sequence", "<i8"), ("time", "<i8")])
SOURCE = r"""
#include <headrace/step.h>
#include <string.h>
#include <time.h>
typedef struct { int64_t sum, count; } state_t;

/* Adds, in place and before it may refuse; amount % 3 outputs. */
int64_t add(void *s, const void *e, int64_t sequence, int64_t time, void *out) {
    state_t *state = s; int64_t amount = *(const int64_t *)e;
    state->sum += amount; state->count++;
    if (amount < 0) return amount;
    if (amount == 777) return 99;
    for (int64_t i = 0; i < amount % 3; i++) ((int64_t *)out)[i] = state->sum + i;
    return amount % 3;
}
int64_t add_many(void *s, const void *e, int64_t count, int64_t first, const int64_t *times,
                 void *out, int64_t *of) {
    for (int64_t i = 0; i < count; i++) {
        int64_t made = add(s, (const int64_t *)e + i, first + i, times[i], out);
        of[i] = made;
        if (made < 0) return i;
        out = (int64_t *)out + made;
    }
    return count;
}
int64_t see(void *s, const void *e, int64_t sequence, int64_t time, void *out) {
    ((int64_t *)out)[0] = sequence; ((int64_t *)out)[1] = time;
    return 1;
}
int64_t see_many(void *s, const void *e, int64_t count, int64_t first, const int64_t *times,
                 void *out, int64_t *of) {
    for (int64_t i = 0; i < count; i++)
        of[i] = see(s, e, first + i, times[i], (int64_t *)out + 2 * i);
    return count;
}
/* Refuses what does not lie as it should: 8 for the event, 9 for outputs that nobody asked for. */
int64_t strict(void *s, const void *e, int64_t sequence, int64_t time, void *out) {
    state_t *state = s;
    if ((uintptr_t)e % 8 || (uintptr_t)s % 8) return -8;
    if (out) return -9;
    state->sum += *(const int64_t *)e; state->count++;
    return 0;
}
int64_t strict_many(void *s, const void *e, int64_t count, int64_t first, const int64_t *times,
                    void *out, int64_t *of) {
    if (of) return 0;
    for (int64_t i = 0; i < count; i++)
        if (strict(s, (const int64_t *)e + i, first + i, times[i], out)) return i;
    return count;
}
int64_t says(void *s, const void *e, int64_t count, int64_t first, const int64_t *times,
             void *out, int64_t *of) {
    ((state_t *)s)->count = -1;
    of[0] = ((const int64_t *)e)[0] > 1000 ? 1000 : 0;
    return ((const int64_t *)e)[0] > 1000 ? count : ((const int64_t *)e)[0];
}
int64_t slow(void *s, const void *e, int64_t sequence, int64_t time, void *out) {
    struct timespec pause = {0, 400000000};
    nanosleep(&pause, NULL);
    return 0;
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("native")
    source, made = folder / "steps.c", folder / "steps.so"
    source.write_text(SOURCE)
    command = ["cc", "-O2", "-shared", "-fPIC", f"-I{hr.get_include()}", "-o", made, source]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(made))


def python_add(state, amount):  # type: ignore[no-untyped-def]
    state["sum"] += amount
    state["count"] += 1
    if amount < 0:
        raise ValueError(amount)
    return state, [int(state["sum"]) + i for i in range(amount % 3)]


def adder(native: hr.Native | None, **options: Any) -> hr.Machine:
    options = {"output": "<i8", "initial": lambda: np.zeros((), STATE)} | options
    return hr.machine(event=EVENT, native=native, name="adder", **options)(python_add)


def run(machine: Any, amounts: Any, **options: Any) -> tuple[list[Any], Any, list[Any]]:
    """Outputs without their times, state, and sequences and causes of dead letters."""
    with hr.Engine(machine, 64, on_error="dead_letter", **options) as engine:
        engine.publish(np.asarray(amounts).view(EVENT))
        engine.drain(20)
        outputs: list[Any] = []
        if engine.output_ring is not None:
            for records in engine.outputs():
                outputs += records[["input_sequence", "output_index", "value"]].tolist()
        letters = [(letter.sequence, letter.error.__cause__) for letter in engine.dead_letters]
        return outputs, engine.state, letters


# -- how a native step is given ------------------------------------------------------------------


def capsule(address: int, name: bytes | None) -> Any:
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return new(address, name, None)


class HasAddress:
    """What Numba's cfunc looks like."""

    def __init__(self, address: int) -> None:
        self.address = address


NAME = b"headrace_step"
WRAPPINGS = {
    "ctypes": lambda function, address: function,
    "address": lambda function, address: address,
    "capsule": lambda function, address: capsule(address, NAME),
    "nameless capsule": lambda function, address: capsule(address, None),
    "has an address": lambda function, address: HasAddress(address),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("form", ["step", "step_batch"])
def test_every_wrapping_is_the_same_function(
    library: ctypes.CDLL, wrapping: str, form: str
) -> None:
    function: Any = library.add if form == "step" else library.add_many
    address = ctypes.cast(function, ctypes.c_void_p).value
    given: Any = {form: WRAPPINGS[wrapping](function, address)}
    amounts = np.arange(300)
    assert run(adder(hr.Native(outputs_max=2, **given)), amounts) == run(adder(None), amounts)


def test_numba_cfunc() -> None:
    numba = pytest.importorskip("numba", reason="numba is not installed")
    i8, pointer = numba.types.int64, numba.types.CPointer(numba.types.int64)

    @numba.cfunc(i8(pointer, pointer, i8, i8, pointer))
    def step(state, event, sequence, time_ns, outputs):  # type: ignore[no-untyped-def]
        state[0] += event[0]
        state[1] += 1
        outputs[0] = state[0]
        outputs[1] = state[0] + 1
        return event[0] % 3

    amounts = np.arange(300)
    assert run(adder(hr.Native(step=step, outputs_max=2)), amounts) == run(adder(None), amounts)


def test_what_is_given_is_kept_alive() -> None:
    function = HasAddress(4096)
    seen = weakref.ref(function)
    native = hr.Native(step=function)
    del function
    gc.collect()
    assert seen() is not None
    assert native.step == 4096


@pytest.mark.parametrize("address", [-1, 1 << 64, 1 << 70])
def test_addresses_that_no_function_has(address: int) -> None:
    with pytest.raises(MachineError, match="cannot be a function"):
        hr.Native(step=address)


# -- what it gets --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["step", "step_batch"])
def test_sequences_and_times_are_the_sequencers(library: ctypes.CDLL, form: str) -> None:
    function: Any = library.see if form == "step" else library.see_many
    machine = adder(hr.Native(**{form: function}), output=SEEN)
    with hr.Engine(machine, 64) as engine:
        for first in range(0, 300, 30):
            engine.publish(np.arange(first, first + 30).view(EVENT))
        engine.drain(20)
        records = np.concatenate([records.copy() for records in engine.outputs()])
    assert records["sequence"].tolist() == list(range(300))
    assert (records["time"] == records["input_time_ns"]).all()
    assert abs(int(records["time"][0]) - time.time_ns()) < 60e9


@pytest.mark.parametrize("form", ["step", "step_batch"])
def test_events_are_aligned_and_a_machine_without_outputs_gets_no_room(
    library: ctypes.CDLL, form: str
) -> None:
    """Also behind another stage, whose records hold the events at some distance."""
    function: Any = library.strict if form == "step" else library.strict_many
    machine = adder(hr.Native(**{form: function}), output=None)
    _, state, letters = run(machine, np.arange(1000))
    assert (state["sum"], state["count"], letters) == (sum(range(1000)), 1000, [])
    front = hr.machine(event="<i8", output=EVENT, initial=int, name="front")(
        lambda state, value: (state, [(value,)] * 2)
    )
    with hr.Engine(front >> machine, 32) as engine:
        engine.publish(np.arange(500))
        engine.drain(20)
        assert engine.state[1].tolist() == (2 * sum(range(500)), 1000)


@pytest.mark.serial
def test_it_runs_without_the_gil(library: ctypes.CDLL) -> None:
    machine = adder(hr.Native(step=library.slow), output=None)
    with hr.Engine(machine, 4) as engine:
        engine.publish(np.zeros(1, EVENT))
        gaps, last, end = [], time.monotonic(), time.monotonic() + 0.35
        while last < end:
            now = time.monotonic()
            gaps.append(now - last)
            last = now
        assert engine.sequence == 0
    assert max(gaps) < 0.2


@pytest.mark.parametrize(
    "state",
    [
        [0, 0],
        np.zeros(1, STATE)[0],
        np.zeros(2, object),
        np.zeros(4, STATE)[::2],
        np.zeros((2, 3), order="F"),
        np.frombuffer(bytes(16), STATE),
    ],
    ids=["list", "scalar", "objects", "strided", "columns first", "read-only"],
)
def test_states_that_native_steps_cannot_have(library: ctypes.CDLL, state: Any) -> None:
    """Said when the engine is made, not at the first event."""
    machine = adder(hr.Native(step=library.add, outputs_max=2), initial=lambda: state)
    with pytest.raises(MachineError, match=r"'adder'.*(fixed layout|C-contiguous)"):
        hr.Engine(machine, 4)


# -- what it returns -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["step", "step_batch"])
def test_refused_events_are_dead_letters_with_their_code(library: ctypes.CDLL, form: str) -> None:
    function: Any = library.add if form == "step" else library.add_many
    amounts = np.arange(400)
    amounts[[0, 7, 8, 100, 399]] *= -1
    amounts[0] = -5
    outputs, state, letters = run(adder(hr.Native(outputs_max=2, **{form: function})), amounts)
    wanted, wanted_state, wanted_letters = run(adder(None), amounts)
    assert (outputs, state) == (wanted, wanted_state)
    assert [sequence for sequence, _ in letters] == [sequence for sequence, _ in wanted_letters]
    for sequence, cause in letters:
        assert isinstance(cause, NativeStepError)
        assert cause.code == amounts[sequence]
        assert f"'adder' refused event {sequence} with code {cause.code}" in str(cause)


def test_too_many_outputs_are_refused(library: ctypes.CDLL) -> None:
    with hr.Engine(adder(hr.Native(step=library.add, outputs_max=2)), 4) as engine:
        engine.call((5,), timeout=5)
        with pytest.raises(StepError, match="wrote 99 outputs; there is room for 2") as caught:
            engine.call((777,), timeout=5)
        assert isinstance(caught.value.__cause__, OutputError)
        assert engine.state.tolist() == (5, 1)
        assert engine.call((1,), timeout=5)["value"].tolist() == [6]


def test_outputs_where_none_are_announced(library: ctypes.CDLL) -> None:
    with hr.Engine(adder(hr.Native(step=library.add, outputs_max=0)), 4) as engine:
        with pytest.raises(StepError, match="wrote 2 outputs; there is room for 0"):
            engine.call((2,), timeout=5)
        assert len(engine.call((3,), timeout=5)) == 0
        assert engine.state.tolist() == (3, 1)


@pytest.mark.parametrize(
    ("amount", "cause", "words"),
    [
        (5, NativeStepError, "step_batch returned 5 for 1 events"),
        (-3, NativeStepError, "step_batch returned -3 for 1 events"),
        (0, NativeStepError, "refused event 0 with code -1"),
        (1001, OutputError, "says that an event has 1000 outputs; 0 to 1 are possible"),
    ],
)
def test_what_step_batch_must_not_return(
    library: ctypes.CDLL, amount: int, cause: type, words: str
) -> None:
    with hr.Engine(adder(hr.Native(step_batch=library.says)), 4) as engine:
        with pytest.raises(StepError, match=words) as caught:
            engine.call((amount,), timeout=5)
        assert isinstance(caught.value.__cause__, cause)
        assert engine.state.tolist() == (0, 0)
