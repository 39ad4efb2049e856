"""A leader makes the logs of the others equal to its own, and knows what is safe in a majority."""

from __future__ import annotations

import headrace as hr

from .messages import Appended, AppendEntries, Entry, InstallSnapshot, Write
from .reads import answer_reads
from .snapshots import compact, install
from .state import LEADER, Effects, Follower, State

HEARTBEAT_NS = 8_000_000
BATCH = 2  # entries in a message


def lead(state: State) -> Effects:
    """Begin a term with an entry of its own: with it all before it can be committed."""
    state.role, state.leader = LEADER, state.me
    state.followers = {peer: Follower(next=state.log.last + 1) for peer in state.peers}
    state.began = state.log.last + 1
    state.reads = []
    return [
        hr.cancel("election"),
        hr.timer("heartbeat", HEARTBEAT_NS),
        *propose(state, Entry(state.term, state.log.last_term)),
    ]


def propose(state: State, entry: Entry) -> Effects:
    """Put an entry into the log, and send it on once it is on our own disk."""
    return [*state.log.append(entry), *broadcast(state), *commit(state)]


def propose_write(state: State, caller: hr.Caller, write: Write) -> Effects:
    """Let a write be carried out, or answer again what was carried out before."""
    last = state.store.served.get(caller.client)
    if last is not None and caller.number <= last.number:
        return [hr.reply(caller, last.answer)] if caller.number == last.number else []
    entry = Entry(state.term, state.log.last_term, caller.client, caller.number, write)
    return propose(state, entry)


def broadcast(state: State) -> Effects:
    """Begin a round: send everyone what it lacks, or a heartbeat."""
    state.round += 1
    return [feed(state, peer) for peer in state.peers]


def feed(state: State, peer: str) -> hr.Effect:
    """Send the next entries, taking for granted that those sent before have come."""
    follower, log = state.followers[peer], state.log
    index = follower.next - 1
    if index < log.base:
        follower.next = log.base + 1
        return hr.send(peer, InstallSnapshot(state.term, state.snapshot, state.round))
    entries = log.behind(index, BATCH)
    follower.next += len(entries)
    before = log.term(index)
    message = AppendEntries(state.term, index, before, entries, state.commit, state.round)
    return hr.send(peer, message)


def accept(state: State, source: str, message: AppendEntries) -> Effects:
    """A follower takes entries in, if its log is the leader's up to where they begin."""
    log, index = state.log, message.index
    if index > log.last or (index >= log.base and log.term(index) != message.before):
        lacks = min(log.last, index - 1)
        return [hr.send(source, Appended(state.term, False, lacks, message.round))]
    before = log.last
    effects = log.merge(index, message.entries)
    equal = index + len(message.entries)  # behind it there may be entries of another leader
    state.truncated += log.last < before
    state.commit = max(state.commit, min(message.commit, equal))
    return [
        *effects,
        hr.send(source, Appended(state.term, True, equal, message.round)),
        *apply(state),
    ]


def accept_snapshot(state: State, source: str, message: InstallSnapshot) -> Effects:
    """A follower takes a snapshot in the place of entries, if it is not ahead of it."""
    effects = install(state, message.snapshot) if message.snapshot.index > state.commit else []
    answer = Appended(state.term, True, message.snapshot.index, message.round)
    return [*effects, hr.send(source, answer)]


def acknowledged(state: State, source: str, answer: Appended) -> Effects:
    """A leader learns what a follower has, or has not."""
    follower = state.followers[source]
    follower.round = max(follower.round, answer.round)
    effects: Effects = []
    if answer.ok:
        follower.match = max(follower.match, answer.index)
        follower.next = max(follower.next, follower.match + 1)
        effects += commit(state)
    else:
        follower.next = max(follower.match + 1, min(follower.next, answer.index + 1))
    if follower.next <= state.log.last:
        effects.append(feed(state, source))
    return [*effects, *answer_reads(state)]


def commit(state: State) -> Effects:
    """What a majority has is safe, if it is of this term; and with it all before it.

    An entry of an earlier term may be in a majority and still be replaced by a leader that has a
    newer one (Ongaro's figure 3.7), so those are not counted.
    """
    matches = [state.log.last, *(each.match for each in state.followers.values())]
    index = sorted(matches, reverse=True)[state.majority - 1]
    if index > state.commit and state.log.term(index) == state.term:
        state.commit = index
    return apply(state)


def apply(state: State) -> Effects:
    """Carry out what is committed; a leader answers those who asked for it."""
    effects: Effects = []
    while state.store.applied < state.commit:
        entry = state.log.entry(state.store.applied + 1)
        answer = state.store.apply(entry)
        if answer is not None and state.role == LEADER:
            effects.append(hr.reply(hr.Caller(entry.client, entry.number), answer))
    return [*effects, *compact(state)]
