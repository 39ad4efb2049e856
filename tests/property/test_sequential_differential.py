"""`headrace.sequentially_consistent` against trying every order, and against `linearizable`."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hard_histories import hard, register
from history_tools import answers, orders, read, registers, write
from hypothesis import event, given, settings
from hypothesis import strategies as st
from test_linearizable_differential import MODELS, histories

import headrace as hr
from headrace import Operation, sequentially_consistent
from headrace.errors import OperationError

Made = list[Operation]


def kept(history: Made) -> set[tuple[int, int]]:
    """The `id`s of two operations of a client that it did one after the other."""
    return {
        (id(one), id(other))
        for one in history
        for other in history
        if one is not other and one.client == other.client and one.status == "ok"
        if one.return_ is not None and one.return_ <= other.call
        if (one.call, one.return_) <= (other.call, other.return_ or other.call)
    }


def is_consistent(history: Made, model: hr.Machine) -> bool:
    """The verdict by trying every order, with every choice of those that nobody knows of."""
    sure = [one for one in history if one.status == "ok"]
    unsure = [one for one in history if one.status == "info"]
    pairs = kept(history)
    return any(
        answers(model, order)
        for count in range(len(unsure) + 1)
        for happened in combinations(unsure, count)
        for order in orders([*sure, *happened], pairs)
    )


def distinct(history: Made) -> Made:
    """Without operations of one client at one moment, whose order nothing tells."""
    return [
        replace(
            one,
            call=one.call * 10 + at % 5,
            return_=None if one.return_ is None else one.return_ * 10 + at % 5 + 5,
        )
        for at, one in enumerate(history)
    ]


@pytest.mark.parametrize("name", MODELS)
@given(data=st.data())
@settings(max_examples=120)
def test_made_up_histories(name: str, data: st.DataObject) -> None:
    history, model = data.draw(histories(name)), MODELS[name]
    free: dict[Any, float] = {}
    made = []
    for one in distinct(sorted(history, key=lambda one: (one.call, one.return_ or one.call))):
        call = max(one.call, free.get(one.client, 0))
        end = None if one.return_ is None else max(one.return_, call) + 1
        free[one.client] = call + 1 if end is None else end + 1
        made.append(replace(one, call=call, return_=end))
    result = sequentially_consistent(made, model)
    expected = is_consistent(made, model)
    assert result.verdict == ("ok" if expected else "bad"), str(result)
    assert answers(model, list(result.prefix))
    places = {id(one): place for place, one in enumerate(result.prefix)}
    assert all(
        places[before] < places[after]
        for before, after in kept(made)
        if before in places and after in places
    )
    if hr.linearizable(made, model).verdict == "ok":
        assert result.verdict == "ok"
    if result.operation is not None:
        assert id(result.operation) not in places
        assert all(each.instead for each in result.states)
    event(result.verdict)


def test_what_is_stale_but_in_order_is_consistent() -> None:
    history = [write("a", 0, 1, 1), write("a", 2, 3, 2), read("b", 4, 5, 1), read("b", 6, 7, 2)]
    assert hr.linearizable(history, registers).verdict == "bad"
    result = sequentially_consistent(history, registers)
    assert (result.verdict, result.consistency) == ("ok", "sequential")
    assert str(result) == "ok: 4 operations can be put in one order that each client kept to"


def test_who_goes_back_is_not() -> None:
    history = [write("a", 0, 1, 1), write("a", 2, 3, 2), read("b", 4, 5, 2), read("b", 6, 7, 1)]
    result = sequentially_consistent(history, registers)
    assert result.verdict == "bad"
    assert result.operation is history[3]
    assert [(each.state, each.instead) for each in result.states] == [
        ({0: 2}, "the answer is (2,)")
    ]
    assert "operations cannot be put in one order that each client kept to" in str(result)


def test_two_who_see_two_writes_in_different_orders_are_not() -> None:
    seen = [read("c", 4, 5, 1), read("c", 6, 7, 2), read("d", 4, 5, 2), read("d", 6, 7, 1)]
    history = [write("a", 0, 1, 1), write("b", 0, 1, 2), *seen]
    assert sequentially_consistent(history, registers).verdict == "bad"
    assert sequentially_consistent(history[:-1], registers).verdict == "ok"


def test_parts_that_are_consistent_need_not_be_so_together() -> None:
    """Each of two keys has an order; both together would go round in a circle."""
    history = [
        *(write("a", 0, 1, 1, key=0), read("a", 2, 3, 0, key=1)),
        *(write("b", 0, 1, 1, key=1), read("b", 2, 3, 0, key=0)),
    ]
    for key in (0, 1):
        part = [one for one in history if one.input[0] == key]
        assert sequentially_consistent(part, registers).verdict == "ok"
    assert sequentially_consistent(history, registers).verdict == "bad"


def test_info_does_not_come_before_what_its_client_did() -> None:
    unknown = write("a", 4, None, 2, status="info")
    history = [write("a", 0, 1, 1), unknown, read("b", 0, 1, 2), read("b", 2, 3, 1)]
    assert sequentially_consistent(history, registers).verdict == "bad"
    assert sequentially_consistent([*history[:3], read("b", 2, 3, 2)], registers).verdict == "ok"


def test_unknown_in_time_and_memory() -> None:
    history = hard("unique", 10, 300)
    stale = replace(history[250], input=(0, 0, 0), output=10**6)
    history = [*history[:250], stale, *history[251:]]
    result = sequentially_consistent(history, register, 0.3)
    assert (result.verdict, result.reason) == ("unknown", "not decided within 0.3 s")
    result = sequentially_consistent(history, register, configurations_max=3000)
    assert result.reason == "not decided within 3,000 configurations"
    assert sequentially_consistent(hard("unique", 20, 2000), register).verdict == "ok"


def test_a_client_does_one_thing_at_a_time() -> None:
    with pytest.raises(OperationError):
        sequentially_consistent([write("a", 0, 5, 1), write("a", 2, 7, 2)], registers)
