"""Two-phase commit: right under faults, and wrong when a rule of it is left out."""

from __future__ import annotations

import pytest
from protocol_bugs import ProtocolBug, check_found, example
from protocol_runs import check_same_twice, tally

SEEDS = 150
commit = example("two_phase_commit.py")


def test_it_is_right() -> None:
    told = tally(commit.simulation, range(SEEDS))
    assert told.statuses["info"] == 0  # clients ask for a second, and faults last for less
    assert told.share("ok") > 0.5
    for kind in ("Clog", "Crash", "Pause", "Weather", "Cut", "Partition", "SlowDisk"):
        assert told.faults[kind] > SEEDS / 2, kind
    assert told.faults["FullDisk"] > SEEDS / 2
    for what in ("RESTART", "LOST", "DUPLICATED", "DOWN", "CUT"):
        assert told.counts[what] > SEEDS, what
    for name in commit.system.sometimes:
        assert told.reached[name] > SEEDS / 4, name


def test_without_faults_one_client_gets_all_it_asks_for() -> None:
    book = commit.Book(commit.PARTICIPANTS)
    client = commit.hr.Client([book] * (commit.PLACES + 1), to=commit.COORDINATOR)
    system = commit.system.with_clients({"ann": client})
    run = commit.hr.Simulation(system, faulty_ns=0).run(1).check()
    replies = [asked.reply for asked in run.history["ann"]]
    assert replies[:-1] == [commit.Booked((place,) * 3) for place in range(commit.PLACES)]
    assert replies[-1] == commit.hr.Refused("aborted")


def test_the_same_twice() -> None:
    check_same_twice(commit.simulation, range(5))


def bug(name: str, why: str, old: str, new: str, *size: int) -> ProtocolBug:
    kinds = ("always", "history", "eventually")
    return ProtocolBug(name, why, "two_phase_commit.py", old, new, *size, kinds)


BUGS = [
    bug(
        "vote not synced",
        "a vote is sent before it is on the disk: after a crash it was never given",
        '[hr.persist(f"voted {transaction}", message), yes]',
        '[hr.persist(f"voted {transaction}", message, sync=False), yes]',
        *(40, 4, 4),
    ),
    bug(
        "vote before disk",
        "a vote is sent, and written down afterwards",
        '[hr.persist(f"voted {transaction}", message), yes]',
        '[yes, hr.persist(f"voted {transaction}", message)]',
        *(60, 2, 2),
    ),
    bug(
        "decision forgotten",
        "the coordinator does not write its decision down, and aborts after a crash",
        '            hr.persist(f"decided {transaction}", decided),\n',
        "",
        *(20, 2, 2),
    ),
    bug(
        "decision before disk",
        "acknowledgement before the disk: a decision is told, and then forgotten in a crash",
        '            hr.persist(f"decided {transaction}", decided),\n'
        "            hr.send(begun.participants, Decision(transaction, decided.commit)),\n",
        "            hr.send(begun.participants, Decision(transaction, decided.commit)),\n"
        '            hr.persist(f"decided {transaction}", decided),\n',
        *(60, 2, 2),
    ),
    bug(
        "doubt ended alone",
        "a participant that hears nothing after its yes aborts by itself",
        "        others = (each for each in",
        "        return state, [*self.decide(state, Decision(state.doubt, False)), again]\n"
        "        others = (each for each in",
        *(20, 2, 1),
    ),
    bug(
        "yes after abort",
        "a participant that has aborted for another one still votes yes when it is asked",
        "if transaction in state.decided or state.taken == PLACES:",
        "if state.taken == PLACES:",
        *(20, 2, 1),
    ),
    bug(
        "abort for another one",
        "a participant that is asked by one in doubt aborts though it has voted yes itself",
        "            if transaction in state.voted:\n                return state, None\n",
        "",
        *(20, 2, 1),
    ),
    bug(
        "retry begun again",
        "duplicate execution of a retry: a transaction that was decided is begun under a new name",
        '        transaction = f"{caller.client}-{caller.number}"\n',
        '        transaction = f"{caller.client}-{caller.number}-{len(state.decided)}"\n',
        *(20, 2, 1),
    ),
    bug(
        "not locked",
        "a participant votes on another transaction while it is in doubt about one",
        'return "free" if state.doubt is None else "locked"',
        'return "free"',
        *(20, 3, 3),
    ),
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: ProtocolBug) -> None:
    check_found(bug)
