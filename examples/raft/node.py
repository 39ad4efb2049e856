"""A node of the store: what it does about each input."""

from __future__ import annotations

from typing import Any

import headrace as hr

from .election import campaign, count_vote, election_timer, step_down, vote
from .messages import (
    Append,
    Appended,
    AppendEntries,
    Cas,
    Delete,
    Get,
    InstallSnapshot,
    Put,
    RequestVote,
    Vote,
    Write,
)
from .reads import answer_reads, note_read
from .replication import (
    HEARTBEAT_NS,
    accept,
    accept_snapshot,
    acknowledged,
    broadcast,
    propose_write,
)
from .snapshots import sweep
from .state import CANDIDATE, FOLLOWER, LEADER, Effects, State, load

Step = tuple[State, Effects]


class Raft(hr.Node):
    """A replica of the store. All effects behind a `persist` wait for the disk."""

    def initial(self) -> State:
        return State()

    def mode(self, state: State) -> str:
        return state.role

    @hr.on.start()
    def start(
        self, state: State, me: str, peers: tuple[str, ...], durable: hr.Durable, chance: float
    ) -> Step:
        state.me, state.peers = me, peers
        return state, [election_timer(chance), *load(state, durable)]

    # -- elections -------------------------------------------------------------------------------

    @hr.on.timer("election", when=(FOLLOWER, CANDIDATE))
    def lonely(self, state: State, chance: float) -> Step:
        return state, campaign(state, chance)

    @hr.on.message(RequestVote)
    def asked(self, state: State, message: RequestVote, source: str, chance: float) -> Step:
        return state, vote(state, source, message, chance)

    @hr.on.message(Vote)
    def voted(self, state: State, message: Vote, source: str, chance: float) -> Step:
        return state, count_vote(state, source, message, chance)

    # -- replication -----------------------------------------------------------------------------

    @hr.on.timer("heartbeat", when=LEADER)
    def beat(self, state: State) -> Step:
        return state, [hr.timer("heartbeat", HEARTBEAT_NS), *broadcast(state)]

    @hr.on.message(AppendEntries, InstallSnapshot)
    def led(
        self, state: State, message: AppendEntries | InstallSnapshot, source: str, chance: float
    ) -> Step:
        """A leader's message: it is followed, unless it is of an earlier term."""
        if message.term < state.term:
            return state, [hr.send(source, Appended(state.term, False, 0, 0))]
        effects = [*step_down(state, message.term, chance), election_timer(chance)]
        state.leader = source
        if isinstance(message, AppendEntries):
            return state, [*effects, *accept(state, source, message)]
        return state, [*effects, *accept_snapshot(state, source, message)]

    @hr.on.message(Appended)
    def answered(self, state: State, message: Appended, source: str, chance: float) -> Step:
        if message.term > state.term:
            return state, step_down(state, message.term, chance)
        if state.role != LEADER or message.term < state.term:
            return state, []
        return state, acknowledged(state, source, message)

    @hr.on.timer("election", "heartbeat")
    def cancelled(self, state: State) -> Step:
        """It ran out while `cancel` waited for the disk."""
        return state, []

    @hr.on.timer("sweep")
    def safe(self, state: State) -> Step:
        return state, sweep(state)

    # -- clients ---------------------------------------------------------------------------------

    @hr.on.request(Put, Append, Cas, Delete, when=LEADER)
    def write(self, state: State, request: Write, caller: hr.Caller) -> Step:
        return state, propose_write(state, caller, request)

    @hr.on.request(Get, when=LEADER)
    def read(self, state: State, request: Get, caller: hr.Caller) -> Step:
        note_read(state, caller, request)
        return state, [*broadcast(state), *answer_reads(state)]

    @hr.on.request(Get, Put, Append, Cas, Delete)
    def redirect(self, state: State, caller: hr.Caller) -> tuple[State, Any]:
        return state, hr.reply(caller, hr.Redirect(state.leader))
