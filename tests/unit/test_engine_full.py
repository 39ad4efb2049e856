"""What an engine does when its input ring is full, and what is seen of one that has a name."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import headrace as hr
from headrace.errors import InputFull, RingExists, UsageError, WaitTimeout
from headrace.metrics import Watcher
from headrace.runtime.pace import BATCH_NS, Pace

VALUE = np.dtype([("value", "<i8")])


class Gated(hr.Machine):
    """Steps over nothing until its gate is open, as it is behind its `with` block."""

    event = output = VALUE
    name = "gated"

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def initial(self) -> int:
        return 0

    def __enter__(self) -> None:
        pass

    def __exit__(self, *raised: object) -> None:
        self.gate.set()

    def step(self, state, value):  # type: ignore[no-untyped-def]
        self.gate.wait(20)
        return state + 1, (value,)


def values(*numbers: int) -> np.ndarray:
    return np.array([(number,) for number in numbers], VALUE)


def test_drop_leaves_out_what_does_not_fit_and_counts_it() -> None:
    machine = Gated()
    with hr.Engine(machine, capacity=4, on_full="drop") as engine, machine:
        assert engine.publish(values(0, 1, 2)) == 0
        assert engine.publish(values(3, 4, 5)) == 3
        assert engine.dropped == 2
        assert engine.publish(values(6)) == 4  # none of it: the number of the next one
        assert engine.dropped == 3
        machine.gate.set()
        engine.drain(20)
        assert [row["value"] for part in engine.outputs() for row in part] == [0, 1, 2, 3]
        assert engine.publish(values(7)) == 4
        assert engine.dropped == 3


@pytest.mark.parametrize("topology", [False, True])
def test_error_says_how_many_went_in(topology: bool) -> None:
    machine = Gated()
    runs = hr.shard(machine, n=1) if topology else machine
    with hr.Engine(runs, capacity=4, on_full="error") as engine, machine:
        engine.publish(values(0, 1, 2))
        with pytest.raises(InputFull, match="1 of 3 events are published") as told:
            engine.publish(values(3, 4, 5))
        assert told.value.published == 1
        with pytest.raises(InputFull, match="0 of 1"):
            engine.call(values(9))
        machine.gate.set()
        engine.drain(20)
        assert engine.sequence == 4
        assert engine.call(values(9), timeout=20)["value"].tolist() == [9]


@pytest.mark.parametrize("topology", [False, True])
def test_block_waits_for_room_and_leaves_nothing_out(topology: bool) -> None:
    machine = Gated()
    runs = hr.shard(machine, n=1) if topology else machine
    with hr.Engine(runs, capacity=4, on_full="block") as engine, machine:
        with pytest.raises(WaitTimeout, match="4 of 6 events are published") as told:
            engine.publish(values(*range(6)), timeout=0.05)
        assert told.value.published == 4  # type: ignore[attr-defined]
        with pytest.raises(WaitTimeout, match="0 of 1 events are published"):
            engine.call(values(9), timeout=0.05)
        opener = threading.Timer(0.05, machine.gate.set)
        opener.start()
        assert engine.publish(values(4, 5, 6, 7, 8, 9), timeout=20) == 4
        opener.join()
        engine.drain(20)
        assert [row["value"] for part in engine.outputs() for row in part] == list(range(10))
        assert engine.dropped == 0


def test_a_call_is_never_dropped_silently() -> None:
    machine = Gated()
    with hr.Engine(machine, capacity=2, on_full="drop") as engine, machine:
        engine.publish(values(0, 1))
        with pytest.raises(InputFull):
            engine.call(values(2), timeout=5)
        assert engine.dropped == 0
        machine.gate.set()


def test_other_words_are_refused() -> None:
    with pytest.raises(UsageError, match="on_full must be 'block', 'drop' or 'error', not 'wait'"):
        hr.Engine(Gated(), on_full="wait")


@pytest.mark.parametrize("topology", [False, True])
def test_an_engine_with_a_name_has_a_board(topology: bool, ring_name) -> None:  # type: ignore[no-untyped-def]
    name = ring_name()
    machine = Gated()
    machine.gate.set()
    runs = hr.shard(machine, n=2) if topology else machine
    stages = ["gated.0", "gated.1"] if topology else ["gated"]
    with hr.Engine(runs, capacity=4, on_full="drop", name=name) as engine, machine:
        engine.publish(values(0, 1))
        engine.drain(20)
        machine.gate.clear()
        for number in range(12):
            engine.publish(values(number))
        view = Watcher(name, time.time_ns).look()
        machine.gate.set()
        assert [each.reading.stage for each in view.stages] == stages
        assert sum(each.reading.events for each in view.stages) >= 2
        assert sum(each.reading.dropped for each in view.stages) == engine.dropped > 0
        with pytest.raises(RingExists):
            hr.Engine(machine, name=name)


def test_slow_steps_are_taken_one_at_a_time_and_quick_ones_many() -> None:
    pace = Pace(64)
    assert pace.size == 1
    for size in (2, 4, 8):
        pace.took(pace.size, 1000)
        assert pace.size == size
    pace.took(3, 1000)  # there were no more: that says nothing
    assert pace.size == 8
    pace.took(8, 4 * BATCH_NS)
    assert pace.size == 2
    pace.took(1, 100 * BATCH_NS)
    assert pace.size == 1
    for _ in range(20):
        pace.took(pace.size, 0)
    assert pace.size == 64


def test_a_batch_that_took_neither_long_nor_short_says_nothing() -> None:
    pace = Pace(64)
    for _ in range(3):
        pace.took(pace.size, 0)
    for ns in (BATCH_NS // 2, BATCH_NS):
        pace.took(8, ns)
        assert pace.size == 8


def test_who_is_careful_takes_one_at_a_time_for_a_while() -> None:
    pace = Pace(8)
    pace.hold_at_one()
    for _ in range(7):
        pace.took(1, 0)
        assert pace.size == 1
    pace.took(1, 0)
    assert pace.size == 2
