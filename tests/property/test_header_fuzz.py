"""A header scribbled over while the ring is in use: a named error, or it works; never worse.

Each example runs in a forked child: a crash or a hang is then an exit code. The child makes a ring
with everything in use, scribbles over its file, and calls all there is, by the handles it has, by
new ones, and from outside; every wait is bounded.
"""

from __future__ import annotations

import os
import signal
import struct
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ring_tools import (
    AFTER,
    CONSUMER_BYTES,
    CONSUMERS,
    HEADER,
    HEADER_BYTES,
    NAME,
    PRODUCER_BYTES,
    PRODUCERS,
    TICK,
    make_checksum,
    path_of,
    ticks,
    write_bytes,
)

import headrace as hr
from headrace.ringbuffer import errors, list_rings

pytestmark = pytest.mark.timeout(110)
EXAMPLE_SECONDS_MAX = 10  # of one child, on a busy machine

INTEGERS = st.one_of(
    st.sampled_from(
        [0, 1, -1, 2, 7, 8, 9, 1000, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, -(1 << 63)]
    ),
    st.integers(-20, 20),
    st.integers(-(1 << 63), (1 << 63) - 1),
).map(lambda value: struct.pack("<q", value))
BYTES = st.one_of(INTEGERS, st.binary(min_size=1, max_size=16))
FIXED = st.sampled_from([offset for offset, _ in HEADER.values() if offset < 128])
MOVING = st.sampled_from([offset for offset, _ in HEADER.values() if offset >= 128])
ENTRIES = st.one_of(
    st.builds(
        lambda index, offset: PRODUCERS + index * PRODUCER_BYTES + offset,
        st.integers(0, 3),
        st.sampled_from([0, 8, 16, 20, 24, 32]),
    ),
    st.builds(
        lambda index, offset: CONSUMERS + index * CONSUMER_BYTES + offset,
        st.integers(0, 3),
        st.sampled_from([0, 0, AFTER, AFTER, 136, 140, 144, 152, 156, NAME]),
    ),
)
ANYWHERE = st.integers(0, HEADER_BYTES + 200)
SCRIBBLES = st.lists(st.tuples(st.one_of(MOVING, ENTRIES, ANYWHERE), BYTES), min_size=1, max_size=4)


def survive(call: Callable[[], Any]) -> None:
    """Call; a named error will do, unless it says that the fault is ours."""
    try:
        call()
    except errors.InternalError:
        raise
    except errors.HeadraceError:
        pass


def use_everything(name: str, producers: str, scribbles: list[tuple[int, bytes]]) -> None:
    ring = hr.Ring.create(TICK, 8, name, producers, timestamps=producers == "multi")
    producer, first = ring.producer(), ring.consumer("first")
    second = ring.consumer("second", after=["first"], wait=hr.wait.Block())
    ring.consumer("gone").detach()
    producer.publish(ticks(5))
    first.poll(3)
    first.release(2)
    if producers == "multi":
        producer.next(1)
        producer.abort()
    for offset, data in scribbles:
        write_bytes(name, offset, data)
    calls: list[Callable[[], Any]] = [
        lambda: hr.Ring.attach(name),
        lambda: (ring.cursor, ring.remaining, ring.consumers, ring.ended, repr(ring)),
        lambda: ring.depth("first"),
        lambda: first.poll(timeout=0.002),
        lambda: first.release(1),
        lambda: first.times if ring.timestamps else None,
        lambda: second.poll(timeout=0.002)["id"].sum(),
        second.release,
        lambda: producer.publish(ticks(3), timeout=0.002),
        lambda: producer.publish(ticks(19), timeout=0.002),
        lambda: producer.try_publish(ticks(9)),
        lambda: producer.next(2, timeout=0.002),
        producer.commit,
        lambda: first.poll(),
        lambda: ring.evict("gone"),
        lambda: (ring.producer_handles, ring.released("second")),
        lambda: ring.declare_dead("second"),
        lambda: ring.consumer("second").poll(timeout=0.002),
        lambda: ring.consumer("gone").poll(),
        lambda: ring.consumer("new", after=["first"]).poll(timeout=0.002),
        lambda: ring.producer().try_publish(ticks(2)),
        lambda: hr.Ring.attach(name).consumer("other").poll(timeout=0.002),
        list_rings,
        second.close,
        producer.close,
        lambda: ring.producer().publish(ticks(1), timeout=0.002),
        ring.end,
        lambda: first.poll(timeout=0.002),
        ring.close,
    ]
    for call in calls:
        survive(call)


def in_child(work: Callable[[], None]) -> None:
    """Run in a forked child; fails with what it raised, or with the signal that ended it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the parent's may be pytest-timeout's
        signal.setitimer(signal.ITIMER_REAL, EXAMPLE_SECONDS_MAX)
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            os.write(writing, traceback.format_exc()[-4000:].encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        said = file.read().decode()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, f"{'hung' if code == -signal.SIGALRM else f'exit code {code}'}\n{said}"


def scribble_and_use(producers: str, scribbles: list[tuple[int, bytes]]) -> None:
    name = f"test-{os.getpid()}-fuzz-{time.monotonic_ns():x}"
    try:
        in_child(lambda: use_everything(name, producers, scribbles))
    finally:
        if os.path.exists(path_of(name)):
            os.unlink(path_of(name))


def test_nothing_scribbled_works() -> None:
    for producers in ("single", "multi"):
        scribble_and_use(producers, [])


def test_a_crash_and_a_hang_would_be_seen() -> None:
    with pytest.raises(AssertionError, match="exit code -9"):
        in_child(lambda: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(AssertionError, match="hung"):
        in_child(lambda: (signal.setitimer(signal.ITIMER_REAL, 0.05), time.sleep(5)))  # type: ignore[func-returns-value]
    with pytest.raises(AssertionError, match="KeyError: 'gone'"):
        in_child(lambda: survive(lambda: {}["gone"]))


MOVING_PART = given(producers=st.sampled_from(["single", "multi"]), scribbles=SCRIBBLES)


@settings(max_examples=35)
@MOVING_PART
def test_moving_part(producers: str, scribbles: list[tuple[int, bytes]]) -> None:
    scribble_and_use(producers, scribbles)


@pytest.mark.torture
@pytest.mark.timeout(600)
@settings(max_examples=2000)
@MOVING_PART
def test_moving_part_for_long(producers: str, scribbles: list[tuple[int, bytes]]) -> None:
    scribble_and_use(producers, scribbles)


@pytest.mark.parametrize("producers", ["single", "multi"])
@pytest.mark.parametrize("value", [-1, 9, 1 << 61, (1 << 63) - 1, -(1 << 63)])
@pytest.mark.parametrize("field", ["active_mask", "tombstones", "flags", "cursor", "claimed"])
def test_each_moving_field(field: str, value: int, producers: str) -> None:
    scribble_and_use(producers, [(HEADER[field][0], struct.pack("<q", value))])


def attach_to(name: str, producers: str, scribbles: list[tuple[int, bytes]], vouch: bool) -> None:
    with hr.Ring.create(TICK, 8, name, producers) as ring:
        producer = ring.producer()
        producer.publish(ticks(5))
        for offset, data in scribbles:
            # Not into the moving part, which is believed.
            write_bytes(name, offset, data[: 128 - offset] if offset < 128 else data)
        if vouch:
            make_checksum(name)
        survive(lambda: hr.Ring.attach(name).consumer("c").poll(timeout=0.002))
        survive(lambda: hr.Ring.attach(name).cursor)
        for info in list_rings():
            assert info.name != name or info.damaged or info.capacity
        producer.publish(ticks(5))  # who is attached already believes nothing of this


def scribble_and_attach(producers: str, scribbles: list[tuple[int, bytes]], vouch: bool) -> None:
    name = f"test-{os.getpid()}-fuzz-{time.monotonic_ns():x}"
    try:
        in_child(lambda: attach_to(name, producers, scribbles, vouch))
    finally:
        if os.path.exists(path_of(name)):
            os.unlink(path_of(name))


FIXED_PART = given(
    producers=st.sampled_from(["single", "multi"]),
    scribbles=st.lists(
        st.tuples(
            st.one_of(FIXED, st.integers(8, 127), st.integers(HEADER_BYTES, HEADER_BYTES + 60)),
            BYTES,
        ),
        min_size=1,
        max_size=3,
    ),
    vouch=st.booleans(),
)


@settings(max_examples=25)
@FIXED_PART
def test_fixed_part(producers: str, scribbles: list[tuple[int, bytes]], vouch: bool) -> None:
    """`vouch`: with a checksum that is right, as a program gone astray could write it."""
    scribble_and_attach(producers, scribbles, vouch)


@pytest.mark.torture
@pytest.mark.timeout(600)
@settings(max_examples=2000)
@FIXED_PART
def test_fixed_part_for_long(
    producers: str, scribbles: list[tuple[int, bytes]], vouch: bool
) -> None:
    scribble_and_attach(producers, scribbles, vouch)
