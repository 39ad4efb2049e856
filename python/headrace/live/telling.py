"""What a live node logs: a flood of bad connections must not become a flood of lines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

LOG = logging.getLogger("headrace.live")
BURST = 20  # lines at once
PER_SECOND = 5.0  # on average


class Told:
    """Writes warnings, so many a second; those beyond are counted, and the next one says so.

    The fields of each record: `node`, `problem`, `suppressed` (how many were not told before it).
    """

    def __init__(self, me: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._me = me
        self._clock = clock
        self._left = float(BURST)
        self._at = clock()
        self.suppressed = 0

    def __call__(self, text: str) -> None:
        now = self._clock()
        self._left = min(float(BURST), self._left + (now - self._at) * PER_SECOND)
        self._at = now
        if self._left < 1:
            self.suppressed += 1
            return
        self._left -= 1
        more = f" (and {self.suppressed:,} more were not told)" if self.suppressed else ""
        fields = {"node": self._me, "problem": text, "suppressed": self.suppressed}
        self.suppressed = 0
        LOG.warning("%s: %s%s", self._me, text, more, extra=fields)
