"""An engine's dead letters on the disk: written when a step fails, and settled when it opens.

An engine with a journal steps over its inputs again when it opens, and what failed then fails
again: it has its letter already. The letters of a journal are told by stage, sequence, origin and
bytes of the event, and by the journal's id; what fails while the engine runs is always new.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from headrace.compose.layout import INPUT, Layout
from headrace.errors import JournalError
from headrace.journal.letter_box import LetterBox
from headrace.journal.letters import (
    DISCARDED,
    LOST,
    REINJECTED,
    REINJECTING,
    STEPPED,
    WAITING,
    Letter,
    as_letters,
)
from headrace.journal.notes import Failed, Reinjected
from headrace.journal.reader import Reader
from headrace.journal.recovery import Tail
from headrace.replay import Fold
from headrace.runtime.deadline import Deadline
from headrace.runtime.failures import DeadLetter, Failures
from headrace.runtime.journaling import Journaling
from headrace.runtime.letter_notes import note_of, told_of
from headrace.runtime.opening import Opening

Key = tuple[str, int, int, bytes]
_LOST = "the journal has lost its input {:,}"


class KeptLetters:
    """The dead-letter journal of an engine with these stages. Raises what LetterBox raises.

    A letter waits until its input is safe, so that none is of an input that a crash takes away.
    """

    def __init__(self, letters: object, layout: Layout) -> None:
        self.box = LetterBox(as_letters(letters))
        self._journaling: Journaling | None = None
        self._failed: set[Key] = set()  # while this engine runs: nothing fails twice, but a
        # worker that has died may tell again of what another one has told before
        self.reinjecting = threading.Lock()  # held by who publishes a letter again
        self.under_way: dict[int, int] = {}  # letters that are published, as which inputs
        self.journal = ""  # the id of the engine's journal
        self._fold: Fold | None = None  # that has stepped over the journal, and will again
        self._past: set[int] = set()  # letters whose events were, when it was opened
        self.first = {stage.machine.name for stage in layout.readers(INPUT)}
        machines = [stage.machine for stage in layout.stages]
        self._versions = {each.name: str(each.version) for each in machines}

    def begin(
        self, opening: Opening | None, failures: Failures, journaling: Journaling | None
    ) -> None:
        """Settle what opening the journal has brought, and keep what comes from now on."""
        if opening is not None:
            self._fold = opening.fold
            self.settle(opening, failures.dead_letters)
        self._journaling = journaling
        failures.keep = self.keep

    def keep(self, letter: DeadLetter) -> None:
        """Write a letter down; the engine may go past its event when this returns."""
        key = _key(letter, letter.error.origin)
        if key in self._failed:
            return
        if self._journaling is not None:
            self._journaling.wait_durable(letter.error.origin + 1, Deadline(None))
        self._put(letter)
        self._failed.add(key)
        if letter.retries and self._fold is not None:
            event = letter.event.tobytes()
            self._fold.pass_over(
                letter.stage, letter.machine, letter.sequence, event, letter.retries
            )

    def _put(self, letter: DeadLetter) -> None:
        error = letter.error
        try:
            self.box.put(letter.sequence, self._told(letter))
        except JournalError as failure:
            failure.add_note(f"the engine has not gone past that event, which failed with: {error}")
            raise

    def _told(self, letter: DeadLetter) -> Failed:
        version = self._versions[letter.machine]
        return note_of(letter.error, letter.event, version, letter.retries, self.journal)

    def look_at(self, tail: Tail, fold: Fold) -> None:
        """Before a journal is stepped over: which events are not to be.

        Those that are re-injected stand in it again, those that are discarded nobody wants, and
        those that have killed whoever stepped over them would do so again. For each that was being
        re-injected when its engine died, the journal says whether it was.
        """
        self.journal = tail.journal_id.hex()
        for number in range(len(self.box)):
            fate = self.box.fate(number)
            if fate.kind == REINJECTING and fate.journal == self.journal:
                self._find_out(number, fate.sequence, tail)
        for letter in self._of_this_journal():
            again = letter.fate == REINJECTED and letter.fate_journal == self.journal
            kills = letter.fate == WAITING and letter.retries > 0
            if again or kills or letter.fate == DISCARDED:
                self._past.add(letter.number)
                event, deaths = letter.event.tobytes(), letter.retries if kills else 0
                fold.pass_over(letter.stage, letter.machine, letter.sequence, event, deaths)

    def _find_out(self, number: int, begin: int, tail: Tail) -> None:
        """Whether a letter was published again, as an input from `begin` on."""
        assert tail.reader is not None
        reader = Reader(tail.reader.disk, tail.reader.folder)
        found = find_reinjected(reader, begin, self.box.id, number)
        if found is not None:
            self.box.mark(number, REINJECTED, found, journal=self.journal)
        elif reader.first_sequence <= begin:
            self.box.mark(number, WAITING, why="its engine died before it was published again")
        else:
            tail.recovery.letters.append(
                f"{self.box.folder}: nobody knows whether letter {number:,} was published again: "
                f"the inputs from {begin:,} on, where that would stand, are dropped; it can be "
                "discarded"
            )

    def settle(self, opening: Opening, dead: Sequence[DeadLetter]) -> None:
        """Once the journal is stepped over again: `dead` is what has failed in it.

        Letters that are missing are written; those of events that a mended machine has stepped over
        now are done with; those of inputs that the journal has lost are told from the inputs that
        will come in their place.
        """
        self.journal = opening.writer.journal_id.hex()
        snapshot = opening.recovery.snapshot
        begin, end = 0 if snapshot is None else snapshot.sequence, opening.fold.sequence
        self._settle_lost(end)
        known = {_key(each, each.origin): each for each in self._of_this_journal()}
        met = set()
        for each in dead:
            key = _key(each, each.error.origin)
            if key not in known:  # a letter from before stages were named has the machine's name
                key = each.machine, *key[1:]
            met.add(key)
            if key not in known:
                self._put(each)
            elif known[key].fate == STEPPED:
                why = f"it failed again, with {told_of(each.error)[0]}, when its journal was opened"
                self.box.mark(known[key].number, WAITING, why=why)
        for key, letter in known.items():
            if letter.fate != WAITING or letter.origin < begin or key in met:
                continue
            if letter.machine in self.first and not _is_in(opening, letter):
                self.box.mark(letter.number, LOST, why=_LOST.format(letter.origin))
            elif letter.number not in self._past:
                why = "the machine has stepped over it when its journal was opened"
                self.box.mark(letter.number, STEPPED, why=why)

    def _settle_lost(self, end: int) -> None:
        for number in range(len(self.box)):
            fate = self.box.fate(number)
            again = fate.kind == REINJECTED and fate.journal == self.journal
            if again and fate.sequence >= end:
                why = f"the journal has lost input {fate.sequence:,}, as which it was published"
                self.box.mark(number, WAITING, why=why)
        for letter in self._of_this_journal():
            if letter.origin >= end:
                self.box.mark(letter.number, LOST, why=_LOST.format(letter.origin))

    def _of_this_journal(self) -> Iterator[Letter]:
        """Letters whose inputs are in the journal that is open."""
        for number in range(len(self.box)):
            letter = self.box.letter(number)
            if letter.journal == self.journal and letter.fate != LOST:
                yield letter

    def close(self) -> None:
        """Let others have the dead-letter journal."""
        self.box.close()


def find_reinjected(reader: Reader, begin: int, letters: str, number: int) -> int | None:
    """The input, from `begin` on, as which a letter was published again. Raises JournalDamaged."""
    for frame in reader.frames(reader.start_of(begin)):
        for note in frame.notes:
            if isinstance(note, Reinjected) and (note.letters, note.letter) == (letters, number):
                return note.sequence
    return None


def _is_in(opening: Opening, letter: Letter) -> bool:
    """Whether a letter's input is in the journal, and not another one in its place."""
    reader = Reader(opening.settings.disk, opening.settings.path)
    for frame in reader.frames(reader.start_of(letter.origin)):
        if letter.origin < frame.header.end:
            found = frame.events[letter.origin - frame.first_sequence]
            return bool(found.tobytes() == letter.event.tobytes())
    return False


def _key(letter: DeadLetter | Letter, origin: int) -> Key:
    return letter.stage, letter.sequence, origin, letter.event.tobytes()
