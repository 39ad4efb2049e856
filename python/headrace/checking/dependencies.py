"""Which transaction must have been before which, and why.

The longest read of a key tells the order of its versions. From that: ww, one appended right behind
the other; wr, one read what the other had appended last; rw, one read a version that the other then
appended to. From the clients: process, a client did one after the other; realtime, one had returned
before the other was called. Where several hold, the first of them is kept.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from headrace.checking.transactions import APPEND, READ, Transaction

# No `repr` of a key or value has these in it.
_BEFORE, _AFTER = "\x01", "\x02"
KINDS = ("ww", "wr", "rw", "process", "realtime")


@dataclass(frozen=True)
class Edge:
    """Why one transaction must have been before another."""

    kind: str
    why: str  # with marks for the two

    def told(self, before: str, after: str) -> str:
        """Why, of transactions with these names."""
        return self.why.replace(_BEFORE, before).replace(_AFTER, after)


class Dependencies:
    """All of them; `edges`: by the places of both in `all_`, those of failed ones left out.

    `versions`: for each key what is known of the order of its values. `writers`: who appended one.
    """

    def __init__(self, all_: list[Transaction], *, process: bool, realtime: bool) -> None:
        self.all_ = all_
        self.writers: dict[tuple[Hashable, Any], int] = {}
        self.versions: dict[Hashable, tuple[Any, ...]] = {}
        self.edges: dict[int, dict[int, Edge]] = {}
        for place, one in enumerate(all_):
            for micro in one.micros:
                if micro.act == APPEND:
                    self.writers[micro.key, micro.value] = place
            for read in one.reads():
                assert read.values is not None
                if len(read.values) > len(self.versions.get(read.key, ())):
                    self.versions[read.key] = tuple(dict.fromkeys(read.values))
        self._places = {
            (key, value): at
            for key, values in self.versions.items()
            for at, value in enumerate(values)
        }
        self._from_data()
        if process:
            self._from_clients()
        if realtime:
            self._from_time()

    def _add(self, before: int | None, after: int | None, kind: str, why: str) -> None:
        if before is None or after is None or before == after:
            return
        if "fail" in (self.all_[before].status, self.all_[after].status):
            return
        found = self.edges.setdefault(before, {}).get(after)
        if found is None or KINDS.index(kind) < KINDS.index(found.kind):
            self.edges[before][after] = Edge(kind, why)

    def _from_data(self) -> None:
        readers: dict[tuple[Hashable, Any], list[int]] = {}  # by the last value; None: by nothing
        for place, one in enumerate(self.all_):
            for read in one.reads():
                assert read.values is not None
                last = (read.values[-1],) if read.values else None
                readers.setdefault((read.key, last), []).append(place)
                if read.values:
                    value = read.values[-1]
                    self._add(
                        self.writers.get((read.key, value)), place, "wr",
                        f"{_AFTER} read {value!r} in {read.key!r}, which {_BEFORE} had appended",
                    )  # fmt: skip
        for (key, value), writer in self.writers.items():
            before = self._before(key, value)
            if before is not None:
                self._add(
                    self.writers.get((key, before[0])), writer, "ww",
                    f"{_AFTER} appended {value!r} to {key!r} behind {before[0]!r}, which {_BEFORE} "
                    "had appended",
                )  # fmt: skip
            for reader in readers.get((key, before), ()):
                seen = f"{key!r} ending in {before[0]!r}" if before else f"nothing in {key!r}"
                self._add(
                    reader, writer, "rw",
                    f"{_BEFORE} read {seen}, and so did not see {value!r}, which {_AFTER} appended "
                    "next",
                )  # fmt: skip

    def _before(self, key: Hashable, value: Any) -> tuple[Any] | None:
        """The value before one, packed; None: there is none.

        What nobody has read came behind all that was.
        """
        versions = self.versions.get(key, ())
        at = self._places.get((key, value), len(versions))
        return (versions[at - 1],) if at else None

    def _from_clients(self) -> None:
        last: dict[Hashable, int] = {}
        for place in self._by_call():
            one = self.all_[place]
            client = one.operation.client
            if client in last:
                why = f"the client of {_BEFORE} did {_AFTER} later"
                self._add(last[client], place, "process", why)
            if one.status == "ok":
                last[client] = place

    def _from_time(self) -> None:
        """From those only behind which nobody else had been done in the meantime."""
        done = [place for place, one in enumerate(self.all_) if one.status == "ok"]
        done.sort(key=lambda place: self._return(place))
        at = 0
        latest: list[int] = []
        for place in self._by_call():
            call = self.all_[place].operation.call
            while at < len(done) and self._return(done[at]) < call:
                called = self.all_[done[at]].operation.call
                latest = [each for each in latest if self._return(each) >= called]
                latest.append(done[at])
                at += 1
            for before in latest:
                why = f"{_BEFORE} had returned when {_AFTER} was called"
                self._add(before, place, "realtime", why)

    def _by_call(self) -> list[int]:
        places = [place for place, one in enumerate(self.all_) if one.status != "fail"]
        return sorted(places, key=lambda place: (self.all_[place].operation.call, self._end(place)))

    def _return(self, place: int) -> float:
        returned = self.all_[place].operation.return_
        assert returned is not None
        return returned

    def _end(self, place: int) -> float:
        operation = self.all_[place].operation
        return operation.call if operation.return_ is None else operation.return_


def external_reads(one: Transaction) -> dict[Hashable, tuple[Any, ...]]:
    """The first read of each key that it had not appended to before."""
    found: dict[Hashable, tuple[Any, ...]] = {}
    touched: set[Hashable] = set()
    for micro in one.micros:
        if micro.act == READ and micro.values is not None and micro.key not in touched:
            found[micro.key] = micro.values
        touched.add(micro.key)
    return found
