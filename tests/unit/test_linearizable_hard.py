"""Thousands of operations of tens of clients, all under way at once, on one thing: in seconds."""

from __future__ import annotations

import time

import pytest
from hard_histories import KINDS, MODELS, hard, spoiled

from headrace import linearizable

SECONDS_MAX = 60  # each takes at most 2 on a quiet core
BOTH = [
    ("unique", 20, 2000, 0.05),
    pytest.param("unique", 50, 3000, 0.0, marks=pytest.mark.torture),
    ("keyed", 50, 3000, 0.05),
    ("log", 50, 3000, 0.0),
]
GOOD = [*BOTH, ("few", 50, 3000, 0.05), ("queue", 20, 2000, 0.0)]


def by_key(kind: str):  # type: ignore[no-untyped-def]
    return (lambda given: given[0]) if kind == "keyed" else None


@pytest.mark.parametrize(("kind", "clients", "operations", "info"), GOOD)
def test_right_ones(kind: str, clients: int, operations: int, info: float) -> None:
    history = hard(kind, clients, operations, info)
    assert len([one for one in history if one.status == "info"]) >= operations * info * 0.8
    result = linearizable(history, MODELS[kind], by_key(kind), SECONDS_MAX)
    assert result.verdict == "ok", str(result)
    ok = {id(one) for one in history if one.status == "ok"}
    assert ok <= {id(one) for one in result.prefix}


@pytest.mark.parametrize(("kind", "clients", "operations", "info"), BOTH)
def test_wrong_ones(kind: str, clients: int, operations: int, info: float) -> None:
    right = hard(kind, clients, operations, info)
    history = spoiled(right)
    unchanged = {id(one) for one in right}
    (wrong,) = [one for one in history if id(one) not in unchanged]
    result = linearizable(history, MODELS[kind], by_key(kind), SECONDS_MAX)
    assert result.verdict == "bad", str(result)
    assert result.operation is wrong
    assert result.states
    of_part = [one for one in history if kind != "keyed" or one.input[0] == result.part]
    before = [
        one for one in of_part if one.status == "ok" and (one.return_ or 0) < (wrong.return_ or 0)
    ]
    assert {id(one) for one in before} <= {id(one) for one in result.prefix}
    assert all(one is not wrong for one in result.prefix)


def test_a_queue_too_hard_to_decide_is_unknown_in_time() -> None:
    begun = time.monotonic()
    result = linearizable(spoiled(hard("queue", 50, 3000, 0.05)), MODELS["queue"], None, 0.5)
    assert result.verdict == "unknown"
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_hard(kind: str) -> None:
    """At any moment all clients have an operation under way, or almost."""
    history = hard(kind, 20, 400, 0.05)
    ends = sorted(one.return_ for one in history if one.return_ is not None)
    for moment in ends[50:-50:10]:
        at_once = [one for one in history if one.call <= moment <= (one.return_ or one.call)]
        assert len(at_once) >= 12
