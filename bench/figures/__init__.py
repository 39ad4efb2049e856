"""The figures, in the order of the table, and the targets that their checks hold them to."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch

from bench.figures import (
    calls,
    disruptor,
    exploring,
    journal,
    killing,
    moving,
    native,
    processes,
    seeing,
    simulated,
    steps,
    topologies,
)
from bench.measure import Figure

FIGURES: tuple[Figure, ...] = (
    *native.FIGURES,
    *disruptor.FIGURES,
    *topologies.FIGURES,
    *processes.FIGURES,
    *seeing.FIGURES,
    *moving.FIGURES,
    *calls.FIGURES,
    *steps.FIGURES,
    *journal.FIGURES,
    *killing.FIGURES,
    *exploring.FIGURES,
    *simulated.FIGURES,
)


def selected(patterns: Sequence[str]) -> list[Figure]:
    """The figures whose names match or contain one of the patterns; all, without patterns.

    Raises ValueError for a pattern that fits none.
    """
    for pattern in patterns:
        if not any(_fits(figure.name, pattern) for figure in FIGURES):
            raise ValueError(f"no figure is named like {pattern!r}; --list shows all")
    return [
        figure
        for figure in FIGURES
        if not patterns or any(_fits(figure.name, pattern) for pattern in patterns)
    ]


def _fits(name: str, pattern: str) -> bool:
    return pattern in name or fnmatch(name, pattern)
