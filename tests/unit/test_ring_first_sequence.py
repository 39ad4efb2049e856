"""Rings that go on counting from somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ring_tools import TICK, ids, ticks

import headrace as hr
from headrace.errors import UsageError


@pytest.mark.parametrize("first", [1, 7, 8, 9, 1000, (1 << 61) - 1])
def test_counts_from_there(first: int) -> None:
    with hr.Ring.create(TICK, 8, first_sequence=first, timestamps=True) as ring:
        assert (ring.cursor, ring.remaining) == (first, 8)
        producer, consumer = ring.producer(), ring.consumer("c")
        assert producer.sequence == consumer.sequence == first
        for turn in range(5):
            assert producer.publish(ticks(6)) == first + 6 * turn
            batch = consumer.poll()
            assert consumer.batch_sequence == first + 6 * turn
            assert ids(batch) == list(range(6))
            assert len(consumer.times) == 6
            del batch
            consumer.release()
        assert ring.cursor == first + 30


def test_seen_from_another_handle(ring_name: Callable[[], str]) -> None:
    with hr.Ring.create(TICK, 8, ring_name(), first_sequence=100) as ring:
        ring.producer().publish(ticks(3))
        other = hr.Ring.attach(str(ring.name))
        assert other.cursor == 103
        assert other.consumer("late").sequence == 103
        other.close()


@pytest.mark.parametrize("first", [-1, 1 << 61, 1.0, True, np.int64(5), None])
def test_bad_first_sequences(first: Any) -> None:
    with pytest.raises(UsageError, match="first_sequence must be an integer from 0"):
        hr.Ring.create(TICK, 8, first_sequence=first)


def test_not_for_several_producers() -> None:
    with pytest.raises(UsageError, match="only a ring of a single producer"):
        hr.Ring.create(TICK, 8, producers="multi", first_sequence=1)
