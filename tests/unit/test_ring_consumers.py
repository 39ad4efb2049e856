"""Consumers as a graph that changes while it runs: names, dependencies, joining, leaving."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from ring_tools import TICK, ids, ticks

import headrace as hr
from headrace.ringbuffer import errors


def make(capacity: int = 8, producers: str = "single") -> tuple[Any, Any]:
    ring = hr.Ring.create(TICK, capacity, producers=producers)
    return ring, ring.producer()


def test_unknown_consumers() -> None:
    ring, _ = make()
    ring.consumer("known")
    for call in (lambda: ring.depth("nobody"), lambda: ring.evict("nobody")):
        with pytest.raises(errors.UnknownConsumer) as caught:
            call()
        text = str(caught.value)
        assert text == "the anonymous ring has no consumer 'nobody'; it has ['known']"
        assert isinstance(caught.value, KeyError)
    with pytest.raises(
        errors.UnknownConsumer, match=r"come after 'nobody', which .* does not have"
    ):
        ring.consumer("c", after=["known", "nobody"])
    assert [info.name for info in ring.consumers] == ["known"]


def test_a_name_whose_owner_lives() -> None:
    ring, producer = make()
    held = ring.consumer("c")
    with pytest.raises(errors.DuplicateConsumer) as caught:
        ring.consumer("c")
    assert f"'c' of the anonymous ring is held by process {os.getpid()}" in str(caught.value)
    with pytest.raises(errors.DuplicateConsumer, match="which lives; close that one first"):
        ring.evict("c")
    producer.publish(ticks(2))
    assert ids(held.poll()) == [0, 1]


def test_after_itself_and_strings() -> None:
    ring, _ = make()
    ring.consumer("a")
    with pytest.raises(errors.CyclicDependency, match="'c' cannot come after itself"):
        ring.consumer("c", after=["a", "c"])
    with pytest.raises(errors.ConsumerError, match=r"list of names: after=\['a'\]"):
        ring.consumer("c", after="a")  # type: ignore[arg-type]
    assert len(ring.consumers) == 1


def test_circles_are_refused() -> None:
    """Only a resumed consumer could close one."""
    ring, _ = make()
    ring.consumer("a").detach()
    b = ring.consumer("b", after=["a"])
    ring.consumer("c", after=["b"])
    with pytest.raises(errors.CyclicDependency, match="'a' cannot come after"):
        ring.consumer("a", after=["c"])
    with pytest.raises(errors.CyclicDependency, match="'a' cannot come after"):
        ring.consumer("a", after=["b"])
    ring.consumer("a")
    b.detach()
    with pytest.raises(errors.ConsumerError, match=r"comes after \['a'\]; leave `after` out"):
        ring.consumer("b", after=[])
    ring.consumer("b", after=["a"])


@pytest.mark.parametrize("name", ["", None, 5, "a\0b", b"x", "\ud800"])
def test_names_that_are_none(name: Any) -> None:
    ring, _ = make()
    with pytest.raises(errors.UsageError, match="name"):
        ring.consumer(name)
    assert ring.consumers == ()


@pytest.mark.parametrize("after", [5, [5], [["a"]], [None]])
def test_after_that_names_nobody(after: Any) -> None:
    ring, _ = make()
    with pytest.raises(errors.ConsumerError, match=r"after|has no"):
        ring.consumer("c", after=after)
    assert ring.consumers == ()


def test_name_lengths() -> None:
    ring, _ = make()
    ring.consumer("ü" * 32)
    with pytest.raises(errors.UsageError, match="has 66 bytes; 64 is the limit"):
        ring.consumer("ü" * 33)
    assert [info.name for info in ring.consumers] == ["ü" * 32]


def test_sixty_four_consumers_and_no_more() -> None:
    ring, producer = make()
    held = [ring.consumer(f"c{number}") for number in range(64)]
    with pytest.raises(errors.ConsumerError, match="has 64 consumers, which is the limit"):
        ring.consumer("one more")
    producer.publish(ticks(8))
    for consumer in held:
        assert producer.try_publish(ticks(1)) == 0
        consumer.poll()
        consumer.release()
    assert producer.try_publish(ticks(8)) == 8
    held[5].close()
    ring.consumer("one more", after=["c63"])


def test_each_of_sixty_four_can_be_come_after() -> None:
    ring, producer = make()
    front = [ring.consumer(f"c{number}") for number in range(63)]
    for number, consumer in enumerate(front):
        with ring.consumer("behind", after=[f"c{number}"]) as behind:
            assert ring.consumers[63].after == (f"c{number}",)
            producer.publish(ticks(1))
            consumer.poll()
            assert len(behind.poll()) == 0
            consumer.release()
            assert len(behind.poll()) == 1
            for other in front:
                other.poll()
                other.release()


def test_ring_full_of_consumers_can_be_attached_to(ring_name: Callable[[], str]) -> None:
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        held = [ring.consumer(f"c{number}") for number in range(64)]
        other = hr.Ring.attach(ring.name)
        assert [info.name for info in other.consumers] == [consumer.name for consumer in held]


@pytest.mark.parametrize("producers", ["single", "multi"])
def test_diamond(producers: str) -> None:
    ring, producer = make(8, producers)
    left, right = ring.consumer("left"), ring.consumer("right")
    join = ring.consumer("join", after=["left", "right"])
    producer.publish(ticks(6))
    assert len(join.poll()) == 0
    left.poll()
    left.release(4)
    assert len(join.poll()) == 0
    right.poll(3)
    assert len(join.poll()) == 0  # polled is not released
    right.release(2)
    assert ids(join.poll()) == [0, 1]
    right.release()
    assert ids(join.poll()) == [2]
    assert ring.depth("join") == 3
    assert ring.consumers[2].after == ("left", "right")
    assert producer.try_publish(ticks(8, 6)) == 2  # the slowest is the join
    join.release()
    assert producer.try_publish(ticks(8, 8)) == 3


@pytest.mark.parametrize("producers", ["single", "multi"])
def test_one_who_joins_sees_what_comes_after(producers: str) -> None:
    ring, producer = make(4, producers)
    producer.publish(ticks(11))
    late = ring.consumer("late")
    assert late.sequence == 11
    assert len(late.poll()) == 0
    producer.publish(ticks(2, 11))
    assert ids(late.poll()) == [11, 12]


def test_one_who_joins_behind_another() -> None:
    ring, producer = make()
    front = ring.consumer("front")
    producer.publish(ticks(5))
    behind = ring.consumer("behind", after=["front"])
    front.poll()
    front.release()
    assert len(behind.poll()) == 0  # published before it joined
    producer.publish(ticks(2, 5))
    assert len(behind.poll()) == 0
    front.poll()
    front.release(1)
    assert ids(behind.poll()) == [5]


def test_leaving_lets_dependents_close_the_gap() -> None:
    ring, producer = make()
    first = ring.consumer("first")
    second = ring.consumer("second", after=["first"])
    third = ring.consumer("third", after=["second"])
    producer.publish(ticks(6))
    first.poll(4)
    first.release()
    second.poll(2)
    second.release()
    assert ids(third.poll()) == [0, 1]
    second.close()
    assert ring.consumers[1].after == ("first",)
    assert ids(third.poll()) == [2, 3]
    first.close()
    assert ring.consumers[0].after == ()
    assert ids(third.poll()) == [4, 5]


def test_leaving_frees_blocked_producers_and_dependents() -> None:
    ring, producer = make(4)
    stuck = ring.consumer("stuck")
    behind = ring.consumer("behind", after=["stuck"], wait=hr.wait.Block())
    seen: list[int] = []

    def consume() -> None:
        for batch in behind:
            seen.extend(ids(batch))

    thread = threading.Thread(target=consume)
    thread.start()
    producer.publish(ticks(4))
    timer = threading.Timer(0.05, stuck.close)
    timer.start()
    producer.publish(ticks(4, 4), timeout=5)
    ring.end()
    thread.join(5)
    assert seen == list(range(8))


def test_resumed_from_what_was_released() -> None:
    ring, producer = make()
    first = ring.consumer("c")
    producer.publish(ticks(6))
    first.poll(4)
    first.release(3)
    first.detach()
    (info,) = ring.consumers
    assert (info.pid, info.alive, info.sequence) == (0, False, 3)
    assert producer.try_publish(ticks(8, 6)) == 5  # it gates on
    with pytest.raises(errors.RingClosed, match="this consumer is closed"):
        first.poll()
    second = ring.consumer("c")
    assert second.sequence == 3
    assert ids(second.poll()) == list(range(3, 11))


def test_dropped_without_closing_leaves_its_place() -> None:
    ring, producer = make()
    ring.consumer("c")
    gc.collect()
    producer.publish(ticks(3))
    assert ring.consumers[0].alive is False
    assert ids(ring.consumer("c").poll()) == [0, 1, 2]


def test_evicted_gates_no_more() -> None:
    ring, producer = make()
    ring.consumer("gone").detach()
    behind = ring.consumer("behind", after=["gone"])
    producer.publish(ticks(8))
    assert producer.try_publish(ticks(1)) == 0
    ring.evict("gone")
    assert [info.name for info in ring.consumers] == ["behind"]
    assert ids(behind.poll()) == list(range(8))
    behind.release()
    assert producer.try_publish(ticks(1)) == 1
    assert ring.consumer("gone").sequence == 9  # a new one of that name starts anew


def test_context_manager_leaves() -> None:
    ring, producer = make()
    with ring.consumer("c") as consumer:
        producer.publish(ticks(1))
        assert ids(consumer.poll()) == [0]
    assert ring.consumers == ()
    with producer:
        pass
    ring.producer()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("producers", ["single", "multi"])
def test_joining_and_leaving_under_load(producers: str) -> None:
    """What a joiner sees begins somewhere and has no gap; one who stays sees everything."""
    ring, producer = make(64, producers)
    stay = ring.consumer("stay")
    seen: list[int] = []
    failures: list[str] = []

    def consume() -> None:
        for batch in stay:
            seen.extend(ids(batch))

    def come_and_go(name: str) -> None:
        for _ in range(60):
            with ring.consumer(name, after=["stay"] if name == "x" else None) as guest:
                begin, got = guest.sequence, []
                for _ in range(3):
                    got += ids(guest.poll(timeout=0.002))
                    guest.release()
                if got != list(range(begin, begin + len(got))):
                    failures.append(f"{name} began at {begin} and saw {got[:10]}")

    threads = [threading.Thread(target=come_and_go, args=(name,)) for name in "xyz"]
    stayer = threading.Thread(target=consume)
    for thread in [stayer, *threads]:
        thread.start()
    first = 0
    while any(thread.is_alive() for thread in threads):
        producer.publish(ticks(7, first), timeout=10)
        first += 7
    ring.end()
    stayer.join(10)
    assert failures == []
    assert seen == list(range(first))
    assert [info.name for info in ring.consumers] == ["stay"]


def test_released_of_a_name() -> None:
    """What was let go of, by whoever asks: not what was polled, and of each name its own."""
    ring, producer = make()
    consumer, behind = ring.consumer("c"), ring.consumer("cc", after=["c"])
    producer.publish(ticks(6))
    consumer.poll()
    assert (ring.released("c"), ring.released("cc")) == (0, 0)
    consumer.release(5)
    behind.poll()
    behind.release(2)
    assert (ring.released("c"), ring.released("cc")) == (5, 2)
    consumer.detach()
    assert ring.released("c") == 5
    behind.close()
    with pytest.raises(errors.UnknownConsumer, match=r"no consumer 'cc'; it has \['c'\]"):
        ring.released("cc")
    with pytest.raises(errors.UsageError, match="name must be a string"):
        ring.released(3)  # type: ignore[arg-type]
