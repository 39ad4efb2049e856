"""Checkpoints: what they cost, and that they are taken at all."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.engine import Stepper

EVENT = np.dtype([("key", "<i4"), ("value", "<i8")])
KEYS = 10_000


@dataclass
class Side:
    orders: dict[int, list[int]] = field(default_factory=dict)


@dataclass
class Book:
    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(), Side()))
    count: int = 0


def keyed_sum(state, key, value):  # type: ignore[no-untyped-def]
    state[key] = state.get(key, 0) + value
    return state, None


def order_book(state, key, value):  # type: ignore[no-untyped-def]
    orders = state.sides[key % 2].orders.setdefault(key, [])
    orders.append(value)
    if len(orders) > 3:
        del orders[0]
    state.count += 1
    return state, None


def columns(state, key, value):  # type: ignore[no-untyped-def]
    state["sum"][key] += value
    state["count"][key] += 1
    return state, None


MACHINES: dict[str, tuple[Any, Any]] = {
    "keyed sum": (keyed_sum, dict),
    "order book": (order_book, Book),
    "columns": (columns, lambda: np.zeros(KEYS, [("sum", "<i8"), ("count", "<i8")])),
}


def batch_of(count: int) -> np.ndarray[Any, Any]:
    events = np.zeros(count, EVENT)
    events["key"] = np.random.default_rng(1).integers(0, KEYS, count)
    events["value"] = 1
    return events


@pytest.mark.serial
@pytest.mark.parametrize("kind", MACHINES)
def test_checkpoints_cost_less_than_a_hundredth(kind: str) -> None:
    """Of the time spent stepping, once the state has its size; best of three, for the noise."""
    step, initial = MACHINES[kind]
    stepper = Stepper(hr.machine(event=EVENT, initial=initial)(step))
    events = batch_of(1024)
    for _ in range(100):
        stepper.run(events)
    costs = []
    for _ in range(3):
        checkpoints, begun = stepper.checkpoints, (stepper.checkpoint_ns, stepper.stepping_ns)
        deadline = time.monotonic() + 20
        while stepper.checkpoints - checkpoints < 6:
            stepper.run(events)
            assert time.monotonic() < deadline, "no checkpoints are taken"
        copying = stepper.checkpoint_ns - begun[0]
        costs.append(copying / (stepper.stepping_ns - begun[1]))
    assert min(costs) < 0.01, costs


@pytest.mark.serial
def test_keeping_batches_costs_little() -> None:
    """All that `run` does beside stepping: calls, copies of batches, checkpoints."""
    stepper = Stepper(hr.machine(event=EVENT, initial=dict)(keyed_sum))
    events = batch_of(1024)
    shares = []
    for _ in range(5):
        stepping, begin = stepper.stepping_ns, time.perf_counter_ns()
        for _ in range(200):
            stepper.run(events)
        total = time.perf_counter_ns() - begin
        shares.append(total / (stepper.stepping_ns - stepping) - 1)
    assert min(shares) < 0.06, shares


def test_an_endless_run_keeps_a_bounded_log() -> None:
    """Where copying the state costs more than all that is ever stepped between checkpoints."""

    class Slow(dict[int, int]):
        copies = 0

        def __deepcopy__(self, memo: dict[int, Any]) -> Slow:
            Slow.copies += 1
            time.sleep(0.02)
            return Slow(self)

    def count(state, event):  # type: ignore[no-untyped-def]
        state[0] = state.get(0, 0) + 1
        return state, None

    wide = np.dtype([("payload", "u1", 1 << 16)])
    stepper = Stepper(hr.machine(event=wide, initial=Slow)(count))
    events = np.zeros(256, wide)
    before = Slow.copies
    for _ in range(9):
        stepper.run(events)  # 16 MiB each, of which 64 MiB are kept at most
    assert 2 <= Slow.copies - before <= 3
    assert stepper.state == {0: 9 * 256}
