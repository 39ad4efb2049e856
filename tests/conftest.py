"""What all tests share: Hypothesis without time limits of its own, and names for rings."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

# Two cores are shared by several workers: how long an example takes says nothing.
settings.register_profile(
    "shared-cores", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared-cores")


@pytest.fixture
def ring_name() -> Iterator[Callable[[], str]]:
    """Makes names that no other ring has; what was created under them is gone after the test."""
    made: list[str] = []

    def make() -> str:
        made.append(f"test-{os.getpid()}-{uuid4().hex[:12]}")
        return made[-1]

    yield make
    for name in made:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"/dev/shm/headrace.{name}")
