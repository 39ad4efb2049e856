"""`headrace.linearizable` against a checker that tries every order, on small histories.

Some are made up; others are what clients in threads got from an engine, with one answer changed.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from history_tools import EMPTY, answers, in_order, is_linearizable, queue, registers
from hypothesis import event, given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace import Operation, linearizable

MODELS = {"registers": registers, "queue": queue}
OPERATIONS_MAX = 6
Made = list[Operation]


@st.composite
def asked(draw: st.DrawFn, name: str) -> tuple[tuple[Any, ...], Any]:
    """An input, and an answer that may be right."""
    if name == "queue":
        putting = draw(st.booleans())
        seen = None if putting else (draw(st.sampled_from([EMPTY, 1, 2])),)
        return (putting, draw(st.integers(1, 2)) if putting else 0), seen
    writing = draw(st.booleans())
    value = draw(st.sampled_from([1, 1, 2, 2, -1])) if writing else 0
    seen = None if writing else (draw(st.integers(0, 2)),)
    return (draw(st.integers(0, 1)), writing, value), seen


@st.composite
def histories(draw: st.DrawFn, name: str) -> Made:
    """What up to three clients saw: times are close, equal ones among them."""
    free = [0, 0, 0]
    history = []
    for _ in range(draw(st.integers(1, OPERATIONS_MAX))):
        client = draw(st.integers(0, 2))
        call = free[client] + draw(st.integers(0, 2))
        return_ = free[client] = call + draw(st.integers(0, 4))
        status = draw(st.sampled_from(["ok"] * 6 + ["info"] * 2 + ["fail"]))
        unanswered = status == "info" and draw(st.booleans())
        wanted, seen = draw(asked(name))
        history.append(
            Operation(client, call, None if unanswered else return_, wanted, seen, status)
        )
    return draw(st.permutations(history)) if draw(st.booleans()) else history


def agrees(history: Made, model: hr.Machine) -> str:
    """The verdict, which must be that of trying every order, and its witness true."""
    result = linearizable(history, model)
    assert result.verdict == ("ok" if is_linearizable(history, model) else "bad"), str(result)
    order = list(result.prefix)
    assert answers(model, order)
    pairs = in_order(history)
    assert not any(
        (id(later), id(one)) in pairs for at, one in enumerate(order) for later in order[at:]
    )
    if result.operation is not None:
        end = result.operation.return_
        assert end is not None
        assert not is_linearizable(history, model, until=end)
        before = [one for one in history if one.status == "ok" and (one.return_ or 0) < end]
        assert {id(one) for one in before} <= {id(one) for one in order}
    return result.verdict


@pytest.mark.parametrize("name", MODELS)
@given(data=st.data())
@settings(max_examples=80)
def test_made_up_histories(name: str, data: st.DataObject) -> None:
    event(agrees(data.draw(histories(name)), MODELS[name]))


@pytest.mark.torture
@pytest.mark.parametrize("name", MODELS)
@given(data=st.data())
@settings(max_examples=3000)
def test_very_many_made_up_histories(name: str, data: st.DataObject) -> None:
    event(agrees(data.draw(histories(name)), MODELS[name]))


@st.composite
def overlapping(draw: st.DrawFn) -> Made:
    """One operation of each client, many at a time, that write and read few values of a register.

    Many a write is one of what is there already: it looks like a read, but may be needed later.
    """
    history = []
    for client in range(draw(st.integers(3, OPERATIONS_MAX))):
        call = draw(st.integers(0, 5))
        return_ = call + draw(st.sampled_from([0, 1, 9]))
        value = draw(st.integers(1, 2))
        writing = draw(st.sampled_from([True, True, False]))
        wanted = (0, writing, value if writing else 0)
        history.append(Operation(client, call, return_, wanted, None if writing else (value,)))
    return history


@given(overlapping())
@settings(max_examples=200)
def test_writes_of_what_is_there_already(history: Made) -> None:
    event(agrees(history, registers))


@given(histories("registers"))
@settings(max_examples=50)
def test_partitions_make_no_difference(history: Made) -> None:
    whole = linearizable(history, registers)
    parted = linearizable(history, registers, lambda wanted: wanted[0])
    assert parted.verdict == whole.verdict
    if parted.part is not None:
        alone = [one for one in history if one.input[0] == parted.part]
        assert linearizable(alone, registers).verdict == "bad"


def concurrent(engine: hr.Engine, inputs: list[list[tuple[Any, ...]]]) -> Made:
    """What as many clients as there are lists of inputs see that call an engine at once."""
    begin = threading.Barrier(len(inputs))
    seen: list[Made] = [[] for _ in inputs]

    def client(name: int) -> None:
        begin.wait(10)
        for wanted in inputs[name]:
            call = time.monotonic_ns()
            output = engine.call(wanted, 10)
            seen[name].append(Operation(name, call, time.monotonic_ns(), wanted, output))

    threads = [threading.Thread(target=client, args=(name,)) for name in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [len(one) for one in seen] == [len(one) for one in inputs]
    return [one for each in seen for one in each]


@pytest.mark.parametrize("name", MODELS)
@given(data=st.data())
@settings(max_examples=20)
def test_an_engine_is_linearizable_and_a_changed_answer_may_not_be(
    name: str, data: st.DataObject
) -> None:
    model = MODELS[name]
    inputs = data.draw(
        st.lists(
            st.lists(asked(name).map(lambda one: one[0]), min_size=1, max_size=2),
            min_size=2,
            max_size=3,
        )
    )
    inputs = [[wanted for wanted in each if -1 not in wanted] for each in inputs]
    with hr.Engine(model, 64) as engine:
        history = concurrent(engine, inputs)
    plain = [plainly(one) for one in history]
    assert linearizable(history, model).verdict == "ok"
    assert agrees(plain, model) == "ok"
    answered = [at for at, one in enumerate(plain) if one.output is not None]
    if answered:
        at = data.draw(st.sampled_from(answered))
        plain[at] = replace(plain[at], output=(data.draw(st.integers(-1, 3)),))
        event(f"changed: {agrees(plain, model)}")


def plainly(operation: Operation) -> Operation:
    """With its output as the step puts it out."""
    values = operation.output["value"].tolist()
    return replace(operation, output=tuple(values) or None)
