"""The same calls to a ring and to a model of it, compared after each one.

No call waits (timeout 0), so the model is a matter of lists. Where the ring is free to choose (how
much of what is there a batch holds, when a tombstone is let go of) the model says what is allowed,
and follows what it saw.
"""

from __future__ import annotations

import contextlib
import gc
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ring_model import OPEN, TOMBSTONE, Place, RingModel

import headrace as hr
from headrace.ringbuffer import StaleViewWarning, errors

pytestmark = pytest.mark.timeout(110)

DTYPE = np.dtype([("id", "<i8"), ("tag", "S3")])  # 11 bytes: never aligned
NAMES = st.sampled_from(["a", "b", "c"])
COUNTS = st.sampled_from([1, 1, 1, 2, 2, 3, 4, 5, 8, 16, 20])


@pytest.fixture(autouse=True)
def youngest_only() -> Iterator[None]:
    """The rules collect garbage often, and so only what is new: nothing grows old meanwhile."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@dataclass
class Writer:
    """A producer, and the claim that is open: its sequences, and what was written there."""

    producer: hr.Producer
    claim: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)


class RingAgainstModel(RuleBasedStateMachine):
    multi = False

    @initialize(capacity=st.sampled_from([1, 2, 4, 8, 16]))
    def create(self, capacity: int) -> None:
        self.model = RingModel(capacity, self.multi)
        self.ring = hr.Ring.create(DTYPE, capacity, producers="multi" if self.multi else "single")
        self.producers: list[Writer] = []
        self.consumers: dict[str, hr.Consumer] = {}
        self.next_id = 0
        self.late = False  # a commit came after the end
        self.new_producer()
        self.join("a", None)

    def teardown(self) -> None:
        if hasattr(self, "ring"):
            self.ring.close()

    def new_ids(self, count: int) -> list[int]:
        self.next_id += count
        return list(range(self.next_id - count, self.next_id))

    def events(self, ids: list[int]) -> np.ndarray[Any, Any]:
        events = np.zeros(len(ids), DTYPE)
        events["id"] = ids
        events["tag"] = [str(i % 1000) for i in ids]
        return events

    def ids(self, batch: np.ndarray[Any, Any]) -> list[int]:
        ids = batch["id"].tolist()
        assert batch["tag"].tolist() == [str(i % 1000).encode() for i in ids]
        return ids

    def draw_writer(self, data: st.DataObject) -> Writer:
        return self.producers[data.draw(st.integers(0, len(self.producers) - 1))]

    # -- producers --------------------------------------------------------------------------------

    @precondition(lambda self: len(self.producers) < 3)
    @rule()
    def new_producer(self) -> None:
        if self.producers and not self.multi:
            with pytest.raises(errors.ProducerError):
                self.ring.producer()
        elif len(self.producers) < 3:
            self.producers.append(Writer(self.ring.producer()))

    @precondition(lambda self: len(self.producers) > (self.model.cursor % 5 != 4))
    @rule(data=st.data(), dropped=st.booleans())
    def close_producer(self, data: st.DataObject, dropped: bool) -> None:
        writer = self.draw_writer(data)
        self.producers.remove(writer)
        if writer.claim:
            self.model.give_up(writer.claim)
        if not dropped:
            writer.producer.close()
        else:
            del writer
            gc.collect(0)  # an expected error may have tied its frame, and so the handle, to itself

    @precondition(lambda self: self.producers)
    @rule(data=st.data(), count=COUNTS, keep=st.booleans())
    def claim(self, data: st.DataObject, count: int, keep: bool) -> None:
        writer = self.draw_writer(data)
        if writer.claim or count > self.model.capacity:
            expected: Any = pytest.raises(errors.ClaimError)
        elif self.model.ended:
            expected = pytest.raises(errors.RingEnded)
        elif count > self.model.room:
            expected = pytest.raises(errors.WaitTimeout)
        else:
            writer.claim, writer.ids = self.model.claim(count), self.new_ids(count)
            writer.producer.next(count, timeout=0)[:] = self.events(writer.ids)
            if not keep:
                writer.producer.commit()
                self.model.fill(writer.claim, writer.ids)
                writer.claim = []
            return
        with expected:
            writer.producer.next(count, timeout=0)

    @precondition(lambda self: self.producers and self.model.slots.count(OPEN))
    @rule(data=st.data(), how=st.sampled_from(["commit", "abort"]))
    def commit_or_abort(self, data: st.DataObject, how: str) -> None:
        writer = self.draw_writer(data)
        expected: Any = contextlib.nullcontext()
        if not writer.claim:
            expected = pytest.raises(errors.ClaimError)
        elif how == "abort":
            self.model.give_up(writer.claim)
        else:
            self.model.fill(writer.claim, writer.ids)
            if self.model.ended:
                expected = pytest.raises(errors.RingEnded)
                self.late = True
        with expected:
            getattr(writer.producer, how)()
        writer.claim = []

    @precondition(lambda self: self.producers)
    @rule(data=st.data(), count=st.integers(1, 2))
    def raise_in_a_claim(self, data: st.DataObject, count: int) -> None:
        writer = self.draw_writer(data)
        if writer.claim or self.model.ended or count > min(self.model.room, self.model.capacity):
            return
        self.model.give_up(self.model.claim(count))
        with contextlib.suppress(ZeroDivisionError), writer.producer.claim(count) as slots:
            slots["id"] = 1 // 0

    @precondition(lambda self: self.producers)
    @rule(data=st.data(), count=COUNTS)
    def publish(self, data: st.DataObject, count: int) -> None:
        writer = self.draw_writer(data)
        ids = self.new_ids(count)
        events = self.events(ids)
        if writer.claim:
            expected: Any = pytest.raises(errors.ClaimError)
        elif self.model.ended:
            expected = pytest.raises(errors.RingEnded)
        elif count > self.model.capacity:
            return self.publish_long(writer.producer, ids, events)
        elif count > self.model.room:
            expected = pytest.raises(errors.WaitTimeout)
        else:
            sequences = self.model.claim(count)
            assert writer.producer.publish(events, timeout=0) == sequences[0]
            return self.model.fill(sequences, ids)
        with expected:
            writer.producer.publish(events, timeout=0)
        return None

    def publish_long(self, producer: hr.Producer, ids: list[int], events: Any) -> None:
        first = len(self.model.slots)
        try:
            assert producer.publish(events, timeout=0) == first
            done = len(ids)
        except errors.WaitTimeout as error:
            done = error.published  # type: ignore[attr-defined]
        begin = 0
        while begin < done:  # piece by piece, since a ring without consumers makes its own room
            piece = min(done - begin, max(1, self.model.capacity // 2))
            self.model.fill(self.model.claim(piece), ids[begin : begin + piece])
            begin += piece
        if done < len(ids):
            assert self.model.room < max(1, self.model.capacity // 2)

    @precondition(lambda self: self.producers)
    @rule(data=st.data(), count=st.integers(0, 20))
    def try_publish(self, data: st.DataObject, count: int) -> None:
        writer = self.draw_writer(data)
        ids = self.new_ids(count)
        if writer.claim and count:
            with pytest.raises(errors.ClaimError):
                writer.producer.try_publish(self.events(ids))
        elif self.model.ended and count:
            with pytest.raises(errors.RingEnded):
                writer.producer.try_publish(self.events(ids))
        elif not writer.claim:
            taken = writer.producer.try_publish(self.events(ids))
            assert taken == min(count, self.model.room)
            if taken:
                self.model.fill(self.model.claim(taken), ids[:taken])

    # -- consumers --------------------------------------------------------------------------------

    @rule(name=NAMES, after=st.none() | st.sets(NAMES, max_size=1) | st.sets(NAMES, max_size=2))
    def join(self, name: str, after: set[str] | None) -> None:
        place = self.model.places.get(name)
        others = set(self.model.places) - {name}
        if after and not after <= others:
            expected: Any = pytest.raises((errors.CyclicDependency, errors.UnknownConsumer))
        elif place is not None and place.held:
            expected = pytest.raises((errors.DuplicateConsumer, errors.CyclicDependency))
        elif place is not None and after is not None and after != place.after:
            expected = pytest.raises((errors.ConsumerError, errors.CyclicDependency))
        else:
            expected = contextlib.nullcontext()
        with expected as caught:
            consumer = self.ring.consumer(name, after=after)
        if caught is not None:
            return
        assert name not in self.consumers
        self.consumers[name] = consumer
        if place is None:
            start = self.model.cursor
            place = self.model.places[name] = Place(set(after or ()), start, start)
        place.held, place.polled, place.out = True, place.sequence, []
        assert consumer.sequence == place.sequence

    @precondition(lambda self: len(self.model.places) in (1, 2))
    @rule(data=st.data())
    def join_behind(self, data: st.DataObject) -> None:
        """Most of what `join` draws is refused, and graphs stay small; this one never is."""
        places = sorted(self.model.places)
        name = data.draw(st.sampled_from(sorted({"a", "b", "c"} - set(places))))
        self.join(name, data.draw(st.sets(st.sampled_from(places), min_size=1)))

    @precondition(lambda self: len(self.consumers) > (self.model.cursor % 5 != 4))
    @rule(data=st.data(), how=st.sampled_from(["close", "detach", "drop"]))
    def leave(self, data: st.DataObject, how: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.consumers)))
        consumer = self.consumers.pop(name)
        if how == "close":
            consumer.close()
            self.model.leave(name)
        else:
            if how == "detach":
                consumer.detach()
            del consumer
            gc.collect(0)
            self.model.places[name].held = False

    @rule(name=NAMES)
    def evict(self, name: str) -> None:
        place = self.model.places.get(name)
        if place is None:
            with pytest.raises(errors.UnknownConsumer):
                self.ring.evict(name)
        elif place.held:
            with pytest.raises(errors.DuplicateConsumer):
                self.ring.evict(name)
        else:
            self.ring.evict(name)
            self.model.leave(name)

    @precondition(lambda self: self.consumers)
    @rule(data=st.data(), limit=st.none() | st.integers(1, 5), again=st.integers(0, 4))
    def poll(self, data: st.DataObject, limit: int | None, again: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.consumers)))
        for one in (self.consumers[name], self.model.places[name]) if not again else ():
            one.rewind()
        self.poll_by(name, limit)

    @rule(limit=st.none() | st.integers(1, 5))
    def poll_all(self, limit: int | None) -> None:
        for name in sorted(self.consumers):
            self.poll_by(name, limit)

    def poll_by(self, name: str, limit: int | None) -> None:
        consumer, place = self.consumers[name], self.model.places[name]
        begin, sequences = self.model.readable(place)
        with warnings.catch_warnings():
            warnings.simplefilter("error", StaleViewWarning)
            batch = consumer.poll(limit)
        assert len(batch) <= (limit or self.model.capacity)
        assert bool(len(batch)) == bool(sequences)
        wanted = [self.model.slots[s] for s in sequences[: len(batch)]]
        assert self.ids(batch) == wanted
        if not place.out:  # tombstones with nothing in front of them may be let go of, or must
            assert place.sequence <= consumer.sequence <= begin
            assert len(batch) or consumer.sequence == begin
            place.sequence = consumer.sequence
        place.polled = begin + len(batch)
        place.out += sequences[: len(batch)]
        if self.model.ended and not len(batch) and not self.late:
            last = len(self.model.slots) if self.multi else self.model.cursor
            assert consumer.ended == (begin == last)

    @precondition(lambda self: self.consumers)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.consumers)))
        out = len(self.model.places[name].out)
        self.release_by(name, data.draw(st.sampled_from([out, None]) | st.integers(-1, out + 1)))

    @rule()
    def catch_up(self) -> None:
        """Everyone consumes all there is; places that were left are taken again."""
        for name in sorted(set(self.model.places) - set(self.consumers)):
            self.join(name, None)
        for name in sorted(self.consumers):
            self.poll_by(name, None)
            self.release_by(name, None)

    def release_by(self, name: str, count: int | None) -> None:
        consumer, place = self.consumers[name], self.model.places[name]
        if count is not None and not 0 <= count <= len(place.out):
            with pytest.raises(errors.UsageError, match=f"cannot release {count} events"):
                consumer.release(count)
            return
        consumer.release(count)
        gone = place.out[: len(place.out) if count is None else count]
        place.out = place.out[len(gone) :]
        least = gone[-1] + 1 if gone else place.sequence
        most = place.out[0] if place.out else self.model.readable(place)[0]
        assert least <= consumer.sequence <= most
        between = self.model.slots[least : consumer.sequence]
        assert between == [TOMBSTONE] * len(between)
        place.sequence = consumer.sequence
        place.polled = max(place.polled, place.sequence)

    # -- the ring ---------------------------------------------------------------------------------

    @precondition(lambda self: len(self.model.slots) > 20)
    @rule()
    def end(self) -> None:
        self.ring.end()
        self.model.ended = True

    @invariant()
    def looks_the_same(self) -> None:
        if not hasattr(self, "ring"):
            return
        ring, model = self.ring, self.model
        open_single = 0 if self.multi else model.slots.count(OPEN)
        assert ring.cursor == model.cursor
        assert ring.remaining == model.room + open_single
        assert ring.ended == model.ended
        assert {info.name for info in ring.consumers} == set(model.places)
        for info in ring.consumers:
            place = model.places[info.name]
            assert info.sequence == place.sequence
            assert info.depth == model.depth(info.name) == ring.depth(info.name)
            assert set(info.after) == place.after
            assert info.alive == place.held


class SeveralProducers(RingAgainstModel):
    multi = True


def limits(examples: int) -> settings:
    return settings(
        report_multiple_bugs=False,
        max_examples=examples,
        stateful_step_count=100,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class TestSingle(RingAgainstModel.TestCase):  # type: ignore[name-defined, misc]
    settings = limits(60)


class TestMulti(SeveralProducers.TestCase):  # type: ignore[name-defined, misc]
    settings = limits(60)


@pytest.mark.torture
@pytest.mark.timeout(600)
class TestSingleForLong(TestSingle):
    settings = limits(500)


@pytest.mark.torture
@pytest.mark.timeout(600)
class TestMultiForLong(TestMulti):
    settings = limits(500)
