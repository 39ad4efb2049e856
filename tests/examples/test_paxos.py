"""Single-decree Paxos: right under faults, and wrong when a rule of it is left out."""

from __future__ import annotations

import dataclasses

import pytest
from lengths import cases
from protocol_bugs import ProtocolBug, check_found, example
from protocol_runs import check_same_twice, tally

SEEDS = 200
paxos = example("paxos.py")


def test_it_is_right() -> None:
    told = tally(paxos.simulation, range(SEEDS))
    assert told.share("ok") == 1  # clients ask for three seconds, and faults last for less than one
    for kind in ("Clog", "Jump", "Crash", "Pause", "Weather", "Cut", "Partition", "SlowDisk"):
        assert told.faults[kind] > SEEDS / 2, kind
    assert told.faults["FullDisk"] > SEEDS / 2
    for what in ("RESTART", "LOST", "DUPLICATED", "DOWN", "CUT"):
        assert told.counts[what] > SEEDS, what
    for name in paxos.system.sometimes:
        assert told.reached[name] > SEEDS / 40, name


def test_it_is_right_on_a_slow_network() -> None:
    told = tally(paxos.slow_network, range(SEEDS))
    assert told.share("ok") == 1
    assert told.counts["RESTART"] > 10 * SEEDS


def test_what_is_chosen_differs() -> None:
    chosen = [paxos.simulation.run(seed).check().states["a"].chosen for seed in range(20)]
    assert None not in chosen
    assert len(set(chosen)) > 10


def test_the_same_twice() -> None:
    check_same_twice(paxos.simulation, range(5))


def bug(name: str, why: str, old: str, new: str, *size: int) -> ProtocolBug:
    return ProtocolBug(name, why, "paxos.py", old, new, *size)


def slow_bug(name: str, why: str, old: str, new: str, *size: int) -> ProtocolBug:
    found = bug(name, why, old, new, *size)
    return dataclasses.replace(found, simulation="slow_network")


BUGS = [
    slow_bug(
        "promise not kept",
        "a promise is not written down: after a crash an earlier ballot is accepted after all",
        'hr.persist(f"promised {message.ballot}", message), ',
        "",
        *(150, 3, 4),
    ),
    slow_bug(
        "ballot used again",
        "a proposer that was restarted begins with the ballot that it had before",
        "        state.seen = state.promised.number\n",
        "",
        *(250, 3, 6),
    ),
    bug(
        "acceptance not kept",
        "what was accepted is not written down: after a crash it was never chosen",
        'hr.persist(f"accepted {message.ballot}", message), ',
        "",
        *(20, 3, 4),
    ),
    bug(
        "own value",
        "a proposer goes on with its own value, whatever was accepted before",
        "state.value if last is None else last.value",
        "state.value",
        *(20, 2, 2),
    ),
    bug(
        "first accepted",
        "a proposer goes on with any accepted value, not with that of the highest ballot",
        "            last = later(last, accepted)\n",
        "            last = last or accepted\n",
        *(60, 4, 5),
    ),
    bug(
        "ballots of two",
        "two proposers use the same ballot",
        "Ballot(state.seen, me)",
        'Ballot(state.seen, "")',
        *(20, 2, 2),
    ),
    bug(
        "lower ballot accepted",
        "an acceptor accepts in any ballot, in spite of what it has promised",
        """        if message.ballot < state.promised:
            return state, hr.send(source, TooLow(state.promised))
        state.promised = message.ballot
        state.accepted = message
""",
        "        state.accepted = message\n",
        *(60, 3, 2),
    ),
    bug(
        "messages counted",
        "a quorum of messages: an acceptor that was heard twice counts twice",
        "        acceptors.add(source)\n",
        "        acceptors.add((source, len(acceptors)))\n",
        *(200, 3, 2),
    ),
    bug(
        "quorum too small",
        "one of three is taken for a majority by those who learn",
        "len(acceptors) <= len(nodes) // 2",
        "len(acceptors) < len(nodes) // 2",
        *(60, 3, 2),
    ),
    bug(
        "told too soon",
        "a proposer answers its client when its value is proposed, not when it is chosen",
        "        return state, hr.send(nodes, state.proposed)\n",
        """        replies = [hr.reply(caller, Chosen(value)) for caller in state.callers]
        return state, [hr.send(nodes, state.proposed), *replies]
""",
        *(20, 2, 2),
    ),
]


LONG = {"acceptance not kept", "ballot used again", "first accepted", "own value"}


@pytest.mark.parametrize("bug", cases(BUGS, LONG))
def test_a_planted_bug_is_found(bug: ProtocolBug) -> None:
    check_found(bug)
