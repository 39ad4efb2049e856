"""Two producers, one consumer, native, against C."""

from __future__ import annotations

from typing import Any

import pytest

from bench.benchmarking import contestants, measure
from bench.measure import Figure


@pytest.mark.parametrize(("figure", "name"), contestants("two-to-one-*"))
def test_two_to_one(benchmark: Any, figure: Figure, name: str) -> None:
    measure(benchmark, figure, name)
