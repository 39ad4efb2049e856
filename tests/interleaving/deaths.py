"""Threads that die, are only taken for dead, or clear up behind those who did.

Who dies leaves `gone[its name]` behind, as the operating system would say it, and its lock free.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from headrace.reference.explore import WAIT
from headrace.reference.memory import (
    ModelViolation,
    Operation,
    fetch_add_seq_cst,
    load_acquire,
    load_relaxed,
    read_slot,
    store_release,
)

from .threads import OneTask, Reader, Stateful, Writer


class Mortal(Stateful):
    """To be put before the class of a thread: it is killed after its first `actions` actions."""

    left: int
    is_dead: bool
    holds_lock: bool

    def doom(self, actions: int) -> None:
        self.left, self.is_dead, self.holds_lock = actions, False, False
        self.fields = (*self.fields, "left", "is_dead", "holds_lock")

    def turn(self) -> Operation[object] | None:
        operation = super().turn() if self.left else None  # type: ignore[safe-super]
        if operation is not None:
            return self.live_on(operation)
        return None if self.is_dead else self.die()

    def live_on(self, operation: Operation[object]) -> Operation[object]:
        returned = None
        while self.left:
            try:
                action = operation.send(returned)
            except StopIteration as stop:
                return stop.value
            self.left -= 1
            returned = yield action
            if action.location == "registration_lock":
                self.holds_lock = action.kind == "cas" and bool(returned)
        operation.close()
        return None

    def die(self) -> Operation[object]:
        if self.holds_lock:
            yield store_release("registration_lock", 0)
        yield store_release(f"producer[{getattr(self.core, 'index', '')}].alive", 0)
        yield store_release(f"gone[{self.name}]", 1)
        self.is_dead = True


class Doomed(Mortal, Writer):
    """A producer that is killed after its first `actions` actions, wherever that is."""

    def __init__(
        self, model: SimpleNamespace, at: Any, index: int, claims: Sequence[int], actions: int
    ) -> None:
        super().__init__(model, at, index, claims)
        self.doom(actions)


class DoomedReader(Mortal, Reader):
    """A consumer that is killed: while it joins, polls, reads, releases or leaves."""

    def __init__(
        self, model: SimpleNamespace, at: Any, index: int, target: int | None, actions: int,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(model, at, index, target, **options)
        self.doom(actions)

    def die(self) -> Operation[object]:
        if self.holds_lock:
            yield store_release("registration_lock", 0)
        yield store_release(f"gone[{self.name}]", 1)
        self.is_dead = True


class Undertaker(OneTask):
    """Looks for the slots of the dead producer `index`, until there are none."""

    def __init__(
        self, model: SimpleNamespace, at: Any, index: int, producers: Sequence[int]
    ) -> None:
        super().__init__(model, "undertaker")
        self.at, self.index, self.producers = at, index, tuple(producers)

    def act(self) -> Operation[object]:
        alive = yield load_acquire(f"producer[{self.index}].alive")
        if alive:
            return WAIT
        buried = yield from self.model.bury_dead(self.at, self.producers)
        if buried:
            return None  # perhaps not all: the intent of a living one may have covered some
        claimed = yield load_acquire("claimed")
        first = max(0, claimed - self.at.capacity)
        published = yield from self.model.published_prefix(self.at, first, claimed)
        if published != claimed:
            return WAIT
        self.is_over = True
        return None


class DoomedUndertaker(Mortal, Undertaker):
    """Killed over burying."""

    def __init__(
        self, model: SimpleNamespace, at: Any, index: int, producers: Sequence[int], actions: int
    ) -> None:
        super().__init__(model, at, index, producers)
        self.doom(actions)

    def die(self) -> Operation[object]:
        yield store_release(f"gone[{self.name}]", 1)
        self.is_dead = True


class Zombie(Reader):
    """A consumer that was declared dead, perhaps, and lives: what it released counts, or it knows.

    `reads`: looks into the slots, though a producer may be writing there once it is declared dead;
    what it saw is believed only if its release counts.
    """

    fields = (*Reader.fields, "counted", "is_fenced")

    def __init__(
        self, model: SimpleNamespace, at: Any, index: int, target: int, *, reads: bool,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(model, at, index, target, **options)
        self.reads = reads
        self.counted = 0
        self.is_fenced = False

    def turn(self) -> Operation[object] | None:
        return None if self.is_fenced else super().turn()

    def poll(self) -> Operation[object]:
        count = yield from self.model.poll_batch(self.core, self.limit)
        if count == self.model.FAULT_FENCED:
            self.is_fenced = True
            return None
        if count == 0:
            return WAIT
        self.stage = "read"
        return None

    def read(self) -> Operation[object]:
        core = self.core
        begin, end = core.next, core.batch_end
        read: tuple[Any, ...] = ()
        for sequence in range(begin, end):
            if self.reads:
                event = yield read_slot(self.model.slot_index(core.at, sequence))
                read += (event,)
        counts = yield from self.model.release_batch(core, end - begin)
        if not counts:
            self.is_fenced = True
            return None
        if self.reads and [event[0] for event in read] != list(range(begin, end)):
            raise ModelViolation(f"{self.name} released {begin}..{end}, having read {read}")
        self.counted = end
        self.stage = "poll"
        return None


class Successor(Reader):
    """Takes the place of a consumer: of one that is `gone`, or declaring it dead. Then a reader.

    `declares`: the entry that it fences; its own index is the heir's. `gone`: for whose death it
    waits, by name, and then repairs what that one was killed over.
    """

    def __init__(
        self, model: SimpleNamespace, at: Any, index: int, target: int, *,
        declares: int | None = None, gone: str = "", **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(model, at, index, target, joins=True, **options)
        self.declares, self.gone = declares, gone

    def join(self) -> Operation[object]:
        if self.gone:
            is_gone = yield load_acquire(f"gone[{self.gone}]")
            if not is_gone:
                return WAIT
        locked = yield from self.model.try_lock()
        if not locked:
            return WAIT
        index = self.core.index
        if self.gone:
            yield from self.model.repair(self.entries, {self.declares: index})
        if self.declares is not None:
            state = yield load_relaxed(f"consumer[{self.declares}].state")
            if state == self.model.TAKEN:
                yield from self.model.fence_entry(self.declares, index, self.entries)
        yield from self.model.resume_entry(self.core)
        yield from self.model.unlock()
        self.start = self.core.next
        self.stage = "poll"
        return None


class DoomedSuccessor(Mortal, Successor):
    """Killed while it declares another one dead, or takes over."""

    def __init__(
        self, model: SimpleNamespace, at: Any, index: int, target: int, actions: int,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(model, at, index, target, **options)
        self.doom(actions)

    die = DoomedReader.die


class Mender(OneTask):
    """Repairs what `gone` was killed over, and evicts it: entry `index` is free then."""

    def __init__(
        self, model: SimpleNamespace, index: int, gone: str, entries: Sequence[int]
    ) -> None:
        super().__init__(model, "mender")
        self.index, self.gone, self.entries = index, gone, tuple(entries)

    def act(self) -> Operation[object]:
        is_gone = yield load_acquire(f"gone[{self.gone}]")
        if not is_gone:
            return WAIT
        locked = yield from self.model.try_lock()
        if not locked:
            return WAIT
        yield from self.model.repair(self.entries, {})
        state = yield load_relaxed(f"consumer[{self.index}].state")
        if state == self.model.TAKEN:
            yield from self.model.leave_entry(self.index, self.entries)
        yield from self.model.unlock()
        self.is_over = True


class Suspect(Writer):
    """A producer that may be declared dead: with a claim open it must not be let go."""

    def claim(self) -> Operation[object]:
        outcome = yield from super().claim()
        if outcome == WAIT:
            fenced = yield from self.model.is_fenced_producer(self.core)
            if fenced:
                self.refused = True
                return None
        if self.is_claimed:
            let_go = yield fetch_add_seq_cst(f"let_go[{self.core.index}]", 0)
            if let_go:
                raise ModelViolation(f"{self.name} was let go with [{self.core.next}, ...) claimed")
        return outcome


class Judge(OneTask):
    """Declares producer `index` dead; with no claim open it is let go: it can do no harm."""

    def __init__(self, model: SimpleNamespace, index: int) -> None:
        super().__init__(model, "judge")
        self.index = index

    def act(self) -> Operation[object]:
        harmless = yield from self.model.declare_producer_dead(self.index)
        if harmless:
            yield fetch_add_seq_cst(f"let_go[{self.index}]", 1)
        self.is_over = True
