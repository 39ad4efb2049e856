"""One producer, one consumer: native against C and LMAX, Python against its peers."""

from __future__ import annotations

from typing import Any

import pytest

from bench.benchmarking import contestants, measure
from bench.measure import Figure


@pytest.mark.parametrize(("figure", "name"), contestants("one-to-one-*", "processes-*"))
def test_one_to_one(benchmark: Any, figure: Figure, name: str) -> None:
    measure(benchmark, figure, name)
