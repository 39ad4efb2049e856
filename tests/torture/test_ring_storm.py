"""SIGKILL, SIGSTOP and being declared dead at random, over a running ring: nothing lost or twice.

HEADRACE_STORM_SECONDS lengthens the storm of `make torture`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ring_storm import run

from headrace.ringbuffer import files

Names = Callable[[], str]
SECONDS = float(os.environ.get("HEADRACE_STORM_SECONDS", "60"))


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is paused while it registers holds the lock; do not wait long for that."""
    monkeypatch.setattr(files, "_LOCK_SECONDS_MAX", 0.2)


@pytest.mark.timeout(120)
def test_a_short_storm(tmp_path: Path, ring_name: Names) -> None:
    assert run(tmp_path, ring_name(), seed=1, seconds=1.5) > 100


@pytest.mark.torture
@pytest.mark.timeout(SECONDS + 200)
def test_a_storm(tmp_path: Path, ring_name: Names) -> None:
    assert run(tmp_path, ring_name(), seed=os.getpid(), seconds=SECONDS) > 1000
