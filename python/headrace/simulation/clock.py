"""The clock of a simulated node: it may run fast or slow, stand still, or jump."""

from __future__ import annotations

MILLION = 1_000_000


class Clock:
    """A clock that has two hands: one that timers run on, and one that tells the time.

    Drift moves both, a jump only the one that tells the time. `now_ns` is the world's own time.
    """

    def __init__(self) -> None:
        self._true_ns = 0  # since then it runs at this rate,
        self._local_ns = 0  # and this is what it showed
        self._drift_ppm = 0
        self._offset_ns = 0

    def running_ns(self, now_ns: int) -> int:
        """What timers run on."""
        passed = now_ns - self._true_ns
        return self._local_ns + passed * (MILLION + self._drift_ppm) // MILLION

    def told_ns(self, now_ns: int) -> int:
        """What the node takes for the time."""
        return self.running_ns(now_ns) + self._offset_ns

    def due_ns(self, local_ns: int) -> int | None:
        """When timers' hand will show that; None: never, as it is now."""
        rate = MILLION + self._drift_ppm
        if rate <= 0:
            return None
        return self._true_ns + -(-(local_ns - self._local_ns) * MILLION // rate)

    def drift(self, now_ns: int, ppm: int) -> None:
        """Run faster by so many millionths from now on; -1,000,000: stand still."""
        self._local_ns = self.running_ns(now_ns)
        self._true_ns = now_ns
        self._drift_ppm = ppm

    def jump(self, by_ns: int) -> None:
        """Tell another time."""
        self._offset_ns += by_ns
