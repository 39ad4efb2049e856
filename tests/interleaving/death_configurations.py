"""Small rings in which somebody dies, or is declared dead: what is explored in full."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from headrace.reference.explore import Thread
from headrace.reference.memory import ModelViolation

from .configurations import Configuration, consumers
from .deaths import (
    Doomed,
    DoomedReader,
    DoomedSuccessor,
    DoomedUndertaker,
    Judge,
    Mender,
    Successor,
    Suspect,
    Undertaker,
    Zombie,
)
from .threads import Ender, Reader, Writer


class Inherited(Configuration):
    """A place that one consumer after the other has: nothing in it is lost between them."""

    def check_end(self, knowledge: list[tuple[Any, ...]]) -> None:
        for thread, known in zip(self.threads, knowledge, strict=True):
            thread.recall(known)
        heir = self.threads[-1]
        assert isinstance(heir, Successor)
        sequences = [event[0] for event in heir.seen]
        if sequences != list(range(heir.start, heir.target or 0)):
            raise ModelViolation(f"{heir.name} began at {heir.start} and saw {sequences}")
        for thread in self.threads:
            if isinstance(thread, Zombie) and heir.start < thread.counted:
                raise ModelViolation(
                    f"{heir.name} begins at {heir.start}, but {thread.name} released "
                    f"{thread.counted}"
                )
            if isinstance(thread, DoomedReader) and heir.start > len(thread.seen):
                raise ModelViolation(
                    f"{heir.name} begins at {heir.start}, but {thread.name} saw {thread.seen}"
                )
            if type(thread) is Reader and [event[0] for event in thread.seen] != list(
                range(thread.target or 0)
            ):
                raise ModelViolation(f"{thread.name} saw {thread.seen}")


def dying(
    model: SimpleNamespace, capacity: int, doomed: Sequence[int], others: Sequence[int],
    actions: int, readers: int = 1,
) -> Configuration:  # fmt: skip
    """One of two producers is killed after `actions` actions; nobody waits for its slots."""
    at = model.Geometry(capacity, True)
    producers = range(2)
    threads: list[Thread] = [
        Doomed(model, at, 0, doomed, actions),
        Writer(model, at, 1, others),
        *(Reader(model, at, i, None, survivor=(1, sum(others))) for i in range(readers)),
        Undertaker(model, at, 0, producers),
    ]
    words = consumers((0,) * readers)
    words.update({f"producer[{index}].alive": 1 for index in producers})
    return Configuration(threads, words)


def burying_twice(model: SimpleNamespace, actions: int) -> Configuration:
    """Who buries a dead producer is killed over it after `actions` actions; another goes on."""
    at = model.Geometry(2, True)
    producers = range(2)
    threads: list[Thread] = [
        Doomed(model, at, 0, (1,), 10),
        Writer(model, at, 1, (1,)),
        Reader(model, at, 0, None, survivor=(1, 1)),
        DoomedUndertaker(model, at, 0, producers, actions),
        Undertaker(model, at, 0, producers),
    ]
    words = consumers((0,))
    words.update({f"producer[{index}].alive": 1 for index in producers})
    return Configuration(threads, words)


def burying_late(model: SimpleNamespace) -> Configuration:
    """Two bury the slot of a dead producer, in a ring of one slot, which is soon used again."""
    at = model.Geometry(1, True)
    producers = range(2)
    threads: list[Thread] = [
        Doomed(model, at, 0, (1,), 10),
        Writer(model, at, 1, (1,)),
        Reader(model, at, 0, None, survivor=(1, 1)),
        Undertaker(model, at, 0, producers),
        Undertaker(model, at, 0, producers),
    ]
    words = consumers((0,))
    words.update({f"producer[{index}].alive": 1 for index in producers})
    return Configuration(threads, words)


def succeeding(
    model: SimpleNamespace, capacity: int, claims: Sequence[int], actions: int, *,
    is_multi: bool = False,
) -> Configuration:  # fmt: skip
    """A consumer is killed after `actions` actions, and succeeded."""
    at = model.Geometry(capacity, is_multi)
    total = sum(claims)
    return Inherited(
        [
            Writer(model, at, 0, claims),
            DoomedReader(model, at, 0, total, actions),
            Successor(model, at, 0, total, gone="consumer 0", name="successor", entries=(0,)),
        ],
        consumers((0,)),
    )


def fencing(
    model: SimpleNamespace, capacity: int, claims: Sequence[int], *, reads: bool = False,
    behind: bool = False, killed_after: int | None = None,
) -> Configuration:  # fmt: skip
    """A living consumer is declared dead. `behind`: another one comes after it. `killed_after`:
    who declares it dead is killed after so many actions, and a third one goes on."""
    at = model.Geometry(capacity)
    total = sum(claims)
    entries = (0, 1, 2) if behind else (0, 1)
    threads: list[Thread] = [
        Writer(model, at, 0, claims),
        Zombie(model, at, 0, total, reads=reads, entries=entries),
    ]
    words = consumers((0,))
    if behind:
        threads.append(Reader(model, at, 2, total, entries=entries))
        words.update({
            "active_mask": 0b101, "consumer[2].after": 0b1, "consumer[2].state": 1,
            "consumer[0].dependents": 1,
        })  # fmt: skip
    gone = ""
    if killed_after is not None:
        gone = "declarer"
        threads.append(DoomedSuccessor(
            model, at, 1, total, killed_after, declares=0, name=gone, entries=entries,
        ))  # fmt: skip
    threads.append(
        Successor(model, at, 1, total, declares=0, gone=gone, name="successor", entries=entries)
    )
    return Inherited(threads, words)


def joining_killed(
    model: SimpleNamespace, claims: Sequence[int], actions: int
) -> Configuration:  # fmt: skip
    """A consumer is killed after `actions` actions, from its joining on; the others go on."""
    at = model.Geometry(1)
    entries = range(2)
    words = consumers((0,))
    words["cursor"] = words["consumer[0].sequence"] = 2  # its entry stands laps behind
    target = 2 + sum(claims)
    present, writer = Reader(model, at, 0, target), Writer(model, at, 0, claims)
    for core in (present.core, writer.core):
        core.next = 2
    present.core.batch_end = present.core.available = writer.core.claim_end = present.start = 2
    return Unhindered(
        [
            writer,
            present,
            DoomedReader(model, at, 1, target, actions, joins=True, entries=entries),
            Mender(model, 1, "consumer 1", entries),
        ],
        words,
    )


def leaving_killed(model: SimpleNamespace, claims: Sequence[int], actions: int) -> Configuration:
    """Who leaves, with another one behind it, is killed after `actions` actions."""
    at = model.Geometry(2)
    entries = range(2)
    total = sum(claims)
    return Unhindered(
        [
            Writer(model, at, 0, claims),
            DoomedReader(model, at, 0, total, actions, leaves_at=1, entries=entries),
            Reader(model, at, 1, total),
            Mender(model, 0, "consumer 0", entries),
        ],
        consumers((0, 0b01)),
    )


class Unhindered(Configuration):
    """Whatever the one that was killed had begun, the others saw all there was."""

    def check_end(self, knowledge: list[tuple[Any, ...]]) -> None:
        for thread, known in zip(self.threads, knowledge, strict=True):
            thread.recall(known)
            if type(thread) is Reader and [event[0] for event in thread.seen] != list(
                range(thread.start, thread.target or 0)
            ):
                raise ModelViolation(f"{thread.name} saw {thread.seen}")


def judging(
    model: SimpleNamespace, capacity: int, suspect: Sequence[int], others: Sequence[int]
) -> Configuration:
    """One of two producers is declared dead, and let go if it has no claim open."""
    at = model.Geometry(capacity, True)
    return Configuration(
        [
            Suspect(model, at, 0, suspect, signals=True),
            Writer(model, at, 1, others, signals=True),
            Reader(model, at, 0, None),
            Judge(model, 0),
            Ender(model, 2),
        ],
        consumers((0,)),
    )
