"""Ending, closing, and time running out: nobody stays stuck, whichever way they wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ring_tools import TICK, ids, ticks, wait_until

import headrace as hr
from headrace.ringbuffer import errors

pytestmark = pytest.mark.timeout(30)
STRATEGIES = pytest.mark.parametrize(
    "wait", [hr.wait.BusySpin(), hr.wait.Yield(), hr.wait.Backoff(), hr.wait.Block()], ids=repr
)
KINDS = pytest.mark.parametrize("producers", ["single", "multi"])


class Outcome:
    """Runs a call in a thread; what it raised or returned, and when it was over."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.value: Any = None
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        time.sleep(0.03)
        assert self._thread.is_alive(), self.value

    def _run(self) -> None:
        try:
            self.value = self._call()
        except BaseException as error:
            self.value = error

    def get(self) -> Any:
        self._thread.join(5)
        assert not self._thread.is_alive(), "still stuck"
        return self.value


@KINDS
def test_consumers_drain_and_stop(producers: str) -> None:
    ring = hr.Ring.create(TICK, 8, producers=producers)
    producer = ring.producer()
    first, second = ring.consumer("first"), ring.consumer("second", after=["first"])
    producer.publish(ticks(5))
    ring.end()
    ring.end()
    assert ids(first.poll(3)) == [0, 1, 2]
    assert not first.ended
    assert [i for batch in first for i in ids(batch)] == [3, 4]
    assert first.ended
    assert len(first.poll(timeout=None)) == 0
    assert list(first) == []
    assert [i for batch in second for i in ids(batch)] == [0, 1, 2, 3, 4]
    assert second.ended


@KINDS
def test_nothing_can_be_published_after_the_end(producers: str) -> None:
    ring = hr.Ring.create(TICK, 4, producers=producers)
    producer = ring.producer()
    ring.consumer("c")
    producer.publish(ticks(1))
    ring.end()
    calls: list[Callable[[], Any]] = [
        lambda: producer.publish(ticks(1)),
        lambda: producer.publish(ticks(9)),
        lambda: producer.try_publish(ticks(1)),
        lambda: producer.next(1),
        lambda: producer.claim(1).__enter__(),
    ]
    for call in calls:
        with pytest.raises(errors.RingEnded, match="the ring was ended; nothing more"):
            call()
    assert ring.cursor == 1


@KINDS
def test_try_publish_to_a_ring_that_is_full_and_ended(producers: str) -> None:
    ring = hr.Ring.create(TICK, 4, producers=producers)
    producer = ring.producer()
    ring.consumer("c")
    producer.publish(ticks(4))
    ring.end()
    with pytest.raises(errors.RingEnded, match="the ring was ended"):
        producer.try_publish(ticks(1))


@KINDS
def test_commit_after_the_end_says_so(producers: str) -> None:
    ring = hr.Ring.create(TICK, 4, producers=producers)
    producer, consumer = ring.producer(), ring.consumer("c")
    producer.publish(ticks(1))
    producer.next(2)[:] = ticks(2, 1)
    ring.end()
    with pytest.raises(errors.RingEnded) as caught:
        producer.commit()
    assert "while the claim of sequences [1, 3) was open: they are stored" in str(caught.value)
    assert [i for batch in consumer for i in ids(batch)] == [0, 1, 2]


def test_end_while_a_multi_claim_is_open_waits_for_it() -> None:
    """Claimed before the end, so it may still be published: the consumer does not stop before."""
    ring = hr.Ring.create(TICK, 4, producers="multi")
    producer, consumer = ring.producer(), ring.consumer("c")
    slots = producer.next(2)
    slots[:] = ticks(2)
    ring.end()
    assert len(consumer.poll(timeout=0.01)) == 0
    assert not consumer.ended
    producer.abort()
    assert list(consumer) == []
    assert consumer.ended


@STRATEGIES
@KINDS
def test_blocked_consumers_end(producers: str, wait: hr.wait.WaitStrategy) -> None:
    ring = hr.Ring.create(TICK, 4, producers=producers)
    first = ring.consumer("first", wait=wait)
    second = ring.consumer("second", after=["first"], wait=wait)
    outcomes = [Outcome(lambda: list(first)), Outcome(lambda: len(second.poll(timeout=None)))]
    ring.end()
    assert [outcome.get() for outcome in outcomes] == [[], 0]
    assert second.ended


@STRATEGIES
@KINDS
def test_blocked_producers_get_the_end(producers: str, wait: hr.wait.WaitStrategy) -> None:
    ring = hr.Ring.create(TICK, 4, producers=producers)
    producer = ring.producer(wait)
    ring.consumer("c")
    producer.publish(ticks(3))
    outcome = Outcome(lambda: producer.publish(ticks(9)))
    ring.end()
    error = outcome.get()
    assert isinstance(error, errors.RingEnded)
    assert "while this producer waited for room" in str(error)
    assert error.published == 0  # type: ignore[attr-defined]


@STRATEGIES
@KINDS
def test_close_from_another_thread(producers: str, wait: hr.wait.WaitStrategy) -> None:
    ring = hr.Ring.create(TICK, 4, producers=producers)
    producer, consumer = ring.producer(wait), ring.consumer("full", wait=wait)
    producer.publish(ticks(4))
    consumer.poll()
    outcomes = [Outcome(lambda: producer.next(1)), Outcome(lambda: consumer.poll(timeout=None))]
    ring.close()
    for outcome, word in zip(outcomes, ["producer waited", "'full' was closed"], strict=True):
        error = outcome.get()
        assert isinstance(error, errors.RingClosed)
        assert word in str(error)


@STRATEGIES
def test_closing_only_the_handle(wait: hr.wait.WaitStrategy) -> None:
    ring = hr.Ring.create(TICK, 4)
    producer, consumer = ring.producer(wait), ring.consumer("c", wait=wait)
    outcome = Outcome(lambda: consumer.poll(timeout=None))
    consumer.close()
    assert isinstance(outcome.get(), errors.RingClosed)
    ring.consumer("d")
    producer.publish(ticks(4))
    outcome = Outcome(lambda: producer.publish(ticks(1)))
    producer.close()
    assert isinstance(outcome.get(), errors.RingClosed)
    with ring.producer() as successor, pytest.raises(errors.WaitTimeout):
        successor.publish(ticks(1), timeout=0)


def test_a_handle_belongs_to_one_thread() -> None:
    ring = hr.Ring.create(TICK, 4)
    producer, consumer = ring.producer(), ring.consumer("c")
    outcome = Outcome(lambda: len(consumer.poll(timeout=None)))
    with pytest.raises(errors.UsageError, match="another thread is waiting on this consumer"):
        consumer.poll()
    with pytest.raises(errors.UsageError, match="another thread is waiting on this consumer"):
        consumer.release()
    producer.publish(ticks(4))
    assert outcome.get() == 4
    outcome = Outcome(lambda: producer.publish(ticks(1, 4)))
    with pytest.raises(errors.UsageError, match="another thread is waiting on this producer"):
        producer.publish(ticks(1))
    consumer.release()
    assert outcome.get() == 4


@STRATEGIES
def test_timeouts(wait: hr.wait.WaitStrategy) -> None:
    ring = hr.Ring.create(TICK, 4)
    producer, consumer = ring.producer(wait), ring.consumer("c", wait=wait)
    for seconds in (0.0, 0.05, 0.15):
        begin = time.monotonic()
        assert len(consumer.poll(timeout=seconds)) == 0
        assert seconds <= time.monotonic() - begin < seconds + 1
    producer.publish(ticks(4))
    for seconds in (0.0, 0.05, 0.15):
        begin = time.monotonic()
        with pytest.raises(errors.WaitTimeout, match="consumer 'c' stands at sequence 0"):
            producer.publish(ticks(1), timeout=seconds)
        assert seconds <= time.monotonic() - begin < seconds + 1


@STRATEGIES
@KINDS
def test_every_event_wakes(producers: str, wait: hr.wait.WaitStrategy) -> None:
    """Ping-pong in a ring of one slot: both sides block for every event."""
    ring = hr.Ring.create(TICK, 1, producers=producers)
    producer, consumer = ring.producer(wait), ring.consumer("c", wait=wait)
    seen: list[int] = []

    def consume() -> None:
        for batch in consumer:
            seen.extend(ids(batch))

    thread = threading.Thread(target=consume)
    thread.start()
    count = 20 if wait == hr.wait.BusySpin() else 1000
    begin = time.monotonic()
    for number in range(count):
        producer.publish(ticks(1, number), timeout=5)
    ring.end()
    thread.join(5)
    assert seen == list(range(count))
    assert time.monotonic() - begin < 10  # lost wake-ups would cost 20 ms each


def test_closing_a_multi_producer_that_waits_leaves_no_hole() -> None:
    """Room comes at the very moment of the close; whoever wins, the others go on."""
    for turn in range(30):
        ring = hr.Ring.create(TICK, 2, producers="multi")
        waiting, other = ring.producer(hr.wait.BusySpin()), ring.producer()
        consumer = ring.consumer("c")
        other.publish(ticks(2))
        consumer.poll()
        outcome: list[object] = []

        def claim(waiting: Any = waiting, outcome: list[object] = outcome) -> None:
            try:
                with waiting.claim(1) as slots:
                    slots[:] = ticks(1, 2)
            except errors.RingClosed as error:
                outcome.append(error)

        thread = threading.Thread(target=claim)
        thread.start()
        time.sleep(0.001 * (turn % 4))
        consumer.release()
        waiting.close()
        thread.join(5)
        other.publish(ticks(1, 3), timeout=1)
        seen: list[int] = []
        wait_until(lambda c=consumer, s=seen: s.extend(ids(c.poll())) or 3 in s, 1)
        assert seen in ([3], [2, 3])
