"""Waiting for the stages of an engine to move on."""

from __future__ import annotations

import threading
from collections.abc import Callable

LOOK_SECONDS = 0.05  # how often a waiting call looks whether its engine still lives


class Progress:
    """Wakes callers when a stage moves; costs the stages one look while nobody waits."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._waiters = 0

    def moved(self) -> None:
        """Some stage has moved on, or stopped; from the stages' threads."""
        if self._waiters:
            with self._moved:
                self._moved.notify_all()

    def wait(self, seconds: float, over: Callable[[], bool]) -> None:
        """Sleep until a stage moves on, `seconds` at most, unless it is `over` already."""
        with self._moved:
            # Counted before the last look: a stage that moves after it sees the count.
            self._waiters += 1
            try:
                if not over():
                    self._moved.wait(seconds)
            finally:
                self._waiters -= 1
