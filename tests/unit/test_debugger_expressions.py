"""Expressions that a person types: what they mean, what is refused, and that nothing is run."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from debugger_tools import TRADE, Account, Book, trades

from headrace.debugger.expressions import EventTest, ExpressionError, StateTest

EVENT_TESTS: list[tuple[str, Any]] = [
    ("amount > 90 and key == 1", lambda n: n % 100 > 90 and n % 3 == 1),
    ("amount > 90 or not key", lambda n: n % 100 > 90 or n % 3 == 0),
    ("10 < amount <= 20", lambda n: 10 < n % 100 <= 20),
    ("key in (0, 2)", lambda n: n % 3 in (0, 2)),
    ("key not in [0, 2]", lambda n: n % 3 == 1),
    ("sequence % 7 == 3", lambda n: n % 7 == 3),
    ("time_ns - 1000 == 4", lambda n: n == 4),
    ("price * 4 - sequence", lambda n: False),
    ("-amount + 2 * key < -95", lambda n: -(n % 100) + 2 * (n % 3) < -95),
    ("amount // 10 / 2 == 4.5", lambda n: n % 100 // 10 == 9),
    ("side == 'sell'", lambda n: n % 2 == 1),
    ("side in ('sell', 'x')", lambda n: n % 2 == 1),
    ("amount * 100000000 < 0", lambda n: False),  # 32 bits would wrap
    ("amount / key > 1", lambda n: n % 100 > 0 and (n % 3 == 0 or n % 100 / (n % 3) > 1)),
    ("True", lambda n: True),
]


@pytest.mark.parametrize(("text", "wanted"), EVENT_TESTS, ids=[text for text, _ in EVENT_TESTS])
def test_inputs(text: str, wanted: Any) -> None:
    made = trades(300)
    mask = EventTest(text, TRADE).mask(made, np.arange(300) + 1000, 0)
    assert mask.tolist() == [bool(wanted(n)) for n in range(300)]


def test_inputs_from_a_later_sequence_on() -> None:
    mask = EventTest("sequence == 1001", TRADE).mask(trades(3, 1000), np.zeros(3), 1000)
    assert mask.tolist() == [False, True, False]


def test_nested_fields_items_and_times() -> None:
    dtype = np.dtype([("at", [("x", "<i2")]), ("bids", "<i4", (3,)), ("day", "<M8[D]")])
    made = np.zeros(3, dtype)
    made["at"]["x"], made["bids"][:, 1] = [1, 2, 3], [5, 6, 7]
    made["day"] = ["2024-01-01", "2024-01-02", "2024-01-03"]

    def mask(text: str) -> list[bool]:
        found: list[bool] = EventTest(text, dtype).mask(made, np.zeros(3), 0).tolist()
        return found

    assert mask("at.x > 1") == [False, True, True]
    assert mask("bids[1] == 6") == [False, True, False]
    assert mask("day >= '2024-01-02'") == [False, True, True]
    with pytest.raises(ExpressionError, match="no field 'y'"):
        mask("at.y == 1")
    with pytest.raises(ExpressionError, match="neither true nor false"):
        mask("bids")


def test_plain_events() -> None:
    mask = EventTest("value > 1", np.dtype("<i4")).mask(np.arange(3, dtype="<i4"), np.zeros(3), 0)
    assert mask.tolist() == [False, False, True]


STATE_TESTS = [
    ("accounts[2].trades > 5", True),
    ("state.accounts[2].trades == 6", True),
    ("accounts[0].trades", False),
    ("accounts[7].trades > 0", False),  # not there (yet)
    ("not accounts[7].trades > 0", True),
    ("large[4] == 2", True),
    ("large[5] == 2 or last == 'buy'", True),
    ("large[5] + 1 > 0", False),
    ("3 in seen and 4 not in seen", True),
    ("last in ('buy', 'sell')", True),
    ("accounts[-1].trades * 2 - 1 == 11", True),
    ("-accounts[2].trades == -6 < 0", True),
    ("sequence == 12", True),
    ("last != 'buy'", False),
]


@pytest.mark.parametrize(("text", "wanted"), STATE_TESTS, ids=[text for text, _ in STATE_TESTS])
def test_states(text: str, wanted: bool) -> None:
    state = Book([Account(), Account(), Account(6, 8)], {4: 2}, {3}, "buy")
    assert StateTest(text).holds(state, 12) is wanted


Pair = namedtuple("Pair", "one other")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (5, "state > 4"),
        ({3: 11}, "state[3] > 10"),
        ({"total": 11}, "total > 10"),
        (Pair(1, 2), "one == 1 and state.other == 2"),
        ([1, [2, 3]], "state[1][0] == 2"),
        (np.arange(6).reshape(2, 3), "state[1, 2] == 5"),
        (np.array((1, [2, 3]), [("x", "i4"), ("y", "i4", (2,))]), "x == 1 and y[1] == 3"),
        ((Pair(1, 2), {"a": 1}), "state[0].one == state[1]['a']"),
    ],
    ids=str,
)
def test_kinds_of_state(state: Any, text: str) -> None:
    assert StateTest(text).holds(state) is True


REFUSED = [
    "__import__('os').system('true')",
    "accounts.clear()",
    "[x for x in accounts]",
    "lambda: 1",
    "(x := 1)",
    "2 ** 9999",
    "1 << 9999",
    "f'{accounts}'",
    "{1: 2}",
    "accounts[0:1]",
    "1 if accounts else 2",
    "await x",
    "*accounts",
    "1j > 0",
    "... == 1",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_test_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        StateTest(text)
    with pytest.raises(ExpressionError):
        EventTest(text, TRADE)


@pytest.mark.parametrize("text", ["", "  ", "a >", "a b", "a" * 1001, "(" * 300, "-" * 990 + "1"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        StateTest(text).holds({"a": 1})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nosuch > 1", "the state has no field 'nosuch'; it has accounts, large, seen, last"),
        ("accounts[0].nosuch > 1", r"accounts\[0\] has no field 'nosuch'; it has trades, total"),
        ("accounts.__class__ == 1", "accounts has no field '__class__'; it is of type list"),
        ("last.upper == 1", "last has no field 'upper'"),
        ("last > 5", "has no answer behind 12 inputs"),
        ("last * 1000000000 == ''", "no number to calculate with"),
        ("seen[0] == 1", "seen has no items; it is of type set"),
        ("1 / accounts[0].trades > 1", "division by zero"),
    ],
)
def test_states_without_an_answer(text: str, told: str) -> None:
    with pytest.raises(ExpressionError, match=told):
        StateTest(text).holds(Book(), 12)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nosuch > 1", "an input has no field 'nosuch'; it has amount, key, price, sequence, side"),
        ("amount.real > 1", "amount has no field 'real'"),
        ("side * 3 == 1", "no number to calculate with"),
        ("amount in 5", "wants a list of constants"),
        ("amount[0] > 1", "has no answer here"),
    ],
)
def test_inputs_without_an_answer(text: str, told: str) -> None:
    with pytest.raises(ExpressionError, match=told):
        EventTest(text, TRADE)


def test_a_property_is_not_run() -> None:
    class Trap(Book):
        @property
        def trap(self) -> int:
            raise AssertionError("was run")

    with pytest.raises(ExpressionError, match="has no field 'trap'"):
        StateTest("trap == 1").holds(Trap())
