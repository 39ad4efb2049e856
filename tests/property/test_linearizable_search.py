"""The search that `linearizable` uses against the plain one, in each of its ways to decide.

Both must come to the same verdict; if it is bad, to the same operation, and to the same states.
"""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import pytest
from hard_histories import CAS, READ, WRITE, log, queue, register
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace import Operation
from headrace.checking import deciding
from headrace.checking.deciding import Deciding
from headrace.checking.history import place
from headrace.checking.numbering import Numbered
from headrace.checking.search import Search
from headrace.checking.specification import Specification
from headrace.engine.linearizing import Linearizer

MODELS = {"register": register, "queue": queue, "log": log}
WAYS = {"short": 20_000, "swept": 0}  # after how many configurations it sweeps
Made = list[Operation]


def asked(draw: st.DrawFn, name: str) -> tuple[tuple[Any, ...], Any]:
    """An input, and an answer that may be right."""
    value = draw(st.integers(1, 3))
    if name == "register":
        act = draw(st.sampled_from([READ, WRITE, WRITE, CAS]))
        if act == READ:
            return (act, 0, 0), draw(st.integers(0, 3))
        if act == WRITE:
            return (act, value, 0), None
        return (act, draw(st.integers(0, 3)), value), draw(st.integers(0, 1))
    if draw(st.booleans()):
        return (True, value), None if name == "queue" else draw(st.integers(0, 3))
    return (False, 0), draw(st.sampled_from([-1, 1, 2, 3]))


@st.composite
def histories(draw: st.DrawFn, name: str) -> Made:
    """What up to four clients saw; half of them with answers that a machine gave in some order."""
    free = [0] * 4
    history = []
    happened = draw(st.booleans())
    model = MODELS[name]
    assert model.event.names is not None
    state = model.initial()
    for at in range(draw(st.integers(1, 11))):
        client = draw(st.integers(0, 3))
        call = free[client] + draw(st.integers(0, 2))
        if happened:
            call = min(call, at) if call <= at else call
        return_ = free[client] = max(call, at if happened else 0) + draw(st.integers(0, 5))
        status = draw(st.sampled_from(["ok"] * 7 + ["info"] * 2 + ["fail"]))
        unanswered = status == "info" and draw(st.booleans())
        wanted, output = asked(draw, name)
        if happened and status == "ok" and draw(st.integers(0, 9)):
            fields = dict(zip(model.event.names, wanted, strict=True))
            state, output = model.step(state, **fields)
        history.append(
            Operation(client, call, None if unanswered else return_, wanted, output, status)
        )
    return history


def told(history: Made, model: hr.Machine) -> tuple[str, int, set[str]]:
    """By the plain search: the verdict, where it ends, and the states there."""
    numbered = Numbered(place(history), Specification(model))
    search = Search(numbered)
    if search.done is not None:
        return "ok", numbered.count, set()
    states = {repr(numbered.model.state(each)) for each in search.states_there()}
    return "bad", search.low_max(), states


def decided(history: Made, model: hr.Machine) -> tuple[str, int, set[str]]:
    """By the quick one."""
    numbered = Numbered(place(history), Specification(model))
    found = Deciding(numbered).run(math.inf, 10**6)
    if found.verdict == "ok":
        return "ok", numbered.count, set()
    assert found.culprit is not None
    return "bad", found.culprit, {repr(numbered.model.state(each)) for each in found.states}


def agree(history: Made, name: str, way: str) -> str:
    model = MODELS[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "_SHORT", WAYS[way])
        found = decided(history, model)
    assert found == told(history, model)
    return found[0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODELS)
@given(data=st.data())
@settings(max_examples=100)
def test_the_quick_search_is_the_plain_one(name: str, way: str, data: st.DataObject) -> None:
    event(agree(data.draw(histories(name)), name, way))


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODELS)
@given(data=st.data())
@settings(max_examples=5000)
def test_very_many_histories(name: str, way: str, data: st.DataObject) -> None:
    event(agree(data.draw(histories(name)), name, way))


def write(client: int, call: int, return_: int, value: int) -> Operation:
    return Operation(client, call, return_, (WRITE, value, 0))


def read(client: int, call: int, return_: int, value: int) -> Operation:
    return Operation(client, call, return_, (READ, 0, 0), value)


@pytest.mark.parametrize("way", WAYS)
def test_what_changes_nothing_now_may_be_needed_later(way: str) -> None:
    """The second write of 5 could come at once, and would leave the state as it is."""
    history = [
        write(0, 0, 1, 5),
        write(1, 2, 9, 5),
        write(2, 2, 9, 6),
        read(3, 3, 4, 6),
        read(3, 5, 6, 5),
    ]
    assert agree(history, "register", way) == "ok"
    assert agree([*history, read(3, 7, 8, 6)], "register", way) == "bad"


@pytest.mark.parametrize("way", WAYS)
def test_what_changed_nothing_so_far_may_be_needed_later(way: str) -> None:
    """The write of 0 is the first thing that is tried, and leaves the state as it is."""
    history = [write(1, 2, 9, 0), write(2, 2, 9, 6), read(3, 3, 4, 6), read(3, 5, 6, 0)]
    assert agree(history, "register", way) == "ok"
    assert agree([*history, read(3, 7, 8, 6)], "register", way) == "bad"


@pytest.mark.parametrize("way", WAYS)
def test_what_changed_nothing_so_far_may_be_needed_behind_others(way: str) -> None:
    """As before, but it is the first to return: at once it is behind what is still open."""
    history = [write(1, 2, 5, 0), write(2, 2, 20, 6), read(3, 2, 6, 6), read(4, 7, 8, 0)]
    assert agree(history, "register", way) == "ok"


@pytest.mark.parametrize("way", WAYS)
def test_what_nobody_knows_of_may_still_come(way: str) -> None:
    unknown = [
        Operation(client, 0, None, (WRITE, 1, 0), None, "info") for client in ("u", "v", "w")
    ]
    rest = [
        read(1, 1, 2, 1),
        write(1, 3, 4, 2),
        read(1, 5, 6, 2),
        read(1, 7, 8, 1),
    ]
    assert agree([*unknown, *rest], "register", way) == "ok"
    assert agree([*unknown[:2], *rest], "register", way) == "ok"
    assert agree([*unknown[:1], *rest], "register", way) == "bad"


def test_in_which_order_they_are_tried_is_all_the_same() -> None:
    """What may never have taken effect is used up first, and is needed later."""
    history = [
        Operation("u", 0, None, (WRITE, 1, 0), None, "info"),
        write(1, 0, 5, 3),
        write(2, 0, 5, 4),
        read(3, 6, 7, 4),
        read(3, 8, 9, 1),
    ]
    numbered = Numbered(place(history), Specification(register))
    for order in permutations(range(len(history))):
        search = Linearizer(numbered.problem(), list(order), numbered.count, numbered.count)
        assert search.run(10**6)
        assert search.done >= 0
        assert search.order(search.done)[-2:] == [numbered.count, numbered.count - 1]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_lost_early_ends_late(way: str) -> None:
    """Once 2 is written nobody can read 1 again; but it is only the last read that cannot be."""
    history = [
        write(0, 0, 100, 1),
        write(1, 0, 100, 2),
        *(read(2, call, call + 1, value) for call, value in ((1, 1), (3, 2), (5, 1))),
    ]
    assert agree(history, "register", way) == "bad"
    assert decided(history, register)[1] == 2  # by return


@pytest.mark.parametrize("way", WAYS)
@example(count=70)
@given(count=st.integers(60, 70))
@settings(max_examples=3)
def test_more_clients_than_bits_in_a_word(way: str, count: int) -> None:
    writes = [write(client, 0, 1000 - client, client + 1) for client in range(count)]
    history = [*writes, read(count, 1001, 1002, 3), read(count, 1003, 1004, 3)]
    model, numbered = register, Numbered(place(history), Specification(register))
    assert Deciding(numbered).run(math.inf, 10**6).verdict == "ok"
    history[-1] = read(count, 1003, 1004, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "_SHORT", 0)
        found = Deciding(Numbered(place(history), Specification(model))).run(math.inf, 10**5)
    assert (found.verdict, found.culprit) == ("bad", count + 1)
