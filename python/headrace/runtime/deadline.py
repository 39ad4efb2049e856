"""Moments in time that waits end at."""

from __future__ import annotations

import time

from headrace.errors import UsageError

_DAY = 86400.0  # longer times are too long for locks


class Deadline:
    """A moment in time, or never."""

    def __init__(self, timeout: float | None) -> None:
        if timeout is not None and (not isinstance(timeout, (int, float)) or not timeout >= 0):
            raise UsageError(f"timeout must be 0 seconds or more, or None, not {timeout!r}")
        self.timeout = timeout  # in seconds, as it was given
        self._end = None if timeout is None else time.monotonic() + timeout

    def left(self) -> float:
        """Seconds until then; a day stands for ever."""
        if self._end is None:
            return _DAY
        return min(_DAY, max(0.0, self._end - time.monotonic()))

    def over(self) -> bool:
        return self._end is not None and time.monotonic() >= self._end


NEVER = Deadline(None)


def deadline_after(timeout: float | None) -> Deadline:
    """The moment `timeout` seconds from now; None: NEVER. Raises UsageError."""
    return NEVER if timeout is None else Deadline(timeout)
