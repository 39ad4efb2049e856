"""Threads that push events through rings as fast as they can: run plainly, or under a sanitizer.

Exits with 1 where the ring loses, doubles, tears or reorders an event, or wakes somebody too early;
a sanitizer has an exit code of its own. Needs stress_loops, which loops.py builds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import stress_loops

import headrace as hr
from headrace.ringbuffer import burial

EVENT = np.dtype([("producer", "<i8"), ("count", "<i8"), ("scrambled", "<u8")])
# Consumers by name, and whom each comes after.
SHAPES: dict[str, dict[str, list[str]]] = {
    "one": {"a": []},
    "multicast": {"a": [], "b": []},
    "pipeline": {"a": [], "b": ["a"]},
    "diamond": {"a": [], "b": [], "c": ["a", "b"]},
}
SECONDS_MAX = 120  # of one configuration

VICTIM = """
import sys, headrace as hr, stress_loops
ring = hr.Ring.attach(sys.argv[1])
producer = ring.producer()
print("ready", flush=True)
sys.stdin.readline()
stress_loops.die_with_a_claim(producer, int(sys.argv[2]), int(sys.argv[3]), 2)
"""

Task = Callable[[], object]


def run_threads(tasks: list[Task]) -> list[object]:
    """All tasks at once; their results, or what they raised."""
    results: list[object] = ["still running"] * len(tasks)

    def call(index: int) -> None:
        try:
            results[index] = tasks[index]()
        except BaseException as error:
            results[index] = repr(error)

    threads = [threading.Thread(target=call, args=(n,), daemon=True) for n in range(len(tasks))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + SECONDS_MAX
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return results


def told(good: bool, what: str, results: object) -> bool:
    print(f"{what}:", "good" if good else f"BAD {results}", flush=True)
    return good


def native(
    producers: int, capacity: int, size: int, shape: str, events: int, *, abort_every: int = 0
) -> bool:
    """Everything without the GIL: whether all arrived, in order and whole."""
    kind = "multi" if producers > 1 else "single"
    with hr.Ring.create(EVENT, capacity, producers=kind) as ring:
        consumers = [ring.consumer(name, after) for name, after in SHAPES[shape].items()]
        writers = [ring.producer() for _ in range(producers)]
        total = producers * events
        results = run_threads(
            [lambda c=c: stress_loops.consume(c, producers, total) for c in consumers]
            + [
                lambda n=n, w=w: stress_loops.produce(w, n, events, size, abort_every)
                for n, w in enumerate(writers)
            ]
        )
    good = results == [(0, 0)] * len(consumers) + [events] * producers
    text = f"{producers} producers, {shape}, capacity {capacity}, claims of {size}"
    return told(good, text + f", every {abort_every}th aborted" * bool(abort_every), results)


def guests(producers: int, events: int) -> bool:
    """Consumers join, read on from where they came in, and leave, while the others run."""
    kind = "multi" if producers > 1 else "single"
    with hr.Ring.create(EVENT, 64, producers=kind) as ring:
        stay = [ring.consumer("a"), ring.consumer("b", after=["a"])]
        writers = [ring.producer() for _ in range(producers)]
        total = producers * events
        over = threading.Event()

        def come_and_go(name: str, after: list[str]) -> int:
            wrong = visits = 0
            while not over.is_set() and visits < 500:
                with ring.consumer(name, after) as guest:
                    if len(guest.poll(timeout=0.01)):
                        guest.release()
                        wrong += stress_loops.consume(guest, producers, 1, False)[1]
                visits += 1
            return wrong

        def write(number: int, writer: hr.Producer) -> object:
            try:
                return stress_loops.produce(writer, number, events, 3)
            finally:
                if number == 0:
                    over.set()

        results = run_threads(
            [lambda c=c: stress_loops.consume(c, producers, total) for c in stay]
            + [lambda n=n, w=w: write(n, w) for n, w in enumerate(writers)]
            + [lambda: come_and_go("x", []), lambda: come_and_go("y", ["a"])]
        )
    good = results == [(0, 0)] * 2 + [events] * producers + [0, 0]
    return told(good, f"{producers} producers, consumers that come and go", results)


def deaths(victims: int, events: int) -> bool:
    """Processes are killed with a claim open, while the living publish, and are buried."""
    name = f"stress-{time.monotonic_ns():x}"
    with hr.Ring.create(EVENT, 64, name, "multi") as ring:
        consumers = [ring.consumer("a"), ring.consumer("b", after=["a"])]
        writers = [ring.producer() for _ in range(2)]
        total = 2 * events + 10 * victims
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", VICTIM, name, str(2 + number), "10"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for number in range(victims)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"

        def bury() -> str:
            """Let them die one after the other; bury them until all has arrived, or time is up."""
            left, deadline = list(processes), time.monotonic() + SECONDS_MAX / 2
            buried = 0
            while buried < 2 * victims and time.monotonic() < deadline:
                if left and left[0].stdin is not None and not left[0].stdin.closed:
                    left[0].stdin.close()
                if left and left[0].poll() is not None:
                    left.pop(0)
                buried += burial.bury_dead(ring.segment)
                time.sleep(0.001)
            return f"buried {buried}"

        results = run_threads(
            [lambda c=c: stress_loops.consume(c, 2 + victims, total) for c in consumers]
            + [lambda n=n: stress_loops.produce(writers[n], n, events, 2) for n in range(2)]
            + [bury]
        )
        for process in processes:
            process.kill()
            process.wait()
    good = results == [(0, 0)] * 2 + [events] * 2 + [f"buried {2 * victims}"]
    return told(good, f"{victims} of {victims + 2} producers killed", results)


def turns(producers: str, count: int) -> bool:
    """Strict turns in a ring of one slot: nobody is woken before there is something."""
    with hr.Ring.create(EVENT, 1, producers=producers) as ring:
        consumer, producer = ring.consumer("a"), ring.producer()
        results = run_threads(
            [
                lambda: stress_loops.consume_in_turns(consumer, count),
                lambda: stress_loops.publish_in_turns(producer, count),
            ]
        )
    return told(results == [(count, 0)] * 2, f"{producers} producer, {count} turns", results)


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
    good = results == [producers * sum(range(events))] * len(consumers) + [None] * producers
    return told(good, f"{producers} producers, {wait!r}", results)


def all_native(events: int) -> Iterator[bool]:
    for producers in (1, 2, 3):
        for capacity, size in ((2, 1), (4, 2), (64, 1), (64, 5)):
            for shape in SHAPES:
                yield native(producers, capacity, size, shape, events)


def all_aborting(events: int) -> Iterator[bool]:
    for producers in (1, 2, 3):
        for shape in SHAPES:
            yield native(producers, 8, 2, shape, events, abort_every=3)


def all_blocking(events: int) -> Iterator[bool]:
    for wait in (hr.wait.BusySpin(), hr.wait.Yield(), hr.wait.Backoff(), hr.wait.Block()):
        for producers in (1, 2):
            yield blocking(wait, producers, events // 20)


PARTS: dict[str, Callable[[int], Iterator[bool]]] = {
    "native": all_native,
    "aborting": all_aborting,
    "guests": lambda events: (guests(producers, 5 * events) for producers in (1, 2)),
    "deaths": lambda events: (deaths(victims, events) for victims in (1, 3)),
    "turns": lambda events: (turns(kind, events // 4) for kind in ("single", "multi")),
    "blocking": all_blocking,
}


def plant(bug: str) -> None:
    """Do what a sanitizer has to report."""
    if bug == "overrun":
        stress_loops.read_past_end(100)
    elif bug == "shift":
        stress_loops.shift_too_far(64)
    else:
        with hr.Ring.create(EVENT, 8) as ring:
            consumer, writer = ring.consumer("a"), ring.producer()
            run_threads(
                [
                    lambda: stress_loops.consume(consumer, 1, 2000),
                    lambda: stress_loops.produce_without_release(writer, 0, 2000, 1),
                ]
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--part", choices=list(PARTS), action="append", help="only these parts")
    parser.add_argument("--bug", choices=["release", "overrun", "shift"], help="plant this bug")
    options = parser.parse_args()
    if options.bug:
        plant(options.bug)
        return 0
    # Up to the first that is bad: what follows could take its time to give up as well.
    good = all(result for part in options.part or PARTS for result in PARTS[part](options.events))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
