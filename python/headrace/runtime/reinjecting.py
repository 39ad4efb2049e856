"""Publishing the event of a dead letter again, once.

In this order, each safe before the next:

1. the letter is marked as being re-injected, not before input F of this journal;
2. its event is published as input N, and the journal notes with that input which letter it is of;
3. the letter is marked as re-injected, as input N.

Whoever dies on the way leaves a letter that is being re-injected. The next engine that opens both
looks for the note from input F on: there it was published, as N, or it never was.
"""

from __future__ import annotations

from headrace.errors import UsageError, WaitTimeout
from headrace.journal.letters import NEXT, REINJECTED, REINJECTING, WAITING, Letter
from headrace.journal.notes import Reinjected
from headrace.runtime.calling import Calling
from headrace.runtime.deadline import Deadline, deadline_after
from headrace.runtime.kept_letters import KeptLetters


class Reinjecting(Calling):
    """What `Engine` re-injects dead letters by; the attributes are the engine's."""

    _letters: KeptLetters | None

    def reinject(self, number: int, timeout: float | None = None) -> int:
        """Publish the event of dead letter `number` again; the sequence of its new input.

        Returns when the input is as safe as the journal's level says, and the letter is marked as
        re-injected; a letter that is already is not published again. If its step fails again, that
        is a new letter. Needs `dead_letters=` and `journal=`. May be called from any thread; they
        wait for each other. Raises UsageError (no such letter; of another machine than the first;
        not waiting), WaitTimeout (where it is published, calling again goes on waiting),
        JournalFailed, EngineStopped, and the StepError that has halted the engine.
        """
        kept = self._letters
        self._check_process()
        if kept is None or self._journaling is None:
            raise UsageError(
                "re-injecting needs the letters and a journal, which says what was published: "
                "Engine(machine, on_error='dead_letter', dead_letters=..., journal=...)"
            )
        deadline = deadline_after(timeout)
        with kept.reinjecting:
            letter = kept.box.letter(number)
            if letter.fate == REINJECTED:
                return letter.fate_sequence
            if number not in kept.under_way:
                self._publish_letter(kept, letter, deadline)
            sequence = kept.under_way[number]
            if not self._wait_durable(sequence + 1, deadline):
                raise WaitTimeout(
                    f"letter {number:,} is published again as input {sequence:,}, which was not "
                    f"safe within {timeout:g} s"
                )
            kept.box.mark(number, REINJECTED, sequence, journal=kept.journal)
            del kept.under_way[number]
            return sequence

    def _publish_letter(self, kept: KeptLetters, letter: Letter, deadline: Deadline) -> None:
        """Publish it, and note as which input; or raise, and it is as it was."""
        self._check_letter(kept, letter)
        number, journaling = letter.number, self._journaling
        assert journaling is not None
        begin = self._line.producer.sequence
        kept.box.mark(number, REINJECTING, begin, journal=kept.journal)
        try:
            with self._hold(deadline):
                self._check_running()
                sequence = self._line.producer.sequence
                note = Reinjected(sequence, kept.box.id, number)
                journaling.note(note)
                try:
                    kept.under_way[number] = sequence
                    self._publish(letter.event, deadline)
                finally:
                    if self._line.producer.sequence == sequence:  # it was not published
                        del kept.under_way[number]
                        journaling.take_back(note)
        finally:
            if number not in kept.under_way:
                kept.box.mark(number, WAITING, why="it could not be published again")
        journaling.published()

    def _check_letter(self, kept: KeptLetters, letter: Letter) -> None:
        if kept.first != {letter.machine} or letter.event.dtype != self._event:
            names = " and ".join(sorted(map(repr, kept.first)))
            raise UsageError(
                f"letter {letter.number:,} is an event of machine {letter.machine!r}, "
                f"{letter.event.dtype}; inputs here are {self._event}, for {names}, and only what "
                "one machine alone takes can be published again"
            )
        if REINJECTING not in NEXT[letter.fate]:
            told = f" ({letter.why})" if letter.why else ""
            raise UsageError(
                f"letter {letter.number:,} is {letter.fate}{told}, and cannot be re-injected"
            )
