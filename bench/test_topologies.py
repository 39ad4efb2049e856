"""Topologies: machines in sequence, shards in threads and in processes, elastic ones."""

from __future__ import annotations

from typing import Any

import pytest

from bench.benchmarking import contestants, measure
from bench.measure import Figure

FIGURES = ("machines-in-sequence", "workers", "elastic-workers", "shares")


@pytest.mark.parametrize(("figure", "name"), contestants(*FIGURES))
def test_topologies(benchmark: Any, figure: Figure, name: str) -> None:
    measure(benchmark, figure, name)
