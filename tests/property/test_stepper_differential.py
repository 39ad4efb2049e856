"""The stepper against a plain fold that copies the state before every event."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine import Stepper
from headrace.engine.errors import StepError
from headrace.machine import machine

EVENT = np.dtype([("kind", "i1"), ("key", "<u2"), ("value", "<f4")])


def by_fields(state, kind, key, value):  # type: ignore[no-untyped-def]
    state.setdefault(key, []).append(value)  # in place, and before it may fail
    if kind == 0:
        raise ValueError(key)
    return state, [(key, len(state[key]))] * (kind - 1)


def by_event(state, event):  # type: ignore[no-untyped-def]
    return by_fields(state, event.kind, event.key, event.value)


def plain_fold(events: list[tuple[Any, ...]]) -> tuple[Any, list[Any], list[int]]:
    state: Any = {}
    outputs, failed = [], []
    for sequence, event in enumerate(events):
        before = copy.deepcopy(state)
        try:
            state, made = by_fields(state, *event)
        except ValueError:
            state = before
            failed.append(sequence)
        else:
            outputs += [(sequence, index, *one) for index, one in enumerate(made)]
    return state, outputs, failed


@pytest.mark.parametrize("step", [by_fields, by_event])
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(-3, 3)), max_size=40),
    st.integers(1, 12),
)
def test_stepper_equals_plain_fold(step: Any, raw: list[tuple[int, int, int]], split: int) -> None:
    events = np.array(raw, EVENT)
    stepper = Stepper(
        machine(event=EVENT, output=[("key", "<i4"), ("n", "<i4")], initial=dict)(step)
    )
    outputs: list[Any] = []
    failed = []
    start = 0
    while start < len(events):
        part = events[start : start + split]
        try:
            records = stepper.run(part, None, start)
            start += len(part)
        except StepError as error:
            records = error.partial
            failed.append(error.sequence)
            start = error.sequence + 1
        outputs += [(r[0], r[1], r[4], r[5]) for r in records.tolist()]
    assert (stepper.state, outputs, failed) == plain_fold(events.tolist())
