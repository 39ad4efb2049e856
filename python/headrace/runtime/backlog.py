"""The outputs that nobody has read yet: in the output ring, and behind that in a bounded backlog.

The machine must not stop because the thread that publishes inputs is also the one that reads the
outputs, later. So when the output ring is full of outputs that `Engine.outputs` has not read, they
are moved here, up to a limit that the user sets; past it the stage waits, and `publish` says so.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from typing import Any

import numpy as np

from headrace.ringbuffer import Ring

Records = np.ndarray[Any, Any]

READER = "headrace-outputs"  # the engine's own consumer on its output ring


class Backlog:
    """Unread outputs, oldest first; used by the last stage's thread and by readers."""

    def __init__(self, ring: Ring, length_max: int) -> None:
        self._consumer = ring.consumer(READER)
        self._chunks: deque[Records] = deque()
        self._length = 0
        self._length_max = length_max
        self._lock = threading.Lock()
        self._all_here = False  # the ring has ended, and nothing is left in it
        self.overflowing = False  # a stage waits because the limit is reached

    def pump(self) -> bool:
        """Move what lies in the ring here, as far as the limit allows; whether anything moved."""
        with self._lock:
            free = self._length_max - self._length
            if free <= 0:
                self.overflowing = True
                return False
            return self._move(free)

    def _move(self, count_max: int | None = None) -> bool:
        batch = self._consumer.poll(count_max)
        if not len(batch):
            return False
        self._chunks.append(batch.copy())
        self._length += len(batch)
        self._consumer.release()
        return True

    def take(self) -> Records | None:
        """The oldest unread outputs, or None if there are none now."""
        with self._lock:
            if not self._chunks and (self._all_here or not self._move()):
                return None
            chunk = self._chunks.popleft()
            self._length -= len(chunk)
            self.overflowing = False
            return chunk

    def lift_limit(self) -> None:
        """From now on take whatever comes: no more than what the inputs under way still make."""
        with self._lock:
            self._length_max = sys.maxsize
            self.overflowing = False

    def finish(self) -> None:
        """Take what is left of a ring that has ended, and leave the ring."""
        with self._lock:
            while not self._all_here and self._move():
                pass
            self._all_here = True
            self._consumer.close()
