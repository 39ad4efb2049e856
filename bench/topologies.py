"""Runs of engines with topologies: pipelines, shards, workers; and of loops beside them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from typing import Any

import numpy as np

import headrace as hr
from bench import yardstick
from bench.cores import cores, pin
from bench.measure import Contestant, Open, Sample, rate_sample
from bench.stepping import timed
from headrace.machine import Machine, machine
from headrace.native import Native
from headrace.ringbuffer import Yield

SECONDS = 30.0
WORD = np.dtype([("word", "<i8")])
WORK = np.dtype([("key", "<i8"), ("amount", "<i8")])
SEEN = np.dtype([("count", "<i8"), ("total", "<i8"), ("wrong", "<i8")])
BUSY = np.dtype([("count", "<i8"), ("total", "<i8"), ("mixed", "<i8"), ("rounds", "<i8")])
LAP = 1 << 14
SLOTS = 65536  # of each ring, as by default
KEYS = 10_000


def _cores(wanted: Iterable[int]) -> list[int]:
    """Of the two cores the first (0) or the second (1), for each stage."""
    return [cores()[index % len(cores())] for index in wanted]


# -- three native machines, one behind the other --------------------------------------------------


def pass_on(name: str, last: bool = False) -> Machine:
    """Counts and adds up numbers that must be 0, 1, ..., and passes them on."""
    native = Native(step_batch=yardstick.library().bench_pass_batch, outputs_max=1 - last)
    made: Machine = machine(
        event=WORD, output=None if last else WORD, initial=lambda: np.zeros((), SEEN), name=name,
        native=native,
    )(_pass_slowly)  # fmt: skip
    return made


def _pass_slowly(state: Any, word: int) -> tuple[Any, Any]:
    state["wrong"] |= word ^ int(state["count"])
    state["count"] += 1
    state["total"] += word
    return state, word


class Line:
    """Three machines in an engine: publisher and first on one core, the others on the second."""

    def __init__(self, stack: ExitStack, batch: int, wait: Any = None, name: str | None = None):
        topology = pass_on("first") >> pass_on("second") >> pass_on("third", last=True)
        self._engine = stack.enter_context(
            hr.Engine(topology, cores=_cores((0, 1, 1)), wait=wait, keep_outputs=0, name=name)
        )
        self._batch = batch
        self._sent = 0

    def run(self, count: int) -> Sample:
        """Publish `count` numbers, `batch` at a time, and wait until the last one has them all."""
        words = np.arange(self._sent, self._sent + count).view(WORD)
        publish, batch = self._engine.publish, self._batch

        def work() -> None:
            for at in range(0, count, batch):
                publish(words[at : at + batch], SECONDS)
            self._engine.drain(SECONDS)

        with _publisher_pinned():
            seconds, _ = timed(work)
        self._sent += count
        found = [yardstick.answer(*state.item()) for state in self._engine.state]
        total = self._sent * (self._sent - 1) // 2
        return rate_sample(count, seconds, found, [yardstick.answer(self._sent, total, 0)] * 3)


def line(batch: int, count: int) -> Sample:
    """A run of three machines that yield: an engine of its own, or they would do so all the time.

    What is measured begins when all slots of the rings have been written once.
    """
    with ExitStack() as stack:
        made = Line(stack, batch, Yield())
        made.run(SLOTS)
        return made.run(count)


@contextlib.contextmanager
def _publisher_pinned() -> Iterator[None]:
    """This thread on the first of the two cores."""
    if not hasattr(os, "sched_getaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    pin(0)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


# -- shards of a step that takes its time ---------------------------------------------------------


@cache
def work(count: int) -> Any:
    """`count` events of many keys."""
    events = np.zeros(count, WORK)
    events["key"] = np.arange(count) * 7919 % KEYS
    events["amount"] = np.arange(count) % 1000 + 1
    events.setflags(write=False)
    return events


@cache
def rounds_for(ns: float) -> int:
    """How many multiplications of `bench_busy` take so long: the quickest of some looks."""
    many, best = 1 << 18, 1e18
    for _ in range(9):
        begin = time.perf_counter_ns()
        yardstick.library().bench_mixed(1, many)
        best = min(best, time.perf_counter_ns() - begin)
    return max(1, round(ns * many / best))


@cache
def turns_for(ns: float) -> int:
    """How many turns of the Python step's loop take so long."""
    many, best = 2000, 1e18
    for _ in range(50):
        begin = time.perf_counter_ns()
        turn(1, many)
        best = min(best, time.perf_counter_ns() - begin)
    return max(1, round(ns * many / best))


def turn(number: int, turns: int) -> int:
    """Work in Python."""
    for _ in range(turns):
        number = (number * 75 + 74) % 65537
    return number


class BusyPython(hr.Machine):
    """A step in Python that takes `turns` of a loop for each event."""

    event = WORK
    name = "busy"

    def __init__(self, turns: int) -> None:
        self.turns = turns
        super().__init__()

    def initial(self) -> tuple[int, int, int]:
        return 0, 0, 0

    def step(self, state: tuple[int, int, int], amount: int) -> tuple[Any, None]:
        count, total, mixed = state
        return (count + 1, total + amount, mixed ^ turn(amount, self.turns)), None


def busy_native(ns: float) -> Machine:
    """A native step of so many nanoseconds for each event."""
    first = np.zeros((), BUSY)
    first["rounds"] = rounds_for(ns)
    made: Machine = machine(
        event=WORK, initial=first.copy, name="busy",
        native=Native(step=yardstick.library().bench_busy, outputs_max=0),
    )(_busy_slowly)  # fmt: skip
    return made


def _busy_slowly(state: Any, amount: int) -> tuple[Any, None]:
    mixed = yardstick.library().bench_mixed(amount, int(state["rounds"]))
    state["count"] += 1
    state["total"] += amount
    state["mixed"] ^= _signed(mixed)
    return state, None


# More than is stepped over while a core's other thread has it, some milliseconds: two shards and
# who publishes share two cores.
SHARES_CAPACITY = 1 << 20


class Sharing:
    """An engine whose workers share what it is given. `mix(amount)`: what a step makes."""

    def __init__(
        self, stack: ExitStack, topology: Any, mix: Callable[[int], int], n: int, place: str
    ) -> None:
        method = "fork" if place == "processes" else None
        self._engine = stack.enter_context(
            hr.Engine(
                topology,
                SHARES_CAPACITY,
                place=place,
                cores=_cores(range(1, n + 1)),
                keep_outputs=0,
                start_method=method,
            )
        )
        self._mix = mix
        self._seen = [0, 0, 0]
        self._engine.publish(work(1))  # they are there
        self._engine.drain(SECONDS)
        self._add(work(1), 1)

    def run(self, count: int) -> Sample:
        """Publish `count` events, and wait until all are through."""
        events = work(LAP)
        laps, rest = divmod(count, LAP)

        def publish() -> None:
            for _ in range(laps):
                self._engine.publish(events, SECONDS)
            if rest:
                self._engine.publish(events[:rest], SECONDS)
            self._engine.drain(SECONDS)

        with _publisher_pinned():
            seconds, _ = timed(publish)
        self._add(events, laps)
        self._add(events[:rest], 1)
        found = [0, 0, 0]
        for state in _each(self._engine.state):
            count_, total, mixed = list(state.item() if hasattr(state, "item") else state)[:3]
            found = [found[0] + count_, found[1] + total, found[2] ^ mixed]
        return rate_sample(count, seconds, found, self._seen)

    def _add(self, events: Any, laps: int) -> None:
        self._seen[0] += laps * len(events)
        self._seen[1] += laps * int(events["amount"].sum())
        if laps % 2:
            numbers, counts = np.unique(events["amount"], return_counts=True)
            for amount, times in zip(numbers.tolist(), counts.tolist(), strict=True):
                if times % 2:
                    self._seen[2] ^= self._mix(amount)


def _each(state: Any) -> Iterator[Any]:
    """The states of all copies of a machine: of shards, of partitions, or of one alone."""
    if not isinstance(state, dict):
        yield state
        return
    for each in state.values():
        yield from _each(each)


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


def _sharded(made: Machine, by: str | None, n: int) -> Any:
    return hr.shard(made, by=by, n=n) if n > 1 else made


def native_shards(by: str | None, n: int, ns: float, start: int) -> Open:
    """A contestant: threads with a native step."""

    def opened(stack: ExitStack) -> Contestant:
        mixed, rounds = yardstick.library().bench_mixed, rounds_for(ns)
        mix = cache(lambda amount: _signed(mixed(amount, rounds)))
        sharing = Sharing(stack, _sharded(busy_native(ns), by, n), mix, n, "threads")
        return Contestant(sharing.run, start=start)

    return opened


def _python(share: Callable[[Machine], Any], n: int, us: float, start: int) -> Open:
    """`n` processes with a step in Python; `share(machine)`: the topology in which they are."""

    def opened(stack: ExitStack) -> Contestant:
        turns = turns_for(us * 1e3)
        mix = cache(partial(turn, turns=turns))
        sharing = Sharing(stack, share(BusyPython(turns)), mix, n, "processes")
        return Contestant(sharing.run, start=start)

    return opened


def python_shards(by: str | None, n: int, us: float, start: int) -> Open:
    """A contestant: processes with a step in Python."""
    return _python(lambda made: _sharded(made, by, n), n, us, start)


def python_elastic(n: int, us: float, start: int) -> Open:
    """A contestant: an elastic stage of `n` worker processes, no fewer and no more, likewise."""
    return _python(lambda made: hr.elastic(made, by="key", min=n, max=n), n, us, start)


# -- three swaps that sleep -----------------------------------------------------------------------

PAIR = np.dtype([("a", "<i8"), ("b", "<i8")])
ITEMS, SWAPS = 6, 3


class Swap(hr.Machine):
    """Sleeps, and swaps two numbers."""

    event = output = PAIR

    def __init__(self, name: str, seconds: float) -> None:
        self.name, self.seconds = name, seconds
        super().__init__()

    def initial(self) -> None:
        return None

    def step(self, state: None, a: int, b: int) -> tuple[None, Any]:
        time.sleep(self.seconds)
        return state, (b, a)


def swaps(how: str, milliseconds: int) -> Sample:
    """Six items through three swaps that sleep; `how`: "sequential", "pipelined", "sharded"."""
    first, second, third = (Swap(f"swap{index}", milliseconds / 1e3) for index in range(SWAPS))
    items = np.array([(index, index + 100) for index in range(ITEMS)], PAIR)
    wanted = [(b, a) for a, b in items.tolist()]  # an odd number of swaps
    if how == "sequential":
        machines = first, second, third
        seconds, found = timed(lambda: [_one_by_one(machines, *item) for item in items.tolist()])
    else:
        topology: Any = first >> second >> third
        if how == "sharded":
            topology = hr.shard(first) >> hr.shard(second) >> hr.shard(third, ordered=True)
        with hr.Engine(topology, capacity=64) as engine:

            def work() -> None:
                engine.publish(items)
                engine.drain(SECONDS)

            seconds, _ = timed(work)
            records = np.concatenate(list(engine.outputs()))
        found = [(int(a), int(b)) for a, b in zip(records["a"], records["b"], strict=True)]
    return Sample(milliseconds, seconds, {"ms": seconds * 1e3}, str(found), str(wanted))


def _one_by_one(machines: tuple[Swap, ...], a: int, b: int) -> tuple[int, int]:
    for each in machines:
        _, (a, b) = each.step(None, a, b)
    return a, b
