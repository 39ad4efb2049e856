"""Polling and releasing: batches, limits, partial release, the wrap, views kept too long."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import numpy as np
import pytest
from ring_tools import TICK, ids, ticks

import headrace as hr
from headrace.ringbuffer import StaleViewWarning, errors


def make(capacity: int = 8, **options: Any) -> tuple[Any, Any, Any]:
    ring = hr.Ring.create(TICK, capacity, **options)
    return ring, ring.producer(), ring.consumer("c")


def test_batches_are_read_only_views() -> None:
    _, producer, consumer = make()
    producer.publish(ticks(3))
    batch = consumer.poll()
    assert batch.dtype == TICK
    assert batch.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        batch["id"] = 1
    with pytest.raises(ValueError, match="read-only"):
        batch[0] = (1, 1)
    with pytest.raises(ValueError, match=r"WRITEABLE"):
        batch.flags.writeable = True
    assert ids(batch) == [0, 1, 2]


def test_batch_is_no_copy() -> None:
    ring, producer, consumer = make()
    with producer.claim(2) as slots:
        slots[:] = ticks(2)
    batch = consumer.poll()
    assert np.shares_memory(batch, slots) or batch.ctypes.data == slots.ctypes.data
    assert not batch.flags.owndata
    assert not ring.ended


@pytest.mark.parametrize("limit", [0, -1])
def test_impossible_limits(limit: int) -> None:
    _, producer, consumer = make()
    producer.publish(ticks(3))
    with pytest.raises(errors.UsageError, match=f"limit must be at least 1, not {limit}"):
        consumer.poll(limit)
    assert ids(consumer.poll()) == [0, 1, 2]


def test_limit_bounds_a_batch_and_batches_add_up() -> None:
    ring, producer, consumer = make()
    producer.publish(ticks(7))
    assert ids(consumer.poll(3)) == [0, 1, 2]
    assert consumer.batch_sequence == 0
    assert ids(consumer.poll(limit=1)) == [3]
    assert consumer.batch_sequence == 3
    assert ids(consumer.poll(100)) == [4, 5, 6]
    assert len(consumer.poll()) == 0
    assert (consumer.sequence, ring.depth("c"), ring.remaining) == (0, 7, 1)
    consumer.release()
    assert (consumer.sequence, ring.depth("c"), ring.remaining) == (7, 0, 8)


def test_rewind() -> None:
    """What was polled and not released is handed out again, from the oldest on."""
    with hr.Ring.create(TICK, 8) as ring:
        producer, consumer = ring.producer(), ring.consumer("c")
        producer.publish(ticks(6))
        assert ids(consumer.poll(2)) == [0, 1]
        assert ids(consumer.poll(2)) == [2, 3]
        consumer.release(1)
        consumer.rewind()
        assert ids(consumer.poll()) == [1, 2, 3, 4, 5]
        consumer.release()
        consumer.rewind()
        assert len(consumer.poll()) == 0
        ring.end()
        assert len(consumer.poll()) == 0
        assert consumer.ended


def test_partial_release() -> None:
    ring, producer, consumer = make()
    producer.publish(ticks(8))
    batch = consumer.poll(5)
    consumer.release(2)
    assert (consumer.sequence, ring.remaining) == (2, 2)
    assert ids(batch[2:]) == [2, 3, 4]
    producer.publish(ticks(2, 8))
    assert ids(batch[2:]) == [2, 3, 4]  # what is not released is not written
    consumer.release(0)
    assert consumer.sequence == 2
    for count in (4, -1, 100):
        with pytest.raises(errors.UsageError, match=f"cannot release {count} events: 3 are polled"):
            consumer.release(count)
    consumer.release(3)
    assert ids(consumer.poll()) == [5, 6, 7]  # what was known to be there
    assert ids(consumer.poll()) == [8, 9]
    consumer.release()
    consumer.release()
    assert ring.depth("c") == 0


def test_no_event_no_wait() -> None:
    _, _, consumer = make()
    batch = consumer.poll()
    assert batch.shape == (0,)
    assert batch.dtype == TICK
    assert consumer.poll(timeout=0.01).shape == (0,)
    assert consumer.poll(timeout=-1).shape == (0,)


@pytest.mark.parametrize("capacity", [1, 2, 4, 256])
@pytest.mark.parametrize("dtype", ["S1", "S3", "<i8", "S24", "S25", "S100"])
@pytest.mark.parametrize("producers", ["single", "multi"])
def test_wrap_is_contiguous_from_every_offset(capacity: int, dtype: str, producers: str) -> None:
    """Two laps and more, by steps that visit every offset, past the end of the mapping, too."""
    size = np.dtype(dtype).itemsize
    ring = hr.Ring.create(np.dtype(dtype), capacity, producers=producers)
    producer, consumer = ring.producer(), ring.consumer("c")
    total = max(3 * 4096 // size // 3, 3 * capacity) if size > 3 else 3 * 4096
    step = max(1, capacity * 3 // 4 - 1) | 1
    source = np.frombuffer(np.random.default_rng(5).bytes((total + capacity) * size), "u1")
    source = source.reshape(-1, size)
    for first in range(0, total, step):
        piece = np.ascontiguousarray(source[first : first + step]).view(np.dtype(dtype))[:, 0]
        with producer.claim(len(piece)) as slots:
            assert slots.flags.c_contiguous
            slots[:] = piece
        batch = consumer.poll()
        assert batch.flags.c_contiguous
        assert batch.tobytes() == piece.tobytes()
        consumer.release()


@pytest.mark.parametrize("capacity", [1, 2, 4, 8])
def test_every_offset_of_the_mapping(capacity: int) -> None:
    """16-byte events: 256 slots to a page, so slots_allocated is larger than the capacity."""
    _, producer, consumer = make(capacity)
    for first in range(600):
        producer.publish(ticks(1, first))
        assert ids(consumer.poll()) == [first]
        consumer.release()
    for first in range(0, 600, capacity):
        producer.publish(ticks(capacity, first))
        assert ids(consumer.poll()) == list(range(first, first + capacity))
        consumer.release()


def test_iteration_releases_on_the_next_turn() -> None:
    ring, producer, consumer = make()
    producer.publish(ticks(3))
    turns = iter(consumer)
    assert ids(next(turns)) == [0, 1, 2]
    assert consumer.sequence == 0
    producer.publish(ticks(4, 3))
    assert ids(next(turns)) == [3, 4, 5, 6]
    assert consumer.sequence == 3
    ring.end()
    assert list(turns) == []
    assert consumer.sequence == 7


def test_view_of_a_released_batch_warns() -> None:
    _, producer, consumer = make()
    kept = []
    for first in range(2):
        producer.publish(ticks(1, first))
        kept.append(consumer.poll())
        consumer.release()
    producer.publish(ticks(1, 2))
    with pytest.warns(StaleViewWarning, match=r"'c' is still referenced .*batch.copy\(\)"):
        batch = consumer.poll()
    assert ids(batch) == [2]


def test_part_of_a_released_batch_warns_too() -> None:
    _, producer, consumer = make()
    kept = []
    for first in range(2):
        producer.publish(ticks(1, first))
        kept.append(consumer.poll()["id"][:1])
        consumer.release()
    producer.publish(ticks(1, 2))
    with pytest.warns(StaleViewWarning):
        consumer.poll()


def test_no_warning_without_reason() -> None:
    """Views that are dropped, copied, or not released yet are no fault."""
    ring, producer, consumer = make(64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = []
        for first in range(10):
            producer.publish(ticks(1, first))
            kept.append(consumer.poll())
        assert [ids(batch) for batch in kept] == [[first] for first in range(10)]
        del kept
        consumer.release()
        copies = []
        producer.publish(ticks(20, 10))
        ring.end()
        for batch in consumer:
            copies.append(batch.copy())
        assert [i for batch in copies for i in ids(batch)] == list(range(10, 30))


def test_strict_mode_raises_and_loses_nothing() -> None:
    ring = hr.Ring.create(TICK, 8)
    producer, consumer = ring.producer(), ring.consumer("c", strict=True)
    assert consumer.strict
    kept = []
    for first in range(2):
        producer.publish(ticks(1, first))
        kept.append(consumer.poll())
        consumer.release()
    producer.publish(ticks(1, 2))
    with pytest.raises(errors.StaleView, match="batch of consumer 'c' is still referenced"):
        consumer.poll()
    kept.clear()
    assert ids(consumer.poll()) == [2]


def test_view_kept_after_close_is_memory_still() -> None:
    ring, producer, consumer = make()
    producer.publish(ticks(4))
    batch = consumer.poll()
    part = batch["id"][1:]
    ring.close()
    del ring, producer, consumer, batch
    gc.collect()
    assert part.tolist() == [1, 2, 3]


def test_claimed_view_kept_after_everything_has_gone() -> None:
    ring, producer, _ = make()
    slots = producer.next(4)
    slots[:] = ticks(4)
    del ring, producer
    gc.collect()
    assert ids(slots) == [0, 1, 2, 3]
    slots["id"] = 7


@pytest.mark.parametrize("producers", ["single", "multi"])
def test_ingest_times_run_with_the_events(producers: str) -> None:
    ring = hr.Ring.create(TICK, 8, producers=producers, timestamps=True)
    producer, consumer = ring.producer(), ring.consumer("c")
    last = 0
    for turn in range(700):  # 512 int64 times to a page: past the wrap of the times
        count = turn % 5 + 1
        producer.publish(ticks(count))
        batch = consumer.poll()
        times = consumer.times
        assert times.shape == batch.shape
        assert times.dtype == np.int64
        assert not times.flags.writeable
        assert (times >= last).all()
        assert (np.diff(times) >= 0).all()
        last = int(times[-1])
        consumer.release()
    import time

    assert abs(last / 1e9 - time.time()) < 60


def test_times_belong_to_the_batch_handed_out_last() -> None:
    _, producer, consumer = make(timestamps=True)
    for first in range(4):
        producer.publish(ticks(1, first))
    consumer.poll(1)
    first_time = int(consumer.times[0])
    consumer.poll(2)
    assert consumer.times.shape == (2,)
    assert consumer.times[0] >= first_time


def test_no_times() -> None:
    _, _, consumer = make()
    with pytest.raises(errors.UsageError, match="create it with timestamps=True"):
        _ = consumer.times
