"""What single calls from Python cost, at batch 1, in one thread: rings without another core."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice, repeat
from typing import Any

import numpy as np

import headrace as hr
from bench.measure import Sample, rate_sample

SLOTS = 4096


def empty_loop(count: int) -> Sample:
    """What a loop costs that does nothing."""
    begin = time.perf_counter_ns()
    for _ in repeat(None, count):
        pass
    return rate_sample(count, (time.perf_counter_ns() - begin) / 1e9, count, count)


def _call_pairs(count: int, one: Callable[..., Any], other: Callable[..., Any]) -> int:
    """The nanoseconds that `count` turns of `one(1); other()` take."""
    begin = time.perf_counter_ns()
    for _ in repeat(None, count):
        one(1)
        other()
    return time.perf_counter_ns() - begin


def _claim_blocks(count: int, claim: Callable[..., Any]) -> int:
    begin = time.perf_counter_ns()
    for _ in repeat(None, count):
        with claim(1):
            pass
    return time.perf_counter_ns() - begin


def claim_publish(count: int, block: bool = False) -> Sample:
    """`next(1)` and `commit()`, or a `with claim(1)` block; a ring full, then it is emptied."""
    with hr.Ring.create("<i8", SLOTS) as ring:
        consumer, producer = ring.consumer("only"), ring.producer()
        ns = received = 0
        for first in range(0, count, SLOTS):
            size = min(SLOTS, count - first)
            if block:
                ns += _claim_blocks(size, producer.claim)
            else:
                ns += _call_pairs(size, producer.next, producer.commit)
            received += len(consumer.poll())
            consumer.release()
    return rate_sample(count, ns / 1e9, received, count)


def poll_release(count: int) -> Sample:
    """`poll(1)` and `release()`; a ring full, which was filled before."""
    numbers = np.arange(count)
    with hr.Ring.create("<i8", SLOTS) as ring:
        consumer, producer = ring.consumer("only"), ring.producer()
        ns = last = 0
        for first in range(0, count, SLOTS):
            part = numbers[first : first + SLOTS]
            producer.publish(part)
            ns += _call_pairs(len(part) - 1, consumer.poll, consumer.release)
            last = int(consumer.poll(1)[0])
            consumer.release()
        read = f"{consumer.sequence} read, the last is {last}"
    turns = count - -(-count // SLOTS)  # the last of each lap is not timed
    return rate_sample(turns, ns / 1e9, read, f"{count} read, the last is {count - 1}")


def turns(count: int, by_ring: bool) -> Sample:
    """Turns of a loop that publishes an event: of `for batch in consumer`, or of a bare loop.

    Each batch holds the one event that the turn before published, so the two differ by the turn.
    """
    with hr.Ring.create("<i8", SLOTS) as ring:
        consumer, producer = ring.consumer("only"), ring.producer()
        producer.publish(np.zeros(1, "<i8"))
        next_, commit = producer.next, producer.commit
        if not by_ring:
            consumer.close()  # a ring without consumers blocks nobody
        begin = time.perf_counter_ns()
        for _ in islice(consumer if by_ring else repeat(None), count):
            next_(1)
            commit()
        ns = time.perf_counter_ns() - begin
        published = ring.cursor
        read = consumer.batch_sequence if by_ring else count - 1
    return rate_sample(
        count, ns / 1e9, f"{published} published, {read} read",
        f"{count + 1} published, {count - 1} read",
    )  # fmt: skip
