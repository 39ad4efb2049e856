"""What all tests share: Hypothesis without time limits of its own, and names for rings."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings

# Two cores are shared by several workers: how long an example takes says nothing. Where planted
# bugs are looked for, that there is an example is all that is asked.
settings.register_profile(
    "shared-cores",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate]
    if os.environ.get("HYPOTHESIS_FOUND_IS_ENOUGH")
    else list(Phase),
)
settings.load_profile("shared-cores")

# What is run in the background of a script inherits a Ctrl-C that is ignored, and so would the
# processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

UNIT = Path(__file__).parent / "unit"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests are what runs on a second interpreter too, unless a marker says otherwise."""
    for item in items:
        if item.path.is_relative_to(UNIT) and not item.get_closest_marker("serial"):
            item.add_marker("quick")


def pytest_collection_finish() -> None:
    """Nothing of all that was imported becomes garbage: the collector need not look again."""
    gc.collect()
    gc.freeze()


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
