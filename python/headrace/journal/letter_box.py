"""Writing a dead-letter journal: letters, and what becomes of them.

A letter is as safe as the level says when `put` returns, and so is a fate when `mark` does; who
goes past an event calls `put` first. What was being written when the writer died is a torn tail,
and is cut off when it is opened again: nobody had gone past that event.
"""

from __future__ import annotations

import contextlib
import threading
import time

import msgspec
import numpy as np

from headrace.errors import JournalFailed, UsageError
from headrace.journal.failing import failing
from headrace.journal.folder import take_lock
from headrace.journal.letters import (
    ENTRY,
    NEXT,
    WAITING,
    Fate,
    Fates,
    Letter,
    check_letters,
    identity,
)
from headrace.journal.notes import Failed, Fated, Sealed
from headrace.journal.reader import Tear
from headrace.journal.recovery import Tail
from headrace.journal.settings import Journal
from headrace.journal.writer import Writer

TEXT_CHARS_MAX = 1 << 16  # of a traceback or a message: the first and the last half of these


class LetterBox:
    """The one writer of a dead-letter journal's folder; may be used from any thread.

    Of the settings, those of snapshots, digests and outputs say nothing here. `tear`: what was cut
    off. Raises JournalLocked, JournalMismatch, JournalDamaged, JournalFailed, JournalFull.
    """

    def __init__(self, settings: Journal) -> None:
        self.folder = settings.path
        self._disk = settings.disk
        self._level = settings.level
        self._fates = Fates()
        self._writing = threading.Lock()
        self._changed = False
        self._closed = False
        with failing(self.folder):
            self._disk.make_folder(self.folder)
            self._lock = take_lock(self._disk, self.folder)
        try:
            with failing(self.folder):
                self._writer, self.tear = self._open(settings)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, settings: Journal) -> tuple[Writer, Tear | None]:
        tail = Tail(self._disk, self.folder)
        if tail.reader is not None:
            check_letters(self.folder, tail.reader.identity)
        for frame in tail.frames():
            self._fates.take(frame)
        tail.cut()
        writer = Writer(
            self._disk,
            self.folder,
            identity(),
            level=settings.level,
            segment_bytes=settings.segment_bytes,
            at=tail.end,
            journal_id=None if tail.reader is None else tail.journal_id,
        )
        return writer, tail.recovery.tear

    @property
    def id(self) -> str:
        """Of the dead-letter journal, hexadecimal."""
        return self._writer.journal_id.hex()

    def __len__(self) -> int:
        return len(self._fates.all)

    def letter(self, number: int) -> Letter:
        """A letter as it is now. Raises UsageError if there is none."""
        self.fate(number)
        return self._fates.letter(number)

    def fate(self, number: int) -> Fate:
        """The same in few words. Raises UsageError."""
        if type(number) is not int or not 0 <= number < len(self):
            raise UsageError(f"{self.folder}: there is no letter {number!r} among {len(self):,}")
        return self._fates.all[number]

    def put(self, sequence: int, failed: Failed) -> int:
        """Write a letter down, and return its number when it is as safe as the level says.

        `sequence`: of the event, in its machine's ring. Texts that are too long lose their middle.
        Raises JournalFailed and JournalFull, and then again for whatever is to be written.
        """
        with self._writing:
            number = len(self)
            texts = {
                name: _clean(getattr(failed, name))
                for name in ("machine", "stage", "version", "error", "message", "traceback")
            }
            note = msgspec.structs.replace(failed, sequence=self._writer.sequence, **texts)
            what = f"the dead letter of event {sequence:,} of machine {failed.machine!r}"
            self._write((number, WAITING, sequence), note, what)
            return number

    def mark(
        self, number: int, fate: str, sequence: int = -1, *, journal: str = "", why: str = ""
    ) -> None:
        """Write down what becomes of a letter. Raises UsageError for what cannot be, and as `put`.

        `sequence`, `journal`: an input, and whose; see `headrace.journal.letters.Fate`.
        """
        with self._writing:
            was = self.fate(number).kind
            if fate not in NEXT[was]:
                raise UsageError(
                    f"{self.folder}: letter {number:,} is {was}, and cannot become {fate}"
                )
            note = Fated(self._writer.sequence, journal, _clean(why))
            self._write((number, fate, sequence), note, f"that letter {number:,} is {fate}")

    def _write(self, entry: tuple[int, str, int], note: Failed | Fated, what: str) -> None:
        if self._closed:
            raise UsageError(f"{self.folder}: {what} cannot be written: it is closed")
        entries, times = np.array([entry], ENTRY), np.array([time.time_ns()])
        self._changed = True
        try:
            self._writer.append(entries, times, [note], sync=self._level == "fsync")
        except JournalFailed as error:
            raise type(error)(f"{what} could not be kept: {error}") from error
        fated = note if isinstance(note, Fated) else None
        self._fates.add(entries[0], int(times[0]), fated, lambda: note)  # type: ignore[arg-type,return-value]

    def close(self) -> None:
        """Say that it is whole up to here, and let others have it; twice is allowed.

        Raises JournalFailed.
        """
        with self._writing, contextlib.ExitStack() as rest:
            if self._closed:
                return
            self._closed = True
            rest.callback(self._lock.release)
            rest.callback(self._writer.close)
            if self._changed:
                with contextlib.suppress(JournalFailed):
                    self._writer.seal(Sealed(self._writer.sequence))


def _clean(text: str) -> str:
    """A text that can be written down, and is not too long."""
    if len(text) > TEXT_CHARS_MAX:
        half = TEXT_CHARS_MAX // 2
        left_out = len(text) - 2 * half
        text = f"{text[:half]}\n... {left_out:,} characters are left out ...\n{text[-half:]}"
    return text.encode(errors="backslashreplace").decode()
