"""The disk of a simulated node: values under keys, of which some would not survive a crash."""

from __future__ import annotations

from typing import Any

from headrace.simulation.chance import CRASH, DISK, draw
from headrace.system import Durable


class NodeDisk:
    """The disk of the node with that number: what is safe, and what was written since.

    A crash keeps, loses or tears each write that was not synced, each for itself; which, follows
    from the seed. `sync_ns`: how long a sync takes, from and to.
    """

    def __init__(self, seed: int, index: int, sync_ns: tuple[int, int]) -> None:
        self._seed, self._index, self._sync_ns = seed, index, sync_ns
        self._safe: dict[str, Any] = {}
        self._damaged: set[str] = set()
        self._written: list[tuple[str, Any]] = []
        self._syncing = 0  # how many of these a sync that is on its way will have made safe
        self._syncs = self._crashes = self._writes = 0
        self.is_full = False
        self.slowness = 1
        self.unreadable = False  # what is read at the next start comes with errors
        self.misdirected = 0  # so many of the next writes go to another key

    def write(self, key: str, value: Any) -> None:
        """Write; it may be lost until a sync is over."""
        self._writes += 1
        if self.misdirected and self._safe:
            self.misdirected -= 1
            others = sorted(self._safe.keys() - {key}) or [key]
            place = draw(self._seed, DISK, self._index, self._writes) % len(others)
            self._written.append((others[place], Misdirected))
            return
        self._written.append((key, value))

    def begin_sync(self) -> int:
        """Begin to make safe what was written; how long that takes, in nanoseconds."""
        self._syncing = len(self._written)
        self._syncs += 1
        least, most = self._sync_ns
        drawn = draw(self._seed, DISK, self._index, self._syncs, 1)
        return (least + drawn % (most - least + 1)) * self.slowness

    def end_sync(self) -> None:
        """What was written when the sync began is safe now."""
        for key, value in self._written[: self._syncing]:
            self._keep(key, value)
        del self._written[: self._syncing]
        self._syncing = 0

    def crash(self) -> None:
        """The node is gone: each write that was not synced is there, or not, or torn."""
        self._crashes += 1
        for place, (key, value) in enumerate(self._written):
            drawn = draw(self._seed, CRASH, self._index, self._crashes, place) % 4
            if drawn < 2:
                self._keep(key, value)
            elif drawn == 2:
                self._tear(key)
        self._written.clear()
        self._syncing = 0

    def lose(self) -> None:
        """All of it is gone, as after the loss of the disk."""
        self._safe.clear()
        self._damaged.clear()
        self._written.clear()
        self._syncing = 0

    def open(self) -> Durable:
        """What a node finds when it starts."""
        if self.unreadable:
            keys = sorted(self._safe)
            self._crashes += 1
            unread = {
                key
                for place, key in enumerate(keys)
                if draw(self._seed, CRASH, self._index, self._crashes, place) % 2
            }
            left = {key: value for key, value in self._safe.items() if key not in unread}
            return Durable(left, frozenset(self._damaged | unread))
        return Durable(self._safe, frozenset(self._damaged))

    def _keep(self, key: str, value: Any) -> None:
        if value is Misdirected:
            self._tear(key)
            return
        self._damaged.discard(key)
        if value is None:
            self._safe.pop(key, None)
        else:
            self._safe[key] = value

    def _tear(self, key: str) -> None:
        self._safe.pop(key, None)
        self._damaged.add(key)


class Misdirected:
    """Stands for bytes that belong elsewhere: whoever reads them finds a checksum that is wrong."""
