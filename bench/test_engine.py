"""A keyed sum by an engine, a plain loop and its peers."""

from __future__ import annotations

from typing import Any

import pytest

from bench.benchmarking import contestants, measure
from bench.measure import Figure


@pytest.mark.parametrize(("figure", "name"), contestants("engine-*"))
def test_engine(benchmark: Any, figure: Figure, name: str) -> None:
    measure(benchmark, figure, name)
