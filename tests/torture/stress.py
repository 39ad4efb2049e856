"""Threads that push events through rings as fast as they can: run under a sanitizer.

Started by run_sanitized.py, which builds stress_loops.pyx and the package to match. Exits with 1
where the ring loses, doubles, tears or reorders an event; a sanitizer has an exit code of its own.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable

import numpy as np
import stress_loops

import headrace as hr

EVENT = np.dtype([("producer", "<i8"), ("count", "<i8"), ("scrambled", "<u8")])
# Consumers by name, and whom each comes after.
SHAPES: dict[str, dict[str, list[str]]] = {
    "one": {"a": []},
    "multicast": {"a": [], "b": []},
    "pipeline": {"a": [], "b": ["a"]},
    "diamond": {"a": [], "b": [], "c": ["a", "b"]},
}


def run_threads(tasks: list[Callable[[], object]]) -> list[object]:
    """All tasks at once; their results."""
    results: list[object] = [None] * len(tasks)

    def call(index: int) -> None:
        results[index] = tasks[index]()

    threads = [threading.Thread(target=call, args=(index,)) for index in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def native(producers: int, capacity: int, size: int, shape: str, events: int, bug: bool) -> bool:
    """Everything without the GIL: whether all arrived, in order and whole."""
    produce = stress_loops.produce_without_release if bug else stress_loops.produce
    kind = "multi" if producers > 1 else "single"
    with hr.Ring.create(EVENT, capacity, producers=kind) as ring:
        consumers = [ring.consumer(name, after) for name, after in SHAPES[shape].items()]
        writers = [ring.producer() for _ in range(producers)]
        total = producers * events
        results = run_threads(
            [lambda c=c: stress_loops.consume(c, producers, total) for c in consumers]
            + [lambda n=n, w=w: produce(w, n, events, size) for n, w in enumerate(writers)]
        )
    good = results == [(0, 0, 0)] * len(consumers) + [events] * producers
    print(f"{producers} producers, {shape}, capacity {capacity}, claims of {size}:", end=" ")
    print("good" if good else f"BAD {results}")
    return good


def blocking(wait: hr.wait.WaitStrategy, producers: int, events: int) -> bool:
    """Through the Python API, with threads that wait, are woken, and are ended."""
    kind = "multi" if producers > 1 else "single"
    with hr.Ring.create(np.int64, 16, producers=kind) as ring:
        consumers = [ring.consumer(name, wait=wait) for name in "ab"]
        writers = [ring.producer(wait=wait) for _ in range(producers)]
        left = threading.Barrier(producers, action=ring.end)

        def write(writer: hr.Producer) -> None:
            for first in range(0, events, 7):
                writer.publish(np.arange(first, min(first + 7, events)), timeout=60)
            left.wait(60)

        def read(consumer: hr.Consumer) -> int:
            return sum(int(batch.sum()) for batch in consumer)

        results = run_threads(
            [lambda c=c: read(c) for c in consumers] + [lambda w=w: write(w) for w in writers]
        )
    good = results[: len(consumers)] == [producers * sum(range(events))] * len(consumers)
    print(f"{producers} producers, {wait!r}:", "good" if good else f"BAD {results}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--bug", choices=["release", "overrun"], help="plant this bug")
    options = parser.parse_args()
    if options.bug == "release":
        native(1, 8, 1, "one", options.events, bug=True)
        return 0
    if options.bug == "overrun":
        stress_loops.read_past_end(100)
        return 0
    good = True
    for producers in (1, 2, 3):
        for capacity, size in ((2, 1), (4, 2), (64, 1), (64, 5)):
            for shape in SHAPES:
                good &= native(producers, capacity, size, shape, options.events, bug=False)
    for wait in (hr.wait.BusySpin(), hr.wait.Yield(), hr.wait.Backoff(), hr.wait.Block()):
        for producers in (1, 2):
            good &= blocking(wait, producers, options.events // 20)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
