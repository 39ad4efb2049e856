"""Runs of steps and engines: this library's, a bare loop's, river's and bytewax's."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any

from bench import machines, yardstick
from bench.measure import Sample, Unavailable, rate_sample
from headrace.engine import Stepper
from headrace.runtime import Engine

LOOP_EVENTS = 16384  # stays in cache
SECONDS = 20.0


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    outcome = work()
    return time.perf_counter() - begin, outcome


def step_python(count: int) -> Sample:
    """The stepper calling a Python step with fields of events that lie in an array."""
    events = machines.orders(LOOP_EVENTS)
    laps, stepper = count // LOOP_EVENTS, Stepper(machines.tally)

    def work() -> int:
        for _ in range(laps):
            stepper.run(events)
        return int(stepper.state[0])

    seconds, total = timed(work)
    return rate_sample(count, seconds, total, machines.tally_answer(events, laps))


def loop_python(count: int) -> Sample:
    """A bare `for` over ready-made tuples that calls the same function."""
    events = machines.orders(LOOP_EVENTS)
    tuples, laps, step = events.tolist(), count // LOOP_EVENTS, machines.tally_step

    def work() -> int:
        state = [0]
        for _ in range(laps):
            for key, amount, weight in tuples:
                state, _outputs = step(state, key, amount, weight)
        return state[0]

    seconds, total = timed(work)
    return rate_sample(count, seconds, total, machines.tally_answer(events, laps))


def step_fixed(native: str | None, count: int) -> Sample:
    """The stepper with a batch step, or a native one."""
    events = machines.orders(LOOP_EVENTS)
    laps, stepper = count // LOOP_EVENTS, Stepper(machines.fixed_tally(native))

    def work() -> Any:
        for _ in range(laps):
            stepper.run(events)
        return stepper.state.item()

    seconds, state = timed(work)
    return rate_sample(count, seconds, state, machines.fixed_answer(events, laps))


def loop_numpy(count: int) -> Sample:
    """The same NumPy code called on the same arrays."""
    events = machines.orders(LOOP_EVENTS)
    laps, step = count // LOOP_EVENTS, machines.tally_batch

    def work() -> Any:
        state = machines.new_tally()
        for _ in range(laps):
            state, _outputs = step(state, events)
        return state.item()

    seconds, state = timed(work)
    return rate_sample(count, seconds, state, machines.fixed_answer(events, laps))


def loop_compiled(how: str, count: int) -> Sample:
    """A compiled loop over the same array: "bench_loop", or "bench_loop_by_pointer"."""
    events = machines.orders(LOOP_EVENTS)
    laps, state = count // LOOP_EVENTS, machines.new_tally()
    loop, address = getattr(yardstick.library(), how), events.ctypes.data

    def work() -> Any:
        for _ in range(laps):
            loop(state.ctypes.data, address, LOOP_EVENTS)
        return state.item()

    seconds, found = timed(work)
    return rate_sample(count, seconds, found, machines.fixed_answer(events, laps))


def engine_sum(kind: str, count: int) -> Sample:
    """A keyed sum by an engine: publish everything, wait until it is through."""
    laps = machines.payment_laps(count)
    with Engine(machines.keyed_sum(kind), keep_outputs=0) as engine:

        def work() -> None:
            for events in laps:
                engine.publish(events, SECONDS)
            engine.drain(SECONDS)

        seconds, _ = timed(work)
        found = machines.sums_digest(engine.state)
    return rate_sample(count, seconds, found, machines.sums_answer(count))


@cache
def _lap_tuples() -> list[tuple[int, int]]:
    return machines.payments().tolist()


def _tuples(count: int) -> list[list[tuple[int, int]]]:
    """`count` payments as ready-made tuples."""
    pairs, rest = _lap_tuples(), count % machines.LAP
    return [pairs] * (count // machines.LAP) + ([pairs[:rest]] if rest else [])


def loop_sum(count: int) -> Sample:
    """A keyed sum by a plain `for` and a dict, over ready-made tuples."""
    laps = _tuples(count)

    def work() -> dict[int, int]:
        totals: dict[int, int] = {}
        for pairs in laps:
            for key, amount in pairs:
                totals[key] = totals.get(key, 0) + amount
        return totals

    seconds, totals = timed(work)
    return rate_sample(count, seconds, machines.sums_digest(totals), machines.sums_answer(count))


def loop_sum_step(count: int) -> Sample:
    """The same loop, calling the machine's step for each event."""
    laps, step = _tuples(count), machines.sum_step

    def work() -> dict[int, int]:
        totals: dict[int, int] = {}
        for pairs in laps:
            for key, amount in pairs:
                totals, _outputs = step(totals, key, amount)
        return totals

    seconds, totals = timed(work)
    return rate_sample(count, seconds, machines.sums_digest(totals), machines.sums_answer(count))


def river_sum(count: int) -> Sample:
    """A keyed sum by river's own aggregation by key; its events are dicts, ready-made."""
    try:
        from river import feature_extraction, stats
    except ImportError:
        raise Unavailable("no river: pip install river") from None
    events = [{"key": key, "amount": amount} for lap in _tuples(count) for key, amount in lap]
    totals = feature_extraction.Agg(on="amount", by="key", how=stats.Sum())

    def work() -> None:
        for event in events:
            totals.learn_one(event)

    seconds, _ = timed(work)
    found = {}
    for key in range(machines.KEYS):
        (total,) = totals.transform_one({"key": key}).values()
        found[key] = round(total)
    return rate_sample(count, seconds, machines.sums_digest(found), machines.sums_answer(count))


def river_counters(count: int) -> Sample:
    """A plain `for` and a dict of river's running sums, one for each key."""
    try:
        from river import stats
    except ImportError:
        raise Unavailable("no river: pip install river") from None
    laps = _tuples(count)

    def work() -> dict[int, Any]:
        totals: defaultdict[int, Any] = defaultdict(stats.Sum)
        for pairs in laps:
            for key, amount in pairs:
                totals[key].update(amount)
        return totals

    seconds, totals = timed(work)
    found = machines.sums_digest({key: round(total.get()) for key, total in totals.items()})
    return rate_sample(count, seconds, found, machines.sums_answer(count))


def bytewax_sum(count: int) -> Sample:
    """A keyed sum by bytewax: one worker, a `fold_final` by key."""
    try:
        import bytewax.operators as op
        from bytewax.dataflow import Dataflow
        from bytewax.testing import TestingSink, TestingSource, run_main
    except ImportError:
        raise Unavailable("no bytewax (or none for this Python): pip install bytewax") from None
    pairs = [(str(key), amount) for lap in _tuples(count) for key, amount in lap]
    found: list[tuple[str, int]] = []
    flow = Dataflow("keyed_sum")
    stream = op.input("in", flow, TestingSource(pairs, batch_size=1024))
    totals = op.fold_final("sum", stream, int, int.__add__)
    op.output("out", totals, TestingSink(found))
    seconds, _ = timed(lambda: run_main(flow))
    digest = machines.sums_digest({int(key): total for key, total in found})
    return rate_sample(count, seconds, digest, machines.sums_answer(count))


