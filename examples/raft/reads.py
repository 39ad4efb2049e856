"""Reads without an entry in the log, which see all that was answered before they were asked.

That a node leads does not tell it that nobody else does by now. So a read notes what is committed,
and waits until a majority has answered a message that was sent after it came: no other leader was
elected before that, and what is committed by then was noted (Ongaro's dissertation, section 6.4).
"""

from __future__ import annotations

import headrace as hr

from .messages import Get
from .state import Effects, Read, State


def note_read(state: State, caller: hr.Caller, request: Get) -> None:
    """Let a read wait for the next round.

    A new leader has all that is committed, but knows so only when its first entry is.
    """
    index = max(state.commit, state.began)
    state.reads.append(Read(caller, request, index, state.round + 1))


def answer_reads(state: State) -> Effects:
    """Answer those that have waited for long enough."""
    rounds = [state.round, *(each.round for each in state.followers.values())]
    confirmed = sorted(rounds, reverse=True)[state.majority - 1]
    ready = [read for read in state.reads if read.round <= confirmed and read.index <= state.commit]
    if ready:
        state.reads = [read for read in state.reads if read not in ready]
    return [hr.reply(read.caller, state.store.read(read.request)) for read in ready]
