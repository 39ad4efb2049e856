"""States as values: `difference` and `state_digest` say the same, whatever a state is made of."""

from __future__ import annotations

import copy
import dataclasses
import enum
import math
import random
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.copying import copy_state
from headrace.errors import MachineError
from headrace.state import difference, state_digest

PADDED = np.dtype([("a", "i1"), ("b", "<i8")], align=True)


def equal(one: Any, other: Any) -> bool:
    """Whether two states are equal; both ways of asking must say so."""
    by_difference = difference(one, other) is None
    assert by_difference == (difference(other, one) is None)
    assert by_difference == (state_digest(one) == state_digest(other)), (one, other)
    return by_difference


def padded(fill: int) -> np.ndarray[Any, Any]:
    made = np.full(3 * PADDED.itemsize, fill, np.uint8).view(PADDED)
    made["a"] = [1, 2, 3]
    made["b"] = [4, 5, 6]
    return made


def nan_with(bits: int) -> np.ndarray[Any, Any]:
    return np.array([0x7FF8_0000_0000_0000 + bits], np.uint64).view("<f8")


@dataclass
class Point:
    x: Any
    y: Any = field(default_factory=list)


@dataclass
class Other:
    x: Any
    y: Any = field(default_factory=list)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (padded(0), padded(255)),
        ({"a": padded(1)}, {"a": padded(2)}),
        (float("nan"), -float("nan")),
        (nan_with(0), nan_with(7)),
        (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
        (np.arange(6), np.arange(12)[::2] // 2),
        ({1: 2, 3: 4}, {3: 4, 1: 2}),
        ({"x", "y"}, {"y", "x"}),
        (Point(1, [2]), Point(1, [2])),
        ("\ud800", "\ud800"),
        (1 << 200, 1 << 200),
    ],
    ids=lambda value: type(value).__name__,
)
def test_equal_states(one: Any, other: Any) -> None:
    assert equal(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.0, -0.0),
        (np.array([0.0]), np.array([-0.0])),
        (b"ab", bytearray(b"ab")),
        (np.int64(5), np.array(5)),
        (np.int64(5), 5),
        (np.float64(1.5), 1.5),
        (np.str_("a"), "a"),
        (True, np.bool_(True)),
        ({1}, {True}),
        ({1}, frozenset({1})),
        (Point(1), Other(1)),
        (Point([1, 2], [3]), Point([1], [2, 3])),
        (["a", "bc"], ["ab", "c"]),
        ([[], [1]], [[1], []]),
        ({"a": {"b": 1}}, {"a": {}, "b": 1}),
        (np.zeros(2, ">i4"), np.zeros(2, "<i4")),
        (np.zeros((2, 0)), np.zeros((0, 2))),
        (np.array([1], "M8[s]"), np.array([1], "M8[ms]")),
        (1, 1 << 64),
        (-1, 255),
    ],
    ids=lambda value: type(value).__name__,
)
def test_different_states(one: Any, other: Any) -> None:
    assert not equal(one, other)


ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.floats(), st.text("ab", max_size=2),
    st.binary(max_size=2), st.sampled_from([np.int64(1), np.float32(1), np.bool_(True)]),
)  # fmt: skip
KEYS = st.one_of(st.integers(-1, 1), st.booleans(), st.text("ab", max_size=1), st.none())
STATES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(KEYS, inner, max_size=3),
        st.sets(KEYS, max_size=3),
        st.builds(Point, inner, inner),
        st.lists(st.floats(), max_size=3).map(np.array),
        st.lists(st.integers(-1, 1), max_size=3).map(lambda v: np.array(v, np.int8)),
    ),
    max_leaves=6,
)


@settings(max_examples=400)
@given(STATES, STATES)
def test_the_two_ways_of_comparing_agree(one: Any, other: Any) -> None:
    equal(one, other)
    assert equal(one, copy_state(one))
    assert equal(one, copy.deepcopy(one))


@given(st.dictionaries(st.text(max_size=3), STATES, max_size=6), st.randoms())
def test_the_order_of_insertion_does_not_show(state: dict[str, Any], rnd: random.Random) -> None:
    items = list(state.items())
    rnd.shuffle(items)
    assert equal(state, dict(items))


def test_copies_share_nothing_that_can_change() -> None:
    state: dict[str, Any] = {
        "list": [[1]], "tuple": ([1],), "array": np.zeros(2), "point": Point([1]), "set": {1},
        "bytes": bytearray(b"a"), "default": defaultdict(list, a=[1]),
        "ordered": OrderedDict(a=[1]),
    }  # fmt: skip
    before = state_digest(state)
    copied = copy_state(state)
    assert state_digest(copied) == before
    copied["list"][0].append(2)
    copied["tuple"][0].append(2)
    copied["array"][0] = 1
    copied["point"].x.append(2)
    copied["point"].y.append(2)
    copied["set"].add(2)
    copied["bytes"].append(2)
    copied["default"]["a"].append(2)
    copied["ordered"]["a"].append(2)
    assert state_digest(state) == before
    assert type(copied["default"]) is defaultdict


def test_what_is_one_stays_one() -> None:
    one = [1]
    copied = copy_state({"a": one, "b": (one, one), "c": Point(one)})
    assert copied["a"] is copied["b"][0] is copied["b"][1] is copied["c"].x
    endless: list[Any] = []
    endless.append(endless)
    found = copy_state(endless)
    assert found is found[0]


@dataclass(slots=True)
class Slotted:
    x: Any
    y: list[int] = field(default_factory=list)
    later: Any = field(init=False, repr=False)


@dataclass(slots=True)
class Below(Slotted):
    z: dict[int, list[int]] = field(default_factory=dict)


@dataclass
class Loose(Slotted):
    """It has slots, and a `__dict__` as well."""

    w: list[int] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Fixed:
    items: list[int]


@dataclass(slots=True)
class Guarded:
    items: list[int]
    writes: int = 0

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name == "items":
            object.__setattr__(self, "writes", 1)


@pytest.mark.parametrize("kind", [Slotted, Below, Loose, Fixed, Guarded])
def test_dataclasses_with_slots_are_copied_as_deepcopy_does(kind: Any) -> None:
    one = kind([1])
    if kind is Below:
        one.z[1] = [2]
    if kind is Loose:
        one.w.append(3)
    shared = {"a": one, "b": [one, one]}
    for copied in (copy_state(shared), copy.deepcopy(shared)):
        assert copied["a"] is copied["b"][0] is copied["b"][1] is not one
        assert type(copied["a"]) is kind
        assert repr(copied) == repr(shared)
        first = getattr(copied["a"], dataclasses.fields(kind)[0].name)
        first.append(7)
        assert repr(one).count("7") == 0
        assert hasattr(copied["a"], "later") == hasattr(one, "later") is False
    if kind is Slotted:
        one.later = [one]
        copied = copy_state(one)
        assert copied.later[0] is copied


def test_sets_are_copied_with_what_is_in_them() -> None:
    class Counter:
        """It can be in a set, and change."""

        count = 0

    one = Counter()
    copied = copy_state({"plain": {1, (2, "a")}, "objects": {one}, "of": one})
    assert copied["plain"] == {1, (2, "a")}
    assert copied["objects"] == {copied["of"]}
    assert copied["of"] is not one


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    "state",
    [object(), Colour.RED, {"a": math}, [range(3)], {Colour.RED: 1}, np.array([None]), iter([])],
    ids=lambda value: type(value).__name__,
)
def test_what_no_state_may_hold(state: Any) -> None:
    with pytest.raises(MachineError, match="state"):
        state_digest(state)


def test_a_state_within_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(MachineError, match="state"):
        state_digest(endless)
