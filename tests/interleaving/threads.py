"""What the threads of a configuration do, and the promises each checks while it runs.

Events carry (sequence, who wrote it). A consumer leaves a mark in each slot that it has worked on,
not atomic like the slot, and reads the marks of those it comes after: so an event handed to it too
early is a wrong mark or a data race.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from types import SimpleNamespace
from typing import Any

from headrace.reference.explore import WAIT, Thread
from headrace.reference.memory import (
    ModelViolation,
    Operation,
    fetch_add_seq_cst,
    load_acquire,
    load_relaxed,
    read_slot,
    write_slot,
)


class Stateful(Thread):
    """A thread whose knowledge is its core's numbers and a few fields."""

    fields: tuple[str, ...]
    core: Any

    def knowledge(self) -> tuple[Hashable, ...]:
        core = vars(self.core)
        numbers = tuple(value for name, value in core.items() if name not in ("at", "index"))
        return (numbers, *(getattr(self, name) for name in self.fields))

    def recall(self, knowledge: tuple[Any, ...]) -> None:
        names = [name for name in vars(self.core) if name not in ("at", "index")]
        for name, value in zip(names, knowledge[0], strict=True):
            setattr(self.core, name, value)
        for name, value in zip(self.fields, knowledge[1:], strict=True):
            setattr(self, name, value)


class OneTask(Stateful):
    """A thread with one thing to do, tried until `is_over`."""

    fields = ("is_over",)

    def __init__(self, model: SimpleNamespace, name: str) -> None:
        self.name = name
        self.model = model
        self.core = SimpleNamespace()
        self.is_over = False

    def turn(self) -> Operation[object] | None:
        return None if self.is_over else self.act()

    def act(self) -> Operation[object]:
        raise NotImplementedError


class Writer(Stateful):
    """A producer: one turn to claim, one to write and publish, for each of `claims` lengths.

    `aborts`: numbers of claims to give up. `parks`: sleep while there is no room. `signals`: count
    itself among the writers that are done. `minds_end`: stop when told that the ring has ended.
    `gates`: consumers that it checks to be less than the capacity behind its claims.
    """

    fields = ("done", "is_claimed", "given", "refused", "signalled")

    def __init__(
        self, model: SimpleNamespace, at: Any, index: int, claims: Sequence[int], *,
        aborts: Sequence[int] = (), parks: bool = False, signals: bool = False,
        minds_end: bool = False, gates: Sequence[int] = (),
    ) -> None:  # fmt: skip
        self.name = f"producer {index}"
        self.model = model
        self.core = model.ProducerCore(at, index)
        self.claims, self.aborts, self.parks = tuple(claims), tuple(aborts), parks
        self.minds_end, self.gates = minds_end, tuple(gates)
        self.done = 0
        self.is_claimed = False
        self.given: tuple[tuple[int, bool], ...] = ()  # (sequence, whether it is an event)
        self.refused = False  # saw the end
        self.signalled = not signals

    def turn(self) -> Operation[object] | None:
        if self.is_claimed:
            return self.publish()
        if self.done < len(self.claims) and not self.refused:
            return self.claim()
        return None if self.signalled else self.signal()

    def signal(self) -> Operation[object]:
        yield fetch_add_seq_cst("writers_done", 1)
        self.signalled = True

    def claim(self) -> Operation[object]:
        if self.minds_end:
            flags = yield load_relaxed("flags")
            if flags & self.model.ENDED:
                self.refused = True
                return None
        count = self.claims[self.done]
        claimed = yield from self.model.try_claim(self.core, count)
        if not claimed and self.parks:
            word = yield from self.model.prepare_to_park(self.model.SPACE_PARKED)
            claimed = yield from self.model.try_claim(self.core, count)
            if not claimed:
                yield from self.model.park(self.model.SPACE_PARKED, word)
                return None
        if not claimed:
            return WAIT
        if self.core.claim_end - self.core.next != count:
            raise ModelViolation(f"claimed {self.core.next}..{self.core.claim_end}, not {count}")
        if self.given and self.core.next <= self.given[-1][0]:
            raise ModelViolation(f"sequence {self.core.next} claimed twice by {self.name}")
        for index in self.gates:  # they only move on: what is too far now was too far before
            sequence = yield load_relaxed(f"consumer[{index}].sequence")
            if self.core.claim_end > sequence + self.core.at.capacity:
                raise ModelViolation(f"claimed up to {self.core.claim_end} from {sequence}")
        self.is_claimed = True
        return None

    def publish(self) -> Operation[object]:
        core, live = self.core, self.done not in self.aborts
        sequences = range(core.next, core.claim_end)
        if not live:
            yield write_slot(self.model.slot_index(core.at, core.next), "half-written")
            yield from self.model.abort_claim(core)
        else:
            for sequence in sequences:
                index = self.model.slot_index(core.at, sequence)
                yield write_slot(index, (sequence, core.index))
            yield from self.model.commit(core)
            if self.minds_end:
                flags = yield load_relaxed("flags")
                if flags & self.model.ENDED:
                    self.refused = True
        if not live and not core.at.multi:
            sequences = range(0)
        if not self.refused:
            self.given += tuple((sequence, live) for sequence in sequences)
        self.is_claimed = False
        self.done += 1


class Reader(Stateful):
    """A consumer: one turn to poll, one to read, check and release.

    Stops at `target`, or after the ring's end where that is None. `joins`: it joins first, behind
    the consumers in the mask `after`; `leaves_at`: it leaves after that many events. `marks`:
    names of consumers whose marks must be there. `parks`: sleeps while there is nothing.
    `survivor`: stops after that many events of that producer.
    """

    fields = ("stage", "seen", "start")

    def __init__(
        self, model: SimpleNamespace, at: Any, index: int, target: int | None, *, limit: int = 64,
        joins: bool = False, after: int = 0, leaves_at: int | None = None, name: str = "",
        marks: Sequence[str] = (), leaves_mark: bool = False, parks: bool = False,
        entries: Sequence[int] = (), piecewise: bool = False, takes_last_look: bool = False,
        survivor: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.name = name or f"consumer {index}"
        self.model = model
        self.core = model.ConsumerCore(at, index)
        self.target, self.limit, self.after, self.leaves_at = target, limit, after, leaves_at
        self.marks, self.leaves_mark, self.parks = tuple(marks), leaves_mark, parks
        self.entries, self.piecewise = tuple(entries), piecewise
        self.takes_last_look = takes_last_look
        self.survivor = survivor
        self.stage = "join" if joins else "poll"
        self.seen: tuple[Any, ...] = ()
        self.start = 0

    def turn(self) -> Operation[object] | None:
        if self.stage == "poll":
            if self.core.next == self.target or self.has_all_of_survivor():
                return None
            return self.poll()
        turns = {"join": self.join, "read": self.read, "leave": self.leave}
        return None if self.stage == "left" else turns[self.stage]()

    def has_all_of_survivor(self) -> bool:
        if self.survivor is None:
            return False
        index, count = self.survivor
        return sum(event[1] == index for event in self.seen) == count

    def join(self) -> Operation[object]:
        locked = yield from self.model.try_lock()
        if not locked:
            return WAIT
        taken = yield from self.model.take_entry(self.core, self.after, self.entries)
        yield from self.model.unlock()
        if not taken:
            return WAIT
        self.start = self.core.next
        self.stage = "poll"
        return None

    def leave(self) -> Operation[object]:
        locked = yield from self.model.try_lock()
        if not locked:
            return WAIT
        yield from self.model.leave_entry(self.core.index, self.entries)
        yield from self.model.unlock()
        self.stage = "left"
        return None

    def poll(self) -> Operation[object]:
        begin = self.core.next
        count = yield from self.look()
        if count == 0 and self.parks and self.core.next != self.target:
            word = yield from self.model.prepare_to_park(self.model.DATA_PARKED)
            count = yield from self.look()
            if count == 0 and self.core.next != self.target:
                yield from self.model.park(self.model.DATA_PARKED, word)
                return None
        if count == 0:
            return WAIT if self.core.next == begin else None  # else it skipped tombstones
        if count < 0:
            self.stage = "left"
            return None
        if count > self.limit or self.core.batch_end - self.core.next != count:
            raise ModelViolation(f"{self.name} was handed {count} events, its limit {self.limit}")
        self.stage = "read"
        return None

    def look(self) -> Operation[int]:
        """Poll once: how many events, or -1 at the ring's end."""
        count: int = yield from self.model.poll_batch(self.core, self.limit)
        if count == 0 and self.target is None:
            drained = yield from self.model.is_drained(self.core)
            if drained and self.takes_last_look:
                count = yield from self.model.last_look(self.core, self.limit)
            if drained and count == 0:
                return -1
        return count

    def read(self) -> Operation[object]:
        core = self.core
        sequence, begin, end = core.next, core.next, core.batch_end
        while sequence < end:
            index = self.model.slot_index(core.at, sequence)
            event = yield read_slot(index)
            if not isinstance(event, tuple) or event[0] != sequence:
                raise ModelViolation(f"{self.name} read {event} as sequence {sequence}")
            self.seen += (event,)
            for other in self.marks:
                mark = yield read_slot(f"{other}:{index}")  # type: ignore[arg-type]
                if mark != sequence:
                    raise ModelViolation(f"{self.name} was at {sequence} before {other} ({mark})")
            if self.leaves_mark:
                yield write_slot(f"{self.name}:{index}", sequence)  # type: ignore[arg-type]
            sequence += 1
            if self.piecewise:
                yield from self.model.release_batch(core, 1)
        if not self.piecewise:
            yield from self.model.release_batch(core, end - begin)
        self.stage = "poll"
        if self.leaves_at is not None and len(self.seen) >= self.leaves_at:
            self.stage = "leave"


class Ender(OneTask):
    """Ends the ring, once `writers` producers are done."""

    def __init__(self, model: SimpleNamespace, writers: int) -> None:
        super().__init__(model, "ender")
        self.writers = writers

    def act(self) -> Operation[object]:
        if self.writers:
            done = yield load_acquire("writers_done")
            if done < self.writers:
                return WAIT
        yield from self.model.end_ring()
        self.is_over = True
        return None
