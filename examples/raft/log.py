"""The log: what is to be carried out, in order, but for what a snapshot stands for."""

from __future__ import annotations

from dataclasses import dataclass

import headrace as hr

from .messages import Entry, Snapshot


@dataclass
class Log:
    """Entries behind `base`, the last index that a snapshot stands for. The first index is 1.

    The entries are a tuple, which is made anew by each change: what was sent or written of it
    stays as it was.
    """

    base: int = 0
    base_term: int = 0
    entries: tuple[Entry, ...] = ()

    @property
    def last(self) -> int:
        """The index of the last entry."""
        return self.base + len(self.entries)

    @property
    def last_term(self) -> int:
        """The term of the last entry."""
        return self.entries[-1].term if self.entries else self.base_term

    def has(self, index: int) -> bool:
        """Whether the term of that index is known."""
        return self.base <= index <= self.last

    def term(self, index: int) -> int:
        """The term of an index that it has."""
        return self.base_term if index == self.base else self.entry(index).term

    def entry(self, index: int) -> Entry:
        """The entry of an index behind `base`."""
        return self.entries[index - self.base - 1]

    def behind(self, index: int, count: int) -> tuple[Entry, ...]:
        """So many entries behind that index, or as many as there are."""
        return self.entries[index - self.base : index - self.base + count]

    def append(self, entry: Entry) -> list[hr.Effect]:
        """Put an entry behind the last."""
        self.entries = (*self.entries, entry)
        return [hr.persist(entry_key(self.last), entry)]

    def merge(self, index: int, entries: tuple[Entry, ...]) -> list[hr.Effect]:
        """Make the entries behind `index` those of the leader.

        What is here already stays, with all that follows: the message may be an old one, and what
        follows may have been promised to the leader since. Only an entry of another term shows
        that it, and all that follow it, are none of the leader's.
        """
        for place, entry in enumerate(entries):
            at = index + place + 1
            if at <= self.base:
                continue  # a snapshot stands for it, so it is committed, and the same
            if at <= self.last and self.term(at) == entry.term:
                continue
            return self._replace(at, entries[place:])
        return []

    def _replace(self, first: int, entries: tuple[Entry, ...]) -> list[hr.Effect]:
        before = self.last
        self.entries = (*self.entries[: first - self.base - 1], *entries)
        written = [hr.persist(entry_key(first + at), each) for at, each in enumerate(entries)]
        gone = [hr.persist(entry_key(at), None) for at in range(self.last + 1, before + 1)]
        return written + gone

    def compact(self, snapshot: Snapshot) -> None:
        """Drop what a snapshot stands for; and all, if that is not what led to the entries."""
        follows = self.has(snapshot.index) and self.term(snapshot.index) == snapshot.term
        self.entries = self.entries[snapshot.index - self.base :] if follows else ()
        self.base, self.base_term = snapshot.index, snapshot.term


def entry_key(index: int) -> str:
    """Under which an entry is on the disk."""
    return f"log/{index:09}"
