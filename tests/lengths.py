"""Which cases of a test every run has, and which only `make torture`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest


def cases(
    values: Iterable[Any],
    long: Collection[str],
    name: Callable[[Any], str] = lambda value: str(value.name),
) -> list[Any]:
    """Parameters with their names as ids; those in `long` are left to `make torture`."""
    named = {name(value): value for value in values}
    unknown = set(long) - set(named)
    if unknown:
        raise ValueError(f"no cases have the names {sorted(unknown)}")
    return [
        pytest.param(value, id=each, marks=[pytest.mark.torture] if each in long else [])
        for each, value in named.items()
    ]
