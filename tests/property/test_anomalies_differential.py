"""`headrace.list_anomalies` against trying every order, and on what databases of each kind do.

What it rules out must be ruled out; and if reads tell the whole order of each list, whatever is not
serializable must be found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from headrace import Operation, list_anomalies

Made = list[Operation]
KEYS = ("x", "y", "z")


def asked(draw: st.DrawFn, number: int, most: int = 3) -> list[tuple[Any, ...]]:
    """Appends and reads; each value is appended once."""
    return [
        ("append", draw(st.sampled_from(KEYS[:2])), 10 * number + at)
        if draw(st.booleans())
        else ("read", draw(st.sampled_from(KEYS[:2])), None)
        for at in range(draw(st.integers(1, most)))
    ]


def does(state: dict[str, list[int]], wanted: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What a transaction that is alone sees; the state is changed."""
    seen: list[tuple[Any, ...]] = []
    for act, key, value in wanted:
        if act == "append":
            state.setdefault(key, []).append(value)
            seen.append((act, key, value))
        else:
            seen.append((act, key, list(state.get(key, []))))
    return seen


def serial(order: tuple[Operation, ...]) -> bool:
    """Whether these, one after the other, give what they gave."""
    state: dict[str, list[int]] = {}
    return all(does(state, one.input) == one.output for one in order)


def explained(history: Made, rule: str) -> bool:
    """Whether there is such an order that keeps to a rule."""

    def kept(order: tuple[Operation, ...]) -> bool:
        return not any(
            (rule == "time" and (later.return_ or 0) < one.call)
            or (rule != "none" and later.client == one.client and later.call < one.call)
            for at, one in enumerate(order)
            for later in order[at + 1 :]
        )

    return any(kept(order) and serial(order) for order in permutations(history))


@st.composite
def histories(draw: st.DrawFn) -> Made:
    """Four transactions that ran step by step among each other, each read a snapshot or not."""
    count = draw(st.integers(2, 4))
    wanted = [asked(draw, number + 1) for number in range(count)]
    steps = draw(st.permutations([n for n, each in enumerate(wanted) for _ in each]))
    state: dict[str, list[int]] = {}
    snapshots: dict[int, dict[str, list[int]]] = {}
    outputs: list[list[tuple[Any, ...]]] = [[] for _ in wanted]
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    stale = [draw(st.booleans()) for _ in wanted]
    for moment, number in enumerate(steps):
        begins.setdefault(number, moment)
        ends[number] = moment
        if number not in snapshots:
            snapshots[number] = {key: list(values) for key, values in state.items()}
        micro = wanted[number][len(outputs[number])]
        if micro[0] == "append":
            state.setdefault(micro[1], []).append(micro[2])
            snapshots[number].setdefault(micro[1], []).append(micro[2])
        seen = snapshots[number] if stale[number] else state
        outputs[number] += does({k: list(v) for k, v in seen.items()}, [micro])
    clients = [draw(st.integers(0, 1)) for _ in wanted]
    made = []
    for number, each in enumerate(wanted):
        alone = clients.count(clients[number]) == 1
        client = clients[number] if alone else number + 10
        made.append(Operation(client, begins[number], ends[number] + 0.5, each, outputs[number]))
    whole = [("read", key, list(state.get(key, []))) for key in KEYS[:2]]
    blank = [("read", key, None) for key in KEYS[:2]]
    return [*made, Operation("last", len(steps) + 1, len(steps) + 2, blank, whole)]


@given(histories())
@settings(max_examples=300)
def test_whatever_is_not_serializable_is_found_and_nothing_else(history: Made) -> None:
    found = list_anomalies(history, process=False, realtime=False)
    assert found.verdict == ("ok" if explained(history, "none") else "bad"), str(found)
    assert ("serializable" in found.ruled_out) == (found.verdict == "bad")
    strict = list_anomalies(history)
    assert strict.verdict == ("ok" if explained(history, "time") else "bad"), str(strict)
    assert ("strict-serializable" in strict.ruled_out) == (strict.verdict == "bad")
    event(", ".join(one.name for one in strict.found) or "ok")


@given(histories(), st.data())
@settings(max_examples=100)
def test_what_may_not_have_happened_proves_nothing(history: Made, data: st.DataObject) -> None:
    """With some of them unknown, and no last read: what is ruled out is so for every choice."""
    at = data.draw(st.integers(0, len(history) - 2))
    one = history[at]
    unknown = Operation(one.client, one.call, None, one.input, None, "info")
    rest = [each for each in history[:-1] if each is not one]
    made = [*rest, unknown]
    if "serializable" in list_anomalies(made).ruled_out:
        assert not explained(rest, "none")
        for order in permutations([*rest, unknown]):
            state: dict[str, list[int]] = {}
            assert not all(
                does(state, each.input) == each.output or each is unknown for each in order
            )


# -- databases -----------------------------------------------------------------------------------


def run(isolation: str, seed: int, count: int = 60, clients: int = 5) -> Made:
    """What clients see of a database of a kind; each transaction takes several moments."""
    random = Random(f"{isolation} {seed}")
    state: dict[str, list[int]] = {}
    versions = dict.fromkeys(KEYS, 0)
    history: Made = []
    under_way: dict[int, dict[str, Any]] = {}
    number, moment = 0, 0
    while len(history) < count:
        moment += 1
        client = random.randrange(clients)
        one = under_way.get(client)
        if one is None:
            number += 1
            wanted = [
                ("append", random.choice(KEYS), 10 * number + at)
                if random.random() < 0.5
                else ("read", random.choice(KEYS), None)
                for at in range(random.randint(1, 4))
            ]
            snapshot = {key: list(values) for key, values in state.items()}
            under_way[client] = {
                "call": moment, "wanted": wanted, "seen": [], "snapshot": snapshot,
                "versions": dict(versions), "mine": {},
            }  # fmt: skip
            continue
        if len(one["seen"]) < len(one["wanted"]) and isolation != "serial":
            step(isolation, state, one)
            continue
        del under_way[client]
        status = commit(isolation, state, versions, one)
        output = one["seen"] if status == "ok" else None
        history.append(Operation(client, one["call"], moment, one["wanted"], output, status))
    return history


def step(isolation: str, state: dict[str, list[int]], one: dict[str, Any]) -> None:
    """The next append or read of a transaction that has not committed."""
    act, key, value = one["wanted"][len(one["seen"])]
    mine = one["mine"].setdefault(key, [])
    if act == "append":
        if isolation == "uncommitted":
            state.setdefault(key, []).append(value)
        mine.append(value)
        one["seen"].append((act, key, value))
        return
    if isolation == "snapshot":
        one["seen"].append((act, key, [*one["snapshot"].get(key, []), *mine]))
    else:  # a committed list with its own behind would be one that never was
        one["seen"].append((act, key, list(state.get(key, []))))


def commit(
    isolation: str, state: dict[str, list[int]], versions: dict[str, int], one: dict[str, Any]
) -> str:
    """The end of a transaction: ok, or fail if it comes too late."""
    if isolation == "serial":
        one["seen"] = does(state, one["wanted"])
        return "ok"
    written = [key for key, values in one["mine"].items() if values]
    if isolation == "snapshot" and any(versions[key] != one["versions"][key] for key in written):
        return "fail"
    for key in written:
        versions[key] += 1
        if isolation != "uncommitted":
            state.setdefault(key, []).extend(one["mine"][key])
    return "ok"


SEEDS = range(12)
# What each must keep, and what it will come to in so many runs.
DATABASES = {
    "serial": ("strict-serializable", set()),
    "snapshot": ("strong-snapshot-isolation", {"G2-item"}),
    "committed": ("strong-read-committed", {"internal", "G-single", "lost-update", "G2-item"}),
    "uncommitted": ("", {"G0", "G1b", "G1c", "G-single", "G2-item"}),
}


@pytest.mark.parametrize("isolation", DATABASES)
def test_databases(isolation: str) -> None:
    kept, expected = DATABASES[isolation]
    names: set[str] = set()
    for seed in SEEDS:
        found = list_anomalies(run(isolation, seed))
        names |= {one.name for one in found.found}
        assert kept not in found.ruled_out, str(found)
        assert (found.verdict == "ok") == (not found.found)
        check_cycles(found)
    assert expected <= names
    if isolation == "serial":
        assert names == set()


def check_cycles(found: Any) -> None:
    """Each says of every two of its transactions why one was before the next, round and round."""
    for one in found.found:
        if one.reasons[0].startswith("T1 was before T2"):
            count = len(one.operations)
            assert len(one.reasons) == count
            for at, reason in enumerate(one.reasons, 1):
                assert reason.startswith(f"T{at} was before T{at % count + 1} (")
                assert f"T{at % count + 1}" in reason.partition(": ")[2]


def many() -> Iterator[Operation]:
    yield from run("committed", 1, 3000, 20)


@pytest.mark.torture
def test_thousands_of_transactions_in_seconds() -> None:
    found = list_anomalies(many(), time_limit=60)
    assert found.verdict == "bad"
    assert {"lost-update", "G-single"} <= {one.name for one in found.found}
    (single,) = [one for one in found.found if one.name == "G-single"]
    assert len(single.operations) == 2
    assert list_anomalies(run("serial", 1, 3000, 20), math.inf).verdict == "ok"


def test_no_time_is_unknown() -> None:
    cycle = [
        Operation("a", 0, 5, [("read", "x", []), ("append", "y", 1)]),
        Operation("b", 0, 5, [("read", "y", []), ("append", "x", 1)]),
    ]
    assert list_anomalies(cycle).verdict == "bad"
    found = list_anomalies(cycle, time_limit=0)
    assert (found.verdict, found.ruled_out) == ("unknown", ())
    assert str(found) == "unknown: 2 transactions; no time to look for all cycles"
