"""What check_machine says of each kind of bad machine, and that it lets good ones pass."""

from __future__ import annotations

import ctypes
import re
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.errors import StepMismatch
from headrace.state import state_digest
from headrace.testing import check_machine

EVENT = np.dtype([("key", "<i4"), ("value", "<i8")])
OUT = np.dtype([("key", "<i4"), ("total", "<i8")])


def events(count: int = 40) -> np.ndarray[Any, Any]:
    made = np.zeros(count, EVENT)
    made["value"] = np.arange(count)
    made["key"] = made["value"] % 5
    return made


def good(state, key, value):  # type: ignore[no-untyped-def]
    state[key] = state.get(key, 0) + value
    return state, (key, state[key])


def good_batch(state, events):  # type: ignore[no-untyped-def]
    made = np.zeros(len(events), OUT)
    for index, (key, value) in enumerate(events.tolist()):
        state[key] = state.get(key, 0) + value
        made[index] = (key, state[key])
    return state, made


def machine_of(step: Any = good, **options: Any) -> hr.Machine:
    options = {"event": EVENT, "output": OUT, "initial": dict} | options
    return hr.machine(name="tested", **options)(step)


def said_of(machine: hr.Machine, over: Any = None) -> str:
    """What check_machine says; it must say where the machine is."""
    with pytest.raises(StepMismatch) as caught:
        check_machine(machine, events() if over is None else over)
    text = str(caught.value)
    assert text.startswith("machine 'tested' (")
    assert "test_testing_messages.py:" in text
    return text


# -- good ones -----------------------------------------------------------------------------------


def test_a_machine_may_look_at_time_and_sequence() -> None:
    def step(state, event):  # type: ignore[no-untyped-def]
        state["first"] = state.get("first", event.time_ns)
        state["last"] = event.time_ns
        state["sequence"] = event.sequence
        return state, (event.key, event.time_ns - state["first"])

    checked = check_machine(machine_of(step), events())
    assert (checked.events, checked.outputs, checked.failures) == (40, 40, 0)


def test_a_machine_may_name_time_ns() -> None:
    def step(state, key, time_ns):  # type: ignore[no-untyped-def]
        state[key] = time_ns
        return state, (key, time_ns)

    assert check_machine(machine_of(step), events()).outputs == 40


def test_a_machine_may_refuse_events() -> None:
    def step(state, key, value):  # type: ignore[no-untyped-def]
        if value % 4 == 1:
            raise ValueError(value)
        return good(state, key, value)

    def step_batch(state, events):  # type: ignore[no-untyped-def]
        if (events["value"] % 4 == 1).any():
            raise ValueError
        return good_batch(state, events)

    checked = check_machine(machine_of(step, step_batch=step_batch), events())
    assert (checked.outputs, checked.failures, checked.kinds) == (30, 10, ("python", "batch"))


def test_the_digest_is_that_of_the_final_state() -> None:
    state: dict[int, int] = {}
    for key, value in events().tolist():
        good(state, key, value)
    assert check_machine(machine_of(), events()).digest == state_digest(state)


# -- not deterministic ---------------------------------------------------------------------------

CALLS: list[int] = []


def counting(state, key, value):  # type: ignore[no-untyped-def]
    CALLS.append(value)
    return state, (key, len(CALLS))


def moody(state, key, value):  # type: ignore[no-untyped-def]
    CALLS.append(value)
    if len(CALLS) % 17 == 0:
        raise ValueError("moody")
    return good(state, key, value)


def hidden(state, key, value):  # type: ignore[no-untyped-def]
    CALLS.append(value)
    state[key] = len(CALLS)
    return state, None


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (counting, "a second run parts from the reference model: output 0 of event 0: total is"),
        (moody, "a second run parts from the reference model: event "),
        (hidden, "a second run parts from the reference model: state[0]: 36 and 76"),
    ],
)
def test_not_deterministic(step: Any, words: str) -> None:
    CALLS.clear()
    assert words in said_of(machine_of(step))


@pytest.mark.parametrize("shared", [{}, np.zeros(5, np.int64)], ids=["dict", "array"])
def test_initial_that_gives_the_same_state_again(shared: Any) -> None:
    def step(state, key, value):  # type: ignore[no-untyped-def]
        state[key] = (state.get(key, 0) if isinstance(state, dict) else state[key]) + value
        return state, None

    words = said_of(machine_of(step, initial=lambda: shared))
    assert "it must give a new state each time" in words


# -- batch steps that part -----------------------------------------------------------------------


def batch(change: Callable[[Any, Any, Any], Any]) -> hr.Machine:
    """A machine whose batch step is right but for `change(state, events, made)`."""

    def step_batch(state, events):  # type: ignore[no-untyped-def]
        state, made = good_batch(state, events)
        changed = change(state, events, made)
        return state, made if changed is None else changed

    return machine_of(step_batch=step_batch)


def other_output(state: Any, events: Any, made: Any) -> None:
    made["total"][events["value"] == 17] += 1


def other_state(state: Any, events: Any, made: Any) -> None:
    if 38 in events["value"]:  # the last event with key 3
        state[3] += 1


def more_state(state: Any, events: Any, made: Any) -> None:
    state["n"] = state.get("n", 0) + len(events)


def at_seams(state: Any, events: Any, made: Any) -> None:
    if len(events) > 20:
        state[2] += 1


def other_event(state: Any, events: Any, made: Any) -> Any:
    return made, np.zeros(len(made), np.int64)


def twice(state: Any, events: Any, made: Any) -> Any:
    index = np.arange(len(made))
    both = np.sort(np.concatenate([index, index[events["value"] == 17]]))
    return made[both], both


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_output, "the batch step by 1 parts from the reference model: output 0 of event 17"),
        (other_output, "total is np.int64(39), not np.int64(38)"),
        (other_state, "the batch step by 1 parts from the reference model: state[3]: 164 and 165"),
        (other_state, "from event 38 on ((3, 38))"),
        (more_state, "only one of the two has the keys 'n', from event 0 on"),
        (at_seams, "the batch step by 64 parts from the reference model: state[2]: 156 and 157"),
        (at_seams, "though not when run event by event"),
        (other_event, "the batch step by 3 parts from the reference model: output 0 of event 1: "),
        (other_event, "input_sequence is np.int64(0), not np.int64(1)"),
        (twice, "of event 18: |of event 17"),
    ],
)
def test_batch_steps_that_part(change: Any, words: str) -> None:
    text = said_of(batch(change))
    assert any(each in text for each in words.split("|")), text


def refuses_17(state: Any, events: Any, made: Any) -> None:
    if (events["value"] == 17).any():
        raise KeyError(17)


def writes(state: Any, events: Any, made: Any) -> None:
    events["value"] = 0


def makes_writable(state: Any, events: Any, made: Any) -> None:
    events.flags.writeable = True


def other_dtype(state: Any, events: Any, made: Any) -> Any:
    return made["total"]


def too_short(state: Any, events: Any, made: Any) -> Any:
    return made[:-1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (refuses_17, r"event 17.*KeyError"),
        (writes, r"event 0.*read-only"),
        (makes_writable, r"event 0.*WRITEABLE"),
        (other_dtype, r"event 0.*outputs are an array of int64"),
        (too_short, r"event 0.*step_batch gives outputs as \(records, of\)"),
    ],
)
def test_batch_steps_that_fail_where_the_step_does_not(change: Any, words: str) -> None:
    """A StepMismatch like any other: the machine is deterministic, and its forms part."""
    text = said_of(batch(change))
    assert "not deterministic" not in text
    assert "the batch step by 1 parts from the reference model" in text
    assert re.search(words, text), text


def test_batch_step_that_lets_through_what_the_step_refuses() -> None:
    def step(state, key, value):  # type: ignore[no-untyped-def]
        if value == 17:
            raise KeyError(17)
        return good(state, key, value)

    text = said_of(machine_of(step, step_batch=good_batch))
    assert "event 17: only the reference model fails there" in text


# -- native steps that part ----------------------------------------------------------------------

SOURCE = r"""
#include <headrace/step.h>
typedef struct { int32_t key; int64_t value; } __attribute__((packed)) event_t;
typedef struct { int32_t key; int64_t total; } __attribute__((packed)) output_t;
int64_t step(void *s, const void *e, int64_t sequence, int64_t time, void *out) {
    int64_t *sums = s; const event_t *event = e; output_t *output = out;
    sums[event->key] += event->value;
    if (event->value == STATE_PARTS) sums[event->key]++;
    if (event->value == REFUSES) return -7;
    output->key = event->key;
    output->total = sums[event->key] + (event->value == OUTPUT_PARTS);
    return event->value == SILENT ? 0 : 1;
}
"""


def native(folder: Any, *flags: str) -> hr.Machine:
    """A native step that parts from the Python one as the flags say."""

    def step(state, key, value):  # type: ignore[no-untyped-def]
        state[key] += value
        return state, (key, int(state[key]))

    source, made = folder / "step.c", folder / "step.so"
    source.write_text(SOURCE)
    names = ["STATE_PARTS", "REFUSES", "OUTPUT_PARTS", "SILENT"]
    given = dict.fromkeys(names, "-1") | dict(flag.split("=") for flag in flags)
    defines = [f"-D{name}={value}" for name, value in given.items()]
    command = ["cc", "-shared", "-fPIC", f"-I{hr.get_include()}", *defines, "-o", made, source]
    subprocess.run(command, check=True)
    function = ctypes.CDLL(str(made)).step
    return machine_of(step, initial=lambda: np.zeros(5, np.int64), native=hr.Native(step=function))


def test_native_step_that_agrees(tmp_path: Any) -> None:
    assert check_machine(native(tmp_path), events()).kinds == ("python", "native")


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("STATE_PARTS=38", "output 0 of event 38: total is np.int64(165), not np.int64(164)"),
        ("OUTPUT_PARTS=17", "output 0 of event 17: total is np.int64(39), not np.int64(38)"),
        ("REFUSES=17", "event 17: only it fails there"),
        ("SILENT=17", "output 0 of event 18: input_sequence is|of event 17"),
    ],
)
def test_native_steps_that_part(flag: str, words: str, tmp_path: Any) -> None:
    text = said_of(native(tmp_path, flag))
    assert "the native step by 1 parts from the reference model" in text
    assert any(each in text for each in words.split("|")), text


# -- steps that break the rules ------------------------------------------------------------------


def test_a_step_that_writes_its_event() -> None:
    def step(state, event):  # type: ignore[no-untyped-def]
        event.value = 5
        return good(state, event.key, event.value)

    text = said_of(machine_of(step))
    assert "event 0" in text
    assert "events are read-only" in text


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ((1, 2, 3), "has 3 values for the 2 fields|does not have the fields"),
        ((1, 1.5), "'total'"),
        ("ab", "'ab'"),
    ],
)
def test_a_step_whose_outputs_are_none(made: Any, words: str) -> None:
    """No event is refused by that: the machine is wrong."""
    text = said_of(machine_of(lambda state, key, value: (state, made if value == 17 else None)))
    assert "event 17" in text
    assert any(each in text for each in words.split("|")), text


def test_a_step_that_returns_no_pair() -> None:
    text = said_of(machine_of(lambda state, key, value: state))
    assert "event 0" in text
    assert "(state, outputs)" in text


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (object, "object"),
        (lambda: lambda: 0, "function"),
        (threading.Lock, "lock"),
    ],
)
def test_states_that_cannot_be_states(made: Any, what: str) -> None:
    def step(state, key, value):  # type: ignore[no-untyped-def]
        if value >= 17:
            state["bad"] = made()
        return state, None

    text = said_of(machine_of(step))
    assert "state['bad']" in text
    assert what in text
    assert "which no state may hold" in text
    assert "a second run" not in text
