"""A disk in memory that knows what is safe from what is not.

- A killed process loses nothing that it wrote: `after_kill`.
- A power cut loses what was not synced, or some of it: `after_power_cut` keeps the effects that it
  is told to, `power_cuts` goes through what may happen; see `effects` for what may.
  `crash_at=n` takes the power away before operation n.
- A failed sync leaves a file as Linux does: it reads as written, is not safe, and a second sync
  says that all is well without doing anything.
- A lie of the drive (a lost or misdirected write, a sync that did nothing) shows after a power cut:
  until then programs see the page cache, which is right.

Nothing here depends on a clock or on global chance: the same calls give the same disks.

    for n in range(len(done) + 1):            # `operations` of a run without a cut
        disk = SimulatedDisk(crash_at=n)
        with suppress(PowerCut):
            workload(disk)
        for after in disk.power_cuts(50):
            check(after), after.origin        # what happened to it, in words
"""

from __future__ import annotations

import errno
import posixpath
import random
from collections.abc import Iterator
from itertools import groupby

from headrace.simulation.base import (
    DiskBase,
    PowerCut,
    SimulatedFile,
    SimulatedLock,
    clean,
    error,
)
from headrace.simulation.disk_effects import (
    Choice,
    Chooser,
    Effect,
    NameEffect,
    SectorEffect,
    by_chance,
    choices,
)
from headrace.simulation.disk_faults import Fault
from headrace.simulation.store import FOLDER, Store

__all__ = ["PowerCut", "SimulatedDisk"]

_IN_VAIN_MAX = 100  # tries by chance that bring nothing new
_STORY_MAX = 20  # operations


class SimulatedDisk(DiskBase):
    """A disk in memory, for tests; see `headrace.ports.Disk`. May be used from any thread.

    `crash_at=n`: PowerCut is raised when operation n begins (the one that would become
    `operations[n]`), and by everything after that but `close` and `release`. With `crash_part`, a
    write or a create comes as far as that many bytes. `capacity_bytes`: of all files that have a
    name; beyond it a write fails with ENOSPC after as much as there is room for, and a create
    leaves nothing, or with `unfinished` a shorter file. All these may be changed at any time.
    `sector_bytes`: what is written as one. `seed`: of garbage, and of what `power_cuts` tries.

    Paths begin at "/", whether they say so or not. Only files can be renamed and removed.
    """

    # -- what headrace.ports.Disk promises --------------------------------------------------------

    def create(self, path: str, size: int, *, ready: bool = True) -> SimulatedFile:
        with self._mutex:
            name = self._new_name(path)
            operation, fault = self._begin("create", name, f"{size:,} bytes")
            made: int | None = size
            failure: BaseException | None = None
            if fault is not None:
                made, failure = fault.part, self._failure(fault, path)
            elif size > self._room():
                made = self._room() if self.unfinished else None
                failure = error(errno.ENOSPC, path)
            number = -1
            if made is not None:
                number = self._store.add(operation, name, min(made, size))
            if failure is not None:
                raise failure
            return SimulatedFile(self, number, path, True)

    def open(self, path: str, *, writable: bool = False) -> SimulatedFile:
        with self._mutex:
            number = self._file(path)
            fault = self._faults.take("open", clean(path))
            if fault is not None:
                raise self._failure(fault, path)
            return SimulatedFile(self, number, path, writable)

    def rename(self, old: str, new: str) -> None:
        with self._mutex:
            source, target = clean(old), clean(new)
            for name, path in ((source, old), (target, new)):
                self._folder(posixpath.dirname(name), path)
            number = self._file(old)
            there = self._store.names.get(target)
            if there == FOLDER:
                above = f"{source}/".startswith(f"{target.rstrip('/')}/")
                raise error(errno.ENOTEMPTY if above else errno.EISDIR, new)
            if there == number:
                return
            operation, fault = self._begin("rename", source, f"to {target}")
            if fault is not None:
                raise self._failure(fault, old)
            self._store.change(NameEffect(operation, number, source, target))

    def remove(self, path: str) -> None:
        with self._mutex:
            number, name = self._file(path), clean(path)
            operation, fault = self._begin("remove", name)
            if fault is not None:
                raise self._failure(fault, path)
            self._store.change(NameEffect(operation, number, name, None))

    def exists(self, path: str) -> bool:
        with self._mutex:
            self._check_power()
            return clean(path) in self._store.names

    def names(self, folder: str) -> list[str]:
        with self._mutex:
            parent = self._folder(clean(folder), folder)
            inside = (name for name in self._store.names if name != "/")
            return sorted(
                posixpath.basename(name) for name in inside if posixpath.dirname(name) == parent
            )

    def make_folder(self, path: str) -> None:
        with self._mutex:
            self._check_power()
            missing, above = [], clean(path)
            while above not in self._store.names:
                missing.append(above)
                above = posixpath.dirname(above)
            if self._store.names[above] != FOLDER:
                raise error(errno.ENOTDIR if missing else errno.EEXIST, path)
            for name in reversed(missing):
                _, fault = self._begin("make_folder", name)
                if fault is not None:
                    raise self._failure(fault, path)
                self._store.add_folder(name)

    def sync_folder(self, path: str) -> None:
        with self._mutex:
            folder = self._folder(clean(path), path)
            _, fault = self._begin("sync_folder", folder)
            if fault is None:
                self._store.settle_folder(folder)
            elif fault.error:
                raise self._failure(fault, path)

    def lock(self, path: str, text: str) -> SimulatedLock | str:
        with self._mutex:
            self._check_power()
            name = clean(path)
            if name in self._store.names:
                number = self._file(path)
                if number in self._locked:
                    left = bytes(self._store.contents[number].seen).decode(errors="replace")
                    return left.strip() or "somebody who left no name"
            else:
                self._new_name(path)
                number = -1
            operation, fault = self._begin("lock", name)
            if fault is not None:
                raise self._failure(fault, path)
            if number < 0:
                number = self._store.add(operation, name, 0)
            self._store.resize(operation, number, 0)
            if len(text.encode()) > self._room():
                raise error(errno.ENOSPC, path)
            self._store.put(operation, number, 0, text.encode())
            self._locked.add(number)
            return SimulatedLock(self._locked, number)

    # -- what goes wrong --------------------------------------------------------------------------

    def fail(
        self,
        operation: str,
        at: int = 0,
        error: int = errno.EIO,
        *,
        path: str = "*",
        part: int | None = None,
        times: int | None = 1,
    ) -> None:
        """Let the `at`-th such operation from now (0: the next) raise OSError, and do nothing.

        `operation`: a kind of `operations`, or "open" or "read" (also for `map`). `path`: a
        pattern as of fnmatch; only what matches counts. `part`: bytes of a write that are written,
        or of a create, which leaves an unfinished file. `times`: how often, None for always.
        Raises ValueError for what cannot be.
        """
        if not error:
            raise ValueError("an error has a number that is not 0")
        self._faults.plan(Fault(operation, at, times, clean(path), error, part))

    def lie(
        self,
        operation: str,
        at: int = 0,
        *,
        path: str = "*",
        to: tuple[str, int] | None = None,
        bit: int | None = None,
        times: int | None = 1,
    ) -> None:
        """Let the `at`-th such operation from now say that it did what it did not.

        A "write" is lost, or its sectors land at another path and offset instead (`to`), over what
        is safe there. A "sync" or "sync_folder" does nothing. A "read" (or `map`) has one `bit`
        turned round. Raises ValueError for what cannot be.
        """
        self._faults.plan(Fault(operation, at, times, clean(path), 0, None, to, bit))

    def flip(self, path: str, bit: int) -> None:
        """Turn round a bit of a file, as it is seen and on the platter, if it is there already."""
        with self._mutex:
            content = self._store.contents[self._file(path)]
            content.seen[bit // 8] ^= 1 << bit % 8
            if bit // 8 < len(content.safe):
                content.safe[bit // 8] ^= 1 << bit % 8

    # -- what is left afterwards ------------------------------------------------------------------

    @property
    def pending(self) -> list[Effect]:
        """What a power cut would take or leave, in the order in which it was done."""
        return list(self._store.pending)

    def contents(self) -> dict[str, bytes]:
        """All files, by path from "/"; also when the power is off."""
        with self._mutex:
            numbers = sorted(self._store.names.items())
            return {n: bytes(self._store.contents[f].seen) for n, f in numbers if f != FOLDER}

    def after_kill(self) -> SimulatedDisk:
        """What a killed process leaves: all that it wrote, with no lock held, and no faults."""
        with self._mutex:
            return self._another(self._store.copy(), "a process was killed")

    def after_power_cut(self, choice: Choice | Chooser) -> SimulatedDisk:
        """What a power cut leaves: what is safe, and those pending effects that are chosen.

        `choice`: says of an effect whether it survives, or a Choice. A change of a name survives
        only with the changes of the same name before it.
        """
        with self._mutex:
            if not isinstance(choice, Choice):
                choice = Choice(frozenset(n for n, e in enumerate(self.pending) if choice(e)))
            return self._cut(self._store, choice)

    def power_cuts(
        self, limit: int, *, seed: int | None = None, tears: bool = True
    ) -> Iterator[SimulatedDisk]:
        """Up to `limit` disks as a power cut may leave them, no two the same.

        All that may be, if it is not more than that; else everything, nothing, what was done up to
        some point, one operation or effect lost or alone, all names without data, and so on, and
        what chance adds. `tears`: also sectors of which half is there, or garbage.
        """
        rng = random.Random(self._seed if seed is None else seed)
        with self._mutex:
            store = self._store.copy()
        planned = choices(store.pending, limit, rng, tears)
        tried: set[Choice] = set()
        seen: set[int] = set()
        in_vain = 0
        while len(seen) < limit and in_vain < _IN_VAIN_MAX:
            choice = next(planned, None)
            if choice is None:
                in_vain += 1
                choice = by_chance(store.pending, rng, tears)
            if choice in tried:
                continue
            tried.add(choice)
            after = self._cut(store, choice)
            mark = hash(tuple(after.contents().items()))
            if mark not in seen:
                seen.add(mark)
                in_vain = 0
                yield after

    def _cut(self, store: Store, choice: Choice) -> SimulatedDisk:
        after = store.after(choice, self._seed)
        return self._another(after, "the power was cut", _story(store.pending, choice))

    def _another(self, store: Store, what: str, story: str = "") -> SimulatedDisk:
        other = SimulatedDisk(
            capacity_bytes=self.capacity_bytes,
            unfinished=self.unfinished,
            sector_bytes=store.sector_bytes,
            seed=self._seed,
        )
        other._store = store
        where = f" at operation {self.crash_at}" if self._off else ""
        other.origin = f"{self.origin}; {what}{where}{story}"
        return other


def _story(pending: list[Effect], choice: Choice) -> str:
    """What became of the pending effects, by operation."""
    told = []
    for _, group in groupby(enumerate(pending), key=lambda item: id(item[1].operation)):
        numbers = dict(group)
        operation = next(iter(numbers.values())).operation
        kept = len(choice.kept & numbers.keys())
        words = [f"{kept} of {len(numbers)} kept"] if kept < len(numbers) else ["kept"]
        for number in sorted((choice.torn | choice.garbage) & numbers.keys()):
            effect = numbers[number]
            what = f"sector {effect.index}" if isinstance(effect, SectorEffect) else "length"
            words.append(f"{what} {'torn' if number in choice.torn else 'garbage'}")
        told.append(f"{operation}: {', '.join(words)}")
    left_out = f" | ... {len(told) - _STORY_MAX} more" if len(told) > _STORY_MAX else ""
    return f" ({' | '.join(told[:_STORY_MAX])}{left_out})" if told else ""
