"""Consumers that were declared dead and are not: they find out, and move nothing any more.

The owner is a handle of this very process, which differs from a paused one in nothing that the ring
sees. Processes that are really paused are in tests/crash/test_ring_paused.py.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest
from ring_tools import (
    CONSUMER_BYTES,
    CONSUMERS,
    STATE,
    TICK,
    ids,
    path_of,
    read_field,
    ticks,
    wait_until,
    write_bytes,
)

import headrace as hr
from headrace.ringbuffer import errors

Names = Callable[[], str]
FREE, TAKEN, JOINING, FENCED, HEIR, RETIRED = range(6)


def make(capacity: int = 8, producers: str = "single") -> tuple[Any, Any]:
    ring = hr.Ring.create(TICK, capacity, producers=producers)
    return ring, ring.producer()


def entry(name: str, index: int, offset: int, code: str) -> int:
    """A number out of a consumer's entry."""
    with open(path_of(name), "rb") as file:
        file.seek(CONSUMERS + index * CONSUMER_BYTES + offset)
        return int(struct.unpack(code, file.read(struct.calcsize(code)))[0])


def states(name: str) -> list[int]:
    return [entry(name, index, STATE, "<I") for index in range(4)]


CALLS: dict[str, Callable[[Any], Any]] = {
    "poll": lambda consumer: consumer.poll(),
    "poll of what was seen before": lambda consumer: consumer.poll(1),
    "waiting poll": lambda consumer: consumer.poll(timeout=5),
    "release": lambda consumer: consumer.release(),
    "release of some": lambda consumer: consumer.release(1),
    "release of none": lambda consumer: consumer.release(0),
    "turn": next,
    "rewind": lambda consumer: consumer.rewind(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("producers", ["single", "multi"])
def test_declared_dead_it_raises_and_moves_nothing(call: str, producers: str) -> None:
    ring, producer = make(producers=producers)
    paused = ring.consumer("c")
    producer.publish(ticks(6))
    paused.poll(3)
    paused.release(2)
    assert ring.declare_dead("c") == 2
    for _ in range(2):
        with pytest.raises(errors.Fenced, match="'c' was declared dead"):
            CALLS[call](paused)
    assert ring.released("c") == 2
    successor = ring.consumer("c")
    with pytest.raises(errors.Fenced):
        CALLS[call](paused)
    assert ids(successor.poll()) == [2, 3, 4, 5]
    successor.release(1)
    with pytest.raises(errors.Fenced):
        CALLS[call](paused)
    assert ring.released("c") == 3
    assert [info.name for info in ring.consumers] == ["c"]


def test_it_gates_until_declared_dead_and_its_place_after_that() -> None:
    ring, producer = make()
    paused = ring.consumer("c")
    producer.publish(ticks(8))
    paused.poll(3)
    paused.release()
    assert producer.try_publish(ticks(8, 8)) == 3
    ring.declare_dead("c")
    assert producer.try_publish(ticks(1, 11)) == 0
    (info,) = ring.consumers
    assert (info.sequence, info.depth, info.pid, info.state) == (3, 8, 0, "gone")
    with pytest.raises(errors.WaitTimeout, match=r"'c' .*its owner is gone; resume it"):
        producer.publish(ticks(1), timeout=0)
    ring.evict("c")
    assert producer.try_publish(ticks(8, 11)) == 8


def test_those_behind_come_after_the_successor() -> None:
    """And those in front of it stay in front of the successor."""
    ring, producer = make()
    front = ring.consumer("front")
    paused = ring.consumer("c", after=["front"])
    behind = ring.consumer("behind", after=["c"])
    producer.publish(ticks(6))
    front.poll()
    front.release(4)
    paused.poll()
    paused.release(1)
    ring.declare_dead("c")
    assert {info.name: info.after for info in ring.consumers} == {
        "front": (), "c": ("front",), "behind": ("c",),
    }  # fmt: skip
    assert ids(behind.poll()) == [0]
    successor = ring.consumer("c")
    assert ids(successor.poll()) == [1, 2, 3]
    assert len(behind.poll()) == 0
    successor.release()
    assert ids(behind.poll()) == [1, 2, 3]
    front.release(2)
    assert ids(successor.poll()) == [4, 5]


def test_those_behind_sleep_until_the_successor_releases() -> None:
    """That they wait is known of the successor's entry too, or nobody would wake them."""
    ring, producer = make()
    paused = ring.consumer("c")
    behind = ring.consumer("behind", after=["c"], wait=hr.wait.Block())
    producer.publish(ticks(2))
    ring.declare_dead("c")
    successor = ring.consumer("c")
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.extend(ids(behind.poll(timeout=20))))
    thread.start()
    wait_until(lambda: behind.wait and thread.is_alive())
    successor.poll()
    successor.release()
    thread.join(10)
    assert seen == [0, 1]
    paused.close()


@pytest.mark.parametrize("wait", [hr.wait.Block(), hr.wait.Yield(), hr.wait.BusySpin()])
def test_who_waits_is_told(wait: Any) -> None:
    ring, _ = make()
    paused = ring.consumer("c", wait=wait)
    caught: list[BaseException] = []

    def work() -> None:
        try:
            paused.poll(timeout=None)
        except errors.HeadraceError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    ring.declare_dead("c")
    thread.join(10)
    assert [type(error) for error in caught] == [errors.Fenced]


def test_asyncio_is_told() -> None:
    ring, producer = make()
    paused = ring.consumer("c")
    producer.publish(ticks(1))

    async def work() -> int:
        count = 0
        async for batch in paused.aiter():
            count += len(batch)
            ring.declare_dead("c")
        return count

    with pytest.raises(errors.Fenced):
        asyncio.run(asyncio.wait_for(work(), 10))
    assert ring.released("c") == 0


def test_closing_takes_nothing_from_the_successor() -> None:
    ring, producer = make()
    paused, other = ring.consumer("c"), ring.consumer("d")
    producer.publish(ticks(4))
    ring.declare_dead("c")
    ring.declare_dead("d")
    successor = ring.consumer("c")
    paused.close()
    other.detach()
    del other
    assert ids(successor.poll()) == [0, 1, 2, 3]
    successor.release()
    assert {info.name: (info.sequence, info.alive) for info in ring.consumers} == {
        "c": (4, True), "d": (0, False),
    }  # fmt: skip


def test_an_entry_that_may_still_be_written_to_is_not_used_again(ring_name: Names) -> None:
    name = ring_name()
    with hr.Ring.create(TICK, 8, name) as ring:
        paused = ring.consumer("c")
        ring.declare_dead("c")
        ring.consumer("d")
        assert states(name) == [RETIRED, TAKEN, TAKEN, FREE]
        paused.close()
        ring.consumer("e")
        assert states(name) == [TAKEN, TAKEN, TAKEN, FREE]


def test_not_more_than_there_are_entries() -> None:
    """Then nothing changes: the one that would be declared dead goes on."""
    ring, producer = make()
    held = [ring.consumer("c")]
    for _ in range(63):
        ring.declare_dead("c")
        held.append(ring.consumer("c"))
    producer.publish(ticks(2))
    for _ in range(2):
        with pytest.raises(errors.ConsumerError, match=r"'c' .* all 64 entries are taken"):
            ring.declare_dead("c")
        with pytest.raises(errors.ConsumerError, match="which is the limit"):
            ring.consumer("d")
    assert ids(held[-1].poll()) == [0, 1]
    held[-1].release()
    held.pop(0).close()
    assert ring.declare_dead("c") == 2
    for consumer in held:
        with pytest.raises(errors.Fenced):
            consumer.release()
    for _ in range(100):
        ring.consumer("c")
        ring.declare_dead("c")


def test_a_sequence_of_an_entry_never_goes_back(ring_name: Names) -> None:
    """A slow one's place is not moved to where one stood that was further: see entries.pyx."""
    name = ring_name()
    with hr.Ring.create(TICK, 8, name) as ring:
        producer = ring.producer()
        paused, quick = ring.consumer("slow"), ring.consumer("quick")
        producer.publish(ticks(8))
        paused.poll(3)
        paused.release()
        quick.poll()
        quick.release()
        quick.close()
        ring.declare_dead("slow")
        assert states(name) == [RETIRED, FREE, TAKEN, FREE]
        assert [entry(name, index, 0, "<q") for index in range(3)] == [3, 8, 3]


def test_declaring_dead_who_is_gone_or_nobody() -> None:
    ring, producer = make()
    consumer = ring.consumer("c")
    producer.publish(ticks(3))
    consumer.poll(2)
    consumer.release()
    consumer.detach()
    assert ring.declare_dead("c") == 2
    assert ids(ring.consumer("c").poll()) == [2]
    with pytest.raises(errors.UnknownConsumer, match=r"has no consumer 'd'; it has \['c'\]"):
        ring.declare_dead("d")


def test_living_owners_are_hinted_at_the_way() -> None:
    ring, _ = make()
    _held = ring.consumer("c")
    for call in (lambda: ring.consumer("c"), lambda: ring.evict("c")):
        with pytest.raises(errors.DuplicateConsumer, match=r"ring.declare_dead\('c'\)"):
            call()


@pytest.mark.parametrize("has_heir", [False, True])
def test_a_hand_over_that_was_cut_short_is_finished(ring_name: Names, has_heir: bool) -> None:
    """Whoever comes next does it, be it only somebody who waits for room."""
    name = ring_name()
    with hr.Ring.create(TICK, 8, name) as ring:
        producer, paused = ring.producer(), ring.consumer("c")
        producer.publish(ticks(8))
        paused.poll(3)
        paused.release()
        write_bytes(name, CONSUMERS + STATE, struct.pack("<I", FENCED))
        if has_heir:
            heir = CONSUMERS + 2 * CONSUMER_BYTES
            write_bytes(name, heir, struct.pack("<q", 1))
            write_bytes(name, heir + 160, b"c")
            write_bytes(name, heir + STATE, struct.pack("<I", HEIR))
        with pytest.raises(errors.WaitTimeout):
            producer.publish(ticks(8), timeout=0.01)
        assert states(name) == ([RETIRED, FREE, TAKEN, FREE] if has_heir else
                                [RETIRED, TAKEN, FREE, FREE])  # fmt: skip
        assert read_field(name, "active_mask") == (0b100 if has_heir else 0b10)
        with pytest.raises(errors.Fenced):
            paused.poll()
        assert ids(ring.consumer("c").poll()) == [3, 4, 5, 6, 7]


def test_a_join_that_was_cut_short_has_never_been(ring_name: Names) -> None:
    """It may gate from where a former owner of its entry stood, laps ago."""
    name = ring_name()
    with hr.Ring.create(TICK, 8, name) as ring:
        producer = ring.producer()
        producer.publish(ticks(100))
        write_bytes(name, CONSUMERS + 160, b"half")
        write_bytes(name, CONSUMERS + STATE, struct.pack("<I", JOINING))
        write_bytes(name, 128, struct.pack("<Q", 1))
        other = hr.Ring.attach(name)
        assert producer.publish(ticks(20), timeout=5) == 100
        assert other.consumers == ()
        assert len(other.consumer("half").poll()) == 0
