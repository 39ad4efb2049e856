"""Opening an engine's journal: locked, recovered from, and ready to be written to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.compose import Pipeline, Topology
from headrace.errors import JournalMismatch, StepError, UsageError
from headrace.journal.failing import failing
from headrace.journal.folder import POISON, join, take_lock
from headrace.journal.identity import Identity, own_version
from headrace.journal.notes import Called, Opened
from headrace.journal.poison import read_poison
from headrace.journal.recovery import Recovery, Tail
from headrace.journal.segment import Frame
from headrace.journal.settings import Journal
from headrace.journal.snapshots import Snapshot
from headrace.journal.writer import Writer
from headrace.machine import Machine
from headrace.replay.fold import Fold, name_of, version_of
from headrace.replay.net_fold import fold_of
from headrace.runtime.answers import Answers
from headrace.runtime.failures import Failures
from headrace.runtime.output_journal import OutputJournal

Records = np.ndarray[Any, Any]


class Opening:
    """A journal's folder, locked, and the state that its inputs lead to.

    `look_at`: told of the journal before its inputs are stepped over; may say which events not to.
    Raises JournalLocked, JournalMismatch, JournalDamaged, JournalFailed, StateError, MachineError;
    StepError if an input of the journal halts the machine. Blocks for as long as the inputs behind
    the newest snapshot take to be stepped over.
    """

    def __init__(
        self,
        settings: Journal,
        machine: Machine | Topology,
        step: str | None,
        failures: Failures,
        answers: Answers,
        keep_output: Callable[[Records], None] | None,
        look_at: Callable[[Tail, Fold], None] | None = None,
    ) -> None:
        self.settings = settings
        self.fold = fold_of(machine, step, self._on_failure)
        self._failures = failures
        self._answers = answers
        self._keep_output = keep_output
        self._called: set[int] = set()
        self._look_at = look_at
        disk, folder = settings.disk, settings.path
        with failing(folder):
            disk.make_folder(folder)
            self._lock = take_lock(disk, folder)
        try:
            if settings.snapshot_every is not None or settings.snapshot_seconds is not None:
                self.fold.stage_states()  # raises now what every snapshot would raise
            self._outputs = self._open_outputs()
            self.recovery, self.writer = self._recover()
        except BaseException:
            self._lock.release()
            raise

    @property
    def outputs(self) -> OutputJournal | None:
        """The journal of outputs, if one is kept."""
        return self._outputs

    def release(self) -> None:
        """Let others open the journal."""
        self._lock.release()

    def _open_outputs(self) -> OutputJournal | None:
        machine = self.fold.machines[-1]
        if not self.settings.outputs or machine.output is None:
            return None
        if not isinstance(self.fold.machine, Machine | Pipeline):
            raise UsageError(
                "a journal of outputs is kept of a machine or of machines one behind the other, "
                f"not of {self.fold.machine!r}; leave outputs=True away"
            )
        return OutputJournal(self.settings, machine)

    def _recover(self) -> tuple[Recovery, Writer]:
        with failing(self.settings.path):
            return self._recover_or_fail()

    def _recover_or_fail(self) -> tuple[Recovery, Writer]:
        settings = self.settings
        machine = self.fold.machine
        event = self.fold.machines[0].event
        tail = Tail(settings.disk, settings.path)
        if tail.reader is not None:
            tail.reader.identity.check_fits(settings.path, event, name_of(machine))
        snapshot = tail.recovery.snapshot
        if snapshot is not None:
            self._restore(snapshot, tail)
            self._answers.restore(snapshot.answers)
        if self._outputs is not None:
            self._outputs.open(self.fold.made[-1])
        if tail.reader is not None:
            self.fold.refuse(read_poison(settings.disk, settings.path, tail.journal_id.hex()))
            if self._look_at is not None:
                self._look_at(tail, self.fold)
        for frame in tail.frames():
            self._step_over(frame)
        self._answers.settle(self.fold.sequence)  # fewer clients may be remembered than before
        if self._outputs is not None:
            self._outputs.cut_to(self.fold.made[-1])
        identity = Identity(event, name_of(machine), version_of(machine), own_version())
        tail.cut()
        writer = Writer(
            settings.disk,
            settings.path,
            identity,
            level=settings.level,
            segment_bytes=settings.segment_bytes,
            at=tail.end,
            journal_id=None if tail.reader is None else tail.journal_id,
        )
        opened = Opened(writer.sequence, identity.machine, identity.version, identity.headrace)
        # Safe before anything is said of what comes behind it: a snapshot tells where that begins.
        writer.append(np.empty(0, event), np.empty(0, np.int64), [opened], sync=True)
        return tail.recovery, writer

    def _restore(self, snapshot: Snapshot, tail: Tail) -> None:
        try:
            self.fold.restore(snapshot)
        except JournalMismatch as error:
            if tail.reader is None or tail.reader.first_sequence:
                raise  # the inputs before the snapshot are gone
            raise JournalMismatch(
                f"{self.settings.path}: {error}. To have it step over all inputs anew, move the "
                "files *.snapshot out of the folder"
            ) from None

    def _step_over(self, frame: Frame) -> None:
        begin = max(0, self.fold.sequence - frame.first_sequence)
        called = [n for n in frame.notes if isinstance(n, Called)]
        for note in called:
            if note.sequence >= self.fold.sequence:
                self._called.add(note.sequence)
                if note.client:
                    self._answers.begin(note.client, note.number, note.sequence)
        if begin >= frame.count:
            return
        records = self.fold.run(frame.events[begin:], frame.times[begin:])
        if len(records):
            self._answers.collect(records)
            if self._outputs is not None:
                self._outputs.made_again(records, self.fold.made[-1])
            if self._keep_output is not None:
                self._keep_output(records)
        self._answers.settle(self.fold.sequence)
        self._called.clear()

    def _on_failure(self, error: StepError, event: Records) -> bool:
        if error.origin in self._called:
            self._answers.fail(error.origin, error)
            return True
        if self._failures.put_aside(error, event, error.deaths):
            return True
        mend = "mend the machine"
        if error.deaths:
            mend += f" and remove the folder {join(self.settings.path, POISON)}"
        error.add_note(
            f"input {error.origin:,} comes from the journal {self.settings.path}, and halts this "
            f"machine each time: {mend}, or pass the input over (on_error='dead_letter')"
        )
        return False
