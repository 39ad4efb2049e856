"""Python, batch and native steps against bare loops."""

from __future__ import annotations

from typing import Any

import pytest

from bench.benchmarking import contestants, measure
from bench.measure import Figure


@pytest.mark.parametrize(("figure", "name"), contestants("step-*"))
def test_steps(benchmark: Any, figure: Figure, name: str) -> None:
    measure(benchmark, figure, name)
