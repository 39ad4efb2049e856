"""The queue of a simulated world gives events in the order of a heap of tuples."""

from __future__ import annotations

import heapq
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.engine.eventqueue import EventQueue
from headrace.errors import QueueFull

TAKE = None
ACTIONS = st.lists(
    st.one_of(st.just(TAKE), st.just(TAKE), st.integers(-(2**63), 2**63 - 1), st.integers(0, 3)),
    max_size=200,
)


@given(ACTIONS, st.randoms(use_true_random=False))
def test_as_a_heap(actions: list[int | None], chance: Any) -> None:
    queue, heap = EventQueue(1_000), []
    ties = list(range(len(actions)))
    chance.shuffle(ties)
    for number, (time_ns, tie) in enumerate(zip(actions, ties, strict=True)):
        if time_ns is not TAKE:
            queue.put(time_ns, tie * 2**55, number % 7, 1, 2, -number, (number,))
            heapq.heappush(heap, (time_ns, tie, number))
        elif heap:
            time_ns, _, pushed = heapq.heappop(heap)
            assert queue.take() == (time_ns, pushed % 7, 1, 2, -pushed, (pushed,))
        else:
            with pytest.raises(IndexError, match="the queue is empty"):
                queue.take()
        assert len(queue) == queue.count == len(heap)


def test_it_holds_no_more_than_it_may() -> None:
    queue = EventQueue(256)
    for number in range(256):
        queue.put(0, number, 0, 0, 0, 0, None)
    with pytest.raises(QueueFull, match="256 events wait in the world, and that is its limit"):
        queue.put(0, 256, 0, 0, 0, 0, None)
    assert [queue.take()[5] for _ in range(256)] == [None] * 256


def test_what_it_holds_is_let_go_of() -> None:
    payload = object()
    before = sys.getrefcount(payload)
    queue = EventQueue(10_000)
    for number in range(1_000):
        queue.put(number, number, 0, 0, 0, 0, payload)
    for _ in range(300):
        assert queue.take()[5] is payload
    assert sys.getrefcount(payload) == before + 700
    del queue
    assert sys.getrefcount(payload) == before
