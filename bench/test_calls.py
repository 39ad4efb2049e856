"""Single calls from Python at batch 1, one thread."""

from __future__ import annotations

from typing import Any

import pytest

from bench.benchmarking import contestants, measure
from bench.measure import Figure


@pytest.mark.parametrize(("figure", "name"), contestants("calls"))
def test_calls(benchmark: Any, figure: Figure, name: str) -> None:
    measure(benchmark, figure, name)
