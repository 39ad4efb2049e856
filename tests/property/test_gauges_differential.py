"""Histograms against NumPy on the same values, and a stage's gauge against the plain histogram."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine import gauges
from headrace.metrics import Board, Histogram
from headrace.metrics.histogram import (
    CUTS_BITS,
    VALUE_BITS,
    bucket_count,
    bucket_of,
    bucket_range,
    percentile,
    rank_of,
)

PERCENTS = (0, 50, 90, 99, 99.9, 100)
END_NS = 1 << 60
# As many small ones as large ones: uniform in the number of bits.
VALUES = st.integers(0, VALUE_BITS).flatmap(lambda bits: st.integers(0, (1 << bits) - 1))


def relative_error(found: float, true: float) -> float:
    return abs(found - true) / true if true else abs(found)


@given(st.lists(VALUES, min_size=1, max_size=300))
@settings(max_examples=150)
def test_percentiles_are_numpys(values: list[int]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    ordered = np.sort(np.array(values))
    for percent in PERCENTS:
        exact = int(ordered[rank_of(len(values), percent) - 1])
        low, high = bucket_range(bucket_of(exact))
        assert low <= histogram.percentile(percent) <= high
        assert relative_error(histogram.percentile(percent), exact) <= 0.01
    assert histogram.count == len(values)


@pytest.mark.parametrize("count", [1, 10, 1001, 54_321])  # NumPy rounds at whole ranks
@pytest.mark.parametrize("percent", [50, 99, 99.9])
def test_percentiles_of_many(count: int, percent: float) -> None:
    values = np.random.default_rng(5).lognormal(9, 3, count).astype(np.int64)
    histogram = Histogram()
    for value in values.tolist():
        histogram.record(value)
    exact = np.percentile(values, percent, method="inverted_cdf")
    assert relative_error(histogram.percentile(percent), exact) <= 0.01


def test_ranks_are_exact() -> None:
    assert [rank_of(1000, p) for p in (0, 0.1, 50, 99.9, 99.91, 100)] == [
        1,
        1,
        500,
        999,
        1000,
        1000,
    ]
    assert rank_of(10**15, 99.9) == 999 * 10**12  # 99.9 in binary lies above what is written


def test_nothing_counted() -> None:
    assert math.isnan(Histogram().percentile(50))


@given(VALUES, st.integers(7, 63))
@settings(max_examples=200)
def test_buckets_follow_each_other(value: int, value_bits: int) -> None:
    index = bucket_of(value)
    low, high = bucket_range(index)
    assert low <= value <= high
    assert bucket_of(high + 1) == index + 1
    assert high - low <= low / (1 << CUTS_BITS)
    assert bucket_of((1 << value_bits) - 1) == bucket_count(value_bits) - 1


@given(st.one_of(VALUES, st.integers(-(2**63), 2**63 - 1)))
def test_the_gauge_has_the_same_buckets(value: int) -> None:
    histogram = Histogram()
    histogram.record(value)
    assert histogram.counts[gauges.bucket_index(value)] == 1
    assert (gauges.CUTS_BITS, gauges.VALUE_BITS) == (CUTS_BITS, VALUE_BITS)


def samples(count: int) -> list[tuple[int, int]]:
    """Which events of a batch stand for how many: the definition in `record_latencies`."""
    if count <= gauges.LATENCY_SAMPLES_MAX:
        return [(index, 1) for index in range(count)]
    parts = gauges.LATENCY_SAMPLES_MAX
    ends = [index * count // parts for index in range(parts + 1)]
    return [((a + b) // 2, b - a) for a, b in pairwise(ends)]


BATCHES = st.lists(
    st.tuples(st.integers(1, 700), st.integers(0, 5), st.integers(0, 10**12), st.integers(0, 99)),
    max_size=12,
)


@given(BATCHES)
@settings(max_examples=60)
def test_a_stage_counts_as_the_plain_histogram(batches: list[tuple[int, int, int, int]]) -> None:
    gauge = Board.create(None, {}, ["stage"]).stage(0)
    latencies, sizes = Histogram(), Histogram()
    service_ps = 0.0
    for events, outputs, took_ns, seed in batches:
        ages = np.random.default_rng(seed).integers(0, 1 << 40, events)
        gauge.stepped(events, outputs, END_NS - took_ns, END_NS, END_NS - ages)
        for index, weight in samples(events):
            latencies.record(int(ages[index]), weight)
        sizes.record(events)
        now_ps = 1000 * took_ns / events
        share = events / (events + gauges.SERVICE_EVENTS_SPAN - 1) if service_ps else 1
        service_ps = max(1, service_ps + (now_ps - service_ps) * share)
    reading = gauge.read()
    assert reading.latencies.tolist() == latencies.counts
    assert reading.batch_sizes.tolist() == sizes.counts
    assert reading.events == sum(batch[0] for batch in batches) == latencies.count
    assert reading.outputs == sum(batch[1] for batch in batches)
    assert reading.busy_ns == sum(batch[2] for batch in batches)
    assert (reading.batches, reading.batch_last) == (
        len(batches),
        batches[-1][0] if batches else 0,
    )
    assert reading.service_ns * 1000 == pytest.approx(service_ps, rel=1e-9, abs=20)


@pytest.mark.parametrize("count", [129, 1000, 100_003])
def test_percentiles_of_a_long_batch_are_near(count: int) -> None:
    """Latencies in a batch fall evenly from its oldest event to its newest."""
    ages = np.arange(count, 0, -1, dtype=np.int64) * 1000
    gauge = Board.create(None, {}, ["stage"]).stage(0)
    gauge.stepped(count, 0, END_NS, END_NS, END_NS - ages)
    counts = gauge.read().latencies
    assert counts.sum() == count
    for percent in (50, 99):
        exact = float(np.percentile(ages, percent))
        assert relative_error(percentile(counts, percent), exact) < 0.03
