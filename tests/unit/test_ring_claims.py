"""Claiming and publishing: views, errors that change nothing, blocks that raise, room."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ring_tools import TICK, ids, ticks

import headrace as hr
from headrace.ringbuffer import errors

KINDS = pytest.mark.parametrize("producers", ["single", "multi"])


def make(producers: str = "single", capacity: int = 8) -> tuple[Any, Any, Any]:
    ring = hr.Ring.create(TICK, capacity, producers=producers)
    return ring, ring.producer(), ring.consumer("c")


@KINDS
def test_claim_publishes_on_leaving(producers: str) -> None:
    ring, producer, consumer = make(producers)
    with producer.claim(3) as slots:
        assert slots.shape == (3,)
        assert slots.dtype == TICK
        assert slots.flags.writeable
        assert slots.flags.c_contiguous
        slots[:] = ticks(3)
        assert len(consumer.poll()) == 0  # not before
        assert ring.cursor == 0
    assert ids(consumer.poll()) == [0, 1, 2]
    assert not slots.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        slots["id"] = 9
    assert producer.sequence == ring.cursor == 3


@KINDS
@pytest.mark.parametrize("count", [0, -1, 9, 1 << 40])
def test_claims_of_impossible_length(producers: str, count: int) -> None:
    _, producer, consumer = make(producers)
    for attempt in (lambda: producer.next(count), lambda: producer.claim(count).__enter__()):
        with pytest.raises(errors.ClaimError) as caught:
            attempt()
        assert f"cannot claim {count:,} slots of a ring of 8" in str(caught.value)
        assert ("claim at least 1" if count < 1 else "publish(events)") in str(caught.value)
        assert isinstance(caught.value, ValueError)
    producer.publish(ticks(8))  # nothing was changed
    assert ids(consumer.poll()) == list(range(8))


@KINDS
def test_second_claim_while_one_is_open(producers: str) -> None:
    _, producer, consumer = make(producers)
    slots = producer.next(2)
    slots[:] = ticks(2)
    calls: list[Callable[[], Any]] = [
        lambda: producer.next(1),
        lambda: producer.claim(1).__enter__(),
        lambda: producer.publish(ticks(1)),
        lambda: producer.try_publish(ticks(3, 70)),
    ]
    for call in calls:
        with pytest.raises(errors.ClaimError, match=r"commit\(\) or abort\(\) it first"):
            call()
    producer.commit()
    assert ids(consumer.poll()) == [0, 1]


@KINDS
def test_commit_without_claim(producers: str) -> None:
    _, producer, _ = make(producers)
    for call in (producer.commit, producer.abort):
        with pytest.raises(errors.ClaimError, match=r"no claim is open; next\(n\) opens one"):
            call()


@KINDS
def test_exception_in_a_claim_block_publishes_nothing(producers: str) -> None:
    ring, producer, consumer = make(producers)
    producer.publish(ticks(1))
    for _ in range(20):  # also past the wrap
        with contextlib.suppress(ZeroDivisionError), producer.claim(3) as slots:
            slots["id"] = 99
            raise ZeroDivisionError
        assert not slots.flags.writeable
        batch = consumer.poll()
        assert 99 not in batch["id"]
        consumer.release()
    producer.publish(ticks(2, 5))
    assert ids(consumer.poll()) == [5, 6]
    assert ring.cursor == (3 if producers == "single" else 63)


def test_tombstones_are_skipped_wherever_they_lie() -> None:
    _, producer, consumer = make("multi", 16)
    published = []
    for turn, aborted in enumerate([True, False, False, True, True, False, True]):
        slots = producer.next(2)
        slots[:] = ticks(2, 2 * turn)
        if aborted:
            producer.abort()
        else:
            producer.commit()
            published += [2 * turn, 2 * turn + 1]
    seen, batches = [], 0
    while len(batch := consumer.poll()):
        seen += ids(batch)
        batches += 1
    assert seen == published == [2, 3, 4, 5, 10, 11]
    assert batches == 2  # a batch ends before a tombstone
    consumer.release(3)
    assert consumer.sequence == 5  # of slots [2, 5): two tombstones lie in front of them
    consumer.release(3)
    assert producer.try_publish(ticks(16)) == 16  # and those behind are let go of, too


def test_tombstone_released_by_count_does_not_block_the_producer() -> None:
    _, producer, consumer = make("multi", 2)
    producer.publish(ticks(1))
    producer.next(1)
    producer.abort()
    assert len(consumer.poll()) == 1
    assert len(consumer.poll()) == 0
    consumer.release(1)
    producer.publish(ticks(2, 1), timeout=2)
    assert ids(consumer.poll()) == [1, 2]


def test_only_tombstones_for_many_laps() -> None:
    _, producer, consumer = make("multi", 4)
    for _ in range(50):
        producer.next(4, timeout=1)
        producer.abort()
        assert len(consumer.poll()) == 0
    producer.publish(ticks(4))
    assert ids(consumer.poll()) == [0, 1, 2, 3]


@KINDS
def test_abort_and_commit_in_the_block(producers: str) -> None:
    _, producer, consumer = make(producers)
    with producer.claim(2) as slots:
        slots[:] = ticks(2)
        producer.commit()
    with producer.claim(2):
        producer.abort()
    assert ids(consumer.poll()) == [0, 1]
    assert len(consumer.poll()) == 0


@KINDS
def test_closing_with_a_claim_open(producers: str) -> None:
    ring, producer, consumer = make(producers)
    producer.next(3)
    producer.close()
    with ring.producer() as successor:
        successor.publish(ticks(1))
        assert ids(consumer.poll()) == [0]


@KINDS
def test_dropping_a_producer_with_a_claim_open(producers: str) -> None:
    ring = hr.Ring.create(TICK, 8, producers=producers)
    consumer = ring.consumer("c")
    ring.producer().next(3)
    gc.collect()
    with ring.producer() as successor:
        successor.publish(ticks(1))
        assert ids(consumer.poll()) == [0]


def test_single_producer_is_single() -> None:
    ring, producer, _ = make()
    with pytest.raises(errors.ProducerError, match=r"for a single producer and process .* holds"):
        ring.producer()
    producer.close()
    ring.producer().publish(ticks(1))


def test_a_refused_producer_takes_nothing() -> None:
    ring = hr.Ring.create(TICK, 8)
    with pytest.raises(errors.UsageError, match=r"wait must be a strategy .*not 'soon'"):
        ring.producer(wait="soon")  # type: ignore[arg-type]
    ring.producer().publish(ticks(1))


def test_a_refused_consumer_takes_nothing() -> None:
    ring = hr.Ring.create(TICK, 8)
    with pytest.raises(errors.UsageError, match="wait must be a strategy"):
        ring.consumer("c", wait=5)  # type: ignore[arg-type]
    assert ring.consumers == ()
    ring.consumer("c")


def test_sixty_four_producers_and_no_more() -> None:
    ring = hr.Ring.create(TICK, 64, producers="multi")
    consumer = ring.consumer("c")
    held = [ring.producer() for _ in range(64)]
    with pytest.raises(errors.ProducerError, match="has 64 producers, which is the limit"):
        ring.producer()
    for number, producer in enumerate(held):
        producer.publish(ticks(1, number))
    assert ids(consumer.poll()) == list(range(64))
    held.pop().close()
    ring.producer()


@KINDS
def test_try_publish_says_how_many(producers: str) -> None:
    ring, producer, consumer = make(producers)
    assert producer.try_publish(ticks(5)) == 5
    assert producer.try_publish(ticks(5, 5)) == 3
    assert producer.try_publish(ticks(5)) == 0
    assert producer.try_publish(ticks(0)) == 0
    assert ids(consumer.poll()) == list(range(8))
    consumer.release(1)
    assert ring.remaining == 1
    assert producer.try_publish(ticks(5, 8)) == 1


@KINDS
def test_wait_timeout_names_the_slowest(producers: str) -> None:
    ring, producer, consumer = make(producers)
    ring.consumer("quick")
    producer.publish(ticks(8))
    consumer.poll(3)
    consumer.release()
    slow = ring.consumer("late-comer")  # gates nothing yet
    with pytest.raises(errors.WaitTimeout) as caught:
        producer.publish(ticks(2), timeout=0.02)
    text = str(caught.value)
    assert "no room for 2 events within 0.02 s: consumer 'quick' stands at sequence 0" in text
    assert isinstance(caught.value, TimeoutError)
    with pytest.raises(errors.WaitTimeout, match="no room for 8 events"):
        producer.next(8, timeout=0)
    with pytest.raises(errors.WaitTimeout), producer.claim(1, timeout=0.01):
        pytest.fail("the block must not run")
    assert ring.cursor == 8
    slow.close()


def test_wait_timeout_says_when_the_slowest_has_gone() -> None:
    ring, producer, consumer = make()
    consumer.detach()
    producer.publish(ticks(8))
    with pytest.raises(errors.WaitTimeout, match=r"its owner is gone; .*ring.evict\('c'\)"):
        producer.publish(ticks(1), timeout=0.01)
    ring.evict("c")
    producer.publish(ticks(8))


def test_wait_timeout_for_other_producers_claims() -> None:
    ring = hr.Ring.create(TICK, 4, producers="multi")
    ahead, behind = ring.producer(), ring.producer()
    ahead.next(3)
    with pytest.raises(errors.WaitTimeout, match="claims of other producers are not published"):
        behind.publish(ticks(4), timeout=0.02)
    ahead.commit()
    behind.publish(ticks(4), timeout=1)


@KINDS
@pytest.mark.parametrize("timeout", ["soon", float("nan"), [1]])
@pytest.mark.parametrize("count", [1, 20])
def test_timeouts_that_are_no_time(producers: str, timeout: Any, count: int) -> None:
    ring, producer, consumer = make(producers)
    producer.publish(ticks(8))
    with pytest.raises(errors.UsageError, match="timeout must be a number of seconds or None"):
        producer.publish(ticks(count), timeout=timeout)
    consumer.poll()
    with pytest.raises(errors.UsageError, match="timeout must be a number of seconds or None"):
        consumer.poll(timeout=timeout)
    assert ring.cursor == 8


@KINDS
def test_endless_timeout(producers: str) -> None:
    ring = hr.Ring.create(TICK, 4, producers=producers)
    assert ring.producer().publish(ticks(20), timeout=float("inf")) == 0
    assert ring.cursor == 20


@KINDS
def test_publish_longer_than_the_ring(producers: str) -> None:
    ring = hr.Ring.create(TICK, 4, producers=producers)
    producer = ring.producer()
    assert producer.publish(ticks(3)) == 0
    assert producer.publish(ticks(50)) == 3  # nobody consumes: nobody blocks
    consumer = ring.consumer("c")
    with pytest.raises(errors.WaitTimeout) as caught:
        producer.publish(ticks(11), timeout=0.02)
    assert caught.value.published == 4
    assert "4 of 11 events were published" in "".join(caught.value.__notes__)
    assert "no room for 2 events within 0.02 s" in str(caught.value)  # as given, not what was left
    assert ids(consumer.poll()) == [0, 1, 2, 3]
    assert ring.cursor == 57


@KINDS
def test_without_consumers_nothing_blocks(producers: str) -> None:
    ring, producer, consumer = make(producers, 4)
    consumer.close()
    for _ in range(30):
        producer.publish(ticks(3), timeout=0)
        with producer.claim(4, timeout=0) as slots:
            slots[:] = ticks(4)
    assert ring.cursor == 210
    assert ring.remaining == 4


@KINDS
def test_a_claim_can_be_used_again(producers: str) -> None:
    _, producer, consumer = make(producers)
    claim = producer.claim(2)
    for turn in range(3):
        with claim as slots:
            slots[:] = ticks(2, 2 * turn)
    assert ids(consumer.poll()) == list(range(6))


def test_publish_gives_the_sequence_of_the_first() -> None:
    ring, producer, consumer = make("multi", 16)
    other = ring.producer()
    assert [producer.publish(ticks(2)), other.publish(ticks(3)), producer.publish(ticks(1))] == [
        0,
        2,
        5,
    ]
    assert producer.sequence == other.sequence == 6
    assert len(consumer.poll()) == 6
    assert np.isscalar(producer.sequence)
