"""The same calls to the ring and to its reference model, whose batches must be the same ones.

test_ring_differential.py asks more of the ring, and compares it with lists. Here it is compared
with the generators that tests/interleaving explores: what is proved of them, it is held to.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import headrace as hr
from headrace.errors import DuplicateConsumer, UnknownConsumer, WaitTimeout
from headrace.reference import ReferenceConsumer, ReferenceProducer, ReferenceRing

NAMES = st.sampled_from(["a", "b", "c"])


@dataclass
class Writers:
    """A producer of each ring, and the ids that their open claim is for."""

    real: hr.Producer
    reference: ReferenceProducer
    ids: list[int] = field(default_factory=list)


@dataclass
class Readers:
    """A consumer of each ring."""

    real: hr.Consumer
    reference: ReferenceConsumer


class RingAgainstReference(RuleBasedStateMachine):
    multi = False

    @initialize(capacity=st.sampled_from([1, 2, 4, 8]))
    def create(self, capacity: int) -> None:
        producers = "multi" if self.multi else "single"
        self.real = hr.Ring.create("<i8", capacity, producers=producers)
        self.reference = ReferenceRing(capacity, multi=self.multi)
        self.capacity = capacity
        self.writers = [
            Writers(self.real.producer(), self.reference.producer())
            for _ in range(3 if self.multi else 1)
        ]
        self.readers: dict[str, Readers] = {}
        self.next_id = 0
        self.ended = False
        self.join("a", None)

    def teardown(self) -> None:
        if hasattr(self, "real"):
            self.real.close()

    def writer(self, data: st.DataObject) -> Writers:
        return data.draw(st.sampled_from(self.writers))

    @precondition(lambda self: not self.ended)
    @rule(data=st.data(), count=st.integers(1, 4), commits=st.booleans())
    def claim(self, data: st.DataObject, count: int, commits: bool) -> None:
        writer = self.writer(data)
        if writer.ids or count > self.capacity:
            return
        first = writer.reference.try_claim(count)
        if first is None:
            with pytest.raises(WaitTimeout):
                writer.real.next(count, timeout=0)
            return
        writer.ids = list(range(self.next_id, self.next_id + count))
        self.next_id += count
        writer.real.next(count, timeout=0)[:] = writer.ids
        if commits:
            self.settle(writer, "commit")

    @rule(data=st.data(), how=st.sampled_from(["commit", "commit", "abort"]))
    def commit_or_abort(self, data: st.DataObject, how: str) -> None:
        writer = self.writer(data)
        if writer.ids:
            self.settle(writer, how)

    def settle(self, writer: Writers, how: str) -> None:
        if how == "commit":
            writer.reference.commit(writer.ids)
            late = pytest.raises(hr.errors.RingEnded) if self.ended else contextlib.nullcontext()
            with late:
                writer.real.commit()
        else:
            writer.reference.abort()
            writer.real.abort()
        writer.ids = []

    @rule(name=NAMES, after=st.none() | NAMES)
    def join(self, name: str, after: str | None) -> None:
        behind = () if after is None else (after,)
        try:
            reference = self.reference.consumer(name, behind)
        except (DuplicateConsumer, UnknownConsumer):
            with pytest.raises((DuplicateConsumer, UnknownConsumer, hr.errors.CyclicDependency)):
                self.real.consumer(name, list(behind))
            return
        self.readers[name] = Readers(self.real.consumer(name, list(behind)), reference)

    @precondition(lambda self: len(self.readers) > 1)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.readers)))
        self.readers.pop(name).real.close()
        self.reference.leave(name)

    @precondition(lambda self: self.readers)
    @rule(data=st.data(), limit=st.none() | st.integers(1, 3), keeps=st.integers(0, 1))
    def poll_and_release(self, data: st.DataObject, limit: int | None, keeps: int) -> None:
        """Poll; release in two parts, so that part of a batch stays out for a moment."""
        reader = self.readers[data.draw(st.sampled_from(sorted(self.readers)))]
        wanted = reader.reference.poll(limit)
        found: Any = reader.real.poll(limit)
        assert found.tolist() == wanted
        if not wanted:
            assert reader.real.ended == reader.reference.drained
        for count in (len(wanted) - min(keeps, len(wanted)), min(keeps, len(wanted))):
            reader.reference.release(count)
            reader.real.release(count)
            assert reader.real.sequence == reader.reference.sequence

    @precondition(lambda self: self.next_id > 12)
    @rule()
    def end(self) -> None:
        self.real.end()
        self.reference.end()
        self.ended = True

    @invariant()
    def looks_the_same(self) -> None:
        if hasattr(self, "real"):
            assert self.real.cursor == self.reference.cursor


class SeveralProducersAgainstReference(RingAgainstReference):
    multi = True


LIMITS = settings(
    max_examples=60,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestSingleAgainstReference = RingAgainstReference.TestCase
TestSingleAgainstReference.settings = LIMITS
TestSeveralAgainstReference = SeveralProducersAgainstReference.TestCase
TestSeveralAgainstReference.settings = LIMITS


def test_reference_can_be_held_wrong() -> None:
    """A model that let a producer lap its consumer would be found out."""
    ring = ReferenceRing(2)
    producer, consumer = ring.producer(), ring.consumer("c")
    for ids in ([0], [1]):
        assert producer.try_claim(1) is not None
        producer.commit(ids)
    assert producer.try_claim(1) is None
    assert consumer.poll() == [0, 1]
    consumer.release(1)
    assert producer.try_claim(1) == 2
    assert np.isscalar(consumer.sequence)
