"""Events of a journal that have killed whoever stepped over them, kept in its folder `poison`.

Whoever steps over the journal again would die of them, too: so they are kept with it, whatever else
is kept of failed steps, and are failed steps to all who come. The folder is a dead-letter journal.
"""

from __future__ import annotations

from headrace.journal.folder import POISON, holds_a_journal, join
from headrace.journal.letter_box import LetterBox
from headrace.journal.letters import SEGMENT_BYTES, DeadLetters, Letter
from headrace.journal.notes import Failed
from headrace.journal.settings import Journal
from headrace.ports import Disk


def read_poison(disk: Disk, folder: str, journal: str) -> list[Letter]:
    """The events of a journal (its id, hexadecimal) that have killed. Raises JournalDamaged."""
    path = join(folder, POISON)
    if not holds_a_journal(disk, path):
        return []
    letters = DeadLetters(Journal(path, disk=disk))
    return [letter for letter in letters if letter.journal == journal]


def keep_poison(settings: Journal, sequence: int, failed: Failed) -> None:
    """Write down an event that has killed; on the disk when this returns, whatever the level.

    Raises JournalLocked, JournalDamaged, JournalFailed, JournalFull.
    """
    path = join(settings.path, POISON)
    box = LetterBox(Journal(path, segment_bytes=SEGMENT_BYTES, disk=settings.disk))
    try:
        box.put(sequence, failed)
    finally:
        box.close()
