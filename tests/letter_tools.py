"""What the tests of dead letters share: a machine that refuses, and the same one mended."""

from __future__ import annotations

from typing import Any

import numpy as np
from journal_tools import EVENT, SEGMENT_BYTES, SUM

import headrace as hr
from headrace.journal.letters import Letter
from headrace.journal.notes import Failed, Reinjected
from headrace.journal.reader import Reader
from headrace.ports import Disk, LocalDisk


def _step(state: list[int], key: int, amount: int) -> Any:
    state.append(amount)
    if amount < 0:
        raise ValueError(f"negative: {amount}")
    return state, (key, len(state))


def mended_step(state: list[int], key: int, amount: int) -> Any:
    state.append(amount)
    return state, (key, len(state))


def _later_step(state: list[int], key: int, total: int) -> Any:
    return _step(state, key, total)


logbook = hr.machine(event=EVENT, output=SUM, initial=list, name="logbook")(_step)
mended = hr.machine(event=EVENT, output=SUM, initial=list, name="logbook")(mended_step)
later = hr.machine(event=SUM, output=SUM, initial=list, name="later")(_later_step)


def amounts(*values: int) -> Any:
    made = np.zeros(len(values), EVENT)
    made["amount"] = values
    return made


def failed(number: int = 0, **other: Any) -> Failed:
    """What a letter keeps; different for each number."""
    said = {
        "machine": "logbook",
        "version": "1",
        "dtype": str(EVENT.descr),
        "event": amounts(-number - 1).tobytes(),
        "origin": number,
        "time_ns": 1000 + number,
        "error": "ValueError",
        "message": f"negative: {-number - 1}",
        "traceback": "Traceback ...",
        "retries": number,
        "journal": "",
    }
    return Failed(0, **{**said, **other})


def told(letter: Letter) -> tuple[int, int, str]:
    """A letter in few words: sequence, amount, fate."""
    names = letter.event.dtype.names or ()
    value = letter.event["amount" if "amount" in names else "total"][0]
    return letter.sequence, int(value), letter.fate


def engine(machine: Any, journal: Any, letters: Any = "dead", **options: Any) -> hr.Engine:
    """An engine that keeps its dead letters; a journal that is named has small files."""
    if isinstance(journal, str):
        journal = hr.Journal(journal, segment_bytes=SEGMENT_BYTES)
    return hr.Engine(
        machine, 64, journal=journal, on_error="dead_letter", dead_letters=letters, **options
    )


def reinjected_in(journal: str, disk: Disk | None = None) -> list[tuple[int, int]]:
    """Letter and input of each event in a journal that was published again."""
    frames = Reader(disk or LocalDisk(), journal).frames()
    notes = [note for frame in frames for note in frame.notes if isinstance(note, Reinjected)]
    return [(note.letter, note.sequence) for note in notes]


def small(path: str) -> hr.Journal:
    """A journal of small segments."""
    return hr.Journal(path, segment_bytes=SEGMENT_BYTES)


def fates(letters: Any = "dead") -> list[tuple[int, int, str]]:
    """What became of each letter of a folder."""
    return [told(letter) for letter in hr.DeadLetters(letters)]
