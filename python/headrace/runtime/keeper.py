"""Snapshots and digests of a running engine, made in a thread of their own.

What it asks of the stages is a cut: the states of all machines before one and the same input. The
first machine is held between two batches, and the ones behind it are waited for; then each hands
out its last checkpoint, which nobody changes any more, and goes on. Digesting, encoding and writing
are done from that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headrace.errors import HeadraceError, JournalFailed, SnapshotFailed, WaitTimeout
from headrace.journal.folder import list_snapshots
from headrace.journal.notes import Digest
from headrace.journal.settings import Journal
from headrace.journal.snapshots import (
    Answer,
    Snapshot,
    StageState,
    drop_old_snapshots,
    write_snapshot,
)
from headrace.journal.states import Classes, encode_state
from headrace.journal.writer import drop_segments_before
from headrace.runtime.deadline import Deadline
from headrace.runtime.recorder import Recorder
from headrace.state import state_digest

DIGEST_SPACING = 100  # a digest may cost a hundredth of the time
LOOK_SECONDS = 0.02
QUICK_SECONDS = 0.5  # in which half a segment is filled, where it is filled quickly
SPARE_SECONDS = 1.0  # between two tries to make a spare segment


@dataclass(frozen=True)
class StageCut:
    """One machine's part of a cut."""

    name: str
    version: int
    sequence: int
    made: int
    state: Any  # nobody changes it
    classes: Classes


@dataclass(frozen=True)
class Cut:
    """All that an engine was before one input."""

    sequence: int
    stages: list[StageCut]
    since: int  # the input from which on the outputs are digested
    rolling: int
    answers: list[Answer]
    last_output: tuple[int, int]  # the id of the last output record

    def state_digest(self) -> str:
        """The digest of the machine's state, or of the tuple of the machines' states."""
        states = tuple(stage.state for stage in self.stages)
        return state_digest(states if len(states) > 1 else states[0])


class Keeper:
    """Makes snapshots and digests when they are due, and when it is asked to.

    `take_cut(deadline)`: None if the stages did not come to rest in time. `sequence()`: of the next
    input to be stepped.
    """

    def __init__(
        self,
        settings: Journal,
        recorder: Recorder,
        take_cut: Callable[[Deadline], Cut | None],
        sequence: Callable[[], int],
        version: str,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._recorder = recorder
        self._take_cut = take_cut
        self._sequence = sequence
        self._version = version
        self._on_failure = on_failure
        self.told: HeadraceError | None = None  # why the last snapshot was not made
        self._lock = threading.Lock()  # one snapshot at a time
        self._stop = threading.Event()
        taken = list_snapshots(settings.disk, settings.path)
        self._last_sequence = taken[-1] if taken else 0
        self._last_time = time.monotonic()
        self._spare_at = 0.0
        self._digested = sequence()
        self._digest_at = time.monotonic()
        self._segment, self._segment_since = -1, 0.0
        self._thread = threading.Thread(target=self._run, name="headrace-snapshots", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a snapshot under way is finished first."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                if self._recorder.failed is not None:
                    return
                self._prepare_spare()
                self._recorder.writer.sync_full()
                if self._snapshot_is_due():
                    self.snapshot(Deadline(1.0))
                elif self._digest_is_due():
                    self._digest()
            except JournalFailed as error:
                self._on_failure(error)
                return
            except HeadraceError as error:
                # The inputs are safe all the same; the next one may come out well.
                self.told = error
                self._last_sequence = self._sequence()
                self._last_time = time.monotonic()
            except BaseException as error:
                self._on_failure(error)
                return

    def _prepare_spare(self) -> None:
        """Have the next segment at hand when this one is half full.

        Where segments fill quickly, writing them out first would be half of what the disk does.
        """
        writer, now = self._recorder.writer, time.monotonic()
        if writer.position.number != self._segment:
            self._segment, self._segment_since = writer.position.number, now
        # Trying fills a disk that is full to the last byte each time, and nobody else has it then.
        if writer.filled > 0.5 and now >= self._spare_at:
            ready = now - self._segment_since > QUICK_SECONDS
            if not writer.prepare_spare(ready=ready):
                self._spare_at = now + SPARE_SECONDS

    def _snapshot_is_due(self) -> bool:
        new = self._sequence() - self._last_sequence
        every, seconds = self._settings.snapshot_every, self._settings.snapshot_seconds
        if every is not None and new >= every:
            return True
        return seconds is not None and new > 0 and time.monotonic() - self._last_time >= seconds

    def _digest_is_due(self) -> bool:
        if self._settings.digest_every is not None:
            return False  # the stage makes them
        return self._sequence() > self._digested and time.monotonic() >= self._digest_at

    def _digest(self) -> None:
        begun = time.monotonic()
        cut = self._take_cut(Deadline(0.1))
        if cut is not None:
            self._recorder.note_loosely(digest_of(cut))
            self._digested = cut.sequence
        now = time.monotonic()
        self._digest_at = now + max(0.1, DIGEST_SPACING * (now - begun))

    def snapshot(self, deadline: Deadline) -> int:
        """Write a snapshot; the sequence it is of.

        Raises WaitTimeout, StateError, SnapshotFailed, JournalFailed.
        """
        with self._lock:
            cut = self._take_cut(deadline)
            if cut is None:
                raise WaitTimeout("the machines did not come to rest in time; no snapshot was made")
            stages = [
                StageState(
                    each.name,
                    each.version,
                    each.sequence,
                    each.made,
                    encode_state(each.state, each.classes),
                )
                for each in cut.stages
            ]
            digest = digest_of(cut)
            snapshot = Snapshot(
                cut.sequence,
                stages,
                digest.state,
                cut.answers,
                _place(self._recorder, cut.sequence),
                self._version,
                cut.last_output,
            )
            # A snapshot must not know of inputs that the journal may still lose.
            if not self._recorder.wait_synced(cut.sequence, deadline):
                raise WaitTimeout("the journal was not synced in time; no snapshot was made")
            self._recorder.note_loosely(digest)
            self._write(snapshot)
            self._last_sequence = self._digested = cut.sequence
            self._last_time = time.monotonic()
            return cut.sequence

    def _write(self, snapshot: Snapshot) -> None:
        settings = self._settings
        try:
            write_snapshot(
                settings.disk, settings.path, self._recorder.writer.journal_id, snapshot
            )
        except OSError as error:
            raise SnapshotFailed(
                f"{settings.path}: no snapshot was written before input {snapshot.sequence:,}: "
                f"{error.strerror or error}"
            ) from error
        if settings.snapshots_kept is None:
            return
        oldest = drop_old_snapshots(settings.disk, settings.path, settings.snapshots_kept)
        if settings.keep == "snapshots" and oldest is not None:
            drop_segments_before(settings.disk, settings.path, oldest)


def digest_of(cut: Cut) -> Digest:
    """What a replay is checked by. Raises MachineError for a state that cannot be digested."""
    return Digest(
        cut.sequence, cut.state_digest(), cut.stages[-1].made, cut.since, cut.rolling
    )


def _place(recorder: Recorder, sequence: int) -> tuple[int, int, int, int]:
    place = recorder.place_of(sequence)
    return place.number, place.offset, place.sequence, place.previous
