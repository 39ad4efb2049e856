"""A state as rows: what is open, what is shown of large values, and what is marked as changed."""

from __future__ import annotations

from collections import namedtuple
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from debugger_tools import Account, Book

from headrace.debugger.layout import Columns, clock, grid, output_lines
from headrace.debugger.tree import CHILDREN_MAX, Tree, children, difference_rows, text_of, ways
from headrace.events import record_dtype
from headrace.replay.changes import changes, value_at


def drawn(rows: Any) -> list[str]:
    """Rows as text, to be compared at a glance."""
    signs = {"": " ", "inside": "*", "changed": "!", "added": "+", "removed": "-"}
    return [
        f"{signs[row.mark]}{'  ' * row.depth}{row.label} {row.before and row.before + ' -> '}"
        f"{row.text}".rstrip()
        for row in rows
    ]


def test_what_changed_is_open_and_marked() -> None:
    before = Book(large={1: 5, 2: 6}, seen={1, 2})
    after = deepcopy(before)
    after.accounts[1].trades = 3
    after.large[3] = 7
    del after.large[1]
    after.seen ^= {2, 4}
    assert drawn(Tree(after, changes(before, after)).rows()) == [
        "*accounts 3 items",
        "   0 Account",
        "*  1 Account",
        "!    trades 0 -> 3",
        "     total 0",
        "   2 Account",
        "*large 2 keys",
        "   2 6",
        "+  3 7",
        "-  1 5",
        "*seen 2 items",
        "    1",
        "+   4",
        "-  2 2",
        " last ''",
    ]


def test_opened_and_closed() -> None:
    state = Book()
    assert len(Tree(state).rows()) == 4
    rows = Tree(state).rows({"state.accounts", "state.accounts[0]"})
    assert drawn(rows)[:4] == [" accounts 3 items", "   0 Account", "     trades 0", "     total 0"]
    changed = changes(Book(), Book([Account(1), Account(), Account()]))
    assert len(Tree(state, changed).rows(closed={"state.accounts"})) == 4


def test_of_a_large_value_only_what_changed() -> None:
    before = {n: n for n in range(1000)}
    after = {**before, 700: -1}
    tree = Tree({"all": after}, changes({"all": before}, {"all": after}))
    assert drawn(tree.rows()) == ["*'all' 1,000 keys", "!  700 700 -> -1", "   … 999 more"]
    rows = tree.rows({"state['all']"})
    assert len(rows) == 1 + CHILDREN_MAX + 1 + 1
    assert rows[-1].label == f"… {1000 - CHILDREN_MAX - 1:,} more"
    assert len(tree.rows({"state['all']", "state['all']…"})) == 1001


def test_a_state_with_nothing_inside() -> None:
    assert drawn(Tree(5, changes(4, 5)).rows()) == ["!state 4 -> 5"]
    assert drawn(Tree({}).rows()) == [" state 0 keys"]


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Point(1, [2, 3]), Point(1, [2, 4])),
        ({"a.b[0]": {"'": 1}}, {"a.b[0]": {"'": 2}}),
        (((1, 2), [3]), ((1, 5), [3, 4])),
        (np.zeros(4, "i4"), np.arange(4, dtype="i4")),
        (np.zeros((2, 2)), np.ones((2, 2))),
        (
            np.array((1, [2, 3]), [("x", "i4"), ("y", "i4", (2,))]),
            np.array((1, [2, 4]), [("x", "i4"), ("y", "i4", (2,))]),
        ),
    ],
    ids=str,
)
def test_each_change_has_its_row(before: Any, after: Any) -> None:
    found = changes(before, after)
    rows = Tree(after, found).rows()
    marked = {row.path for row in rows if row.mark in ("changed", "added", "removed")}
    assert marked == {change.path for change in found} != set()
    shown = [row for row in difference_rows(found) if row.mark != "inside"]
    assert [row.path for row in shown] == [change.path for change in found]


def test_paths_of_children_lead_to_them() -> None:
    state = Book(large={5: 6})
    for value, path in ((state, "state"), (state.accounts, "state.accounts")):
        for _, way, child in children(value, path):
            assert value_at(state, way) is child


def test_ways() -> None:
    assert ways("state.a[3]['x.y'].b{1}") == [
        "state", "state.a", "state.a[3]", "state.a[3]['x.y']", "state.a[3]['x.y'].b",
        "state.a[3]['x.y'].b{1}",
    ]  # fmt: skip
    assert ways("state[(1, 'a]')]") == ["state", "state[(1, 'a]')]"]


def test_differences_can_be_closed() -> None:
    found = changes(Book(), Book([Account(1), Account(), Account(2)], {1: 2}))
    assert drawn(difference_rows(found)) == [
        "*accounts", "*  [0]", "!    trades 0 -> 1", "*  [2]", "!    trades 0 -> 2",
        "*large", "+  [1] 2",
    ]  # fmt: skip
    closed = difference_rows(found, {"state.accounts"})
    assert drawn(closed) == ["*accounts", "*large", "+  [1] 2"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12_345, "12,345"),
        (9_999, "9999"),
        (True, "True"),
        (1.5, "1.5"),
        (np.float64(2.25), "2.25"),
        ([1, 2], "[1, 2]"),
        (list(range(9)), "9 items"),
        (Account(), "Account"),
        ("a\nb", "'a\\nb'"),
        ("x" * 300, "'" + "x" * 198 + "…"),
        (None, "None"),
        (np.zeros((2, 3)), "2x3 float64"),
    ],
    ids=str,
)
def test_texts(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_grid_is_aligned_and_fits() -> None:
    pairs = [("a", 1), ("long", 200), ("c", b"x"), ("d", 4.5)]
    for width in (12, 24, 60):
        made = grid(pairs, width)
        texts = ["".join(n + v + " " * gap for n, v, gap in line).rstrip() for line in made]
        assert max(map(len, texts)) <= max(width, 10)
        names = sorted(name.strip() for line in made for name, _, _ in line)
        assert names == ["a", "c", "d", "long"]
    assert [line[0][1] for line in grid(pairs[:2], 12)] == ["  1", "200"]


def test_columns_that_do_not_fit_are_left_out_whole() -> None:
    columns = Columns(["a", "quantity_left"])
    columns.add([5, 6])
    assert columns.heading() == ["a", "quantit…"]
    assert [columns.fitting(width) for width in (3, 5, 12, 13)] == [0, 1, 1, 2]


def test_outputs_are_numbered() -> None:
    made = np.zeros(2, record_dtype([("total", "<i8")]))
    made["output_index"], made["origin"], made["total"] = [0, 1], [7, 12], [5, 600]
    assert output_lines(made, 40) == [
        ("heading", "   total"), ("row", "0      5"), ("row", "1    600")
    ]  # fmt: skip
    assert [line for _, line in output_lines(made, 40, by_input=True)][1:] == [
        " 7      5", "12    600"
    ]  # fmt: skip
    assert [line.split() for _, line in output_lines(made, 5)] == [
        ["0", "to"], ["1", "to"]
    ]  # fmt: skip
    assert output_lines(made[:0], 40) == []


def test_clock() -> None:
    assert clock(1_700_000_000_123_456_789) == "22:13:20.123"
    assert clock(-(1 << 63)) != ""
