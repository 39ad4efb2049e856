"""Loads: how many events a second arrive at each moment. For simulations, and to drive a stage."""

from __future__ import annotations

import math
from collections.abc import Callable

Load = Callable[[float], float]  # seconds from the start -> events a second


def constant(rate: float) -> Load:
    """The same rate for ever."""
    return lambda time_s: rate


def sine(low: float, high: float, period_s: float) -> Load:
    """Between `low` and `high` and back within `period_s`, from `low` on."""
    middle, swing = (low + high) / 2, (high - low) / 2
    return lambda time_s: middle - swing * math.cos(2 * math.pi * time_s / period_s)


def step(before: float, after: float, at_s: float) -> Load:
    """`before`, and from `at_s` on `after`."""
    return lambda time_s: before if time_s < at_s else after


def ramp(before: float, after: float, from_s: float, to_s: float) -> Load:
    """From `before` to `after` in a straight line between the two times."""

    def rate(time_s: float) -> float:
        part = (time_s - from_s) / (to_s - from_s)
        return before + (after - before) * min(max(part, 0.0), 1.0)

    return rate


def spike(low: float, high: float, from_s: float, to_s: float) -> Load:
    """`low`, but `high` from `from_s` until `to_s`."""
    return lambda time_s: high if from_s <= time_s < to_s else low
