"""Dead letters on the disk: events that a machine could not step over, kept in a journal.

A dead-letter journal is a journal, in the same files, whose inputs are entries: one for each letter
when it is written, with what is to be kept in a note, and one more each time its fate changes. The
fate of a letter is that of its last entry. Nothing is taken out again.

                        ┌─────────────────────┐
    waiting       nobody has dealt with it
    reinjecting   its event is being published again
    reinjected    it was, as another input
    discarded     nobody wants it any more
    stepped       a mended machine has stepped over its input when the journal was opened again
    lost          the journal has lost its input, and another one may have taken its place

When a journal is stepped over again, machines pass over the events of letters that are reinjected
or discarded, whether they could step over them now or not: so nothing of them is in a state twice.
And over those that are waiting after retries: they kill whoever steps over them.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from headrace.errors import JournalMismatch, RingFormatError, UsageError
from headrace.journal.folder import POISON, no_journal
from headrace.journal.identity import Identity, own_version
from headrace.journal.notes import Failed, Fated
from headrace.journal.reader import Reader, Tear
from headrace.journal.segment import Frame
from headrace.journal.settings import Journal, as_journal
from headrace.ports import Disk
from headrace.ringbuffer.formats import text_to_dtype

ENTRY = np.dtype([("letter", "<i8"), ("fate", "S12"), ("sequence", "<i8")])
MACHINE = "dead letters"  # what stands in the segments' headers as the machine's name
SEGMENT_BYTES = 1 << 20

WAITING, REINJECTING, REINJECTED = "waiting", "reinjecting", "reinjected"
DISCARDED, STEPPED, LOST = "discarded", "stepped", "lost"
# What may come behind each fate.
NEXT = {
    WAITING: {REINJECTING, DISCARDED, STEPPED, LOST},
    REINJECTING: {REINJECTED, WAITING, DISCARDED, LOST},
    REINJECTED: {WAITING, LOST},
    DISCARDED: {LOST},
    STEPPED: {WAITING, LOST},
    LOST: {REINJECTING, DISCARDED},
}

Records = np.ndarray[Any, Any]


@dataclass
class Fate:
    """A letter in few words, and what has become of it: changed by each entry of it."""

    event_sequence: int
    written_ns: int
    note: Callable[[], Failed]  # what was kept; may raise JournalDamaged
    kind: str = WAITING
    sequence: int = -1  # the input that it was published again as, or from which on to look for it
    journal: str = ""  # whose input that is
    time_ns: int = 0
    why: str = ""


@dataclass(frozen=True)
class Letter:
    """One dead letter, as it was when it was read."""

    number: int  # in the dead-letter journal, from 0
    machine: str
    stage: str  # that it is; in a shard with a number, as in match.0; the machine in old letters
    version: str
    sequence: int  # of the event, in what that stage reads
    origin: int  # the engine's own input that it descends from
    event: Records  # one event, an array of length 1
    input_time_ns: int  # when the input was published, since 1970; -1: not known
    time_ns: int  # when the letter was written, since 1970
    error_type: str
    message: str
    traceback: str
    retries: int  # how often it was tried again before
    journal: str  # the id of the journal that has the input; "" if none has
    fate: str  # waiting, reinjecting, reinjected, discarded, stepped, lost
    fate_sequence: int  # reinjected: as which input; reinjecting: not before this one
    fate_journal: str  # the id of the journal that this is a sequence of
    fate_time_ns: int
    why: str  # of its fate, where there is something to say

    @property
    def error(self) -> str:
        """The error in one line."""
        first = self.message.strip().split("\n", 1)[0]
        return f"{self.error_type}: {first}" if first else self.error_type

    @property
    def reinjected_as(self) -> int | None:
        """The input that it was published again as; None: it was not."""
        return self.fate_sequence if self.fate == REINJECTED else None


def identity() -> Identity:
    """What the journal's segments say that it is of."""
    return Identity(ENTRY, MACHINE, "", own_version())


def check_letters(folder: str, found: Identity) -> None:
    """Raise JournalMismatch unless a journal is one of dead letters."""
    if (found.event, found.machine) != (ENTRY, MACHINE):
        raise JournalMismatch(
            f"{folder} holds no dead letters: it is the journal of machine {found.machine!r}; "
            "dead letters are in a folder of their own, that of Engine(..., dead_letters=FOLDER), "
            f"and events that have killed in {folder}/{POISON}, if there were any"
        )


def as_letters(letters: Any) -> Journal:
    """What a user gave as `dead_letters=`: a path, or settings. Raises UsageError."""
    if isinstance(letters, (str, os.PathLike)):
        return Journal(os.fspath(letters), segment_bytes=SEGMENT_BYTES)
    if isinstance(letters, Journal):
        return letters
    raise UsageError(f"dead_letters must be a path or a headrace.Journal, not {letters!r}")


class Fates:
    """The letters of a dead-letter journal, put together from its entries."""

    def __init__(self) -> None:
        self.all: list[Fate] = []

    def take(self, frame: Frame) -> None:
        """Go on with a frame. Raises JournalDamaged for one that is not of this kind."""
        fated = {note.sequence: note for note in frame.notes if isinstance(note, Fated)}
        for index, entry in enumerate(frame.events):
            at = frame.first_sequence + index
            note = functools.partial(_noted, frame, at)
            if not self.add(entry, int(frame.times[index]), fated.get(at), note):
                raise frame.segment.damage(
                    f"entry {at:,} is {entry}, which fits none of {len(self.all):,} letters",
                    frame.offset,
                    at,
                )

    def add(
        self, entry: Any, time_ns: int, fated: Fated | None, note: Callable[[], Failed]
    ) -> bool:
        """Go on with an entry; whether there can be such a one."""
        number, sequence = int(entry["letter"]), int(entry["sequence"])
        kind = entry["fate"].decode(errors="replace")
        if number == len(self.all) and kind == WAITING:
            self.all.append(Fate(sequence, time_ns, note, time_ns=time_ns))
            return True
        if not 0 <= number < len(self.all) or kind not in NEXT:
            return False
        fate = self.all[number]
        fate.kind, fate.sequence, fate.time_ns = kind, sequence, time_ns
        fate.journal, fate.why = ("", "") if fated is None else (fated.journal, fated.why)
        return True

    def letter(self, number: int) -> Letter:
        """A letter with all that was kept. Raises JournalDamaged."""
        fate = self.all[number]
        note = fate.note()
        return Letter(
            number=number,
            machine=note.machine,
            stage=note.stage or note.machine,
            version=note.version,
            sequence=fate.event_sequence,
            origin=note.origin,
            event=np.frombuffer(note.event, text_to_dtype(note.dtype.encode()), 1),
            input_time_ns=note.time_ns,
            time_ns=fate.written_ns,
            error_type=note.error,
            message=note.message,
            traceback=note.traceback,
            retries=note.retries,
            journal=note.journal,
            fate=fate.kind,
            fate_sequence=fate.sequence,
            fate_journal=fate.journal,
            fate_time_ns=fate.time_ns,
            why=fate.why,
        )


def _noted(frame: Frame, sequence: int) -> Failed:
    """What a frame keeps of the letter that begins with an entry. Raises JournalDamaged."""
    for note in frame.notes:
        if isinstance(note, Failed) and note.sequence == sequence:
            with contextlib.suppress(RingFormatError):
                if text_to_dtype(note.dtype.encode()).itemsize == len(note.event):
                    return note
    raise frame.segment.damage(
        f"entry {sequence:,} is a letter, and its event cannot be read", frame.offset, sequence
    )


class DeadLetters(Sequence[Letter]):
    """The letters of a dead-letter journal: `Engine(..., dead_letters=DIR)` writes it.

    A sequence of letters by number, oldest first, as it was when it was made or last `refresh`ed:
    `letters[0].event`, `.traceback`, `.sequence`, `.machine`, `.error`, `.time_ns`, `.fate`.
    `letters`: the folder, or the settings that the engine was given. Events and tracebacks are read
    when they are asked for. Nothing is written and no lock is taken, so it may be read by any
    process while an engine writes; what is being written is not seen yet, and `tear` says of what a
    dead writer has left unfinished. An object is for one thread at a time.

    Raises JournalNotFound, JournalMismatch (it is a journal of something else), JournalDamaged,
    OSError; IndexError for a letter that is not there.
    """

    def __init__(self, letters: str | os.PathLike[str] | Journal) -> None:
        settings = as_journal(letters)
        self.folder = settings.path
        self._disk: Disk = settings.disk
        self._fates = Fates()
        self.tear: Tear | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read again what is there now."""
        reader, fates = Reader(self._disk, self.folder), Fates()
        if not reader.names:
            raise no_journal(self._disk, self.folder, "dead-letter journal")
        check_letters(self.folder, reader.identity)
        for frame in reader.frames():
            fates.take(frame)
        self._fates, self.tear = fates, reader.tear

    def __len__(self) -> int:
        return len(self._fates.all)

    @overload
    def __getitem__(self, number: int) -> Letter: ...
    @overload
    def __getitem__(self, number: slice) -> list[Letter]: ...
    def __getitem__(self, number: int | slice) -> Letter | list[Letter]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        at = operator.index(number)
        if not -len(self) <= at < len(self):
            raise IndexError(f"{self.folder}: there is no letter {at:,} among {len(self):,}")
        return self._fates.letter(at % len(self))

    def __iter__(self) -> Iterator[Letter]:
        return (self._fates.letter(number) for number in range(len(self)))

    def __repr__(self) -> str:
        waiting = sum(fate.kind == WAITING for fate in self._fates.all)
        return f"DeadLetters({self.folder!r}: {len(self):,} letters, {waiting:,} of them waiting)"
