"""The replicated register: right under faults, and wrong when a rule of it is left out."""

from __future__ import annotations

import pytest
from lengths import cases
from protocol_bugs import ProtocolBug, check_found, example
from protocol_runs import check_same_twice, tally

SEEDS = 100
abd = example("abd.py")


def test_it_is_right() -> None:
    told = tally(abd.simulation, range(SEEDS))
    assert told.share("ok") > 0.85
    assert told.statuses["fail"] == 0
    for kind in ("Clog", "Jump", "Crash", "Pause", "Weather", "Cut", "Partition", "SlowDisk"):
        assert told.faults[kind] > SEEDS / 2, kind
    assert told.faults["FullDisk"] > SEEDS / 3
    for what in ("RESTART", "LOST", "DUPLICATED", "DOWN", "CUT"):
        assert told.counts[what] > SEEDS, what
    for name in abd.system.sometimes:
        assert told.reached[name] > SEEDS / 4, name


def test_without_a_majority_it_waits() -> None:
    down = tuple(
        abd.hr.faults.Crash(node=node, at_ns=20_000_000, until_ns=400_000_000) for node in "ab"
    )
    simulation = abd.hr.Simulation(abd.system, faults=down, faulty_ns=500_000_000)
    run = simulation.run(1).check()
    asked = [one for history in run.history.values() for one in history]
    told_ns = [one.return_ns for one in asked if one.status == "ok"]
    # What had been heard from a majority before it was gone is still told.
    assert not any(30_000_000 < time_ns < 400_000_000 for time_ns in told_ns)
    assert min(told_ns) < 20_000_000
    assert max(told_ns) > 400_000_000
    assert any(one.status == "info" for one in asked)


def test_the_same_twice() -> None:
    check_same_twice(abd.simulation, range(5))


def bug(name: str, why: str, old: str, new: str, *size: int) -> ProtocolBug:
    return ProtocolBug(name, why, "abd.py", old, new, *size)


BUGS = [
    bug(
        "read without write-back",
        "stale read: a value that only some have was read, and is not there for the next reader",
        "        operation.sent = Store(message.operation, operation.request.key, version)\n",
        """        if isinstance(operation.request, Read):
            del state.operations[message.operation]
            return state, hr.reply(operation.caller, Value(version.value))
        operation.sent = Store(message.operation, operation.request.key, version)
""",
        *(60, 6, 4),
    ),
    bug(
        "own stamp only",
        "a writer does not ask for the highest stamp, it goes by what it has stored itself",
        "Stamp(version.stamp.number + 1, message.operation)",
        """Stamp(
                state.versions.get(operation.request.key, Version()).stamp.number + 1,
                message.operation,
            )""",
        *(20, 7, 3),
    ),
    bug(
        "not synced",
        "acknowledgement before the disk: a majority of which some forget in a crash",
        'version.stamp}", message)',
        'version.stamp}", message, sync=False)',
        *(40, 8, 4),
    ),
    bug(
        "no tie-break",
        "two writers choose the same stamp, and each node keeps the value that came first",
        "Stamp(version.stamp.number + 1, message.operation)",
        "Stamp(version.stamp.number + 1)",
        *(20, 3, 1),
    ),
    bug(
        "quorum too small",
        "half of the nodes are taken for a majority: two of them need have none in common",
        "        if len(operation.stored) <= len(nodes) // 2:\n",
        "        if len(operation.stored) < len(nodes) // 2:\n",
        *(40, 6, 6),
    ),
    bug(
        "retry at another node",
        "duplicate execution of a retry: two nodes carry out a write, and another comes in between",
        "others=False",
        "others=True",
        *(20, 7, 4),
    ),
    bug(
        "earlier over later",
        "a node takes any version, also one that is earlier than what it has",
        "message.version.stamp <= known.stamp",
        "message.version.stamp == known.stamp",
        *(20, 4, 2),
    ),
]


LONG = {
    *("not synced", "own stamp only", "quorum too small", "read without write-back"),
    "retry at another node",
}


@pytest.mark.parametrize("bug", cases(BUGS, LONG))
def test_a_planted_bug_is_found(bug: ProtocolBug) -> None:
    check_found(bug)
