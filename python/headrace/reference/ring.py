"""The reference ring as objects: its generators, each run to its end before the next begins."""

from __future__ import annotations

from typing import Any

from headrace.errors import DuplicateConsumer, UnknownConsumer, UsageError
from headrace.reference import barrier, membership, parking, sequencer
from headrace.reference.barrier import ConsumerCore
from headrace.reference.memory import PlainMemory, read_slot, write_slot
from headrace.reference.sequencer import Geometry, ProducerCore

CONSUMERS_MAX = 64


class ReferenceRing:
    """A ring of any Python values in private memory; one call at a time, and none of them waits.

    `capacity` is a power of two. Not thread-safe. Raises UsageError.
    """

    def __init__(self, capacity: int, *, multi: bool = False) -> None:
        if capacity < 1 or capacity & (capacity - 1):
            raise UsageError(f"capacity {capacity} is not a power of two")
        self.at = Geometry(capacity, multi)
        self.memory = PlainMemory()
        self._names: dict[str, int] = {}
        self._producers = 0

    def producer(self) -> ReferenceProducer:
        """A new producer; a ring of a single one may have one after the other."""
        self._producers += 1
        core = ProducerCore(self.at, self._producers - 1)
        core.next = core.claim_end = self.memory.words.get(self._published_word, 0)
        return ReferenceProducer(self, core)

    def consumer(self, name: str, after: tuple[str, ...] = ()) -> ReferenceConsumer:
        """A new consumer, seeing what is published from now on.

        Raises DuplicateConsumer, UnknownConsumer.
        """
        if name in self._names:
            raise DuplicateConsumer(f"consumer {name!r} exists")
        for other in after:
            if other not in self._names:
                raise UnknownConsumer(f"there is no consumer {other!r}")
        index = min(set(range(CONSUMERS_MAX)) - set(self._names.values()))
        mask = sum(1 << self._names[other] for other in set(after))
        core = ConsumerCore(self.at, index)
        self._names[name] = index
        self.memory.run(membership.take_entry(core, mask, range(CONSUMERS_MAX)))
        return ReferenceConsumer(self, name, core)

    def leave(self, name: str) -> None:
        """Take a consumer out; those that came after it close the gap."""
        index = self._names.pop(name)
        self.memory.run(membership.leave_entry(index, range(CONSUMERS_MAX)))

    def end(self) -> None:
        """Say that nothing more will be published."""
        self.memory.run(parking.end_ring())

    @property
    def _published_word(self) -> str:
        return "claimed" if self.at.multi else "cursor"

    @property
    def cursor(self) -> int:
        """The sequence of the next event to be published; below it all is."""
        end: int = self.memory.words.get(self._published_word, 0)
        if not self.at.multi:
            return end
        first = max(0, end - self.at.capacity)
        return self.memory.run(sequencer.published_prefix(self.at, first, end))


class ReferenceProducer:
    """A producer of a reference ring."""

    def __init__(self, ring: ReferenceRing, core: ProducerCore) -> None:
        self._ring = ring
        self._core = core

    def try_claim(self, count: int) -> int | None:
        """Claim `count` slots; the sequence of the first, or None if there is no room."""
        if not self._ring.memory.run(sequencer.try_claim(self._core, count)):
            return None
        return self._core.next

    def commit(self, values: list[Any]) -> None:
        """Write and publish what is claimed."""
        if len(values) != self._core.claim_end - self._core.next:
            raise UsageError(f"{len(values)} values for another number of slots")
        for sequence, value in enumerate(values, self._core.next):
            index = sequencer.slot_index(self._ring.at, sequence)
            self._ring.memory.perform(write_slot(index, value))
        self._ring.memory.run(sequencer.commit(self._core))

    def abort(self) -> None:
        """Give up what is claimed."""
        self._ring.memory.run(sequencer.abort_claim(self._core))


class ReferenceConsumer:
    """A consumer of a reference ring."""

    def __init__(self, ring: ReferenceRing, name: str, core: ConsumerCore) -> None:
        self.name = name
        self._ring = ring
        self._core = core

    @property
    def sequence(self) -> int:
        """Everything below is released."""
        return self._core.next

    @property
    def polled(self) -> int:
        """How many slots are polled and not released."""
        return self._core.batch_end - self._core.next

    def poll(self, limit: int | None = None) -> list[Any]:
        """The next batch, once the last one is released. Raises UsageError before."""
        if self.polled:
            raise UsageError(f"{self.polled} events are polled and not released")
        most = self._ring.at.capacity if limit is None else limit
        count = self._ring.memory.run(barrier.poll_batch(self._core, most))
        first = self._core.batch_end - count
        return [
            self._ring.memory.perform(read_slot(sequencer.slot_index(self._ring.at, sequence)))
            for sequence in range(first, first + count)
        ]

    def release(self, count: int) -> None:
        """Let go of the first `count` events of the batch."""
        if not 0 <= count <= self.polled:
            raise UsageError(f"cannot release {count} events: {self.polled} are polled")
        if count:
            self._ring.memory.run(barrier.release_batch(self._core, count))

    def rewind(self) -> None:
        """Take back all that was polled and not released: the next poll hands it out again."""
        self._core.batch_end = self._core.available = self._core.next

    @property
    def drained(self) -> bool:
        """Whether the ring has ended, and all of it was handed out."""
        return self._ring.memory.run(barrier.is_drained(self._core))
