"""The journal's side of an engine: a consumer of the input ring that writes down what comes.

It runs beside the first machine, on the same ring. Whatever has come while the last write was being
synced goes into the next one (group commit). Outputs and answers wait until `durable` has passed
their inputs.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import numpy as np

from headrace.errors import JournalFailed
from headrace.journal.notes import AnyNote, Sealed
from headrace.journal.segment import Position
from headrace.journal.writer import Writer
from headrace.ringbuffer import Ring, WaitStrategy
from headrace.runtime.deadline import Deadline
from headrace.runtime.progress import LOOK_SECONDS, Progress

CONSUMER = "headrace-journal"
_PLACES_MAX = 4096
_BATCH_BYTES_MAX = 16 << 20


class Recorder:
    """Writes the inputs of a ring to a journal, in a thread of its own."""

    def __init__(
        self,
        ring: Ring,
        writer: Writer,
        level: str,
        wait: WaitStrategy | None,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.writer = writer
        self.failed: BaseException | None = None
        self.durable = writer.sequence  # all inputs below may be acknowledged
        self._level = level
        self._on_failure = on_failure
        self._dtype = ring.dtype
        self._timed = ring.timestamps  # records of outputs have their times in them
        self._consumer = ring.consumer(CONSUMER, wait=wait)
        # Not more than a part of the ring, which the producers can fill while it is written.
        self._batch_max = max(1, min(ring.capacity // 4, _BATCH_BYTES_MAX // ring.dtype.itemsize))
        self._notes: deque[AnyNote] = deque()  # by sequence: of inputs not written yet
        self._loose: deque[AnyNote] = deque()  # of none
        self._places: deque[Position] = deque([writer.position], maxlen=_PLACES_MAX)
        self._progress = Progress()
        self._sync_wanted = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headrace-journal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float | None) -> bool:
        """Wait until all that was published is written; whether it is."""
        if not self._ended.wait(timeout):
            return False
        self._thread.join()
        return True

    # From the threads that publish, in the order of the sequences.

    def note(self, note: AnyNote) -> None:
        """Write a note with the input that is published next."""
        self._notes.append(note)

    def take_back(self) -> None:
        """The input of the last note was not published after all."""
        self._notes.pop()

    # From any thread.

    def note_loosely(self, note: AnyNote) -> None:
        """Write a note with whatever is written next."""
        self._loose.append(note)

    def is_durable(self, end: int) -> bool:
        """Whether inputs before `end` may be acknowledged."""
        return self._level == "none" or self.durable >= end

    def wait_durable(self, end: int, deadline: Deadline) -> bool:
        """Wait until inputs before `end` may be acknowledged; False: out of time.

        Raises what the journal has failed with.
        """
        while not self.is_durable(end):
            if self.failed is not None:
                raise self.failed
            if deadline.over():
                return False
            self._progress.wait(
                min(deadline.left(), LOOK_SECONDS),
                lambda: self.is_durable(end) or self.failed is not None,
            )
        return True

    def wait_synced(self, end: int, deadline: Deadline) -> bool:
        """Wait until inputs before `end` are on the disk, whatever the level; as above."""
        while self.writer.synced_sequence < end:
            if self.failed is not None:
                raise self.failed
            if deadline.over():
                return False
            self._sync_wanted = True
            self._progress.wait(
                min(deadline.left(), LOOK_SECONDS),
                lambda: self.writer.synced_sequence >= end or self.failed is not None,
            )
        return True

    def place_of(self, sequence: int) -> Position:
        """Where to begin to read to get at an input: among the last places that were written."""
        places = list(self._places)
        return next((each for each in reversed(places) if each.sequence <= sequence), places[0])

    # The thread.

    def _run(self) -> None:
        try:
            while not self._consumer.ended:
                self._record()
        except BaseException as error:
            self.failed = error
            self._on_failure(error)
            self._consumer.close()  # or who fills the ring would wait for it, and never end
        finally:
            self._progress.moved()
            self._ended.set()

    def _record(self) -> None:
        consumer, writer = self._consumer, self.writer
        events = consumer.poll(self._batch_max, LOOK_SECONDS)
        if len(events):
            end = consumer.batch_sequence + len(events)
            notes = list(self._taken(end))
            self._places.append(writer.position)
            times = consumer.times if self._timed else events["input_time_ns"]
            writer.append(events, np.ascontiguousarray(times), notes)
            del events, times
            if self._level == "fsync":
                writer.sync()
            consumer.release()
            self.durable = end
            self._progress.moved()
        if self._sync_wanted:
            self._sync_wanted = False
            writer.sync()
            self._progress.moved()

    def _taken(self, end: int) -> list[AnyNote]:
        notes: list[AnyNote] = []
        while self._notes and self._notes[0].sequence < end:
            notes.append(self._notes.popleft())
        while self._loose:
            notes.append(self._loose.popleft())
        return notes

    def finish(self) -> None:
        """Once the thread has ended: seal the journal, and let go of it. Raises JournalError."""
        try:
            if self.failed is None:
                notes = self._taken(1 << 62)
                if notes:
                    nothing = np.empty(0, self._dtype), np.empty(0, np.int64)
                    self.writer.append(*nothing, notes)
                self.writer.seal(Sealed(self.writer.sequence))
                self.durable = self.writer.sequence
        except JournalFailed as error:
            self.failed = error
            raise
        finally:
            self.writer.close()
            self._consumer.close()
