"""Runs of ring_loops.pyx: rings, threads and cores around them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

import headrace as hr
from bench import build, yardstick
from bench.cores import cores
from bench.measure import Sample, rate_sample

SPINS_BEFORE_YIELD = 100  # as in bench.h
PAUSES_SHARED = 1

# Who comes after whom, by the consumer's name. Threads take turns on the two cores.
TOPOLOGIES: dict[str, dict[str, list[str]]] = {
    "pipeline": {"first": [], "second": ["first"], "third": ["second"]},
    "multicast": {"first": [], "second": [], "third": []},
    "diamond": {"left": [], "right": [], "join": ["left", "right"]},
}


@cache
def loops() -> ModuleType:
    """The compiled loops."""
    return build.native_loops()


def _event(words: int) -> np.dtype[Any]:
    return np.dtype([(f"word{index}", "<u8") for index in range(words)])


def _core(index: int) -> int:
    return cores()[index % len(cores())]


def in_threads(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all jobs at once, each in its own thread; their results, or the first exception."""
    results: list[Any] = [None] * len(jobs)
    errors: list[BaseException] = []

    def work(index: int) -> None:
        try:
            results[index] = jobs[index]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def one_to_one(
    words: int, batch: int, pauses: int, count: int, slots: int = yardstick.RING_SLOTS
) -> Sample:
    """One producer, one consumer."""
    with hr.Ring.create(_event(words), slots) as ring:
        consumer, producer = ring.consumer("only"), ring.producer()
        start = loops().StartLine(2)
        found, _ = in_threads([
            lambda: loops().consume(consumer, start, _core(1), words, count, pauses),
            lambda: loops().produce(producer, start, _core(0), words, count, batch),
        ])  # fmt: skip
    ns, received, total, wrong = found
    answer = yardstick.answer(received, total, wrong)
    return rate_sample(count, ns / 1e9, answer, yardstick.expected(count, words))


def many_to_one(batch: int, pauses: int, count: int) -> Sample:
    """Two producers (on both cores) and a consumer (on the second core)."""
    each = count // 2
    with hr.Ring.create(_event(8), yardstick.RING_SLOTS, producers="multi") as ring:
        consumer = ring.consumer("only")
        producers = [ring.producer(), ring.producer()]
        start = loops().StartLine(3)
        spins = SPINS_BEFORE_YIELD
        found, *_ = in_threads([
            lambda: loops().consume_numbered(
                consumer, start, _core(1), 2 * each, pauses, spins),
            lambda: loops().produce_numbered(producers[0], start, _core(0), 0, each, batch, spins),
            lambda: loops().produce_numbered(producers[1], start, _core(1), 1, each, batch, spins),
        ])  # fmt: skip
    ns, received, total, wrong = found
    answer = yardstick.answer(received, total, wrong)
    return rate_sample(2 * each, ns / 1e9, answer, yardstick.expected(each, 8, producers=2))


def round_trip(count: int) -> Sample:
    """Through two rings and back."""
    trips = np.zeros(count, np.int64)
    slots = yardstick.RING_SLOTS
    with hr.Ring.create(_event(8), slots) as there, hr.Ring.create(_event(8), slots) as back:
        ping, pong = there.consumer("ping"), back.consumer("pong")
        asking, answering = there.producer(), back.producer()
        start = loops().StartLine(2)
        answered, asked = in_threads([
            lambda: loops().answer_trips(ping, answering, start, _core(1), count),
            lambda: loops().make_trips(asking, pong, start, _core(0), trips),
        ])  # fmt: skip
    received, total, wrong = asked
    answer = yardstick.answer(received, total, wrong | answered[2])
    return yardstick.trip_sample(trips, answer, yardstick.expected(count, 8))


def graph(topology: str, batch: int, count: int, slots: int = yardstick.RING_SLOTS) -> Sample:
    """One producer and three consumers of 8-byte events, on two cores; the last one's time."""
    edges = TOPOLOGIES[topology]
    with hr.Ring.create(_event(1), slots) as ring:
        consumers = [ring.consumer(name, after=after or None) for name, after in edges.items()]
        producer = ring.producer()
        start = loops().StartLine(len(consumers) + 1)
        spins = SPINS_BEFORE_YIELD

        def reader(index: int) -> Callable[[], Any]:
            return lambda: loops().consume(
                consumers[index], start, _core(index + 1), 1, count, PAUSES_SHARED, spins
            )

        *found, _ = in_threads([
            *(reader(index) for index in range(len(consumers))),
            lambda: loops().produce(producer, start, _core(0), 1, count, batch, spins),
        ])  # fmt: skip
    ns = max(outcome[0] for outcome in found)
    received = sum(outcome[1] for outcome in found)
    total = sum(outcome[2] for outcome in found) & yardstick.WORD_MASK
    wrong = found[0][3] | found[1][3] | found[2][3]
    answer = yardstick.answer(received, total, wrong)
    return rate_sample(count, ns / 1e9, answer, yardstick.expected(count, 1, readers=len(edges)))
