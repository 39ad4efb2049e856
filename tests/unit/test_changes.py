"""What differs between two states, place by place, and the values at places."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, make_dataclass
from typing import Any

import numpy as np
import pytest

from headrace.replay.changes import ABSENT, Change, changes, value_at


@dataclass
class Box:
    items: list[Any]
    tags: set[str]


def test_changes_by_place() -> None:
    before = {"a": Box([1, 2, 3], {"x"}), "b": np.array([(1, 2.0)], [("n", "i4"), ("f", "f8")])}
    after = {"a": Box([1, 5], {"y"}), "b": np.array([(1, 3.0)], [("n", "i4"), ("f", "f8")]), "c": 1}
    assert [str(change) for change in changes(before, after)] == [
        "state['a'].items[1]: 2 -> 5",
        "state['a'].items[2]: 3 -> (absent)",
        "state['a'].tags{'x'}: 'x' -> (absent)",
        "state['a'].tags{'y'}: (absent) -> 'y'",
        "state['b']['f'][0]: 2.0 -> 3.0",
        "state['c']: (absent) -> 1",
    ]


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_sets_in_sets_are_told_in_the_same_order_everywhere(seed: str) -> None:
    code = """if True:
        from dataclasses import dataclass
        from headrace.debugger.tree import Tree
        from headrace.replay.changes import changes
        @dataclass(frozen=True)
        class Pair:
            names: frozenset
            count: int
        sets = [frozenset("abcdef"[i:j]) for i in range(3) for j in range(i + 1, 6)]
        after = {"s": set(sets), "t": {(x, 1) for x in sets}, "p": {Pair(x, 2) for x in sets}}
        found = changes({"s": set(), "t": set(), "p": set()}, after)
        found += changes({}, {sets[3]: {"x": sets[4]}})
        print(*found, *Tree(after, found).rows(), sep="\\n")
    """
    ran = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": each}, check=True,
            capture_output=True, text=True, timeout=60,
        ).stdout
        for each in (seed, f"7{seed}")
    ]  # fmt: skip
    assert ran[0] == ran[1]
    assert "state['s']{frozenset({'a', 'b'})}: (absent) -> frozenset({'a', 'b'})" in ran[0]
    assert "state['p']{Pair(names=frozenset({'b', 'c'}), count=2)}: (absent)" in ran[0]


def test_not_a_number_is_no_change() -> None:
    assert changes(np.array([np.nan, 1.0]), np.array([np.nan, 1.0])) == []
    assert changes({"x": float("nan")}, {"x": float("nan")}) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.items[1]", 2),
        ("state['a'].items[-1]", 3),
        ("['a'].tags", {"x"}),
        ("a.nothing", ABSENT),
        ("a.items[9]", ABSENT),
    ],
)
def test_values_by_path(path: str, value: Any) -> None:
    assert value_at({"a": Box([1, 2, 3], {"x"})}, path) == value


def test_versions_of_a_class_are_compared_field_by_field() -> None:
    """As two files of a machine have them: another class of the same name, fields come and gone."""
    old = make_dataclass("Account", ["cents", "limit"])(5, 1)
    new = make_dataclass("Account", ["cents", "owner"])(7, "x")
    assert changes([old], [new]) == [
        Change("state[0].cents", 5, 7),
        Change("state[0].limit", 1, ABSENT),
        Change("state[0].owner", ABSENT, "x"),
    ]
    other = make_dataclass("Other", ["cents", "limit"])(5, 1)
    assert changes(old, other) == [Change("state", old, other)]
