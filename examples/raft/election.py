"""Terms and votes: at most one node leads in each term, and it has all that is committed."""

from __future__ import annotations

import headrace as hr

from .messages import RequestVote, Vote
from .replication import lead
from .state import CANDIDATE, FOLLOWER, LEADER, Effects, State, enter_term

ELECTION_NS = 25_000_000  # without a word from a leader, and up to twice that, by chance


def election_timer(chance: float) -> hr.Effect:
    """Wait for a leader; by chance, so that nodes do not all lose their patience at a time."""
    return hr.timer("election", ELECTION_NS + int(chance * ELECTION_NS))


def campaign(state: State, chance: float) -> Effects:
    """Ask for votes in a new term."""
    state.role, state.leader, state.votes = CANDIDATE, None, [state.me]
    asked = RequestVote(state.term + 1, state.log.last, state.log.last_term)
    return [
        election_timer(chance),
        *enter_term(state, asked.term, voted_for=state.me),
        hr.send(state.peers, asked),
        *(lead(state) if state.majority == 1 else ()),
    ]


def step_down(state: State, term: int, chance: float) -> Effects:
    """Follow, in that term if it is newer. Clients that wait will ask again."""
    effects: Effects = []
    if state.role == LEADER:
        state.deposed += 1
        state.reads.clear()
        effects += [hr.cancel("heartbeat"), election_timer(chance)]
    state.role = FOLLOWER
    if term > state.term:
        state.leader = None
        effects += enter_term(state, term)
    return effects


def vote(state: State, source: str, asked: RequestVote, chance: float) -> Effects:
    """Answer a candidate: one vote in each term, and none for a log that ends before ours.

    What is committed is in the logs of a majority, so that whoever gets one has it all.
    """
    effects = step_down(state, asked.term, chance) if asked.term > state.term else []
    ours, theirs = (state.log.last_term, state.log.last), (asked.last_term, asked.last_index)
    granted = asked.term == state.term and theirs >= ours and state.voted_for in (None, source)
    if granted:
        effects += [election_timer(chance), *enter_term(state, asked.term, voted_for=source)]
    return [*effects, hr.send(source, Vote(state.term, granted))]


def count_vote(state: State, source: str, answer: Vote, chance: float) -> Effects:
    """Lead, with the votes of a majority."""
    if answer.term > state.term:
        return step_down(state, answer.term, chance)
    if state.role != CANDIDATE or answer.term < state.term or not answer.granted:
        return []
    if source not in state.votes:
        state.votes.append(source)
    return lead(state) if len(state.votes) >= state.majority else []
