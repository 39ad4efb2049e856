"""The disk of a simulated node as files on a simulated disk, with blocks and power cuts.

Each value is a file of its own, `key.number`, which carries a checksum; a newer one does not
replace the older, which is removed only when two newer ones are safe. So a crash, which keeps of
the blocks and names that were not synced what chance keeps (see `SimulatedDisk`), leaves the value
before, or the new one; or the value before and a new one that cannot be read, which is told.
"""

from __future__ import annotations

import random
import struct
from typing import Any

import xxhash

from headrace.errors import StateError
from headrace.journal.states import Classes, decode_state, encode_state
from headrace.simulation.chance import CRASH, DISK, draw
from headrace.simulation.disk import SimulatedDisk
from headrace.simulation.disk_effects import by_chance
from headrace.system.durable import Durable

KEPT = 2  # values of a key: a drive that lies about the newest leaves the one before
_HEAD = struct.Struct("<IQ")  # length and checksum of what is behind


class FileDisk:
    """The disk of the node with that number; see `NodeDisk`, which it stands in for.

    `classes`: that the values may hold, besides what any state may.
    """

    def __init__(self, seed: int, index: int, sync_ns: tuple[int, int], classes: Classes) -> None:
        self._seed, self._index, self._sync_ns = seed, index, sync_ns
        self._classes = classes
        self._disk = SimulatedDisk(seed=draw(seed, DISK, index))
        self._unsynced: list[tuple[str, Any]] = []  # name and file, in the order of writing
        self._syncing = self._syncs = self._crashes = self._number = 0
        self.is_full = False
        self.slowness = 1
        self.unreadable = False
        self.misdirected = 0

    def write(self, key: str, value: Any) -> None:
        """Write; it may be lost until a sync is over. Raises StateError for what has no bytes."""
        body = encode_state([key, value], self._classes)
        data = _HEAD.pack(len(body), xxhash.xxh3_64_intdigest(body)) + body
        self._number += 1
        name = f"/{key.encode().hex()}.{self._number:012}"
        if self.misdirected:
            others = [other for other in self._names() if other.split(".")[0] != name.split(".")[0]]
            if others:
                self.misdirected -= 1
                place = draw(self._seed, DISK, self._index, self._number) % len(others)
                self._disk.lie("write", path=name, to=(others[place], 0))
        file = self._disk.create(name, len(data))
        file.write(0, [data])
        self._unsynced.append((name, file))

    def begin_sync(self) -> int:
        """Begin to make safe what was written; how long that takes, in nanoseconds."""
        self._syncing = len(self._unsynced)
        self._syncs += 1
        least, most = self._sync_ns
        drawn = draw(self._seed, DISK, self._index, self._syncs, 1)
        return (least + drawn % (most - least + 1)) * self.slowness

    def end_sync(self) -> None:
        """What was written when the sync began is safe now; much older values are removed."""
        synced = self._unsynced[: self._syncing]
        for _, file in synced:
            file.sync()
        self._disk.sync_folder("/")
        before: dict[str, list[str]] = {}
        for name in self._names():
            before.setdefault(name.split(".")[0], []).append(name)
        for key in {name.split(".")[0] for name, _ in synced}:
            for name in before[key][:-KEPT]:
                self._disk.remove(name)
        for _, file in synced:
            file.close()
        del self._unsynced[: self._syncing]
        self._syncing = 0

    def crash(self) -> None:
        """The power is cut: of what was not synced there is what chance has kept."""
        self._crashes += 1
        chance = random.Random(draw(self._seed, CRASH, self._index, self._crashes))
        kept = by_chance(self._disk.pending, chance, tears=True)
        self._disk = self._disk.after_power_cut(kept)
        self._unsynced.clear()
        self._syncing = 0

    def lose(self) -> None:
        """All of it is gone, as after the loss of the disk."""
        self._disk = SimulatedDisk(seed=draw(self._seed, DISK, self._index))
        self._unsynced.clear()
        self._syncing = 0

    @property
    def unsynced(self) -> list[tuple[str, Any]]:
        """What was written and is not safe yet, in order."""
        read = (self._read(name) for name, _ in self._unsynced)
        return [(key, value) for key, value in filter(None, read)]

    @property
    def kept(self) -> Durable:
        """What is there now, were it read without errors."""
        return self._found(unreadable=False)

    def open(self) -> Durable:
        """What a node finds when it starts: of each key the newest value that can be read."""
        return self._found(self.unreadable)

    def _found(self, unreadable: bool) -> Durable:
        values: dict[str, Any] = {}
        damaged: set[str] = set()
        seen: set[str] = set()
        for place, name in enumerate(reversed(self._names())):
            key = bytes.fromhex(name[1:].split(".")[0]).decode()
            if unreadable:
                drawn = draw(self._seed, CRASH, self._index, self._crashes, 1 << 20, place)
                if drawn % 2:
                    file = self._disk.open(name)
                    self._disk.lie("read", path=name, bit=8 * (file.size - 1) + drawn % 8)
                    file.close()
            if key in seen:
                continue
            found = self._read(name)
            if found is None:
                damaged.add(key)
                continue
            seen.add(key)
            if found[1] is not None:
                values[key] = found[1]
        return Durable(values, frozenset(damaged))

    def _names(self) -> list[str]:
        return [f"/{name}" for name in self._disk.names("/")]

    def _read(self, name: str) -> Any:
        """Key and value of a file; None if it is not what was written."""
        file = self._disk.open(name)
        data = file.read(0, file.size)
        file.close()
        if len(data) < _HEAD.size:
            return None
        length, checksum = _HEAD.unpack_from(data)
        body = data[_HEAD.size : _HEAD.size + length]
        if len(body) != length or xxhash.xxh3_64_intdigest(body) != checksum:
            return None
        try:
            return decode_state(body, self._classes)
        except StateError:
            return None
