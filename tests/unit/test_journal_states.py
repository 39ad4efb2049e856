"""States as bytes: exactly what they were, or refused by name; never code that runs."""

from __future__ import annotations

import contextlib
import enum
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.errors import StateError
from headrace.journal.states import decode_state, encode_state, known_classes
from headrace.state import difference


class Colour(enum.Enum):
    RED = 1


class Point(NamedTuple):
    x: int
    y: float


@dataclass(slots=True)
class Inner:
    points: list[Point] = field(default_factory=list)
    colour: Colour = Colour.RED


@dataclass(frozen=True)
class Outer:
    inner: dict[int, Inner]
    note: str = ""


class Note(msgspec.Struct, frozen=True):
    text: str
    about: tuple[Point, ...] = ()


class Ledger(msgspec.Struct):
    notes: list[Note]


@hr.machine(event="<i8", initial=lambda: Outer({}))
def keep(state: Outer, value: int) -> Any:
    return state, None


CLASSES = known_classes(keep)

NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30), st.floats(), st.complex_numbers(), st.booleans(), st.none()
)
TEXTS = st.one_of(st.text(st.characters(), max_size=9), st.binary(max_size=9))
ARRAYS = st.sampled_from(
    [
        np.arange(6, dtype="<i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.zeros((0, 3), ">f8"),
        np.array(5, "i1"),
        np.array([(1, b"a")], [("n", "<i8"), ("s", "S3")]),
        np.array(["2020-01-01"], "datetime64[ns]"),
    ]
)
KEYS = st.one_of(st.integers(), st.text(max_size=3), st.tuples(st.integers(), st.text(max_size=2)))
STATES = st.recursive(
    st.one_of(NUMBERS, TEXTS, ARRAYS, st.builds(Point, st.integers(), st.floats())),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(KEYS, inner, max_size=4),
        st.sets(st.integers(), max_size=4),
        st.frozensets(st.text(max_size=2), max_size=3),
        st.builds(Outer, st.dictionaries(st.integers(), st.builds(Inner), max_size=2)),
        st.builds(Note, inner, st.tuples(st.builds(Point, st.integers(), st.integers()))),
        st.builds(Ledger, st.lists(inner, max_size=2)),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(STATES)
def test_comes_back_as_it_was(state: Any) -> None:
    again = decode_state(encode_state(state, CLASSES), CLASSES)
    assert difference(state, again) is None


def test_one_object_in_two_places_stays_one() -> None:
    shared = [1]
    again = decode_state(encode_state({"a": shared, "b": (shared, shared)}, {}), {})
    assert again["a"] is again["b"][0] is again["b"][1]


def test_a_state_that_holds_itself() -> None:
    state: dict[str, Any] = {"n": 1}
    state["me"] = state
    again = decode_state(encode_state(state, {}), {})
    assert again["me"] is again


def test_scalars_keep_their_types() -> None:
    state = [np.float32(1.5), np.int64(7), np.datetime64("2020-01-01", "ns"), np.bool_(True)]
    again = decode_state(encode_state(state, {}), {})
    assert [type(one) for one in again] == [type(one) for one in state]
    assert again == state


def test_arrays_come_back_writable() -> None:
    again = decode_state(encode_state(np.arange(3), {}), {})
    again[0] = 9
    assert again.tolist() == [9, 1, 2]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"x": object()}, r"state\['x'\] is builtins.object, which cannot be written"),
        ({1: [0, {2: object()}]}, r"state\[1\]\[1\]\[2\] is builtins.object"),
        (({object()}, 1), r"state\[0\] member is builtins.object"),
        (np.array([None]), "array of Python objects"),
        ([lambda: 0], "function"),
        (True.__class__, "builtins.type"),
    ],
    ids=["object", "nested", "member", "object-array", "function", "class"],
)
def test_what_cannot_be_written(state: Any, message: str) -> None:
    with pytest.raises(StateError, match=message):
        encode_state(state, CLASSES)


def test_too_deep() -> None:
    state: list[Any] = []
    for _ in range(100_000):
        state = [state]
    with pytest.raises(StateError, match="too deeply"):
        encode_state(state, {})


def test_an_attribute_that_is_no_field() -> None:
    @dataclass
    class Loose:
        n: int = 0

    loose = Loose()
    loose.more = 1  # type: ignore[attr-defined]
    with pytest.raises(StateError, match="'more', which is no field"):
        encode_state(loose, {Loose.__qualname__: Loose})


class Slotted:
    __slots__ = ("more",)


@dataclass(slots=True)
class Behind(Slotted):
    n: int = 0


class Named(Point):
    pass


@pytest.mark.parametrize("made", [Behind(), Named(1, 2.0)], ids=["slot", "named tuple"])
def test_what_would_be_lost(made: Any) -> None:
    classes = {type(made).__qualname__: type(made)}
    assert decode_state(encode_state(made, classes), classes) == made
    made.more = 1
    with pytest.raises(StateError, match=r"state\['it'\] has the attribute 'more', which"):
        encode_state({"it": made}, classes)


class Right(enum.IntFlag):
    READ = 1
    WRITE = 2


@pytest.mark.parametrize("right", [Right.READ | Right.WRITE, Right(0)])
def test_flags_that_no_name_stands_for(right: Right) -> None:
    classes: dict[str, type] = {"Right": Right}
    assert decode_state(encode_state(Right.WRITE, classes), classes) is Right.WRITE
    with pytest.raises(StateError, match="no single member of Right"):
        encode_state([right], classes)


def test_classes_are_those_of_the_machine() -> None:
    assert {"Outer", "Inner", "Point", "Colour"} <= set(CLASSES)
    data = encode_state(Outer({1: Inner()}), CLASSES)
    with pytest.raises(StateError, match="holds a Outer, and the machine knows no class"):
        decode_state(data, {})


def test_a_class_that_changed() -> None:
    @dataclass
    class Changed:
        other: int = 0

    @dataclass
    class Renamed:
        points: int = 0
        color: int = 0  # as many fields as before, and one of them is another

    data = encode_state(Inner(), CLASSES)
    with pytest.raises(StateError, match=r"had the fields points, colour .* has other now"):
        decode_state(data, {"Inner": Changed})
    with pytest.raises(StateError, match=r"had the fields points, colour .* has points, color"):
        decode_state(data, {"Inner": Renamed})


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_state_or_refused(data: bytes) -> None:
    with contextlib.suppress(StateError):
        again = decode_state(data, CLASSES)
        assert difference(again, decode_state(encode_state(again, CLASSES), CLASSES)) is None


@pytest.mark.parametrize(
    "plain", [[2, "x"], [5, "os.system", []], [99], [11, 7], [6, "[('a', 'O')]", [1], "C", b""]]
)
def test_hostile_values(plain: Any) -> None:
    with pytest.raises(StateError):
        decode_state(msgspec.msgpack.encode(plain), CLASSES)
