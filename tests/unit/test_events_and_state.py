"""Values that become events, and states that are compared and digested."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from headrace.errors import DtypeError, MachineError
from headrace.events import as_events, payload, record_dtype
from headrace.state import difference, state_digest

EVENT = np.dtype([("key", "<i4"), ("name", "S3"), ("price", "<f8")])


@pytest.mark.parametrize(
    "value",
    [
        (1, b"abc", 2.5),
        {"name": b"abc", "price": 2.5, "key": 1},
        np.array([(1, b"abc", 2.5)], EVENT),
        np.array((1, b"abc", 2.5), EVENT),
        np.array([(1, b"abc", 2.5)], EVENT)[0],
        [(1, b"abc", 2.5)],
    ],
)
def test_values_become_events(value: Any) -> None:
    assert as_events(EVENT, value).tolist() == [(1, b"abc", 2.5)]


def test_lists_and_scalars_become_events() -> None:
    both = as_events(EVENT, [(1, b"", 0.0), {"key": 2, "name": b"x", "price": 1}])
    assert both["key"].tolist() == [1, 2]
    assert len(as_events(EVENT, [])) == 0
    assert as_events(np.dtype("<f8"), 2.5).tolist() == [2.5]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ((1, b"abc"), "has 2 values"),
        ({"key": 1}, r"missing \['name', 'price'\]"),
        ({"key": 1, "name": b"", "price": 0, "no": 1}, r"unknown \['no'\]"),
        ((1 << 40, b"", 0.0), "field 'key' cannot be"),
        ((1.5, b"", 0.0), "field 'key' cannot be 1.5"),
        ((1, b"long", 0.0), "too long: 3 bytes, and it has 4"),
        (("x", b"", 0.0), "field 'key' cannot be 'x'"),
        (np.zeros(3), "events have dtype float64"),
        (np.zeros(1, [("a", "i8")])[0], "the event has dtype"),
    ],
)
def test_values_that_do_not_fit(value: Any, words: str) -> None:
    with pytest.raises(DtypeError, match=words):
        as_events(EVENT, value)


def test_records_are_a_header_and_the_payload() -> None:
    dtype = record_dtype(EVENT)
    assert dtype.names == (
        "input_sequence", "output_index", "input_time_ns", "origin", "key", "name", "price"
    )  # fmt: skip
    assert dtype.itemsize == 32 + EVENT.itemsize
    records = np.zeros(2, dtype)
    payload(records, EVENT)["key"] = [5, 6]
    assert records["key"].tolist() == [5, 6]
    assert record_dtype("<f4").names[-1] == "value"


@dataclasses.dataclass
class Point:
    x: int
    y: Any


STATES: list[Any] = [
    None, True, 1, 1.0, 0, "1", b"1", 1j, (), [], (1,), [1], {}, {"a": 1}, {"a": 1.0}, {1: "a"},
    {"a": {"b": [1, 2]}}, {"a": {"b": (1, 2)}}, frozenset({1}), Point(1, 2), Point(1, [2]),
    np.zeros(2), np.zeros(2, "f4"), np.zeros((2, 1)), np.zeros((), "i8"), float("nan"),
]  # fmt: skip


def test_different_states_differ() -> None:
    digests = [state_digest(state) for state in STATES]
    assert len(set(digests)) == len(STATES)
    for index, one in enumerate(STATES):
        for other_index, other in enumerate(STATES):
            apart = difference(one, other)
            assert (apart is None) == (index == other_index), (one, other)


def test_equal_states_are_equal_whatever_their_order() -> None:
    one, other = {"a": 1, "b": {2, 3}}, {"b": {3, 2}, "a": 1}
    assert state_digest(one) == state_digest(other)
    assert difference(one, other) is None
    assert difference({1: 0}, {True: 0}) == "state: the keys 1 and True"


@pytest.mark.parametrize(
    ("one", "other", "where"),
    [
        ({"a": [1, 2]}, {"a": [1, 3]}, "state['a'][1]: 2 and 3"),
        ({"a": 1}, {"b": 1}, "state: only one of the two has the keys 'a', 'b'"),
        (Point(1, 2), Point(1, 3), "state.y: 2 and 3"),
        ([1], [1, 2], "state: lengths 1 and 2"),
        (np.arange(4), np.array([0, 1, 5, 3]), "state[2]: np.int64(2) and np.int64(5)"),
    ],
)
def test_difference_says_where(one: Any, other: Any, where: str) -> None:
    assert difference(one, other) == where


@pytest.mark.parametrize("state", [object(), {"a": [lambda: 0]}, np.array([None])])
def test_what_no_state_may_hold(state: Any) -> None:
    with pytest.raises(MachineError, match="state"):
        state_digest(state)


def test_digest_does_not_depend_on_hash_randomisation() -> None:
    code = "from headrace.state import state_digest as d; print(d({'a': {'x', 'y', 'z'}, 'b': 1}))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True,
            text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(said) == 1
