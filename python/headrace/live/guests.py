"""Who is connected to a node: strangers, clients and other nodes, each within limits."""

from __future__ import annotations

from collections import Counter

from headrace.live.handshake import Hello
from headrace.live.limits import Limits
from headrace.live.link import Link


class Guests:
    """The connections that others have made to a node. Belongs to its event loop."""

    def __init__(self, me: str, nodes: tuple[str, ...], limits: Limits) -> None:
        self._me = me
        self._nodes = frozenset(nodes)
        self._limits = limits
        self._strangers: dict[Link, None] = {}  # in the order in which they came
        self._known: dict[str, Link] = {}
        self.counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._known) + len(self._strangers)

    @property
    def clients(self) -> int:
        """How many clients are connected."""
        return len(self._known.keys() - self._nodes)

    def add(self, link: Link) -> None:
        """A stranger has come. If there are too many, the one that takes longest has to go."""
        self._strangers[link] = None
        if len(self._strangers) > self._limits.strangers_max:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            self.counts["strangers turned away"] += 1
            oldest.end("others wait")

    def admit(self, guest: Hello) -> str | None:
        """What a guest who knows the secret is turned away for; None: he may come in."""
        if guest.role == "node":
            if guest.name not in self._nodes or guest.name == self._me:
                return f"there is no other node {guest.name!r} in this system"
            return None
        if guest.name in self._nodes:
            return f"{guest.name!r} is the name of a node"
        if guest.name not in self._known and self.clients >= self._limits.connections_max:
            self.counts["clients turned away"] += 1
            return f"{self.clients:,} clients are connected already, and no more are taken"
        return None

    def let_in(self, guest: Hello, link: Link) -> None:
        """The handshake is over. An older connection of that name ends."""
        self._strangers.pop(link, None)
        before = self._known.get(guest.name)
        self._known[guest.name] = link
        if before is not None:
            before.end(f"{guest.name} has connected again")

    def find(self, name: str) -> Link | None:
        """The connection of somebody who is there."""
        return self._known.get(name)

    def leave(self, guest: Hello | None, link: Link) -> None:
        """A connection has ended."""
        self._strangers.pop(link, None)
        if guest is not None and self._known.get(guest.name) is link:
            del self._known[guest.name]

    def drop(self, name: str) -> None:
        """End the connection of somebody who does not read, without a word."""
        self._known.pop(name).abort()

    def end_all(self, reason: str) -> None:
        """End every connection."""
        for link in [*self._strangers, *self._known.values()]:
            link.end(reason)
