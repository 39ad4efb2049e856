"""What is on a simulated disk: every file twice, every name twice, and what lies between.

A file is there as programs see it (`seen`: what Linux has in its page cache) and as it is on the
platter (`safe`). Names likewise. The pending effects lead from the one to the other, in order.
"""

from __future__ import annotations

import posixpath
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

from headrace.simulation.disk_effects import (
    Choice,
    Effect,
    NameEffect,
    Operation,
    SectorEffect,
    SizeEffect,
    surviving_names,
)

FOLDER = -1  # in place of a file's number


@dataclass
class Content:
    """A file without its name. `seen` is replaced when its length changes, for those who map it."""

    seen: bytearray
    safe: bytearray


class Store:
    """Files by number, names of files and folders (from "/"), and the pending effects."""

    def __init__(self, sector_bytes: int) -> None:
        self.sector_bytes = sector_bytes
        self.contents: dict[int, Content] = {}
        self.names: dict[str, int] = {"/": FOLDER}
        self.safe_names = dict(self.names)
        self.pending: list[Effect] = []
        self._made = 0  # files, ever

    @property
    def used_bytes(self) -> int:
        """Of all files that have a name."""
        numbers = set(self.names.values()) - {FOLDER}
        return sum(len(self.contents[number].seen) for number in numbers)

    def add(self, operation: Operation, name: str, size: int) -> int:
        """A new file of zeros."""
        number, self._made = self._made, self._made + 1
        self.contents[number] = Content(bytearray(), bytearray())
        self.change(NameEffect(operation, number, None, name))
        self.resize(operation, number, size)
        return number

    def add_folder(self, name: str) -> None:
        """A new folder, safe at once, as are earlier changes of that name."""
        self.settle(lambda effect: name in effect.paths)
        self.names[name] = self.safe_names[name] = FOLDER

    def settle_folder(self, folder: str) -> None:
        """Make all names in a folder safe."""
        self.settle(lambda effect: folder in map(posixpath.dirname, effect.paths))

    def change(self, effect: NameEffect) -> None:
        """Give, take or move a name."""
        effect.apply(self.names)
        self.pending.append(effect)

    def resize(self, operation: Operation, number: int, size: int) -> None:
        """Cut a file, or add zeros."""
        content = self.contents[number]
        before = len(content.seen)
        if size != before:
            content.seen = _resized(content.seen, size)
            self.pending.append(SizeEffect(operation, number, before, size))

    def put(
        self, operation: Operation, number: int, offset: int, data: bytes, lands: bool = True
    ) -> range:
        """Write; the sectors that were touched. It is only seen, never safe, if it does not land.

        A sector that is on the disk already as it is to be has no effect.
        """
        content = self.contents[number]
        end = offset + len(data)
        self.resize(operation, number, max(end, len(content.seen)))
        content.seen[offset:end] = data
        sectors = range(offset // self.sector_bytes, -(-end // self.sector_bytes))
        if lands:
            busy = {
                effect.index
                for effect in self.pending
                if isinstance(effect, SectorEffect) and effect.file == number
            }
            for index in sectors:
                image = self._image(number, index)
                safe = self._part(content.safe, index).ljust(len(image), b"\0")
                if index in busy or image != safe:
                    self.pending.append(SectorEffect(operation, number, index, image))
        return sectors

    def misplace(self, number: int, sectors: range, target: int, at: int) -> None:
        """Sectors of one file go to sector `at` of what is safe of another, or of the same."""
        for index in sectors:
            where = at + index - sectors.start
            self._write_sector(self.contents[target].safe, where, self._image(number, index))

    def _image(self, number: int, index: int) -> bytes:
        """A sector as it is seen."""
        return self._part(self.contents[number].seen, index)

    def flush(self, number: int, part: tuple[int, int] | None = None) -> None:
        """Make a file's bytes and length safe, but for those that a failed flush made clean.

        `part`: only the sectors that hold its bytes [begin, end), and the length.
        """
        begin, end = (0, sys.maxsize) if part is None else part
        sectors = range(begin // self.sector_bytes, -(-end // self.sector_bytes))
        safe = self.contents[number].safe
        written = set()
        for effect in self.pending:
            if isinstance(effect, NameEffect) or effect.file != number:
                continue
            if isinstance(effect, SizeEffect):
                safe = _resized(safe, effect.size)
            elif not effect.clean and effect.index in sectors:
                self._write_sector(safe, effect.index, effect.image)
                written.add(effect.index)
        self.contents[number].safe = safe
        self.pending = [
            effect
            for effect in self.pending
            if isinstance(effect, NameEffect)
            or effect.file != number
            or (isinstance(effect, SectorEffect) and effect.index not in written)
        ]

    def fail_flush(self, number: int) -> None:
        """Nobody knows what of it is safe, and no later flush tries again."""
        self.pending = [
            replace(effect, clean=True)
            if isinstance(effect, SectorEffect) and effect.file == number
            else effect
            for effect in self.pending
        ]

    def settle(self, touched: Callable[[NameEffect], bool]) -> None:
        """Make changes of names safe, with those before them that they build on."""
        paths: set[str] = set()
        settled: list[NameEffect] = []
        for effect in reversed(self.pending):
            if isinstance(effect, NameEffect) and (touched(effect) or paths & effect.paths):
                paths |= effect.paths
                settled.append(effect)
        for effect in reversed(settled):
            effect.apply(self.safe_names)
        gone: set[Effect] = set(settled)
        self.pending = [effect for effect in self.pending if effect not in gone]

    def copy(self) -> Store:
        """Another, equal and apart."""
        other = Store(self.sector_bytes)
        other.names, other.safe_names = dict(self.names), dict(self.safe_names)
        other.pending, other._made = list(self.pending), self._made
        other.contents = {
            number: Content(bytearray(content.seen), bytearray(content.safe))
            for number, content in self.contents.items()
        }
        return other

    def after(self, choice: Choice, seed: int) -> Store:
        """What a power cut leaves, all of it safe."""
        other = Store(self.sector_bytes)
        other.names = surviving_names(self.safe_names, self.pending, choice.kept)
        other.safe_names, other._made = dict(other.names), self._made
        for number in set(other.names.values()) - {FOLDER}:
            seen = self._survivor(number, choice, random.Random(f"{seed} {number}"))
            other.contents[number] = Content(seen, bytearray(seen))
        return other

    def _survivor(self, number: int, choice: Choice, rng: random.Random) -> bytearray:
        there = choice.kept | choice.torn | choice.garbage
        data = bytearray(self.contents[number].safe)
        mine = [
            (n, effect)
            for n, effect in enumerate(self.pending)
            if n in there and not isinstance(effect, NameEffect) and effect.file == number
        ]
        for n, effect in mine:
            if isinstance(effect, SizeEffect):
                half = (effect.before + effect.size) // 2
                data = _resized(data, effect.size if n in choice.kept else half)
        for n, effect in mine:
            if isinstance(effect, SectorEffect):
                image = effect.image
                if n in choice.torn:
                    image = image[: len(image) // 2]
                elif n in choice.garbage:
                    image = rng.randbytes(len(image))
                self._write_sector(data, effect.index, image)
        return data

    def _part(self, data: bytearray, index: int) -> bytes:
        return bytes(data[index * self.sector_bytes : (index + 1) * self.sector_bytes])

    def _write_sector(self, data: bytearray, index: int, image: bytes) -> None:
        begin = index * self.sector_bytes
        room = max(0, len(data) - begin)
        data[begin : begin + len(image)] = image[:room]


def _resized(data: bytearray, size: int) -> bytearray:
    """A new one, as arrays that were made of the old one forbid to resize it."""
    return bytearray(data[:size].ljust(size, b"\0"))
