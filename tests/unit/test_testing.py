"""check_machine: good machines pass, and each kind of bad one is told where it parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_tools import EVENT, OUT, events, silent, totals

import headrace as hr
from headrace.errors import StepMismatch, UsageError
from headrace.testing import check_machine

STATE = np.dtype([("sum", "<i8"), ("count", "<i8")])


def step(state, value):  # type: ignore[no-untyped-def]
    state["sum"] += value
    state["count"] += 1
    if value % 10 == 7:
        raise ValueError(value)
    return state, (0, int(state["sum"])) if value % 2 else None


def step_batch(state, batch):  # type: ignore[no-untyped-def]
    values = batch["value"]
    bad = np.flatnonzero(values % 10 == 7)
    if len(bad):
        raise ValueError(values[bad[0]])
    sums = int(state["sum"]) + np.cumsum(values)
    of = np.flatnonzero(values % 2)
    made = np.zeros(len(of), OUT)
    made["total"] = sums[of]
    state["sum"] = sums[-1] if len(sums) else state["sum"]
    state["count"] += len(values)
    return state, (made, of)


def machine(**parts: Any) -> hr.Machine:
    whole = {"initial": lambda: np.zeros((), STATE), "name": "tested", "step_batch": step_batch}
    whole |= parts
    function = whole.pop("step", step)
    return hr.machine(event=EVENT, output=OUT, **whole)(function)


def test_good_machines_pass() -> None:
    checked = check_machine(machine(), events(100))
    assert checked.kinds == ("python", "batch")
    assert (checked.events, checked.failures) == (100, 10)
    assert checked.outputs == 40
    assert check_machine(totals, events(200)).outputs == 200
    assert check_machine(silent, events(200)).outputs == 0
    assert check_machine(totals, []).events == 0
    assert check_machine(totals, [(1, 2), {"key": 1, "value": -1}]).failures == 1


def shifted(state, batch):  # type: ignore[no-untyped-def]
    state, (made, of) = step_batch(state, batch)
    made["total"][batch["value"][of] == 33] += 1
    return state, (made, of)


def miscounted(state, batch):  # type: ignore[no-untyped-def]
    state, made = step_batch(state, batch)
    state["count"] += 33 in batch["value"]
    return state, made


def one_less(state, batch):  # type: ignore[no-untyped-def]
    state, (made, of) = step_batch(state, batch)
    keep = of != len(batch) - 1
    return state, (made[keep], of[keep])


def lenient(state, batch):  # type: ignore[no-untyped-def]
    batch = batch[batch["value"] % 10 != 7]
    return step_batch(state, batch)


CALLS: list[int] = []


def fickle(state, value):  # type: ignore[no-untyped-def]
    CALLS.append(value)
    return state, (0, len(CALLS))


def hoarder(state, value):  # type: ignore[no-untyped-def]
    return {"function": len}, None


SHARED: dict[int, int] = {}


def sharer(state, value):  # type: ignore[no-untyped-def]
    state[int(value)] = 1
    return state, None


GOOD = events(60)[events(60)["value"] % 10 != 7]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"step_batch": shifted}, "the batch step by .* output 0 of event .*: total is"),
        ({"step_batch": miscounted}, r"state\['count'\]: .*, from event 30"),
        ({"step_batch": one_less}, "outputs, not|output 0 of event"),
        ({"step": fickle, "step_batch": None, "initial": dict}, "a second run parts"),
        (
            {"step": sharer, "step_batch": None, "initial": lambda: SHARED},
            r"initial\(\) after a run parts .* must give a new state each time",
        ),
    ],
)
def test_bad_machines_are_told_where(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(StepMismatch, match=words) as caught:
        check_machine(machine(**parts), GOOD)
    assert "test_testing.py" in str(caught.value)
    assert isinstance(caught.value, AssertionError)


def test_batch_step_that_lets_failures_through() -> None:
    with pytest.raises(StepMismatch, match=r"event 7: only the reference model fails there|parts"):
        check_machine(machine(step_batch=lenient), events(60))


def test_state_that_cannot_be_digested() -> None:
    with pytest.raises((StepMismatch, hr.errors.MachineError), match="which no state may hold"):
        check_machine(machine(step=hoarder, step_batch=None, initial=dict), GOOD)


def test_events_are_not_written_to() -> None:
    def scribbler(state, batch):  # type: ignore[no-untyped-def]
        batch["value"] = 0
        return state, None

    with pytest.raises(hr.errors.HeadraceError):
        check_machine(machine(step_batch=scribbler), GOOD)


def test_only_machines_are_checked() -> None:
    with pytest.raises(UsageError, match="check the stages of a pipeline one by one"):
        check_machine(hr.Pipeline(totals), events(3))  # type: ignore[arg-type]
