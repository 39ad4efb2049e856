"""The figures' contestants as benchmarks of pytest-benchmark; those of one figure are a group."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from bench.figures import selected
from bench.measure import Figure, Unavailable

ROUNDS = 7
TIMES_START = 4  # an event count that all of a figure can share, the slow ones too


def contestants(*patterns: str) -> list[Any]:
    """Parameters (figure, name) of all contestants of the figures that the patterns select."""
    return [
        pytest.param(figure, name, id=f"{figure.name}-{name}".replace(" ", "-"))
        for figure in selected(patterns)
        for name in figure.contestants
    ]


def measure(benchmark: Any, figure: Figure, name: str) -> None:
    """Time a contestant, from outside; what it measured itself goes to `extra_info`."""
    with ExitStack() as stack:
        try:
            contestant = figure.contestants[name](stack)
        except Unavailable as why:
            pytest.skip(str(why))
        benchmark.group = figure.name
        count = min(contestant.most, TIMES_START * contestant.start)
        sample = benchmark.pedantic(
            contestant.run, args=(count,), rounds=ROUNDS, warmup_rounds=1, iterations=1
        )
        benchmark.extra_info.update(count=sample.count, **sample.metrics)
        assert sample.answer == sample.expected
