"""Too many restarts in too short a time."""

from __future__ import annotations

from collections import deque


class Intensity:
    """Counts restarts in a sliding window of time, and says when there are more than `most`.

    A restart counts until it is more than `period_ns` old. Source: Erlang/OTP's supervisor,
    `add_restart`, but for its clock, which counts whole seconds.
    """

    def __init__(self, most: int, period_ns: int) -> None:
        self._most = most
        self._period_ns = period_ns
        self._at_ns: deque[int] = deque()

    def add(self, now_ns: int) -> bool:
        """Count a restart; whether there may be one more."""
        while self._at_ns and self._at_ns[0] < now_ns - self._period_ns:
            self._at_ns.popleft()
        self._at_ns.append(now_ns)
        return len(self._at_ns) <= self._most
