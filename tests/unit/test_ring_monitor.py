"""`RingMonitor`: the same numbers as the ring's own, without leaving a trace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ring_tools import path_of, ticks, write_bytes

from headrace.errors import RingFormatError, RingNotFound
from headrace.ringbuffer import Ring
from headrace.ringbuffer.monitor import RingMonitor

NAME = f"test-monitor-{os.getpid()}"


@pytest.mark.parametrize("producers", ["single", "multi"])
def test_depths_are_the_rings_own(producers: str) -> None:
    with Ring.create(ticks(0).dtype, 1024, NAME, producers, timestamps=True) as ring:
        first = ring.consumer("first")
        second = ring.consumer("second", after=["first"])
        monitor = RingMonitor(NAME)
        assert (monitor.name, monitor.capacity, monitor.item_bytes) == (NAME, 1024, 16)
        producer = ring.producer()
        for published, released, behind in ((900, 500, 400), (300, 600, 500), (7, 3, 6)):
            producer.publish(ticks(published))
            for consumer, count in ((first, released), (second, behind)):
                consumer.poll(count)
                consumer.release()
            assert monitor.published() == ring.cursor
            for name in ("first", "second"):
                assert monitor.depth(name) == ring.depth(name)
        assert monitor.depth("third") is None


def test_nothing_is_written() -> None:
    with Ring.create("i8", 1024, NAME) as ring:
        ring.consumer("one")
        before = Path(path_of(NAME)).read_bytes()
        monitor = RingMonitor(NAME)
        monitor.published()
        monitor.depth("one")
        assert Path(path_of(NAME)).read_bytes() == before


def test_what_is_no_ring_is_refused() -> None:
    with pytest.raises(RingNotFound):
        RingMonitor(NAME)
    with Ring.create("i8", 1024, NAME):
        write_bytes(NAME, 16, b"\xff" * 4)
        with pytest.raises(RingFormatError, match="checksum"):
            RingMonitor(NAME)


def test_a_header_scribbled_over_later_gives_numbers() -> None:
    with Ring.create("i8", 1024, NAME) as ring:
        ring.consumer("one")
        monitor = RingMonitor(NAME)
        write_bytes(NAME, 384, b"\x80" * 128)
        write_bytes(NAME, 640 + 64 * 128 + 128, b"\xff" * 8)
        assert isinstance(monitor.depth("one"), int)
        write_bytes(NAME, 640, b"\xff" * (192 * 128))
        assert monitor.depth("one") is None
