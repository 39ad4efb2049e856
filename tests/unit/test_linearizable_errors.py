"""What `headrace.linearizable` refuses: histories that are none, models that are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from history_tools import queue, read, registers

import headrace as hr
from headrace import Operation, linearizable
from headrace.errors import MachineError, OperationError, OutputError, UsageError

Made = list[Operation]


@hr.machine(event="<i8", output="<i8", initial=int)
def alike(state: int, value: int) -> Any:
    return state, value


@pytest.mark.parametrize(
    ("wrong", "index", "reason"),
    [
        ([read("a", 0, 2, 0), read("a", 1, 3, 0)], 1, "while its operation 0, called at 0"),
        ([read("a", 1, 3, 0), read("b", 1, 3, 0), read("a", 0, 2, 0)], 0, "its operation 2"),
        (
            [read("a", 0, 3, 0, status="info"), read("a", 1, None, 0, status="info")],
            1,
            "a client does one thing at a time",
        ),
        ([read("a", 2, 1, 0)], 0, "it returns at 1, before its call at 2"),
        ([read("a", 0, 1, 0, status="done")], 0, "its status is 'done'; there are 'ok'"),
        ([read("a", 0, None, 0)], 0, "it has no return, but is 'ok'; only 'info' may"),
        ([read("a", float("nan"), 1, 0)], 0, "its call is nan, not a number"),
        ([read("a", 0, True, 0)], 0, "its return is True, not a number"),
        ([read(([],), 0, 1, 0)], 0, "its client, ([],), cannot be hashed"),
        ([Operation("a", 0, 1, (1, 2))], 0, "no event of machine 'registers': (1, 2) has 2 values"),
        ([Operation("a", 0, 1, (1 << 40, True, 2))], 0, "field 'key' cannot be 1099511627776"),
        ([Operation("a", 0, 1, (1, 2), status="fail")], 0, "no event of machine"),
        ([Operation("a", 0, 1, [(1, True, 2)] * 2)], 0, "its input is 2 events"),
        ([read("a", 0, 1, "x")], 0, "its output is none of machine 'registers': output field"),
        ([Operation("a", 0, 1, (0, False, 0), (1, 2))], 0, "does not have the fields value"),
        ([Operation("a", 0, 1, (0, False, 0), {"val": 1})], 0, "does not have the fields value"),
    ],
)
def test_no_history(wrong: Made, index: int, reason: str) -> None:
    with pytest.raises(OperationError) as caught:
        linearizable(wrong, registers)
    assert caught.value.index == index
    assert str(caught.value) == f"operation {index}: {caught.value.reason}"
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: linearizable([("a", 0, 1)], registers), "operation 0 is of type tuple"),  # type: ignore[list-item]
        (lambda: linearizable([], registers.step), "the model must be a machine, not <function"),
        (lambda: linearizable([], queue >> alike), "the model must be a machine, not"),
        (lambda: linearizable([], queue, time_limit=-1), "time_limit must be seconds"),
        (lambda: linearizable([], queue, time_limit=float("nan")), "time_limit must be seconds"),
        (lambda: linearizable([], queue, configurations_max=0), "configurations_max must be"),
        (
            lambda: linearizable([read("a", 0, 1, 0)], registers, lambda given: ([given],)),  # type: ignore[arg-type, return-value]
            "operation 0: the partition calls its part",
        ),
    ],
)
def test_wrong_use(call: Callable[[], object], reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        call()
    assert reason in str(caught.value)


def test_a_step_that_asks_for_its_place_is_refused() -> None:
    named = hr.machine(event="<i4", initial=int)(lambda state, sequence: (sequence, None))
    with pytest.raises(MachineError, match="asks for sequence, which operations"):
        linearizable([], named)
    by_event = hr.machine(event="<i4", initial=int)(lambda state, event: (event.time_ns, None))
    with pytest.raises(MachineError, match="asks for time_ns, which operations"):
        linearizable([Operation("a", 0, 1, 3)], by_event)


@pytest.mark.parametrize(
    ("step", "error", "reason"),
    [
        (lambda state, value: state, OutputError, "a step returns"),
        (lambda state, event: state, OutputError, "a step returns"),
        (lambda state, value: (state, "x"), OutputError, "cannot be 'x'"),
        (lambda state, value: (object(), None), MachineError, "no state may hold"),
    ],
)
def test_what_a_model_may_not_do_is_no_verdict(
    step: Any, error: type[Exception], reason: str
) -> None:
    wrong = hr.machine(event="<i4", output="<i4", initial=int)(step)
    with pytest.raises(error, match=reason):
        linearizable([Operation("a", 0, 1, 3)], wrong)
