"""The plain C yardsticks, through ctypes (which lets go of the GIL while they run)."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_int, c_int64, c_uint64, c_void_p
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import build
from bench.cores import cores
from bench.measure import Sample, rate_sample
from bench.memory import pages

RING_SLOTS = 4096
WORD_MASK = (1 << 64) - 1


class Outcome(ctypes.Structure):
    """What a run came to; outcome_t of bench.h."""

    _fields_ = [("ns", c_int64), ("count", c_int64), ("sum", c_uint64), ("wrong", c_uint64)]


@cache
def library() -> ctypes.CDLL:
    """The compiled yardsticks, with the types of their functions."""
    loaded = ctypes.CDLL(str(build.yardstick_library()))
    many = [c_int64, c_int, c_int64, c_int64, c_int64, POINTER(c_int), POINTER(Outcome)]
    loaded.yardstick_one_to_one.argtypes = many
    loaded.yardstick_many_to_one.argtypes = many
    loaded.yardstick_round_trip.argtypes = [
        c_int64, c_int64, POINTER(c_int), c_void_p, POINTER(Outcome)
    ]  # fmt: skip
    loaded.yardstick_flags.argtypes = [c_int64, POINTER(c_int), c_void_p]
    loaded.yardstick_flags.restype = c_int64
    loaded.yardstick_copy.argtypes = [c_void_p, c_void_p, c_int64, c_int64, c_int64]
    loaded.yardstick_copy.restype = c_int64
    loaded.yardstick_wake_up.argtypes = [c_int64, c_int64, POINTER(c_int), c_void_p]
    loaded.bench_mixed.argtypes = [c_uint64, c_int64]
    loaded.bench_mixed.restype = c_uint64
    for loop in (loaded.bench_loop, loaded.bench_loop_by_pointer):
        loop.argtypes = [c_void_p, c_void_p, c_int64]
        loop.restype = None
    return loaded


def _on(*wanted: int) -> Any:
    found = [cores()[index % len(cores())] for index in wanted]
    return (c_int * len(found))(*found)


def _check(code: int, what: str) -> None:
    if code:
        raise RuntimeError(f"{what} could not start: no memory, no thread, or it took too long")


def sum_of_words(count: int, words: int) -> int:
    """What a consumer of events 0 .. count - 1 must have added up."""
    return (words * count * (count - 1) // 2 + count * words * (words - 1) // 2) & WORD_MASK


def answer(count: int, total: int, wrong: int) -> str:
    """A run's answer as text."""
    return f"{count} events, sum {total:016x}, wrong bits {wrong:x}"


def expected(count: int, words: int, producers: int = 1, readers: int = 1) -> str:
    """What `answer` must be when each of `producers` sends `count` events to all `readers`."""
    total = producers * readers * sum_of_words(count, words)
    return answer(count * producers * readers, total & WORD_MASK, 0)


def one_to_one(words: int, batch: int, pauses: int, count: int) -> Sample:
    """One producer, one consumer, plain C."""
    outcome = Outcome()
    code = library().yardstick_one_to_one(
        RING_SLOTS, words, count, batch, pauses, _on(0, 1), ctypes.byref(outcome)
    )
    _check(code, "the C ring")
    found = answer(outcome.count, outcome.sum, outcome.wrong)
    return rate_sample(count, outcome.ns / 1e9, found, expected(count, words))


def many_to_one(batch: int, pauses: int, count: int) -> Sample:
    """Two producers (on both cores) and a consumer (on the second core), plain C."""
    outcome = Outcome()
    code = library().yardstick_many_to_one(
        RING_SLOTS, 2, count // 2, batch, pauses, _on(0, 1, 1), ctypes.byref(outcome)
    )
    _check(code, "the C ring of two producers")
    found = answer(outcome.count, outcome.sum, outcome.wrong)
    return rate_sample(count, outcome.ns / 1e9, found, expected(count // 2, 8, producers=2))


def trip_sample(trips_ns: NDArray[np.int64], found: str, wanted: str) -> Sample:
    """A run of round trips: p50 and p99 in nanoseconds."""
    p50, p99 = np.percentile(trips_ns, [50, 99])
    metrics = {"p50": float(p50), "p99": float(p99)}
    return Sample(len(trips_ns), float(trips_ns.sum()) / 1e9, metrics, found, wanted)


def round_trip(count: int) -> Sample:
    """Through two plain C rings and back."""
    outcome, trips = Outcome(), np.zeros(count, np.int64)
    code = library().yardstick_round_trip(
        RING_SLOTS, count, _on(0, 1), trips.ctypes.data, ctypes.byref(outcome)
    )
    _check(code, "the C round trip")
    found = answer(outcome.count, outcome.sum, outcome.wrong)
    return trip_sample(trips, found, expected(count, 8))


def flags(count: int) -> Sample:
    """Round trips of two bare flags between the two cores."""
    trips = np.zeros(count, np.int64)
    answered = library().yardstick_flags(count, _on(0, 1), trips.ctypes.data)
    return trip_sample(trips, f"{answered} answers", f"{count} answers")


def copy(block_bytes: int, area_bytes: int, count: int) -> Sample:
    """`count` 64-byte records copied by one core, a block at a time; the rate is of records."""
    source = np.frombuffer(pages(area_bytes), np.int64)
    source[:] = np.arange(area_bytes // 8)
    target = np.frombuffer(pages(area_bytes), np.int64)
    target[:] = 0  # faults the pages in
    total = max(count * 64, area_bytes)
    ns = library().yardstick_copy(
        target.ctypes.data, source.ctypes.data, area_bytes, block_bytes, total
    )
    copied = area_bytes // block_bytes * block_bytes // 8
    same = bool((target[:copied] == source[:copied]).all())
    return rate_sample(total // 64, ns / 1e9, f"same {same}", "same True")


def wake_up(count: int, idle_ns: int = 300_000) -> Sample:
    """How long a sleeper in a futex takes to run again: p50 and p99."""
    waits = np.zeros(count, np.int64)
    _check(library().yardstick_wake_up(count, idle_ns, _on(0, 1), waits.ctypes.data), "the futex")
    found = f"{int((waits > 0).sum())} wake-ups"
    return trip_sample(waits, found, f"{count} wake-ups")
