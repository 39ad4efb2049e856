"""Corners of the ring in which planted bugs had hidden from the other tests."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ring_tools import (
    HEADER_BYTES,
    TICK,
    expect_line,
    ids,
    kill,
    path_of,
    read_field,
    start,
    ticks,
    write_bytes,
)

import headrace as hr
from headrace.ringbuffer import errors

pytestmark = pytest.mark.timeout(30)
Names = Callable[[], str]


@pytest.mark.parametrize("producers", ["single", "multi"])
def test_slots_of_a_full_ring_are_all_different(producers: str) -> None:
    """256 events of 16 bytes fill a page, so that no slot is to spare."""
    ring = hr.Ring.create(TICK, 256, producers=producers)
    producer, consumer = ring.producer(), ring.consumer("c")
    for lap in range(3):
        first = 256 * lap
        for begin in range(first, first + 256, 32):
            producer.publish(ticks(32, begin), timeout=0)
        assert ids(consumer.poll()) == list(range(first, first + 256))
        consumer.release()


def test_dependents_pass_over_tombstones() -> None:
    """They see events alone, and never get ahead of those in front."""
    ring = hr.Ring.create(TICK, 8, producers="multi")
    producer = ring.producer()
    front, behind = ring.consumer("front"), ring.consumer("behind", after=["front"])
    producer.publish(ticks(2))
    producer.next(2)
    producer.abort()
    producer.publish(ticks(2, 4))
    assert ids(front.poll()) == [0, 1]
    front.release()
    assert ids(behind.poll()) == [0, 1]
    behind.release()
    assert len(behind.poll()) == 0
    assert behind.sequence == front.sequence == 2
    assert ids(front.poll()) == [4, 5]
    front.release()
    assert ids(behind.poll()) == [4, 5]
    behind.release()
    assert behind.sequence == 6


def test_one_who_joins_while_claims_are_open() -> None:
    """Several producers: what is published after it joined was claimed before."""
    ring = hr.Ring.create(TICK, 8, producers="multi")
    first, second = ring.producer(), ring.producer()
    first.publish(ticks(3))
    slots = first.next(2)
    second.publish(ticks(1, 5))
    late = ring.consumer("late")
    assert late.sequence == 3
    assert len(late.poll()) == 0
    slots[:] = ticks(2, 3)
    first.commit()
    assert ids(late.poll()) == [3, 4, 5]


def test_dependents_drain_after_the_end() -> None:
    """What is published but not yet released by those in front is still to come."""
    ring = hr.Ring.create(TICK, 8)
    producer = ring.producer()
    front, behind = ring.consumer("front"), ring.consumer("behind", after=["front"])
    producer.publish(ticks(3))
    ring.end()
    assert len(behind.poll(timeout=0.01)) == 0
    assert not behind.ended
    assert ids(front.poll()) == [0, 1, 2]
    releasing = threading.Timer(0.05, front.release)
    releasing.start()
    assert ids(behind.poll(timeout=5)) == [0, 1, 2]  # it waits for them, ended or not
    releasing.join()
    behind.release()
    assert len(behind.poll(timeout=1)) == 0
    assert behind.ended


@pytest.mark.parametrize("producers", ["single", "multi"])
def test_every_release_wakes_those_behind(producers: str) -> None:
    """A release alone has to do it: nothing is published meanwhile."""
    ring = hr.Ring.create(TICK, 8, producers=producers)
    producer, front = ring.producer(), ring.consumer("front")
    behind = ring.consumer("behind", after=["front"], wait=hr.wait.Block())
    seen: list[float] = []

    def consume() -> None:
        for batch in behind:
            seen.extend(time.monotonic() for _ in batch)

    thread = threading.Thread(target=consume)
    thread.start()
    late = []
    for turn in range(25):
        producer.publish(ticks(1, turn))
        assert len(front.poll()) == 1
        time.sleep(0.002)  # until it sleeps again, 20 ms long
        released = time.monotonic()
        front.release()
        while len(seen) == turn and time.monotonic() < released + 5:
            time.sleep(0.001)
        late.append(seen[turn] - released)
    ring.end()
    thread.join(5)
    assert sorted(late)[12] < 0.009


def test_scribbled_dtype_is_not_believed(ring_name: Names) -> None:
    """Another dtype of the same size and the same length of text: only the checksum tells."""
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        with open(path_of(ring.name), "rb") as file:
            file.seek(HEADER_BYTES)
            text = file.read(read_field(ring.name, "dtype_bytes"))
        changed = text.replace(b"<f8", b"<i8")
        assert len(changed) == len(text)
        assert changed != text
        write_bytes(ring.name, HEADER_BYTES, changed)
        with pytest.raises(errors.RingFormatError, match="its checksum does not match"):
            hr.Ring.attach(ring.name)


def test_claims_of_the_living_are_not_buried() -> None:
    """However long they take, and however often somebody looks for the dead."""
    ring = hr.Ring.create(TICK, 8, producers="multi")
    slow, quick, consumer = ring.producer(), ring.producer(), ring.consumer("c")
    slots: Any = slow.next(2)
    quick.publish(ticks(1, 2))
    for _ in range(3):
        assert len(consumer.poll(timeout=0.01)) == 0
    slots[:] = ticks(2)
    slow.commit()
    assert ids(consumer.poll()) == [0, 1, 2]


def test_dead_whose_entry_nobody_takes(ring_name: Names) -> None:
    """What it intended to claim stands in the header, and protects nothing any more."""
    with hr.Ring.create(TICK, 8, ring_name(), "multi") as ring:
        producer, consumer = ring.producer(), ring.consumer("c")
        process = start(
            """
            import headrace as hr
            producer = hr.Ring.attach(sys.argv[1]).producer()
            producer.next(2)
            print("claimed", flush=True)
            sys.stdin.readline()
            """,
            ring.name,
        )
        expect_line(process, "claimed")
        producer.publish(ticks(2))
        assert len(consumer.poll(timeout=0.01)) == 0
        kill(process)
        assert ids(consumer.poll(timeout=5)) == [0, 1]
        assert consumer.batch_sequence == 2


def test_one_wake_up_for_one_sleeper(ring_name: Names) -> None:
    """A sleeper that is announced is woken by a commit, and its bit is cleared: once."""
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        producer, consumer = ring.producer(), ring.consumer("c")
        for turn in range(3):
            _, word, _ = consumer._park_token()
            assert read_field(ring.name, "flags") & 1
            producer.publish(ticks(1, turn))
            assert not read_field(ring.name, "flags") & 1
            producer.publish(ticks(1))
            assert data_word(ring.name) == word + 1


def data_word(name: str) -> int:
    """The futex word behind the flags."""
    with open(path_of(name), "rb") as file:
        file.seek(260)
        return int(struct.unpack("<I", file.read(4))[0])
