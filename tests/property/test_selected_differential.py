"""Stepping over some events of a batch against stepping over those that were picked by hand.

A shard reads the records of the stage in front of it where they lie: with other fields between the
events, of which it takes its share.
"""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine import Stepper
from headrace.engine.errors import MachineError, StepError
from headrace.machine import Machine, machine
from headrace.native import Native

EVENT = np.dtype([("amount", "<i8")])
STATE = np.dtype([("sum", "<i8"), ("count", "<i8")])
RECORD = np.dtype([("of", "<i8"), ("time", "<i8"), ("event", EVENT), ("more", "S3")])
SOURCE = r"""
#include <stdint.h>
int64_t step(void *s, const void *e, int64_t seq, int64_t time, void *out) {
    int64_t *state = s, amount = *(const int64_t *)e;
    state[0] += amount * (seq + 1); state[1]++;
    if (amount < 0) return amount;
    for (int64_t i = 0; i < amount % 3; i++) ((int64_t *)out)[i] = state[0] + i;
    return amount % 3;
}
"""

Case = tuple[list[tuple[int, bool]], int]


def one(state: Any, amount: int, sequence: int) -> tuple[Any, list[int]]:
    """The definition: raises for negative amounts, when it has changed its state already."""
    state["sum"] += amount * (sequence + 1)
    state["count"] += 1
    if amount < 0:
        raise ValueError(amount)
    return state, [int(state["sum"]) + index for index in range(amount % 3)]


def by_hand(amounts: list[int], places: list[int], first: int) -> Any:
    """State, outputs with their numbers, and numbers of failures, of the events at some places."""
    state, outputs, failed = {"sum": 0, "count": 0}, [], []
    for place in places:
        before = dict(state)
        try:
            state, made = one(state, amounts[place], first + place)
        except ValueError:
            state = before
            failed.append(first + place)
        else:
            numbers = (first + place, 5 * place, 3 * place)
            outputs += [(numbers[0], index, *numbers[1:], each) for index, each in enumerate(made)]
    return state, outputs, failed


def stepped(stepper: Stepper, records: Any, places: Any, first: int, split: int) -> Any:
    """The same of a stepper, in batches, going on behind a failed step, as stages do."""
    outputs, failed, start = [], [], 0
    while start < len(records):
        end = min(len(records), start - start % split + split)
        part = records[start:end]
        begin, upto = np.searchsorted(places, (start, end))
        select = places[begin:upto] - start
        try:
            made = stepper.run(part["event"], part["time"], first + start, part["of"], select)
            start = end
        except StepError as error:
            made, failed = error.partial, [*failed, error.sequence]
            start = error.sequence - first + 1
        names = ("input_sequence", "output_index", "input_time_ns", "origin")
        if made is not None:
            value = next(name for name in made.dtype.names if name not in names)
            outputs += [tuple(each[name].item() for name in (*names, value)) for each in made]
    return stepper.state, outputs, failed


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    folder: Path = tmp_path_factory.mktemp("selected")
    (folder / "step.c").write_text(SOURCE)
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", folder / "step.so", folder / "step.c"]
    subprocess.run(command, check=True)
    library = ctypes.CDLL(str(folder / "step.so"))

    @machine(
        event=EVENT, output="<i8", initial=lambda: np.zeros((), STATE),
        native=Native(step=library.step, outputs_max=2),
    )  # fmt: skip
    def selected(state, event):  # type: ignore[no-untyped-def]
        return one(state, event.amount, event.sequence)

    return selected


class Batched(Machine):
    """A batch at once, as users of NumPy write it; its state has what the number adds left out."""

    event, output = EVENT, np.dtype("<i8")

    def initial(self) -> dict[str, int]:
        return {"sum": 0, "count": 0}

    def step(self, state, event):  # type: ignore[no-untyped-def]
        return one(state, event.amount, 0)

    def step_batch(self, state, events):  # type: ignore[no-untyped-def]
        outputs, of = [], []
        for index, amount in enumerate(events["amount"].tolist()):
            state, made = one(state, amount, 0)
            outputs += made
            of += [index] * len(made)
        return state, (np.array(outputs, np.int64), np.array(of, np.int64))


cases = st.tuples(
    st.lists(st.tuples(st.integers(-1, 5), st.booleans()), max_size=40), st.integers(0, 1000)
)


def prepared(case: Case) -> tuple[Any, Any, list[int]]:
    raw, _ = case
    records = np.zeros(len(raw), RECORD)
    records["event"]["amount"] = [amount for amount, _ in raw]
    records["time"], records["of"] = np.arange(len(raw)) * 5, np.arange(len(raw)) * 3
    places = np.array([place for place, (_, own) in enumerate(raw) if own], np.int64)
    return records, places, [amount for amount, _ in raw]


@pytest.mark.parametrize("kind", ["python", "native"])
@settings(max_examples=100, deadline=None)
@given(cases, st.integers(1, 50))
def test_of_one_at_a_time(native: Machine, kind: str, case: Case, split: int) -> None:
    records, places, amounts = prepared(case)
    state, outputs, failed = stepped(Stepper(native, kind), records, places, case[1], split)
    expected = by_hand(amounts, places.tolist(), case[1])
    assert ({"sum": state["sum"], "count": state["count"]}, outputs, failed) == expected


@settings(max_examples=100, deadline=None)
@given(cases, st.integers(1, 50))
def test_of_batches(case: Case, split: int) -> None:
    records, places, amounts = prepared(case)
    made = stepped(Stepper(Batched(), "batch"), records, places, case[1], split)
    alone = stepped(Stepper(Batched(), "python"), records, places, case[1], split)
    assert made == alone
    assert made[0]["count"] == sum(amounts[place] >= 0 for place in places)
    assert made[2] == [case[1] + place for place in places.tolist() if amounts[place] < 0]


@pytest.mark.parametrize("places", [[3], [-1], [[0]], [0.0]])
def test_places_that_there_are_not(native: Machine, places: list[Any]) -> None:
    records = np.zeros(3, RECORD)
    with pytest.raises(MachineError, match="select is int64 places, ascending, of 3 events"):
        Stepper(native).run(records["event"], None, 0, None, np.array(places))
