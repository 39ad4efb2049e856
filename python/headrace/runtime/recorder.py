"""The journal's side of an engine: a consumer of the input ring that writes down what comes.

It is read beside the first machine, on the same ring. Whatever has come while the last write was
being synced goes into the next one (group commit). Outputs and answers wait until `durable` has
passed their inputs.

Whoever waits for that writes the journal himself, if nobody else is at it: waking a thread and
being woken by it would take longer than the disk does. A thread of the recorder's own writes what
nobody waits for. So a write may be interrupted, by Ctrl-C, between any two of its actions, and each
of these is put so that whoever goes on finds out what was done: what the writer has written is not
written again, and notes are dropped only once they are.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import numpy as np

from headrace.errors import InternalError, JournalFailed, UsageError
from headrace.journal.notes import AnyNote, Sealed
from headrace.journal.segment import Position
from headrace.journal.writer import Writer
from headrace.ringbuffer import Ring
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
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.writer = writer
        self.failed: BaseException | None = None
        self.durable = writer.sequence  # all inputs below may be acknowledged
        self._level = level
        self._on_failure = on_failure
        self._ring = ring
        self._dtype = ring.dtype
        self._timed = ring.timestamps  # records of outputs have their times in them
        self._consumer = ring.consumer(CONSUMER)
        # Not more than a part of the ring, which the producers can fill while it is written.
        self._batch_max = max(1, min(ring.capacity // 4, _BATCH_BYTES_MAX // ring.dtype.itemsize))
        self._notes: deque[AnyNote] = deque()  # by sequence: of inputs not written yet
        self._loose: deque[AnyNote] = deque()  # of none
        self._places: deque[Position] = deque([writer.position], maxlen=_PLACES_MAX)
        self._progress = Progress()
        self._work = threading.RLock()  # held by who writes; not twice, but its owner is known
        self._recording = False
        self._wake = threading.Event()
        self._idle = False
        self._sync_wanted = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headrace-journal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float | None) -> bool:
        """Once the ring has ended: wait until all is written; whether it is."""
        self._wake.set()
        if not self._ended.wait(timeout):
            return False
        self._thread.join()
        return True

    # From the threads that publish, in the order of the sequences.

    def note(self, note: AnyNote) -> None:
        """Write a note with the input that is published next."""
        self._notes.append(note)

    def take_back(self, note: AnyNote) -> None:
        """The input of the last note was not published after all."""
        if self._notes and self._notes[-1] is note:
            self._notes.pop()

    # From any thread.

    def note_loosely(self, note: AnyNote) -> None:
        """Write a note with whatever is written next, but not before the inputs before its own.

        The stages may be ahead, and what is said of an input that is then lost would be taken for
        said of the one that comes in its place.
        """
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
            work = self._work
            try:
                free = work.acquire(False)
                if free or work.acquire(timeout=min(deadline.left(), LOOK_SECONDS)):
                    if self._recording:
                        raise UsageError(
                            "a signal's handler has interrupted this thread while it wrote the "
                            "journal, and cannot wait for that"
                        )
                    if not self.is_durable(end) and self.failed is None:
                        self._record_or_fail()
            finally:
                # Also where an interrupt came when it had just been taken. No function of our own
                # stands in between: another one could come when that begins.
                try:  # noqa: SIM105
                    work.release()
                except RuntimeError:  # it was not taken
                    pass
        return True

    def wait_synced(self, end: int, deadline: Deadline) -> bool:
        """Wait until inputs before `end` are on the disk, whatever the level; as above."""
        while self.writer.synced_sequence < end:
            if self.failed is not None:
                raise self.failed
            if deadline.over():
                return False
            self._sync_wanted = True
            self._wake.set()
            self._progress.wait(
                min(deadline.left(), LOOK_SECONDS),
                lambda: self.writer.synced_sequence >= end or self.failed is not None,
            )
        return True

    def place_of(self, sequence: int) -> Position:
        """Where to begin to read to get at an input: among the last places that were written."""
        places = list(self._places)
        return next((each for each in reversed(places) if each.sequence <= sequence), places[0])

    # Writing: by one thread at a time.

    def published(self) -> None:
        """Something was published, says who did it; the thread need not be woken if one waits."""
        if self._idle:
            self._wake.set()

    def _run(self) -> None:
        try:
            while not self._consumer.ended and self.failed is None:
                with self._work:
                    moved = self.failed is None and self._record_or_fail()
                if not moved and not self._consumer.ended:
                    self._rest()
        except BaseException as error:
            self._fail(error)
        finally:
            if self.failed is not None:
                with self._work:
                    self._consumer.close()  # or who fills the ring would wait for it, for ever
            self._progress.moved()
            self._ended.set()

    def _rest(self) -> None:
        self._wake.clear()
        self._idle = True  # before the last look: who publishes after it sees this
        written = self._ring.cursor == self.writer.sequence
        if written and not self._sync_wanted and not self._consumer.ended:
            self._wake.wait(LOOK_SECONDS)
        self._idle = False

    def _record_or_fail(self) -> bool:
        """Write what there is; whether there was anything. The lock on writing is held."""
        self._recording = True
        try:
            return self._record()
        except Exception as error:
            self._fail(error)
            raise
        finally:
            self._recording = False

    def _fail(self, error: BaseException) -> None:
        if self.failed is None:
            self.failed = error
            self._on_failure(error)
        self._progress.moved()

    def _record(self) -> bool:
        consumer, writer = self._consumer, self.writer
        consumer.rewind()  # who was interrupted has polled, and not released
        events = consumer.poll(self._batch_max)
        count = len(events)
        if count:
            end = consumer.batch_sequence + count
            if writer.sequence < end:
                skip = count - (end - writer.sequence)  # is written already
                if skip < 0:
                    raise InternalError(
                        f"inputs {writer.sequence:,} to {end - count:,} never came to the journal"
                    )
                times = consumer.times if self._timed else events["input_time_ns"].copy()
                if skip:
                    events, times = events[skip:], times[skip:]
                self._places.append(writer.position)
                notes = self._due(end) if self._notes or self._loose else []
                writer.append(events, times, notes, sync=self._level == "fsync")
                del times
                if notes:
                    self._drop(notes)
            del events
            if self._level == "fsync" and writer.synced_sequence < end:
                writer.sync()  # it was written, and then interrupted
            self.durable = end  # first: what is released is not polled again
            consumer.release()
            self._progress.moved()
        if self._sync_wanted:
            writer.sync()
            self._sync_wanted = False
            self._progress.moved()
        return count > 0

    def _due(self, end: int) -> list[AnyNote]:
        """The notes to be written with the inputs before `end`."""
        notes = [note for note in list(self._notes) if note.sequence < end]
        # What is said of a state must not be there before its inputs are.
        return notes + [note for note in list(self._loose) if note.sequence <= end]

    def _drop(self, written: list[AnyNote]) -> None:
        for notes in (self._notes, self._loose):
            while notes and any(notes[0] is note for note in written):
                notes.popleft()

    def finish(self) -> None:
        """Once the thread has ended: seal the journal, and let go of it. Raises JournalError."""
        try:
            if self.failed is None:
                notes = self._due(1 << 62)
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
