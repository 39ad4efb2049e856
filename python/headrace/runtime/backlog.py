"""The outputs that nobody has read yet: in the output ring, and behind that in a bounded backlog.

The machine must not stop because the thread that publishes inputs is also the one that reads the
outputs, later. So when the output ring is full of outputs that `Engine.outputs` has not read, they
are moved here, up to a limit that the user sets; past it the stage waits, and `publish` says so.
Outputs of calls, which their callers get, are left out on the way.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np

from headrace.errors import OutputsUnread, RingClosed
from headrace.ringbuffer import Ring

Records = np.ndarray[Any, Any]


def outputs_unread() -> OutputsUnread:
    """The error of an engine whose last stages wait for a reader of its outputs."""
    return OutputsUnread(
        "the engine stands still because its outputs are not read: read them from another "
        "thread (for outputs in engine.outputs(follow=True)), publish less before reading, "
        "or say how many to keep (keep_outputs=n, or 0 if nobody reads them)"
    )


READER = "headrace-outputs"  # the engine's own consumer on its output ring


class Backlog:
    """Unread outputs, oldest first; used by the last stage's thread and by readers."""

    def __init__(self, ring: Ring, length_max: int) -> None:
        self._consumer = ring.consumer(READER)
        self._chunks: deque[Records] = deque()
        # Inputs that were called, ascending as outputs are; each has outputs in the ring, and the
        # last that was moved, which may get more.
        self._called: deque[int] = deque()
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

    def leave_out(self, called: Iterable[int]) -> None:
        """Outputs of these inputs, ascending, are about to come, and are not to be kept."""
        with self._lock:
            for origin in called:
                if not self._called or origin > self._called[-1]:
                    self._called.append(origin)

    def _move(self, count_max: int | None = None) -> bool:
        batch = self._consumer.poll(count_max)
        if not len(batch):
            return False
        chunk = batch.copy()
        del batch
        self._consumer.release()
        if self._called:
            origins = chunk["origin"]
            chunk = chunk[np.isin(origins, self._called, invert=True)]
            while self._called and self._called[0] < origins[-1]:
                self._called.popleft()
        if len(chunk):
            self._chunks.append(chunk)
            self._length += len(chunk)
        return True

    def take(self) -> Records | None:
        """The oldest unread outputs, or None if there are none now."""
        with self._lock:
            while not self._chunks:
                if self._all_here or not self._move():
                    return None
            chunk = self._chunks.popleft()
            self._length -= len(chunk)
            self.overflowing = False
            return chunk

    def check_room(self) -> None:
        """Raise OutputsUnread if a stage waits because the limit is reached."""
        if self.overflowing:
            raise outputs_unread()

    def lift_limit(self) -> None:
        """From now on take whatever comes: no more than what the inputs under way still make."""
        with self._lock:
            self._length_max = sys.maxsize
            self.overflowing = False

    def finish(self) -> None:
        """Take what is left of a ring that has ended, and leave the ring."""
        with self._lock:
            with contextlib.suppress(RingClosed):  # by a user, with all that was in it
                while not self._all_here and self._move():
                    pass
            self._all_here = True
            self._consumer.close()
