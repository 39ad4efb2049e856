"""The outputs of a topology, as its engine reads them: brought together, and kept until taken.

Nobody moves outputs by a thread of its own: whoever waits for the engine moves what has come, to
the calls it answers or into a bounded backlog; past its limit the last stages wait.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.compose.layout import Layout, Read, StageLayout, rings_of
from headrace.compose.rows import Rows, as_records
from headrace.errors import MachineError
from headrace.ringbuffer import Ring
from headrace.runtime.answers import Answers
from headrace.runtime.backlog import READER, outputs_unread
from headrace.runtime.calls import Calls
from headrace.runtime.gathering import Gathered

Records = np.ndarray[Any, Any]


class Tail:
    """Unread outputs, oldest first. `length_max`: how many are kept; 0: only those of calls.

    Used by any thread.
    """

    def __init__(
        self,
        layout: Layout,
        rings: dict[int, Ring],
        sequence_of: Callable[[StageLayout], int],
        length_max: int,
        calls: Calls,
        answers: Answers,
    ) -> None:
        assert layout.outlet is not None
        self._output = layout.topology.output
        self._bare = isinstance(layout.outlet, Read)
        self._gathered = Gathered(layout, layout.outlet, READER, rings, sequence_of, self._output)
        self._consumers = {
            ring: leaf.consumer
            for unit in self._gathered.units
            for ring, leaf in unit.leaves.items()
        }
        assert set(self._consumers) == set(rings_of(layout.outlet))
        self._lasts: dict[int, tuple[int, int]] = {}  # id of the last output of each unit
        self._calls = calls
        self._answers = answers
        self.rolling: Any = None  # digest of the outputs, once it is wanted
        self.last_output = (-1, -1)  # the id of the last record
        self._chunks: deque[Records] = deque()
        self._length = 0
        self._keeps = length_max > 0
        self._length_max = length_max if self._keeps else sys.maxsize
        self._lock = threading.RLock()
        self._closed = False
        self.overflowing = False  # the last stages may wait because the limit is reached
        self._broken: MachineError | None = None

    def pump(self) -> bool:
        """Move what has come, as far as the limit allows; whether anything moved.

        Raises MachineError where it can never be put in order, and from then on each time: what is
        behind is dropped where it is made, and what is there is no answer to anybody.
        """
        with self._lock:
            if self._broken is not None and not self._closed:
                raise self._broken.with_traceback(None)
            try:
                return self._pump()
            except MachineError as error:
                self._broken = error
                raise

    @property
    def broken(self) -> bool:
        """Whether what has come cannot be put in order."""
        return self._broken is not None

    def _pump(self) -> bool:
        moved = False
        while not self._closed:
            if self._length >= self._length_max:
                self.overflowing = True
                break
            rows = self._gathered.take()
            if rows is None:
                break
            self._move(rows)
            moved = True
        return moved

    def _move(self, rows: Rows) -> None:
        records = self._as_records(rows)
        self._gathered.release()
        if self.rolling is not None:
            self.rolling.update(records.view(np.uint8).data)
            last = records[-1]
            self.last_output = int(last["input_sequence"]), int(last["output_index"])
        if self._answers:
            self._answers.collect(records)
        if self._calls:
            called = self._calls.collect(records)
            if called and self._keeps:
                records = records[np.isin(records["origin"], called, invert=True)]
        if self._keeps and len(records):
            self._chunks.append(records)
            self._length += len(records)

    def _as_records(self, rows: Rows) -> Records:
        if self._bare:
            assert rows.records is not None
            return rows.records
        unit = self._gathered.index
        records = as_records(rows, self._output, 0, self._lasts.get(unit, (-1, -1)))
        last = records[-1]
        self._lasts[unit] = int(last["input_sequence"]), int(last["output_index"])
        return records

    def moved_all(self, ends: dict[int, int]) -> bool:
        """Move what has come; whether all below these ends of the rings is moved."""
        while True:
            with self._lock:
                if all(self._consumers[ring].sequence >= end for ring, end in ends.items()):
                    return True
                # Bounds move a step at a time, so a second look may find what the first did not.
                if not self.pump() and not self.pump():
                    return False

    def take(self) -> Records | None:
        """The oldest unread outputs, or None if there are none now."""
        with self._lock:
            if not self._chunks:
                self.pump()
            if not self._chunks:
                return None
            chunk = self._chunks.popleft()
            self._length -= len(chunk)
            self.overflowing = False
            return chunk

    def check_room(self) -> None:
        """Move what has come; raise OutputsUnread if the last stages wait for the limit."""
        self.pump()
        if self.overflowing:
            raise outputs_unread()

    def lift_limit(self) -> None:
        """From now on take whatever comes: no more than what the inputs under way still make."""
        with self._lock:
            self._length_max = sys.maxsize
            self.overflowing = False

    def finish(self) -> None:
        """Take what is left of rings that have ended, and leave them."""
        with self._lock:
            if not self._closed:
                with contextlib.suppress(MachineError):  # which has halted the engine already
                    while self.pump():
                        pass
                self._closed = True
                self._gathered.close()
