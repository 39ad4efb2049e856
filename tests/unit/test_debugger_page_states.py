"""States for a page: followed as they change, whatever they hold, and written as exact texts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import page_tools as tools
import pytest

from headrace.debugger.page_states import StateTracker
from headrace.debugger.page_text import TEXT_MAX, inline
from headrace.errors import UsageError


@dataclass
class Pair:
    a: Any
    b: Any


@dataclass(slots=True)
class Flat:
    x: int = 0
    y: float = 0.0


ATOMS: list[Any] = [0, 1, 1.0, True, None, "s</script>", b"x", float("nan"), -0.0, 0.0]
KEYS: list[Any] = [1, "a", (1,), 1.0, True, 2, 3]


def some_value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(14 if depth < 3 else 6)
    many = range(chance.randrange(5))
    if kind == 6:
        return [some_value(chance, depth + 1) for _ in many]
    if kind == 7:
        return {chance.choice(KEYS): some_value(chance, depth + 1) for _ in many}
    if kind == 8:
        return {chance.choice(KEYS) for _ in many}
    if kind == 9:
        return Pair(some_value(chance, depth + 1), some_value(chance, depth + 1))
    if kind == 10:
        return np.array([chance.randrange(3) for _ in range(3)])
    if kind == 11:
        return {place: Flat(place) for place in range(chance.randrange(2, 6))}
    if kind == 12:
        return [Flat(), Flat(1, 2.0)]
    if kind == 13:
        return tuple(some_value(chance, depth + 1) for _ in many)
    return chance.choice(ATOMS)


def changed(chance: random.Random, value: Any) -> Any:
    """The value, changed somewhere, mostly in place."""
    if chance.random() < 0.1:
        return some_value(chance, 1)
    if isinstance(value, (list, dict)) and value and chance.random() < 0.6:
        place = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
        value[place] = changed(chance, value[place])
    elif isinstance(value, (list, dict)) and value and chance.random() < 0.4:
        value.pop(chance.choice(list(value) if isinstance(value, dict) else range(len(value))))
    elif isinstance(value, list):
        value.insert(chance.randrange(len(value) + 1), some_value(chance, 2))
    elif isinstance(value, dict):
        key = chance.choice(KEYS)
        value.pop(key, None)
        value[key] = Flat() if chance.random() < 0.3 else some_value(chance, 2)
    elif isinstance(value, set):
        value ^= {chance.choice(KEYS)}
    elif isinstance(value, Pair):
        value.a = changed(chance, value.a)
    elif isinstance(value, Flat):
        value.y = chance.choice([*ATOMS, [1]])
    elif isinstance(value, np.ndarray):
        value[chance.randrange(3)] = chance.randrange(4)
    else:
        return some_value(chance, 2)
    return value


@pytest.mark.parametrize("seed", range(8))
def test_any_state_is_followed(seed: int) -> None:
    """The changes make of the tree before just the tree that the state has by itself."""
    for case in range(60):
        chance = random.Random(seed * 1000 + case)
        state: Any = {"root": some_value(chance), "more": [some_value(chance) for _ in range(3)]}
        tracker = StateTracker(state)
        tree = tracker.tree
        for _ in range(12):
            state = changed(chance, state)
            tree = tools.applied(tree, tracker.shapes.table, tracker.changes(state))
            fresh = StateTracker(state)
            seen = tools.told(tree, tracker.shapes.table)
            assert seen == tools.told(fresh.tree, fresh.shapes.table)
            assert tracker.changes(state) == []


def test_states_that_hold_themselves() -> None:
    state: list[Any] = []
    tracker = StateTracker(state)
    state.append(state)
    with pytest.raises(UsageError, match="nested more than 100 deep, or holds itself"):
        tracker.changes(state)
    with pytest.raises(UsageError, match="nested more than 100 deep"):
        StateTracker(state)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**64 + 1, "18446744073709551617"),
        (10**5000, hex(10**5000)[: TEXT_MAX]),
        ({"b", "a"}, "set({'a', 'b'})"),
        ({1: Pair(1, [2.0])}, "{1: Pair(a=1, b=[2.0])}"),
        (np.float32(0.1), "float32(0.1)"),
        (np.array([[1, 2]], "i2"), "array([[1, 2]], int16[1, 2])"),
        ("a\u2028\ud800\n", "'a\\u2028\\ud800\\n'"),
        ((1,), "(1,)"),
        (object(), "<builtins.object>"),
        (np.void(b"ab"), "b'ab'"),
    ],
    ids=["int", "long int", "set", "dict", "float32", "array", "text", "tuple", "object", "void"],
)  # fmt: skip
def test_texts(value: Any, text: str) -> None:
    assert inline(value) == text or inline(value).startswith(f"{text}…")


def test_long_texts_are_cut_and_still_differ() -> None:
    one, other = inline("a" * 10_000), inline("a" * 9_999 + "b")
    assert one != other
    assert one.startswith("'aaa")
    assert "… (10,002 characters, XXH3 " in one
    assert len(one) < TEXT_MAX + 60
