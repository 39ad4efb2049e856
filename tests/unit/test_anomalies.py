"""`headrace.list_anomalies` on histories made by hand, one for each anomaly."""

from __future__ import annotations

from typing import Any

import pytest

import headrace as hr
from headrace import Operation, list_anomalies
from headrace.checking import Anomalies
from headrace.checking.anomalies import NAMES
from headrace.checking.cycles import kind_of
from headrace.checking.dependencies import Edge
from headrace.checking.models import MODELS
from headrace.errors import OperationError, UsageError

Made = list[Operation]


def append(key: str, value: Any) -> tuple[Any, ...]:
    return ("append", key, value)


def read(key: str, *values: Any) -> tuple[Any, ...]:
    return ("read", key, list(values))


def at_once(*all_: list[Any]) -> Made:
    """Transactions that all overlap."""
    return [Operation(client, 0, 10, micros) for client, micros in enumerate(all_)]


def after(history: Made, micros: list[Any], client: Any = "last") -> Made:
    return [*history, Operation(client, 20, 30, micros)]


def failed(micros: list[Any]) -> Operation:
    return Operation("f", 0, 10, micros, None, "fail")


def in_turn(*clients_micros: tuple[Any, list[Any]]) -> Made:
    return [
        Operation(client, 10 * at, 10 * at + 5, micros)
        for at, (client, micros) in enumerate(clients_micros)
    ]


# The anomaly that each of them has, what else, and the weakest models that it rules out.
CASES: dict[str, tuple[Made, set[str], tuple[str, ...]]] = {
    "G0": (
        after(
            at_once([append("x", 1), append("y", 1)], [append("x", 2), append("y", 2)]),
            [read("x", 1, 2), read("y", 2, 1)],
        ),
        set(),
        ("read-uncommitted",),
    ),
    "G1a": (
        [failed([append("x", 1)]), *at_once([read("x", 1)])],
        set(),
        ("read-committed",),
    ),
    "G1b": (
        after(at_once([append("x", 1), append("x", 2)], [read("x", 1)]), [read("x", 1, 2)]),
        {"G-single"},
        ("read-committed",),
    ),
    "G1c": (
        at_once([append("x", 1), read("y", 1)], [append("y", 1), read("x", 1)]),
        set(),
        ("read-committed",),
    ),
    "G-single": (
        after(at_once([append("x", 1), append("y", 1)], [read("x"), read("y", 1)]), [read("x", 1)]),
        set(),
        ("consistent-view", "repeatable-read"),
    ),
    "G-nonadjacent": (
        at_once(
            [append("x", 1)],
            [append("y", 1)],
            [read("x", 1), read("y")],
            [read("y", 1), read("x")],
        ),
        set(),
        ("repeatable-read", "snapshot-isolation"),
    ),
    "G2-item": (
        at_once([read("x"), append("y", 1)], [read("y"), append("x", 1)]),
        set(),
        ("repeatable-read",),
    ),
    "lost-update": (
        after(at_once([read("x"), append("x", 1)], [read("x"), append("x", 2)]), [read("x", 1, 2)]),
        {"G-single"},
        ("cursor-stability",),
    ),
    "dirty-update": (
        [failed([append("x", 1)]), *after(at_once([append("x", 2)]), [read("x", 1, 2)])],
        {"G1a"},
        ("read-committed",),
    ),
    "incompatible-order": (
        at_once([append("x", 1)], [append("x", 2)], [read("x", 1, 2)], [read("x", 2)]),
        set(),
        ("read-committed",),
    ),
    "duplicate-elements": (
        at_once([append("x", 1)], [read("x", 1, 1)]),
        set(),
        ("read-uncommitted",),
    ),
    "garbage-read": (at_once([read("x", 9)]), set(), ("read-committed",)),
    "internal": (
        at_once([append("x", 1), read("x")]),
        set(),
        ("read-atomic",),
    ),
    "future-read": (at_once([read("x", 1), append("x", 1)]), set(), ("read-committed",)),
    "G0-process": (
        [
            *in_turn(("a", [append("x", 2)]), ("a", [append("x", 1)])),
            *after([], [read("x", 1, 2)]),
        ],
        set(),
        ("strong-session-read-uncommitted",),
    ),
    "G1c-process": (
        [
            *in_turn(("a", [read("x", 1)]), ("a", [append("y", 1)])),
            Operation("b", 0, 100, [read("y", 1), append("x", 1)]),
        ],
        set(),
        ("strong-session-read-committed",),
    ),
    "G-single-process": (
        in_turn(("a", [append("x", 1)]), ("a", [read("x")])),
        set(),
        ("strong-session-snapshot-isolation",),
    ),
    "G-nonadjacent-process": (
        [
            *in_turn(("a", [append("x", 1)]), ("a", [read("y")])),
            *[
                Operation("b", 0, 100, [append("y", 1)]),
                Operation("c", 0, 100, [read("y", 1), read("x")]),
            ],
        ],
        set(),
        ("strong-session-snapshot-isolation",),
    ),
    "G2-item-process": (
        [
            *in_turn(("a", [append("x", 1)]), ("a", [read("y")])),
            Operation("b", 0, 100, [append("y", 1), read("x")]),
        ],
        set(),
        ("strong-session-serializable",),
    ),
    "G0-realtime": (
        in_turn(("a", [append("x", 2)]), ("b", [append("x", 1)]), ("c", [read("x", 1, 2)])),
        set(),
        ("strong-read-uncommitted",),
    ),
    "G1c-realtime": (
        in_turn(("a", [read("x", 1)]), ("b", [append("x", 1)])),
        set(),
        ("strong-read-committed",),
    ),
    "G-single-realtime": (
        in_turn(("a", [append("x", 1)]), ("b", [read("x")])),
        set(),
        ("strong-snapshot-isolation",),
    ),
    "G-nonadjacent-realtime": (
        [
            *in_turn(("a", [append("x", 1)]), ("d", [read("y")])),
            *[
                Operation("b", 0, 100, [append("y", 1)]),
                Operation("c", 0, 100, [read("y", 1), read("x")]),
            ],
        ],
        set(),
        ("strong-snapshot-isolation",),
    ),
    "G2-item-realtime": (
        [
            *in_turn(("a", [append("x", 1)]), ("d", [read("y")])),
            Operation("b", 0, 100, [append("y", 1), read("x")]),
        ],
        set(),
        ("strict-serializable",),
    ),
}


def test_there_is_a_case_for_each() -> None:
    assert set(CASES) == set(NAMES)


@pytest.mark.parametrize("name", CASES)
def test_each_anomaly(name: str) -> None:
    history, others, weakest = CASES[name]
    result = list_anomalies(history)
    assert result.verdict == "bad"
    assert {one.name for one in result.found} == {name, *others}, str(result)
    assert str(result).splitlines()[-1] == (
        f"so it is not {', nor '.join(weakest)}, nor what is stronger"
    )
    assert "strict-serializable" in result.ruled_out


FINE: dict[str, Made] = {
    "nothing": [],
    "one after the other": in_turn(
        ("a", [read("x"), append("x", 1)]),
        ("b", [read("x", 1), append("x", 2), read("x", 1, 2)]),
        ("a", [read("x", 1, 2), append("y", 3)]),
    ),
    "nobody read it": at_once([append("x", 1)], [append("x", 2)], [read("y")]),
    "failed, and not seen": [failed([append("x", 1)]), *at_once([read("x")])],
    "nobody knows, and it is seen": [
        Operation("a", 0, None, [append("x", 1)], None, "info"),
        *in_turn(("b", [read("x")]), ("b", [read("x", 1)])),
    ],
    "nobody knows, and it is not seen": [
        Operation("a", 0, None, [append("x", 1), ("read", "y", None)], None, "info"),
        *in_turn(("b", [read("x")]), ("b", [read("x")])),
    ],
    "behind what is not known, its client goes on": [
        Operation("a", 0, 5, [append("x", 2)], None, "info"),
        *in_turn(("b", [read("x")]), ("a", [append("x", 1)]), ("a", [read("x", 1, 2)])),
    ],
    "the middle of its own": at_once([append("x", 1), read("x", 1), append("x", 2)]),
    "behind an unknown beginning": at_once(
        [append("x", 1)], [append("x", 2), read("x", 1, 2), append("x", 3)]
    ),
    "names with braces": at_once([append("{0}", "{1}")], [read("{0}", "{1}")]),
}


@pytest.mark.parametrize("history", FINE.values(), ids=FINE)
def test_what_is_fine(history: Made) -> None:
    result = list_anomalies(history)
    assert (result.verdict, result.found, result.ruled_out) == ("ok", (), ()), str(result)
    count = f"{len(history)} transaction{'' if len(history) == 1 else 's'}"
    assert str(result) == f"ok: {count}, no anomalies"


def test_output_is_the_input_with_what_was_read() -> None:
    wanted = [("read", "x", None), ("append", "x", 1)]
    seen = [["read", "x", []], ["append", "x", 1]]
    assert list_anomalies([Operation("a", 0, 1, wanted, seen)]).verdict == "ok"
    seen[0][2] = [1]
    result = list_anomalies([Operation("a", 0, 1, wanted, seen)])
    assert [one.name for one in result.found] == ["future-read"]


def test_a_cycle_is_explained() -> None:
    history = in_turn(("ann", [append("x", 1)]), ("bob", [read("x")]), ("cy", [read("x", 1)]))
    result = list_anomalies(history)
    assert result.ruled_out == ("strong-snapshot-isolation", "strict-serializable")
    assert str(result).splitlines() == [
        "bad: 3 transactions, with G-single-realtime",
        "G-single-realtime:",
        "  T1: client 'ann' [0, 5] append 1 to 'x'",
        "  T2: client 'bob' [10, 15] read 'x': []",
        "  T1 was before T2 (realtime): T1 had returned when T2 was called",
        "  T2 was before T1 (rw): T2 read nothing in 'x', and so did not see 1, which T1 "
        "appended next",
        "so it is not strong-snapshot-isolation, nor what is stronger",
    ]
    assert result.found[0].operations == (history[0], history[1])
    assert list_anomalies(history, realtime=False).verdict == "ok"


def test_without_a_clients_own_order() -> None:
    history = CASES["G-single-process"][0]
    names = [one.name for one in list_anomalies(history, process=False).found]
    assert names == ["G-single-realtime"]
    assert list_anomalies(history, process=False, realtime=False).verdict == "ok"


def test_more_than_one_is_counted() -> None:
    history = at_once([read("x", 7)], [read("x", 7, 8)])
    result = list_anomalies(history)
    assert [(one.name, one.count) for one in result.found] == [("garbage-read", 3)]
    assert "garbage-read (3):" in str(result).splitlines()


def test_what_nobody_read_came_last() -> None:
    """T1 read before it, T2 appended it and did not see T1's: write skew."""
    history = at_once(
        [append("x", 1)],
        [read("x", 1), append("y", 1)],
        [read("y"), append("x", 2)],
    )
    assert [one.name for one in list_anomalies(history).found] == ["G2-item"]


@pytest.mark.parametrize(
    ("kinds", "name"),
    [
        ("ww ww", "G0"),
        ("ww wr", "G1c"),
        ("ww process", "G0-process"),
        ("wr process realtime", "G1c-realtime"),
        ("wr rw ww", "G-single"),
        ("rw wr rw ww", "G-nonadjacent"),
        ("wr rw rw", "G2-item"),
        ("rw wr ww rw", "G2-item"),
        ("rw realtime process rw", "G2-item-realtime"),
    ],
)
def test_names_of_cycles(kinds: str, name: str) -> None:
    assert kind_of([Edge(kind, "") for kind in kinds.split()]) == name


def test_models_go_from_weak_to_strong() -> None:
    assert MODELS[0] == "read-uncommitted"
    assert MODELS[-1] == "strict-serializable"
    assert list_anomalies(CASES["G0"][0]).ruled_out == MODELS


@pytest.mark.parametrize(
    ("micros", "reason"),
    [
        ("x", "it is 'x', not a list of appends and reads"),
        ([("add", "x", 1)], r"\('add', 'x', 1\) is neither"),
        ([("append", "x")], "is neither"),
        ([("append", [], 1)], "has a key or value that cannot be hashed"),
        ([("append", "x", [1])], "has a key or value that cannot be hashed"),
        ([("read", "x", None)], "is ok, but does not say what was read"),
        ([append("x", 1), append("x", 1)], "it appends 1 to 'x', as operation 1 does"),
        ([append("y", 5)], "it appends 5 to 'y', as operation 0 does"),
    ],
)
def test_histories_that_cannot_be(micros: Any, reason: str) -> None:
    history = [Operation("a", 0, 1, [append("y", 5)]), Operation("b", 0, 1, micros)]
    with pytest.raises(OperationError, match=reason):
        list_anomalies(history)


def test_wrong_use() -> None:
    with pytest.raises(UsageError, match="time_limit must be seconds"):
        list_anomalies([], time_limit=-1)
    with pytest.raises(UsageError, match=r"compare \.verdict"):
        bool(Anomalies("ok", 0))
    assert hr.list_anomalies is list_anomalies
