"""What is said: by clients to the store, and by its nodes to each other."""

from __future__ import annotations

import msgspec


class Get(msgspec.Struct, frozen=True, tag=True):
    """What does the key hold?"""

    key: str


class Put(msgspec.Struct, frozen=True, tag=True):
    """Let the key hold this."""

    key: str
    value: str


class Append(msgspec.Struct, frozen=True, tag=True):
    """Put this behind what the key holds; the answer is all of it."""

    key: str
    value: str


class Cas(msgspec.Struct, frozen=True, tag=True):
    """Compare and set: let the key hold `value` if it holds `expected` (None: nothing)."""

    key: str
    expected: str | None
    value: str


class Delete(msgspec.Struct, frozen=True, tag=True):
    """Let the key hold nothing; the answer is what it held."""

    key: str


Write = Put | Append | Cas | Delete
Request = Get | Write


class Answer(msgspec.Struct, frozen=True):
    """`ok`: whether it was done (a Cas may not be). `value`: what the request asks about."""

    ok: bool = True
    value: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """An entry of the log: what a client asked for, and the term of the leader that wrote it.

    `before`: the term of the entry before it. Term and index name an entry, as a leader writes one
    only for an index, so `before` ties an entry to all that lead to it. `write` is None for the
    entry with which a leader begins its term.
    """

    term: int
    before: int
    client: str = ""
    number: int = 0
    write: Write | None = None


class Served(msgspec.Struct, frozen=True):
    """The last request of a client that was carried out, and its answer."""

    client: str
    number: int
    answer: Answer


class Snapshot(msgspec.Struct, frozen=True):
    """What the log up to `index` comes to; `term` is that of its last entry."""

    index: int
    term: int
    values: tuple[tuple[str, str], ...] = ()
    served: tuple[Served, ...] = ()


class RequestVote(msgspec.Struct, frozen=True):
    """A candidate asks for a vote; its log ends with this index and term."""

    term: int
    last_index: int
    last_term: int


class Vote(msgspec.Struct, frozen=True):
    """The answer."""

    term: int
    granted: bool


class AppendEntries(msgspec.Struct, frozen=True):
    """A leader's entries behind `index`, whose own term is `before`; none: only a heartbeat.

    `commit`: up to where the leader knows entries to be safe. `round`: comes back in the answer.
    """

    term: int
    index: int
    before: int
    entries: tuple[Entry, ...]
    commit: int
    round: int


class InstallSnapshot(msgspec.Struct, frozen=True):
    """What a leader sends in the place of entries that it has no more."""

    term: int
    snapshot: Snapshot
    round: int


class Appended(msgspec.Struct, frozen=True):
    """A follower's answer to both.

    `ok`: its log is the leader's up to `index`, and on its disk. If not, it has no such entry, and
    what it lacks begins behind `index` or before.
    """

    term: int
    ok: bool
    index: int
    round: int
