"""Simulated systems: the same games by this library and by others, and runs with faults."""

from __future__ import annotations

from typing import Any

import pytest

from bench.benchmarking import contestants, measure
from bench.measure import Figure


@pytest.mark.parametrize(("figure", "name"), contestants("simulated-*"))
def test_simulated(benchmark: Any, figure: Figure, name: str) -> None:
    measure(benchmark, figure, name)
