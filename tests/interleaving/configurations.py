"""Small rings, each with the threads that use it: what is explored in full."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from headrace.reference.explore import Explored, Explorer, Thread
from headrace.reference.memory import ModelViolation
from headrace.reference.views import Detail

from .deaths import Doomed, Zombie
from .threads import Ender, Reader, Writer


@dataclass
class Configuration:
    """Threads, and the memory that they start from."""

    threads: Sequence[Thread]
    words: Mapping[str, Any] = field(default_factory=dict)

    def explore(self, detail: Detail, states_max: int = 1_500_000) -> Explored:
        """All interleavings; raises ModelViolation with the first that breaks a promise."""
        explorer = Explorer(self.threads, self.words, self.check_end, detail, states_max)
        return explorer.run()

    def check_end(self, knowledge: list[tuple[Any, ...]]) -> None:
        """Everything claimed once and in a row; everyone saw all of it since they came."""
        given: list[tuple[int, int, bool]] = []
        refused = False
        doomed = {t.core.index for t in self.threads if isinstance(t, Doomed)}
        for thread, known in zip(self.threads, knowledge, strict=True):
            thread.recall(known)
            if isinstance(thread, Writer):
                given += [(sequence, thread.core.index, live) for sequence, live in thread.given]
                refused = refused or thread.refused
        given.sort()
        sequences = [sequence for sequence, _, _ in given]
        # What a dead producer had claimed it cannot tell.
        wanted_sequences = sorted(set(sequences)) if doomed else list(range(len(given)))
        if sequences != wanted_sequences:
            raise ModelViolation(f"sequences lost or claimed twice: {given}")
        for thread in self.threads:
            if isinstance(thread, Reader) and not isinstance(thread, Zombie):
                wanted = tuple((s, who) for s, who, live in given if live and s >= thread.start)
                seen = thread.seen
                if doomed:  # what it had published is seen, whether or not it lived to say so
                    wanted = tuple(event for event in wanted if event[1] not in doomed)
                    seen = tuple(event for event in seen if event[1] not in doomed)
                if thread.leaves_at is not None or refused:
                    wanted, seen = wanted[: len(seen)] if not refused else wanted, seen
                    seen = seen[: len(wanted)]
                if seen != wanted:
                    raise ModelViolation(f"{thread.name} saw {seen}, not {wanted}")


Builder = Callable[[SimpleNamespace], Configuration]


def consumers(after: Sequence[int]) -> dict[str, int]:
    """The words of consumers that have joined at 0, each behind those in its mask."""
    words = {"active_mask": (1 << len(after)) - 1}
    for index, mask in enumerate(after):
        words[f"consumer[{index}].after"] = mask
        words[f"consumer[{index}].state"] = 1
        words[f"consumer[{index}].dependents"] = sum(other >> index & 1 for other in after)
    return words


def multi(
    model: SimpleNamespace, capacity: int, claims: Sequence[Sequence[int]], readers: int = 2, *,
    slots_allocated: int = 0, limit: int = 64, aborts: Sequence[Sequence[int]] = ((), ()),
    after: Sequence[int] = (0, 0, 0), ends: bool = False, parks: bool = False,
    leaves_at: int | None = None, piecewise: bool = False, checks_gate: bool = False,
) -> Configuration:  # fmt: skip
    """Producers that share a ring; consumers one after another or side by side."""
    at = model.Geometry(capacity, True, slots_allocated)
    total = sum(map(sum, claims))
    writers = [
        Writer(
            model, at, index, lengths, aborts=aborts[index], signals=ends, parks=parks,
            gates=range(readers) if checks_gate else (),
        )
        for index, lengths in enumerate(claims)
    ]  # fmt: skip
    present = [
        Reader(
            model, at, index, None if ends else total, limit=limit, parks=parks,
            piecewise=piecewise, entries=range(readers), after=after[index],
            leaves_mark=any(other >> index & 1 for other in after[:readers]),
            marks=[f"consumer {other}" for other in range(readers) if after[index] >> other & 1],
            leaves_at=leaves_at if index == 0 else None,
        )
        for index in range(readers)
    ]  # fmt: skip
    enders = [Ender(model, len(claims))] if ends else []
    return Configuration([*writers, *present, *enders], consumers(after[:readers]))


def diamond(
    model: SimpleNamespace, capacity: int, claims: Sequence[int], *, limit: int = 64,
    ends: bool = False, aborts: Sequence[int] = (),
) -> Configuration:  # fmt: skip
    """One producer; a and b side by side, c after both."""
    at = model.Geometry(capacity)
    live = sum(count for number, count in enumerate(claims) if number not in aborts)
    target = None if ends else live
    readers = [
        Reader(model, at, 0, target, name="a", leaves_mark=True, limit=limit),
        Reader(model, at, 1, target, name="b", leaves_mark=True, limit=limit),
        Reader(model, at, 2, target, name="c", marks=("a", "b"), limit=limit),
    ]
    enders = [Ender(model, 1)] if ends else []
    writer = Writer(model, at, 0, claims, signals=ends, aborts=aborts)
    return Configuration([writer, *readers, *enders], consumers((0, 0, 0b011)))


def joining(
    model: SimpleNamespace, capacity: int, claims: Sequence[int], *, readers: int = 0,
    is_multi: bool = False, second: Sequence[int] = (), after: int = 0,
) -> Configuration:  # fmt: skip
    """A consumer joins while one producer (or two) publish and others may read."""
    at = model.Geometry(capacity, is_multi)
    total = sum(claims) + sum(second)
    writers = [Writer(model, at, 0, claims)]
    if second:
        writers.append(Writer(model, at, 1, second))
    names = [f"consumer {index}" for index in range(readers)]
    present = [
        Reader(model, at, index, total, leaves_mark=bool(after >> index & 1), name=names[index])
        for index in range(readers)
    ]
    joiner = Reader(
        model, at, readers, total, joins=True, after=after, name="joiner",
        marks=[name for index, name in enumerate(names) if after >> index & 1],
        entries=range(readers + 1),
    )  # fmt: skip
    return Configuration([*writers, *present, joiner], consumers((0,) * readers))


def leaving(
    model: SimpleNamespace, capacity: int, claims: Sequence[int], *, is_multi: bool = False,
    reuses: bool = False, leaves_at: int = 1, is_chain: bool = False,
) -> Configuration:  # fmt: skip
    """a leaves in the midst; b, which came after a, goes on alone. `reuses`: c takes a's entry.

    `is_chain`: a itself came after x, so b is to stay behind x.
    """
    at = model.Geometry(capacity, is_multi)
    total = sum(claims)
    entries = range(3 if is_chain else 2)
    readers = [
        Reader(model, at, 0, total, name="a", leaves_at=leaves_at, entries=entries),
        Reader(model, at, 1, total, name="b", marks=("x",) if is_chain else ()),
    ]
    if is_chain:
        readers.append(Reader(model, at, 2, total, name="x", leaves_mark=True))
    if reuses:
        readers.append(Reader(model, at, 0, total, name="c", joins=True, entries=entries))
    after = (0b100, 0b001, 0) if is_chain else (0, 0b01)
    return Configuration([Writer(model, at, 0, claims), *readers], consumers(after))


def parking(
    model: SimpleNamespace, capacity: int, claims: Sequence[int], readers: int = 1, *,
    after: Sequence[int] = (0, 0), ends: bool = False, joins: bool = False,
) -> Configuration:  # fmt: skip
    """Everyone sleeps while there is nothing to do. `joins`: the last consumer joins behind 0."""
    at = model.Geometry(capacity)
    total = sum(claims)
    present = readers - joins
    threads: list[Thread] = [Writer(model, at, 0, claims, parks=True, signals=ends)]
    for index in range(readers):
        joining_now = joins and index == present
        threads.append(Reader(
            model, at, index, None if ends else total, parks=True, joins=joining_now,
            after=1 if joining_now else after[index], entries=range(readers),
        ))  # fmt: skip
    if ends:
        threads.append(Ender(model, 1))
    return Configuration(threads, consumers(after[:present]))


def ending(
    model: SimpleNamespace, claims: Sequence[int], *, is_multi: bool = False
) -> Configuration:
    """The end comes while a producer is publishing: what it was not told is lost is not lost."""
    at = model.Geometry(4, is_multi)
    writer = Writer(model, at, 0, claims, minds_end=True)
    reader = Reader(model, at, 0, None, takes_last_look=True)
    return Configuration([writer, reader, Ender(model, 0)], consumers((0,)))
