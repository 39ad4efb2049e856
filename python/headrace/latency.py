"""Percentiles of durations in bounded memory: a histogram whose buckets grow with the value.

Every power of two is cut into 64 equal buckets, so that a percentile is off by at most 0.8 %,
whatever the range; the memory is fixed. After HdrHistogram (Gil Tene), http://hdrhistogram.org.
"""

from __future__ import annotations

_CUTS_BITS = 6
_CUTS = 1 << _CUTS_BITS
_BITS_MAX = 63
_PS_PER_NS = 1000  # kept in picoseconds: a native step takes less than a nanosecond


class Latency:
    """Counts durations, each with a weight, and tells percentiles of them. Not thread-safe."""

    def __init__(self) -> None:
        self.count = 0
        self._counts = [0] * ((_BITS_MAX - _CUTS_BITS + 1) * _CUTS)

    def record(self, duration_ns: float, weight: int = 1) -> None:
        """Count a duration (>= 0) as often as `weight` (>= 0) says."""
        value = min(round(duration_ns * _PS_PER_NS), (1 << _BITS_MAX) - 1)
        self._counts[_bucket(value)] += weight
        self.count += weight

    def percentile_ns(self, percent: float) -> float:
        """The duration that `percent` (0 to 100) of the weight does not exceed; NaN when empty."""
        if not self.count:
            return float("nan")
        wanted = max(self.count * percent / 100, 1)
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if seen >= wanted:
                return _middle(index) / _PS_PER_NS
        return float("nan")


def _bucket(value: int) -> int:
    """Below 64 a bucket for each value; above, the top 7 bits and their position."""
    shift = max(value.bit_length() - _CUTS_BITS - 1, 0)
    return (shift << _CUTS_BITS) + (value >> shift)


def _middle(index: int) -> float:
    """The middle of a bucket's range of values."""
    shift = max((index >> _CUTS_BITS) - 1, 0)
    low = (index - (shift << _CUTS_BITS)) << shift
    return low + ((1 << shift) - 1) / 2
