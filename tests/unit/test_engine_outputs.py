"""What a step may return as outputs, the ids these get, what is refused, and whose they are."""

from __future__ import annotations

import contextlib
import re
import threading
from typing import Any

import numpy as np
import pytest
from engine_tools import read

import headrace as hr
from headrace.errors import OutputError, StepError, WaitTimeout

EVENT = np.dtype([("key", "<i4"), ("value", "<i8")])
OUT = np.dtype([("key", "<i4"), ("total", "<i8")])



@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (None, []),
        ([], []),
        (np.zeros(0, OUT), []),
        ((1, 2), [(1, 2)]),
        ([(1, 2)], [(1, 2)]),
        ([(1, 2), (3, 4), (5, 6)], [(1, 2), (3, 4), (5, 6)]),
        (np.array([(1, 2), (3, 4)], OUT), [(1, 2), (3, 4)]),
        (np.array([(1, 2), (3, 4)], OUT)[1], [(3, 4)]),
        ([np.array([(1, 2)], OUT)[0], (3, 4)], [(1, 2), (3, 4)]),
    ],
)
def test_outputs_and_their_ids(made: Any, wanted: list[Any]) -> None:
    machine = hr.machine(event=EVENT, output=OUT, initial=int)(lambda state, event: (state, made))
    with hr.Engine(machine, 4) as engine:
        for sequence in range(3):
            records = engine.call((3, 5), timeout=20)
            assert records[["key", "total"]].tolist() == wanted
            assert records["input_sequence"].tolist() == [sequence] * len(wanted)
            assert records["output_index"].tolist() == list(range(len(wanted)))
            assert records["origin"].tolist() == [sequence] * len(wanted)


@pytest.mark.parametrize(
    "made",
    [
        (1,),
        (1, 2, 3),
        [1, 2],
        [(1, 2), 3],
        {"key": 1, "total": 2},
        iter([(1, 2)]),
        np.zeros(2, EVENT),
        np.zeros((1, 1), OUT),
        np.array([(1, 2)], [("total", "<i8"), ("key", "<i4")])[0],
    ],
    ids=lambda made: re.sub(r" at 0x.*", "", repr(made))[:30],
)
def test_outputs_that_are_none(made: Any) -> None:
    """Refused as a whole, also where the first ones would do."""
    machine = hr.machine(event=EVENT, output=OUT, initial=int)(
        lambda state, event: (state + 1, made if event.key else (0, 0))
    )
    with hr.Engine(machine, 4) as engine:
        with pytest.raises(StepError) as caught:
            engine.call((3, 5), timeout=20)
        assert isinstance(caught.value.__cause__, OutputError)
        assert len(engine.call((0, 5), timeout=20)) == 1
        assert engine.state == 1
        assert engine.output_ring is not None
        assert engine.output_ring.cursor == 1


# -- whose outputs they are ----------------------------------------------------------------------


def repeat(state, value):  # type: ignore[no-untyped-def]
    """As many outputs as the value says, all of them the value."""
    return state + 1, [value] * value


def repeating(name: str) -> hr.Machine:
    return hr.machine(event="<i8", output="<i8", initial=int, name=name)(repeat)


PASS_ON = hr.machine(event="<i8", output="<i8", initial=int, name="pass_on")(
    lambda state, value: (state, value if value > 1 else None)
)
MACHINES = [repeating("repeat"), repeating("repeat") >> PASS_ON]
IDS = ["machine", "pipeline"]


@pytest.mark.parametrize("machine", MACHINES, ids=IDS)
def test_a_service_that_only_calls_never_fails(machine: Any) -> None:
    """Nobody reads outputs(), and nothing is kept for it; who consumes the ring sees all."""
    with hr.Engine(machine, 8, keep_outputs=2) as engine:
        assert engine.output_ring is not None
        seen: list[int] = []
        with engine.output_ring.consumer("all") as consumer:
            for turn in range(200):
                value = 2 + turn % 4
                assert engine.call(value, timeout=20)["value"].tolist() == [value] * value
                seen += consumer.poll()["value"].tolist()
                consumer.release()
        assert seen == [2 + turn % 4 for turn in range(200) for _ in range(2 + turn % 4)]
        assert list(engine.outputs()) == []


@pytest.mark.parametrize("machine", MACHINES, ids=IDS)
@pytest.mark.parametrize("read_each", [True, False], ids=["each", "at the end"])
def test_outputs_of_calls_are_the_callers_alone(machine: Any, read_each: bool) -> None:
    published: list[int] = []
    found: list[int] = []
    with hr.Engine(machine, 8) as engine:
        for turn in range(60):
            values = [2 + turn % 3, 3]
            engine.publish(np.array(values))
            published += [value for value in values for _ in range(value)]
            assert engine.call(5, timeout=20)["value"].tolist() == [5] * 5
            assert engine.call(0, timeout=20)["value"].tolist() == []
            if read_each:
                found += read(engine)["value"].tolist()
        found += read(engine)["value"].tolist()
    assert found == published


def test_calls_that_are_over_leave_nothing_behind() -> None:
    """Neither those that were answered, nor those whose callers gave up."""
    with hr.Engine(repeating("repeat") >> PASS_ON, 8) as engine:
        for _ in range(20):
            with contextlib.suppress(WaitTimeout):
                engine.call(3, timeout=0)
            engine.call(2, timeout=20)
        for _ in range(20):
            engine.call(2, timeout=20)
        assert not engine._calls
        assert engine._line.backlog is not None
        assert list(engine.outputs()) == []
        assert len(engine._line.backlog._called) <= 1


def test_outputs_of_a_call_that_timed_out_are_nobodys() -> None:
    opened = threading.Event()

    def step(state, value):  # type: ignore[no-untyped-def]
        opened.wait(20)
        return state + value, [value, value]

    machine = hr.machine(event="<i8", output="<i8", initial=int, name="gated")(step)
    with hr.Engine(machine, 8) as engine:
        engine.publish([1])
        with pytest.raises(WaitTimeout, match=r"no answer to input 1 within 0\.05 s"):
            engine.call(2, timeout=0.05)
        engine.publish([3])
        opened.set()
        engine.drain(20)
        assert read(engine)["value"].tolist() == [1, 1, 3, 3]
        assert engine.state == 6
        assert engine.output_ring is not None
        assert engine.output_ring.cursor == 6


def test_who_follows_does_not_get_what_was_called() -> None:
    seen: list[int] = []

    def follow() -> None:
        for records in engine.outputs(follow=True):
            assert len(records)
            seen.extend(records["value"].tolist())

    with hr.Engine(repeating("repeat"), 16) as engine:
        reader = threading.Thread(target=follow)
        reader.start()
        for _ in range(200):
            engine.publish([1, 2])
            assert len(engine.call(3, timeout=20)) == 3
    reader.join(20)
    assert not reader.is_alive()
    assert seen == [1, 2, 2] * 200
