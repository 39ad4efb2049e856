"""There and back through two rings: native against C, Python against bare flags."""

from __future__ import annotations

from typing import Any

import pytest

from bench.benchmarking import contestants, measure
from bench.measure import Figure


@pytest.mark.parametrize(("figure", "name"), contestants("round-trip-*"))
def test_round_trip(benchmark: Any, figure: Figure, name: str) -> None:
    measure(benchmark, figure, name)
