"""Creating, attaching to and looking at rings; the named errors for what cannot be a ring."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ring_tools import TICK, ids, path_of, ticks

import headrace as hr
from headrace.ringbuffer import errors

Names = Callable[[], str]


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        (object, "holds Python objects"),
        ([("a", "<i4"), ("b", "O")], "field 'b' (object) holds Python objects"),
        ([("a", [("b", "O")])], "field 'a'"),
        (("<i4", (2,)), "bare subarray; wrap it in a field"),
        ("S", "0 bytes an event"),
        ("U0", "strings need a length"),
        ([], "0 bytes an event"),
        ("nonsense", "is not a NumPy dtype"),
        (("V", (1 << 20) + 1), "between 1 and 1,048,576"),
        ([("f" * 40 + str(i), "<i8") for i in range(2000)], "too many fields"),
    ],
)
def test_dtype_that_cannot_be(dtype: Any, words: str) -> None:
    with pytest.raises(errors.DtypeError) as caught:
        hr.Ring.create(dtype, 4)
    assert words in str(caught.value)
    assert isinstance(caught.value, TypeError | errors.UsageError)


def test_overlapping_fields_cannot_be_described() -> None:
    overlapping = np.dtype(
        {"names": ["a", "b"], "formats": ["<i8", "<i4"], "offsets": [0, 4], "itemsize": 8}
    )
    with pytest.raises(errors.DtypeError, match="overlapping fields"):
        hr.Ring.create(overlapping, 4)


@pytest.mark.parametrize(
    ("capacity", "words"),
    [
        (0, "capacity 0 is not a power of two .*try 1"),
        (-4, "capacity -4 is not a power of two"),
        (3, "capacity 3 is not a power of two .*try 4"),
        (1000, "try 1,024"),
        (1 << 41, "between 1 and 2\\*\\*40"),
        (4.0, "capacity must be an integer, not 4.0"),
        ("8", "capacity must be an integer, not '8'"),
        (None, "capacity must be an integer, not None"),
    ],
)
def test_capacity_that_cannot_be(capacity: Any, words: str) -> None:
    with pytest.raises(errors.CapacityError, match=words) as caught:
        hr.Ring.create(TICK, capacity)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("named", [False, True])
def test_capacity_larger_than_memory(named: bool, ring_name: Names) -> None:
    name = ring_name() if named else None
    with pytest.raises(errors.CapacityError, match="smaller capacity"):
        hr.Ring.create(TICK, 1 << 40, name)
    assert name is None or not os.path.exists(path_of(name))


@pytest.mark.parametrize("capacity", [1, 2, np.int64(16), 4096])
def test_capacity_that_can_be(capacity: int) -> None:
    with hr.Ring.create(TICK, capacity) as ring:
        assert ring.capacity == capacity
        assert ring.remaining == capacity


@pytest.mark.parametrize(
    "name", ["", ".hidden", "-a", "a/b", "a b", "../up", "ü", "a\0b", "a" * 101, 5, b"x", "\ud800"]
)
def test_bad_ring_names(name: Any) -> None:
    for make in (lambda: hr.Ring.create(TICK, 4, name), lambda: hr.Ring.attach(name)):
        with pytest.raises(errors.UsageError, match="cannot name a ring: 1 to 100 letters"):
            make()


def test_longest_ring_name(ring_name: Names) -> None:
    name = ring_name().ljust(100, "x")
    with hr.Ring.create(TICK, 4, name), hr.Ring.attach(name) as other:
        assert other.name == name
    assert not os.path.exists(path_of(name))


def test_name_that_exists(ring_name: Names) -> None:
    name = ring_name()
    with hr.Ring.create(TICK, 4, name) as ring:
        ring.producer().publish(ticks(2))
        with pytest.raises(errors.RingExists, match=f"named '{name}' exists; attach") as caught:
            hr.Ring.create(TICK, 8, name)
        assert isinstance(caught.value, FileExistsError)
        assert hr.Ring.attach(name).cursor == 2  # nothing was changed
    hr.Ring.create(TICK, 8, name).close()  # the name is free again


def test_name_that_does_not_exist(ring_name: Names) -> None:
    name = ring_name()
    with pytest.raises(errors.RingNotFound, match=f"no ring is named '{name}'") as caught:
        hr.Ring.attach(name)
    assert isinstance(caught.value, FileNotFoundError)


def test_kinds_of_producers() -> None:
    assert hr.Ring.create(TICK, 4).producers == "single"
    assert hr.Ring.create(TICK, 4, producers="multi").producers == "multi"
    with pytest.raises(errors.UsageError, match="'single' or 'multi', not 'many'"):
        hr.Ring.create(TICK, 4, producers="many")


def test_rings_are_not_made_by_calling_the_class() -> None:
    with pytest.raises(errors.UsageError, match=r"Ring.create\(dtype, capacity\)"):
        hr.Ring()


@pytest.mark.parametrize("producers", ["single", "multi"])
@pytest.mark.parametrize("timestamps", [False, True])
def test_attached_ring_is_the_same(producers: str, timestamps: bool, ring_name: Names) -> None:
    name = ring_name()
    with hr.Ring.create(TICK, 8, name, producers, timestamps=timestamps) as ring:
        other = hr.Ring.attach(name)
        assert (other.name, other.dtype, other.capacity) == (name, TICK, 8)
        assert (other.producers, other.timestamps) == (producers, timestamps)
        consumer = other.consumer("c")
        ring.producer().publish(ticks(3))
        assert ids(consumer.poll()) == [0, 1, 2]
        assert (other.cursor, other.remaining, other.depth("c")) == (3, 5, 3)
        consumer.release(2)
        assert (ring.cursor, ring.remaining, ring.depth("c")) == (3, 7, 1)
        assert ring.consumers == other.consumers
        (info,) = ring.consumers
        assert (info.name, info.sequence, info.depth, info.after) == ("c", 2, 1, ())
        assert (info.pid, info.alive) == (os.getpid(), True)
        assert name in repr(other)
        assert "8 events of 16 bytes" in repr(other)


def test_ended_is_seen_everywhere(ring_name: Names) -> None:
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        other = hr.Ring.attach(ring.name)
        assert not ring.ended
        other.end()
        assert ring.ended
        assert other.ended


def test_rings_are_sent_by_name_and_their_handles_are_not(ring_name: Names) -> None:
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        for other in (pickle.loads(pickle.dumps(ring)), copy.copy(ring)):
            assert other.name == ring.name
            assert other.dtype == TICK
        with pytest.raises(TypeError, match="a producer cannot be pickled; pass the ring"):
            pickle.dumps(ring.producer())
        with pytest.raises(TypeError, match="a consumer cannot be pickled; pass the ring"):
            pickle.dumps(ring.consumer("c"))
    with pytest.raises(TypeError, match="anonymous ring cannot be sent"):
        pickle.dumps(hr.Ring.create(TICK, 8))


def test_closed_ring(ring_name: Names) -> None:
    ring = hr.Ring.create(TICK, 8, ring_name())
    producer, consumer = ring.producer(), ring.consumer("c")
    view = producer.next(2)
    ring.close()
    ring.close()
    calls: list[Callable[[], Any]] = [
        ring.producer,
        lambda: ring.consumer("d"),
        ring.end,
        ring.unlink,
        lambda: ring.evict("c"),
    ]
    for call in calls:
        with pytest.raises(errors.RingClosed, match="closed in this process; attach"):
            call()
    for call in (lambda: producer.next(1), producer.commit, lambda: producer.publish(ticks(1))):
        with pytest.raises(errors.RingClosed, match="this producer is closed"):
            call()
    for call in (consumer.poll, consumer.release, lambda: next(consumer)):
        with pytest.raises(errors.RingClosed, match="this consumer is closed"):
            call()
    producer.close()
    consumer.close()
    assert len(view) == 2
    assert "closed" in repr(ring)
    assert not os.path.exists(path_of(ring.name))


def test_only_the_creator_removes_the_name(ring_name: Names) -> None:
    with hr.Ring.create(TICK, 8, ring_name()) as ring:
        other = hr.Ring.attach(ring.name)
        other.close()
        assert os.path.exists(path_of(ring.name))
        ring.unlink()
        assert not os.path.exists(path_of(ring.name))
        ring.unlink()
        ring.producer().publish(ticks(1))  # the ring goes on without its name


def test_unlink_leaves_a_newer_ring_of_the_same_name(ring_name: Names) -> None:
    name = ring_name()
    first = hr.Ring.create(TICK, 8, name)
    os.unlink(path_of(name))
    with hr.Ring.create(TICK, 16, name):
        first.close()
        assert hr.Ring.attach(name).capacity == 16


def test_dropping_the_ring_removes_the_name(ring_name: Names) -> None:
    name = ring_name()
    ring: Any = hr.Ring.create(TICK, 8, name)
    assert oct(os.stat(path_of(name)).st_mode & 0o777) == "0o600"
    producer = ring.producer()
    del ring
    assert os.path.exists(path_of(name))  # the producer holds it
    del producer
    assert not os.path.exists(path_of(name))


def test_half_made_handles_are_refused() -> None:
    """Objects that did not go through the ring must not reach for memory that is not there."""
    from ring_tools import run

    run(
        """
        import headrace as hr
        from headrace.ringbuffer import Claim
        for kind, use in ((hr.Producer, "commit"), (hr.Consumer, "poll"), (Claim, "__enter__")):
            try:
                getattr(kind.__new__(kind), use)()
            except (hr.errors.HeadraceError, TypeError, AttributeError):
                pass
            else:
                raise SystemExit(f"{kind} could be used")
        """.replace("hr.errors", "__import__('headrace.ringbuffer').ringbuffer.errors")
    )
