"""What must hold of all nodes together, after every step: the properties of Raft's figure 3.2."""

from __future__ import annotations

from itertools import combinations

import headrace as hr

from .log import Log
from .messages import Entry
from .state import LEADER, State


def election_safety(view: hr.View) -> bool:
    """There is at most one leader in a term."""
    terms = [state.term for state in view.states.values() if state.role == LEADER]
    return len(terms) == len(set(terms))


def log_matching(view: hr.View) -> bool:
    """Logs that have the same entry at an index are the same up to there."""
    for one, other in combinations(view.states.values(), 2):
        ours, theirs = _both(one.log, other.log)
        if ours != theirs:
            pairs = list(zip(ours, theirs, strict=True))
            differ = [a != b for a, b in pairs].index(True)
            if any(a.term == b.term for a, b in pairs[differ:]):
                return False
    return True


def _both(one: Log, other: Log) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """The entries of those indexes that both logs have."""
    ours, theirs = one.entries, other.entries
    if one.base < other.base:
        ours = ours[other.base - one.base :]
    else:
        theirs = theirs[one.base - other.base :]
    count = min(len(ours), len(theirs))
    return ours[:count], theirs[:count]


def leader_completeness(view: hr.View) -> bool:
    """What a node knows to be committed is in the logs of all leaders of its term, and of later."""
    for leader in view.states.values():
        if leader.role == LEADER:
            for state in view.states.values():
                if state.term <= leader.term and not _is_in(state, leader.log):
                    return False
    return True


def _is_in(state: State, log: Log) -> bool:
    """Whether what a node knows to be committed is in a log."""
    ours, theirs = _both(state.log, log)
    count = max(0, state.commit - max(state.log.base, log.base))
    return state.commit <= log.last and ours[:count] == theirs[:count]


def committed_agree(view: hr.View) -> bool:
    """What is committed at an index is so everywhere."""
    for one, other in combinations(view.states.values(), 2):
        ours, theirs = _both(one.log, other.log)
        if ours != theirs:
            count = min(one.commit, other.commit) - max(one.log.base, other.log.base)
            if ours[: max(0, count)] != theirs[: max(0, count)]:
                return False
    return True


def state_machine_safety(view: hr.View) -> bool:
    """Nodes that have carried out as many entries are in the same state."""
    for one, other in combinations(view.states.values(), 2):
        if one.store.applied == other.store.applied and one.store != other.store:
            return False
    return True


def a_leader_is_deposed(view: hr.View) -> bool:
    """A leader hears of another term."""
    return any(state.deposed for state in view.states.values())


def entries_are_truncated(view: hr.View) -> bool:
    """A log becomes shorter, as it was another than the leader's."""
    return any(state.truncated for state in view.states.values())


def a_snapshot_is_installed(view: hr.View) -> bool:
    """A node gets a snapshot, as the leader has no more what it lacks."""
    return any(state.installed for state in view.states.values())


def two_lead(view: hr.View) -> bool:
    """There are two leaders, in two terms, of which one does not know that it is deposed."""
    return sum(state.role == LEADER for state in view.states.values()) > 1


def reads_wait_for_a_term(view: hr.View) -> bool:
    """A leader is asked before it knows what is committed."""
    return any(read.index > state.commit for state in view.states.values() for read in state.reads)


def all_agree(view: hr.View) -> bool:
    """One leads, and all logs are equal and carried out."""
    states = view.states.values()
    return (
        sum(state.role == LEADER for state in states) == 1
        and len({(state.term, state.log.last, state.log.last_term) for state in states}) == 1
        and all(state.commit == state.log.last for state in states)
    )
