"""What a node knows, what of it is on its disk, and how it is read back after a crash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

import headrace as hr

from .log import Log, entry_key
from .messages import Entry, Get, Snapshot
from .store import Store, restored

FOLLOWER, CANDIDATE, LEADER = "follower", "candidate", "leader"
NOBODY_KNOWS = ""  # whom a vote was for that is damaged: certainly for nobody who asks again

Effects = list[hr.Effect]


@dataclass
class Follower:
    """What a leader knows of another node: `match` is known to be there, `next` is sent next.

    `round`: the last of its own rounds of messages that the node has answered.
    """

    next: int
    match: int = 0
    round: int = 0


@dataclass
class Read:
    """A request that waits: until others have answered `round`, and `index` is carried out."""

    caller: hr.Caller
    request: Get
    index: int
    round: int


@dataclass
class State:
    """A node. On its disk are the term with its vote, the log, and the last snapshot."""

    me: str = ""
    peers: tuple[str, ...] = ()
    term: int = 0
    voted_for: str | None = None
    log: Log = field(default_factory=Log)
    snapshot: Snapshot = Snapshot(index=0, term=0)  # noqa: RUF009 - it cannot be changed
    swept: int = 0  # up to this index the disk holds no entries any more
    kept: list[int] = field(default_factory=list)  # the indexes of snapshots on the disk

    role: str = FOLLOWER
    leader: str | None = None
    commit: int = 0
    store: Store = field(default_factory=Store)

    votes: list[str] = field(default_factory=list)  # a candidate's
    followers: dict[str, Follower] = field(default_factory=dict)  # a leader's, as is all below
    began: int = 0  # the index of its first entry
    round: int = 0
    reads: list[Read] = field(default_factory=list)

    # What happened to it since it started; only looked at by the properties of the system.
    truncated: int = 0
    installed: int = 0
    deposed: int = 0

    @property
    def majority(self) -> int:
        """How many nodes are more than half of all."""
        return (len(self.peers) + 1) // 2 + 1


class Promise(msgspec.Struct, frozen=True):
    """The newest term, and the vote in it; it may be read after a crash, or be damaged.

    Each term has a key of its own, as a crash in the middle of a write leaves nothing of what was
    there before: the name of a damaged key still tells that the node was in that term.
    """

    term: int
    voted_for: str | None


def enter_term(state: State, term: int, voted_for: str | None = None) -> Effects:
    """Go to a term, or vote in it. What is sent behind these effects is sent with both on disk."""
    state.term, state.voted_for = term, voted_for
    return [hr.persist(term_key(term), Promise(term, voted_for))]


def term_key(term: int) -> str:
    """Under which the vote of a term is on the disk."""
    return f"term/{term:09}"


def snapshot_key(index: int) -> str:
    """Under which a snapshot is on the disk."""
    return f"snapshot/{index:09}"


def load(state: State, durable: hr.Durable) -> Effects:
    """Read back what the disk holds; the effects remove what it holds in vain."""
    found: Mapping[str, list[int]] = {"term": [], "snapshot": [], "log": []}
    for key in sorted({*durable, *durable.damaged}):
        kind, number = key.split("/")
        found[kind].append(int(number))
    used = {
        *_load_term(state, durable, found["term"]),
        *_load_snapshot(state, durable, found["snapshot"]),
        *_load_log(state, durable),
    }
    vain = sorted({*durable, *durable.damaged} - used)
    return [hr.persist(key, None, sync=False) for key in vain]


def _load_term(state: State, durable: hr.Durable, terms: list[int]) -> list[str]:
    if not terms:
        return []
    key = term_key(terms[-1])
    promise = durable.get(key, Promise(terms[-1], NOBODY_KNOWS))
    state.term, state.voted_for = promise.term, promise.voted_for
    return [key]


def _load_snapshot(state: State, durable: hr.Durable, indexes: list[int]) -> list[str]:
    """A damaged one was not safe yet, so that all that it stands for is there still."""
    whole = [index for index in indexes if snapshot_key(index) in durable]
    if not whole:
        return []
    key = snapshot_key(whole[-1])
    state.snapshot = durable[key]
    state.store = restored(state.snapshot)
    state.commit = state.swept = state.snapshot.index
    state.kept = [state.snapshot.index]
    return [key]


def _load_log(state: State, durable: hr.Durable) -> list[str]:
    """The entries behind the snapshot, up to the first that is missing, damaged, or left over.

    Entries that were not safe yet may be there in any choice, among what they were to replace. One
    that does not follow from that before it is such a rest; none of those was promised to anyone.
    """
    log = state.log = Log(state.snapshot.index, state.snapshot.term)
    entries: list[Entry] = []
    before, keys = log.base_term, [entry_key(log.base + 1)]
    while keys[-1] in durable and durable[keys[-1]].before == before:
        entries.append(durable[keys[-1]])
        before = entries[-1].term
        keys.append(entry_key(log.base + len(entries) + 1))
    log.entries = tuple(entries)
    return keys[:-1]
