"""Percentiles in bounded memory: a histogram whose buckets grow with the value.

Every whole number below 128 has a bucket of its own; above, each power of two is cut into 64 equal
buckets, and the middle of one is at most 1/128 = 0.8 % off, whatever the range. The memory is
fixed. After HdrHistogram (Gil Tene), http://hdrhistogram.org.

This is the plain definition; `headrace.engine.gauges` counts in the same buckets, in shared memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

CUTS_BITS = 6
VALUE_BITS = 42  # of a board's histograms: 73 minutes, in ns
_CUTS = 1 << CUTS_BITS

Counts = Sequence[int] | npt.NDArray[np.int64]


class Histogram:
    """Counts whole numbers, each with a weight, and tells percentiles of them. Not thread-safe.

    What is below 0 is counted as 0, what has more than `value_bits` bits as the largest that has
    not. `counts`: one for each bucket.
    """

    def __init__(self, value_bits: int = VALUE_BITS) -> None:
        self.value_max = (1 << value_bits) - 1
        self.counts = [0] * bucket_count(value_bits)

    @property
    def count(self) -> int:
        """The sum of all weights."""
        return sum(self.counts)

    def record(self, value: int, weight: int = 1) -> None:
        """Count a value as often as `weight` (>= 0) says."""
        self.counts[bucket_of(min(max(value, 0), self.value_max))] += weight

    def percentile(self, percent: float) -> float:
        """As the function `percentile`, of what was counted so far."""
        return percentile(self.counts, percent)


def bucket_count(value_bits: int) -> int:
    """How many buckets there are for values of so many bits (7 to 63)."""
    return (value_bits - CUTS_BITS + 1) * _CUTS


def bucket_of(value: int) -> int:
    """The bucket of a value >= 0: above 127, its top 7 bits and their position."""
    shift = max(value.bit_length() - CUTS_BITS - 1, 0)
    return (shift << CUTS_BITS) + (value >> shift)


def bucket_range(index: int) -> tuple[int, int]:
    """The lowest and the highest value of a bucket, both inclusive."""
    shift = max((index >> CUTS_BITS) - 1, 0)
    low = (index - (shift << CUTS_BITS)) << shift
    return low, low + (1 << shift) - 1


def bucket_middle(index: int) -> float:
    """The value that stands for all of a bucket."""
    low, high = bucket_range(index)
    return (low + high) / 2


def percentile(counts: Counts, percent: float) -> float:
    """The value that `percent` (0 to 100) of the weight does not exceed; NaN without any weight.

    By exact rank: of n values it is the bucket of the one at place ceil(n * percent / 100) (at
    least 1) in ascending order, and of that bucket the middle. Negative counts, which only damaged
    memory has, count as 0.
    """
    below = np.cumsum(np.maximum(counts, 0))
    total = int(below[-1]) if len(below) else 0
    if total <= 0:
        return float("nan")
    rank = rank_of(total, percent)
    return bucket_middle(int(np.searchsorted(below, rank)))


def rank_of(count: int, percent: float) -> int:
    """The place, from 1, of a percentile among `count` values in ascending order."""
    # Of what is written, 99.9, and not of the nearest number in binary, which is above that.
    return max(1, -(-count * Fraction(str(percent)) // 100).__index__())
