"""What is not safe yet, and which of it a power cut may leave.

An operation leaves effects behind: a sector with new bytes, a new length, a changed name. Each is
lost or kept by itself, in no order, with three exceptions that every file system keeps: a sector
that is kept holds all that was written to it before; of the changes of one name, a later one is
only kept with those before; a rename is one change. What this allows is about what Pillai et al.
found file systems to do ("All File Systems Are Not Created Equal", OSDI 2014), and somewhat more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, zip_longest


@dataclass(frozen=True, eq=False, slots=True)
class Operation:
    """One thing that was done to a disk."""

    kind: str
    path: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.path}{self.detail and ' '}{self.detail}"


@dataclass(frozen=True, eq=False, slots=True)
class SectorEffect:
    """A sector of a file has these bytes now."""

    operation: Operation
    file: int
    index: int
    image: bytes
    clean: bool = False  # a sync of it failed, and no later one will try again


@dataclass(frozen=True, eq=False, slots=True)
class SizeEffect:
    """A file is this long now."""

    operation: Operation
    file: int
    before: int
    size: int


@dataclass(frozen=True, eq=False, slots=True)
class NameEffect:
    """A path is gone, or leads to a file now, or both: a rename."""

    operation: Operation
    file: int
    old: str | None
    new: str | None

    @property
    def paths(self) -> set[str]:
        """All that it touches."""
        return {path for path in (self.old, self.new) if path is not None}

    def apply(self, names: dict[str, int]) -> None:
        """Do it."""
        if self.old is not None:
            names.pop(self.old, None)
        if self.new is not None:
            names[self.new] = self.file


Effect = SectorEffect | SizeEffect | NameEffect


@dataclass(frozen=True)
class Choice:
    """What survives: numbers of effects, in the order of `SimulatedDisk.pending`.

    `torn`: of these half is there, of a sector the first half, of a growth half of the bytes.
    `garbage`: these sectors hold neither the old nor the new. Both are survivors of a kind.
    """

    kept: frozenset[int] = frozenset()
    torn: frozenset[int] = frozenset()
    garbage: frozenset[int] = frozenset()


Chooser = Callable[[Effect], bool]


def surviving_names(
    names: dict[str, int], pending: Sequence[Effect], kept: frozenset[int]
) -> dict[str, int]:
    """The names after a power cut. One whose change is lost keeps no later change either."""
    after = dict(names)
    lost: set[str] = set()
    for number, effect in enumerate(pending):
        if not isinstance(effect, NameEffect):
            continue
        if number in kept and not effect.paths & lost:
            effect.apply(after)
        else:
            lost |= effect.paths
    return after


def choices(
    pending: Sequence[Effect], limit: int, rng: random.Random, tears: bool
) -> Iterator[Choice]:
    """All that may survive where the limit allows it, then what matters most, in mixed order."""
    everything = frozenset(range(len(pending)))
    yield Choice(everything)
    yield Choice()
    if 2 ** len(pending) <= limit:
        for bits in range(1, 2 ** len(pending) - 1):
            yield Choice(frozenset(n for n in everything if bits >> n & 1))
    families = [*_whole(pending), *(_torn(pending) if tears else [])]
    for family in families:
        rng.shuffle(family)
    for choice in chain.from_iterable(zip_longest(*families)):
        if choice is not None:
            yield choice


def _whole(pending: Sequence[Effect]) -> list[list[Choice]]:
    """Families of choices in which every effect is there or not."""
    everything = frozenset(range(len(pending)))
    families = []
    for groups in (_operations(pending), [frozenset((n,)) for n in everything]):
        families += [
            [Choice(frozenset().union(*groups[:end])) for end in range(1, len(groups))],
            [Choice(everything - group) for group in groups],
            [Choice(group) for group in groups],
        ]
    names = frozenset(n for n in everything if isinstance(pending[n], NameEffect))
    sizes = frozenset(n for n in everything if isinstance(pending[n], SizeEffect))
    kinds = (names, sizes, names | sizes, everything - names, everything - sizes)
    return [[Choice(kind) for kind in kinds], *families]


def _torn(pending: Sequence[Effect]) -> list[list[Choice]]:
    """Families in which one effect is done by half, with all others or those before."""
    everything = frozenset(range(len(pending)))
    sectors = [n for n in everything if isinstance(pending[n], SectorEffect)]
    tearable = [n for n in everything if not isinstance(pending[n], NameEffect)]
    return [
        [Choice(everything - {n}, torn=frozenset((n,))) for n in tearable],
        [Choice(frozenset(range(n)), torn=frozenset((n,))) for n in tearable],
        [Choice(everything - {n}, garbage=frozenset((n,))) for n in sectors],
        [Choice(frozenset(range(n)), garbage=frozenset((n,))) for n in sectors],
    ]


def _operations(pending: Sequence[Effect]) -> list[frozenset[int]]:
    """The numbers of the effects of each operation."""
    numbers = groupby(range(len(pending)), key=lambda n: id(pending[n].operation))
    return [frozenset(group) for _, group in numbers]


def by_chance(pending: Sequence[Effect], rng: random.Random, tears: bool) -> Choice:
    """Some effects; those of an operation all alike as often as not."""
    likely = rng.choice((0.1, 0.5, 0.9))
    kept: set[int] = set()
    for operation in _operations(pending):
        whole = rng.random() < 0.5
        all_of_it = rng.random() < likely
        kept.update(n for n in operation if (all_of_it if whole else rng.random() < likely))
    torn, garbage = set(), set()
    for number in sorted(kept) if tears else ():
        chance = rng.random()
        if chance < 0.1 and not isinstance(pending[number], NameEffect):
            torn.add(number)
        elif chance > 0.95 and isinstance(pending[number], SectorEffect):
            garbage.add(number)
    return Choice(frozenset(kept - torn - garbage), frozenset(torn), frozenset(garbage))
