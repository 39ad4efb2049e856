"""`headrace.linearizable` on histories made by hand, and what it says of those that are none."""

from __future__ import annotations

import time
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from history_tools import EMPTY, get, put, queue, read, registers, write

import headrace as hr
from headrace import Operation, linearizable
from headrace.checking import Linearizability
from headrace.errors import OperationError, UsageError

Made = list[Operation]

OK: dict[str, tuple[hr.Machine, Made]] = {
    "nothing happened": (registers, []),
    "one after the other": (registers, [write("a", 0, 1, 5), read("b", 2, 3, 5)]),
    "what was first there": (registers, [read("b", 0, 1, 0), write("a", 2, 3, 5)]),
    "read during a write, old": (registers, [write("a", 0, 9, 5), read("b", 2, 3, 0)]),
    "read during a write, new": (registers, [write("a", 0, 9, 5), read("b", 2, 3, 5)]),
    "read at the time of the return": (registers, [write("a", 0, 2, 5), read("b", 2, 3, 0)]),
    "overlapping writes, read backwards": (
        registers,
        [write("a", 0, 9, 1), write("b", 0, 9, 2), read("c", 1, 2, 2), read("c", 3, 4, 1)],
    ),
    "no time between, nor during": (
        registers,
        [write("a", 1, 1, 5), read("a", 1, 1, 5), write("a", 1, 1, 6), read("a", 1, 1, 6)],
    ),
    "a write of what is there already, needed later": (
        registers,
        [write("a", 0, 9, 1), write("b", 1, 2, 1), write("c", 3, 4, 2), read("d", 10, 11, 1)],
    ),
    "a failed write is not seen": (
        registers,
        [write("a", 0, 1, 5, status="fail"), read("b", 2, 3, 0)],
    ),
    "info that took effect late": (
        registers,
        [
            write("a", 0, None, 5, status="info"),
            read("b", 1, 2, 0),
            write("b", 3, 4, 6),
            read("b", 5, 6, 6),
            read("b", 7, 8, 5),
        ],
    ),
    "info that took effect late, and its client went on": (
        registers,
        [
            write("a", 0, 1, 5, status="info"),
            write("a", 2, 3, 6),
            read("a", 4, 5, 6),
            read("a", 6, 7, 5),
        ],
    ),
    "info that never took effect": (
        registers,
        [write("a", 0, 1, 5, status="info"), read("b", 2, 3, 0), read("b", 4, 5, 0)],
    ),
    "the output of info is not looked at": (registers, [read("a", 0, 1, 77, status="info")]),
    "info that is refused": (registers, [write("a", 0, 1, -1, status="info"), read("b", 2, 3, 0)]),
    "two of the same info": (
        registers,
        [
            write("a", 0, None, 5, status="info"),
            write("b", 3, None, 5, status="info"),
            read("c", 1, 2, 5),
            write("c", 3, 4, 6),
            read("c", 5, 6, 5),
        ],
    ),
    "info called at the time of the return": (
        registers,
        [read("b", 0, 1, 5), write("a", 1, None, 5, status="info")],
    ),
    "two of the same info, of which the first has to wait": (
        registers,
        [
            write("a", 0, 5, 1),
            write("a", 5, None, 2, status="info"),
            write("b", 5, None, 2, status="info"),
            read("c", 5, 5, 2),
            read("c", 6, 7, 1),
        ],
    ),
    "first in, first out": (
        queue,
        [put("a", 0, 1, 1), put("a", 2, 3, 2), get("b", 4, 5, 1), get("b", 6, 7, 2)],
    ),
    "overlapping puts in any order": (
        queue,
        [put("a", 0, 5, 1), put("b", 0, 5, 2), get("c", 6, 7, 2), get("c", 8, 9, 1)],
    ),
    "empty before the put is through": (queue, [put("a", 0, 5, 1), get("b", 1, 2, EMPTY)]),
}
BAD: dict[str, tuple[hr.Machine, Made, int]] = {  # and which operation cannot be
    "stale read": (
        registers,
        [write("a", 0, 1, 5), write("a", 2, 3, 6), read("b", 4, 5, 5)],
        2,
    ),
    "lost write": (registers, [write("a", 0, 1, 5), read("b", 2, 3, 0)], 1),
    "new, then old": (
        registers,
        [write("a", 0, 9, 5), read("b", 1, 2, 5), read("c", 3, 4, 0)],
        2,
    ),
    "a value that nobody wrote": (registers, [write("a", 0, 1, 5), read("b", 0, 1, 7)], 1),
    "its own write, in no time": (registers, [write("a", 1, 1, 5), read("a", 1, 1, 0)], 1),
    "a failed write is seen": (
        registers,
        [write("a", 0, 1, 5, status="fail"), read("b", 2, 3, 5)],
        1,
    ),
    "info seen before its call": (
        registers,
        [read("b", 0, 1, 5), write("a", 2, None, 5, status="info")],
        0,
    ),
    "info seen twice": (
        registers,
        [
            write("a", 0, None, 5, status="info"),
            read("b", 1, 2, 5),
            write("b", 3, 4, 6),
            read("b", 5, 6, 5),
        ],
        3,
    ),
    "info before what its client did before": (
        registers,
        [
            write("a", 0, 5, 1),
            write("a", 5, None, 2, status="info"),
            read("c", 5, 5, 2),
            read("c", 6, 7, 1),
        ],
        3,
    ),
    "its own write, in no time, and a failed one": (
        registers,
        [write("a", 1, 1, 5), write("a", 1, 1, 6, status="fail"), read("a", 1, 1, 0)],
        2,
    ),
    "info that is refused leads nowhere": (
        registers,
        [
            write("a", 0, 9, 5),
            write("b", 0, 9, 6),
            write("c", 0, None, -1, status="info"),
            read("d", 10, 11, 5),
            read("d", 12, 13, 6),
        ],
        4,
    ),
    "a write that the model refuses": (registers, [write("a", 0, 1, -1)], 0),
    "out of order": (
        queue,
        [put("a", 0, 1, 1), put("a", 2, 3, 2), get("b", 4, 5, 2)],
        2,
    ),
    "got twice": (
        queue,
        [put("a", 0, 1, 1), get("b", 2, 5, 1), get("c", 2, 6, 1)],
        2,
    ),
    "empty, though it was put": (queue, [put("a", 0, 1, 1), get("b", 2, 3, EMPTY)], 1),
}


@pytest.mark.parametrize(("model", "history"), OK.values(), ids=OK)
def test_ok(model: hr.Machine, history: Made) -> None:
    result = linearizable(history, model)
    assert result.verdict == "ok", str(result)
    assert (result.operation, result.states, result.operations) == (None, (), len(history))
    ok = [one for one in history if one.status == "ok"]
    assert [one for one in ok if one not in result.prefix] == []


@pytest.mark.parametrize(("model", "history", "culprit"), BAD.values(), ids=BAD)
def test_bad(model: hr.Machine, history: Made, culprit: int) -> None:
    result = linearizable(history, model)
    assert result.verdict == "bad", str(result)
    assert result.operation is history[culprit]
    assert result.operation not in result.prefix
    assert linearizable(result.prefix, model).verdict == "ok"


def test_a_bad_history_is_explained() -> None:
    history = [
        *(write("a", at, at + 1, at) for at in range(0, 24, 2)),
        read("b", 30, 31, 22),
        write("a", 32, None, 50, status="info"),
        read("b", 34, 35, 7),
    ]
    result = linearizable(history, registers)
    assert result.operation is history[-1]
    assert result.prefix == tuple(history[:14])
    assert [(each.state, each.instead) for each in result.states] == [
        ({0: 22}, "the answer is (22,)"),
        ({0: 50}, "the answer is (50,)"),
    ]
    assert str(result).splitlines() == [
        "bad: 15 operations cannot be put in one order",
        "longest prefix that can be (14):",
        "  ... 4 before",
        *(f"  client 'a' [{at}, {at + 1}] (0, True, {at}) -> None" for at in range(8, 24, 2)),
        "  client 'b' [30, 31] (0, False, 0) -> (22,)",
        "  client 'a' [32, ?] (0, True, 50) (info)",
        "cannot follow:",
        "  client 'b' [34, 35] (0, False, 0) -> (7,)",
        "states reached:",
        "  {0: 22}: the answer is (22,)",
        "  {0: 50}: the answer is (50,)",
    ]


def test_a_step_that_raises_is_told() -> None:
    result = linearizable([write("a", 0, 1, -1)], registers)
    assert "  {}: the step raises ValueError: negative" in str(result).splitlines()


def test_many_states_are_not_all_shown() -> None:
    writes = [write(client, 0, 10, client) for client in range(1, 9)]
    result = linearizable([*writes, read("b", 11, 12, 77)], registers)
    assert {each.state[0] for each in result.states} == set(range(1, 9))
    assert str(result).splitlines()[-1] == "  ... and 3 more"


def test_other_verdicts_in_words() -> None:
    assert str(linearizable([read("a", 0, 1, 0)], registers)) == (
        "ok: 1 operation can be put in one order"
    )
    unknown = Linearizability("unknown", 2, 7, "not decided within 1 s", "x")
    assert str(unknown) == "unknown, part 'x': 2 operations; not decided within 1 s"
    assert str(write("a", 0, None, 5, status="info")) == "client 'a' [0, ?] (0, True, 5) (info)"


def test_a_verdict_is_neither_true_nor_false() -> None:
    with pytest.raises(UsageError, match=r"compare \.verdict"):
        bool(linearizable([], registers))


# -- limits --------------------------------------------------------------------------------------


def hard(clients: int) -> Made:
    """Overlapping writes of as many clients, and a read of what none of them wrote.

    A queue remembers their order, so every one of the orders is another configuration.
    """
    puts = [put(client, 0, 10, client) for client in range(clients)]
    return [*puts, get("reader", 11, 12, 1000)]


def test_time_limit_gives_unknown() -> None:
    begun = time.monotonic()
    result = linearizable(hard(12), queue, time_limit=0.05)
    assert result.verdict == "unknown"
    assert result.reason == "not decided within 0.05 s"
    assert (result.prefix, result.operation, result.states) == ((), None, ())
    assert time.monotonic() - begun < 5
    assert linearizable(hard(4), queue, time_limit=None).verdict == "bad"


def test_no_time_gives_unknown_unless_there_is_nothing_to_do() -> None:
    assert linearizable([read("a", 0, 1, 0)], registers, time_limit=0).verdict == "unknown"
    assert linearizable([], registers, time_limit=0).verdict == "ok"


def test_so_many_configurations_give_unknown() -> None:
    result = linearizable(hard(8), queue, configurations_max=200)
    assert (result.verdict, result.reason) == ("unknown", "not decided within 200 configurations")
    assert 200 <= result.configurations < 1500


def test_what_is_bad_is_bad_though_another_part_is_unknown() -> None:
    rest = [replace(get("x", at, at + 0.5, EMPTY), input=(False, 99)) for at in range(20)]

    def part(given: Any) -> str:
        return "rest" if given == (False, 99) else "hard"

    result = linearizable([*hard(8), *rest], queue, part, configurations_max=100)
    assert (result.verdict, result.part) == ("unknown", "hard")
    rest[-1] = replace(rest[-1], output=(7,))
    result = linearizable([*hard(8), *rest], queue, part, configurations_max=100)
    assert (result.verdict, result.part, result.operation) == ("bad", "rest", rest[-1])


def test_a_thousand_operations_of_many_clients() -> None:
    """Of a history that happened, in the order of moments within their calls; then one is wrong."""
    random = Random(1)
    free, moments = [random.random() for _ in range(20)], []
    for _ in range(1000):
        client = min(range(20), key=free.__getitem__)
        call, return_ = free[client], free[client] + random.random()
        moments.append((random.uniform(call, return_), client, call, return_))
        free[client] = return_ + 0.1
    value, history = 0, []
    for number, (_, client, call, return_) in enumerate(sorted(moments), 1):
        if random.random() < 0.25:
            value = number
            history.append(write(client, call, return_, value))
        else:
            history.append(read(client, call, return_, value))
    result = linearizable(history, registers)
    assert result.verdict == "ok"
    assert result.configurations < 20_000
    last = max(history, key=lambda one: one.call)
    history[history.index(last)] = wrong = read("r", last.call, last.return_, 7)
    result = linearizable(history, registers)
    assert (result.verdict, result.operation) == ("bad", wrong)


# -- partitions ----------------------------------------------------------------------------------


def by_key(given: Any) -> Any:
    return given[0]


def test_a_part_that_is_bad_is_named() -> None:
    history = [
        *(write("a", 10 * key, 10 * key + 1, 5, key=key) for key in range(4)),
        *(read("b", 50 + key, 50.5 + key, 5 if key != 2 else 6, key=key) for key in range(4)),
    ]
    whole, parted = linearizable(history, registers), linearizable(history, registers, by_key)
    assert (whole.verdict, whole.part) == ("bad", None)
    assert (parted.verdict, parted.part) == ("bad", 2)
    assert whole.operation is parted.operation is history[6]
    assert str(parted).startswith("bad, part 2: 8 operations")
    history[6] = read("b", 52, 52.5, 5, key=2)
    assert linearizable(history, registers, by_key).verdict == "ok"


def test_a_mistake_in_a_part_is_told_whatever_the_others_come_to() -> None:
    history = [read("a", 0, 1, 9), replace(read("b", 0, 1, 0, key=1), output="x")]
    with pytest.raises(OperationError, match="operation 1"):
        linearizable(history, registers, by_key)


# -- states and answers --------------------------------------------------------------------------


def test_the_order_of_a_dict_is_part_of_a_state() -> None:
    """Two orders of the writes lead to dicts that are equal, but of another order."""

    @hr.machine(event=[("key", "<i4"), ("write", "?")], output="<i8", initial=dict)
    def first_key(state: Any, key: int, write: bool) -> Any:
        if write:
            state[key] = 0
            return state, None
        return state, (next(iter(state)),)

    for seen in (1, 2):
        history = [
            Operation("a", 0, 5, (1, True)),
            Operation("b", 0, 5, (2, True)),
            Operation("c", 6, 7, (0, False), seen),
        ]
        assert linearizable(history, first_key).verdict == "ok"


def test_arrays_are_states_and_records_are_answers() -> None:
    @hr.machine(event="<i4", output=[("sum", "<f4"), ("count", "<i4")], initial=lambda: np.zeros(2))
    def sums(state: Any, value: int) -> Any:
        state += (value, 1)
        return state, [(state[0] / 10, int(state[1]))] * 2

    with hr.Engine(sums) as engine:
        given = [3, 4, 7]
        history = [
            Operation("a", at, at, np.int32(value), engine.call(value))
            for at, value in enumerate(given)
        ]
    assert linearizable(history, sums).verdict == "ok"
    as_dicts = [{"sum": 0.3, "count": 1}] * 2
    assert linearizable([replace(history[0], output=as_dicts)], sums).verdict == "ok"
    assert linearizable([replace(history[0], output=as_dicts[:1])], sums).verdict == "bad"
    assert linearizable(history[1:], sums).verdict == "bad"


def test_a_machine_without_outputs() -> None:
    @hr.machine(event="<i4", initial=int)
    def count(state: int, value: int) -> Any:
        return state + value, None

    assert linearizable([Operation("a", 0, 1, 3)], count).verdict == "ok"
    with pytest.raises(OperationError, match=r"operation 0: its output .* has no outputs"):
        linearizable([Operation("a", 0, 1, 3, 3)], count)
