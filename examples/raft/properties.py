"""What must hold of all nodes together, after every step: the properties of Raft's figure 3.2."""

from __future__ import annotations

from itertools import combinations

import headrace as hr

from .state import LEADER, State


def election_safety(view: hr.View) -> bool:
    """There is at most one leader in a term."""
    terms = [state.term for state in view.states.values() if state.role == LEADER]
    return len(terms) == len(set(terms))


def log_matching(view: hr.View) -> bool:
    """Logs that have the same entry at an index are the same up to there."""
    return all(_match(one, other) for one, other in combinations(view.states.values(), 2))


def _match(one: State, other: State) -> bool:
    base = max(one.log.base, other.log.base)
    last = min(one.log.last, other.log.last)
    ours = one.log.entries[base - one.log.base : max(0, last - one.log.base)]
    theirs = other.log.entries[base - other.log.base : max(0, last - other.log.base)]
    if ours == theirs:
        return True
    differ = [a != b for a, b in zip(ours, theirs, strict=True)].index(True)
    return all(
        a.term != b.term for a, b in zip(ours[differ:], theirs[differ:], strict=True)
    )


def leader_completeness(view: hr.View) -> bool:
    """What a node knows to be committed is in the logs of all leaders of its term, and of later."""
    leaders = [state for state in view.states.values() if state.role == LEADER]
    return all(
        leader.term < state.term or _is_in(state, leader)
        for leader in leaders
        for state in view.states.values()
        if state is not leader
    )


def _is_in(state: State, leader: State) -> bool:
    base = max(state.log.base, leader.log.base)
    count = state.commit - base
    if count <= 0:
        return state.commit <= leader.log.last
    committed = state.log.entries[base - state.log.base :][:count]
    return committed == leader.log.entries[base - leader.log.base :][:count]


def state_machine_safety(view: hr.View) -> bool:
    """Nodes that have carried out as many entries are in the same state."""
    stores = [state.store for state in view.states.values()]
    return all(
        one.applied != other.applied or one == other for one, other in combinations(stores, 2)
    )


def committed_agree(view: hr.View) -> bool:
    """What is committed at an index is so everywhere."""
    for one, other in combinations(view.states.values(), 2):
        base = max(one.log.base, other.log.base)
        count = max(0, min(one.commit, other.commit) - base)
        ours = one.log.entries[base - one.log.base :][:count]
        if ours != other.log.entries[base - other.log.base :][:count]:
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
    return any(
        read.index > state.commit for state in view.states.values() for read in state.reads
    )


def all_agree(view: hr.View) -> bool:
    """One leads, and all logs are equal and carried out."""
    states = view.states.values()
    return (
        sum(state.role == LEADER for state in states) == 1
        and len({(state.term, state.log.last, state.log.last_term) for state in states}) == 1
        and all(state.commit == state.log.last for state in states)
    )
