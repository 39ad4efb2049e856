"""Three consumers in a pipeline, side by side, and in a diamond, native, against LMAX."""

from __future__ import annotations

from typing import Any

import pytest

from bench.benchmarking import contestants, measure
from bench.measure import Figure


@pytest.mark.parametrize(("figure", "name"), contestants("graphs"))
def test_graph(benchmark: Any, figure: Figure, name: str) -> None:
    measure(benchmark, figure, name)
