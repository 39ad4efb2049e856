"""Dead letters on the disk: written, read, and told from those that are there already."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journal_tools import EVENT, SUM, flip
from letter_tools import amounts, engine, failed, fates, later, logbook, small

import headrace as hr
from headrace.compose import shard
from headrace.errors import (
    JournalDamaged,
    JournalLocked,
    JournalMismatch,
    JournalNotFound,
    StepError,
    UsageError,
)
from headrace.journal.letter_box import TEXT_CHARS_MAX, LetterBox
from headrace.journal.letters import ENTRY, NEXT, WAITING, as_letters
from headrace.runtime.letter_notes import told_of
from headrace.runtime.messages import WorkerError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    before = os.getcwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


# -- what a letter keeps -------------------------------------------------------------------------


def test_what_is_kept() -> None:
    before = time.time_ns()
    with engine(logbook, "j") as running:
        running.publish(amounts(1, -2, 3))
        running.drain()
        (letter,) = hr.DeadLetters("dead")  # while the engine runs
        assert [each.sequence for each in running.dead_letters] == [1]
    assert (letter.number, letter.machine, letter.version) == (0, "logbook", "1")
    assert (letter.sequence, letter.origin, letter.retries) == (1, 1, 0)
    assert letter.event.dtype == EVENT
    assert letter.event.tobytes() == amounts(-2).tobytes()
    assert before <= letter.input_time_ns <= letter.time_ns <= time.time_ns()
    assert (letter.error_type, letter.message) == ("ValueError", "negative: -2")
    assert letter.error == "ValueError: negative: -2"
    assert letter.traceback.startswith("Traceback (most recent call last):\n")
    assert 'letter_tools.py", line' in letter.traceback
    assert letter.traceback.endswith("ValueError: negative: -2\n")
    assert (letter.fate, letter.reinjected_as, letter.why) == ("waiting", None, "")


def test_without_a_journal_each_failure_is_a_letter() -> None:
    for _ in range(2):
        with engine(logbook, None) as running:
            running.publish(amounts(-1, -1, 5))
    assert fates() == [(0, -1, "waiting"), (1, -1, "waiting")] * 2


def test_a_pipeline_keeps_those_of_all_stages() -> None:
    @hr.machine(event=EVENT, output=SUM, initial=int)
    def front(state: int, key: int, amount: int) -> Any:
        if amount == 13:
            raise KeyError(amount)
        return state, [(key, amount), (key, -amount)]

    machines = front >> later
    for turn in range(2):
        with engine(machines, "j") as running:
            running.publish(amounts(7, 13, 8) if not turn else amounts(9))
            running.drain()
    letters = sorted(hr.DeadLetters("dead"), key=lambda each: (each.origin, each.sequence))
    found = [(each.machine, each.sequence, each.origin) for each in letters]
    assert found == [("later", 1, 0), ("front", 1, 1), ("later", 3, 2), ("later", 5, 3)]
    assert letters[0].event.dtype == SUM
    assert letters[0].input_time_ns > 0


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (ValueError("a lone \ud800 surrogate"), "a lone \\ud800 surrogate"),
        (ValueError("x" * 3 * TEXT_CHARS_MAX), "characters are left out"),
        (ValueError(), ""),
    ],
    ids=["surrogate", "long", "empty"],
)
def test_odd_errors(error: Exception, wanted: str) -> None:
    @hr.machine(event=EVENT, initial=int)
    def odd(state: int, key: int, amount: int) -> Any:
        raise error

    with engine(odd, None) as running:
        running.publish(amounts(1))
    (letter,) = hr.DeadLetters("dead")
    assert wanted in letter.message
    assert len(letter.message) < TEXT_CHARS_MAX + 100
    assert letter.error.startswith(letter.error_type)


@pytest.mark.parametrize("place", ["threads", "processes"])
def test_of_a_worker_and_of_shards(place: str) -> None:
    """What failed in another process is told as it would be in this one."""
    made = amounts(1, -2, 3, -4)
    made["key"] = [0, 1, 2, 3]
    with engine(shard(logbook, by="key", n=2), None, place=place) as running:
        running.publish(made)
        running.drain()
        with pytest.raises(UsageError, match="a journal"):
            running.reinject(0)
    letters = sorted(hr.DeadLetters("dead"), key=lambda each: each.origin)
    assert [(each.machine, each.origin) for each in letters] == [("logbook", 1), ("logbook", 3)]
    assert [each.event.tobytes() for each in letters] == [made[n : n + 1].tobytes() for n in (1, 3)]
    for letter in letters:
        assert letter.error == f"ValueError: negative: {letter.event['amount'][0]}"
        assert 'letter_tools.py", line' in letter.traceback
        assert 0 < letter.input_time_ns <= letter.time_ns


def test_poison_that_kills_its_worker() -> None:
    """As whoever watches the workers puts it aside: nothing was raised, and it was tried again."""
    with engine(logbook, None) as running:
        error = StepError("killed", sequence=7, event={}, machine="logbook")
        error.__cause__ = WorkerError("WorkerDied", "exit code -9", "no traceback: it was killed\n")
        assert running._failures.put_aside(error, amounts(5), retries=3)
    (letter,) = hr.DeadLetters("dead")
    assert (letter.error, letter.retries) == ("WorkerDied: exit code -9", 3)
    assert letter.traceback == "no traceback: it was killed\n"
    assert (letter.sequence, letter.input_time_ns) == (7, -1)


def test_told_twice_while_it_runs() -> None:
    """By a worker that steps over what another one had told of, and died."""
    with engine(logbook, None) as running:
        running.publish(amounts(-1))
        running.drain()
        assert running._failures.keep is not None
        running._failures.keep(running.dead_letters[0])
    assert fates() == [(0, -1, "waiting")]


def test_an_error_without_words() -> None:
    class Rude(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    error = StepError("it failed", sequence=1, event={}, machine="logbook")
    error.__cause__ = Rude()
    kind, message, lines = told_of(error)
    assert kind.endswith(".Rude")
    assert (message, lines) == ("its message cannot be made: RuntimeError", "it failed")


def test_large_events_and_many_letters() -> None:
    """More than a segment holds, some larger than one."""
    settings = hr.Journal("dead", level="os", segment_bytes=1 << 16)
    box = LetterBox(settings)
    sizes = [8, 60_000, 200_000, 8]
    for number, size in enumerate(sizes):
        event = bytes([number]) * size
        box.put(number, failed(number, dtype=f"'|V{size}'", event=event))
    for number in range(4, 900):
        box.put(number, failed(number))
    box.close()
    letters = hr.DeadLetters("dead")
    assert len(letters) == 900
    assert len(list(Path("dead").glob("*.segment"))) > 3
    assert [letters[n].event.tobytes() for n in range(4)] == [
        bytes([n]) * size for n, size in enumerate(sizes)
    ]
    assert [each.origin for each in letters] == list(range(900))


# -- the reader ----------------------------------------------------------------------------------


def test_a_sequence_of_letters() -> None:
    box = LetterBox(as_letters("dead"))
    for number in range(5):
        assert box.put(10 + number, failed(number)) == number
    letters = hr.DeadLetters("dead")
    box.put(15, failed(5))
    box.mark(2, "discarded", why="nobody asked")
    assert len(letters) == 5
    assert letters[-1].sequence == 14
    assert [each.number for each in letters[1:4]] == [1, 2, 3]
    assert letters[2].fate == "waiting"
    letters.refresh()
    assert (len(letters), letters[2].fate, letters[2].why) == (6, "discarded", "nobody asked")
    assert repr(letters) == "DeadLetters('dead': 6 letters, 5 of them waiting)"
    for wrong in (6, -7):
        with pytest.raises(IndexError, match="among 6"):
            letters[wrong]
    box.close()


def test_read_while_it_is_written() -> None:
    box = LetterBox(as_letters(hr.Journal("dead", level="os", segment_bytes=1 << 16)))
    box.put(0, failed())
    letters, counts = hr.DeadLetters("dead"), [1]

    def write() -> None:
        for number in range(1, 600):
            box.put(number, failed(number))

    writer = threading.Thread(target=write)
    writer.start()
    while counts[-1] < 600 and (writer.is_alive() or counts[-1] < len(letters)):
        letters.refresh()
        counts.append(len(letters))
        assert letters[-1].sequence == len(letters) - 1
    writer.join()
    letters.refresh()
    assert [each.sequence for each in letters] == list(range(600))
    assert counts == sorted(counts)
    box.close()


def test_what_is_no_dead_letter_journal() -> None:
    with pytest.raises(JournalNotFound, match="no such folder"):
        hr.DeadLetters("nowhere")
    Path("empty").mkdir()
    with pytest.raises(JournalNotFound):
        hr.DeadLetters("empty")
    with hr.Engine(logbook, journal=small("j")):
        pass
    with pytest.raises(JournalMismatch):
        hr.DeadLetters("j")
    with pytest.raises(JournalMismatch):
        engine(logbook, None, "j")
    with engine(logbook, None):
        pass
    with pytest.raises(JournalMismatch):
        hr.Engine(logbook, journal="dead")


def test_damage_is_told() -> None:
    box = LetterBox(as_letters("dead"))
    for number in range(3):
        box.put(number, failed(number))
    box.close()
    (path,) = Path("dead").glob("*.segment")
    flip(path, 2 * 4096 + 70)
    with pytest.raises(JournalDamaged, match="checksum of a frame"):
        hr.DeadLetters("dead")
    with pytest.raises(JournalDamaged):
        engine(logbook, None)


def test_entries_that_fit_nothing() -> None:
    """Checksums may be right where the writer was wrong."""
    for number, entries in enumerate([[(1, b"waiting", 0)], [(0, b"waiting", 0), (0, b"odd", 0)]]):
        box = LetterBox(as_letters(f"dead{number}"))
        box._writer.append(np.array(entries, ENTRY), np.zeros(len(entries), np.int64))
        box.close()
        with pytest.raises(JournalDamaged, match="fits none of"):
            hr.DeadLetters(f"dead{number}")
    box = LetterBox(as_letters("dead"))
    box._writer.append(np.array([(0, b"waiting", 0)], ENTRY), np.zeros(1, np.int64))
    box.close()
    with pytest.raises(JournalDamaged, match="its event cannot be read"):
        hr.DeadLetters("dead")[0]


# -- one writer, and what may become of a letter ---------------------------------------------------


def test_one_writer() -> None:
    with engine(logbook, None):
        with pytest.raises(JournalLocked, match=f"process {os.getpid()}"):
            engine(logbook, "other")
        with pytest.raises(JournalLocked):
            LetterBox(as_letters("dead"))
    with engine(logbook, "other"), pytest.raises(JournalLocked):
        engine(logbook, "other", "dead2")
    with engine(logbook, "other", "dead2"):  # what failed to open holds no lock
        pass


def test_fates_follow_on_each_other() -> None:
    box = LetterBox(as_letters("dead"))
    box.put(0, failed())
    seen = set()
    waiting = [[WAITING]]
    while waiting:
        path = waiting.pop()
        for fate in NEXT:
            if fate in NEXT[path[-1]] and (path[-1], fate) not in seen:
                seen.add((path[-1], fate))
                waiting.append([*path, fate])
        number = box.put(1, failed())
        for fate in path[1:]:
            box.mark(number, fate)
        for fate in set(NEXT) - NEXT[path[-1]]:
            with pytest.raises(UsageError, match=f"is {path[-1]}, and cannot become {fate}"):
                box.mark(number, fate)
        assert box.fate(number).kind == path[-1]
    assert {one for one, _ in seen} == set(NEXT)
    for wrong in (-1, len(box), "0"):
        with pytest.raises(UsageError, match="there is no letter"):
            box.mark(wrong, "discarded")  # type: ignore[arg-type]
    box.close()
    box.close()
    with pytest.raises(UsageError, match="it is closed"):
        box.put(0, failed())


@pytest.mark.parametrize("on_error", ["halt", lambda error, event: True])
def test_they_need_the_policy(on_error: Any) -> None:
    with pytest.raises(UsageError, match="needs on_error='dead_letter'"):
        hr.Engine(logbook, on_error=on_error, dead_letters="dead")
    with pytest.raises(UsageError, match="must be a path"):
        hr.Engine(logbook, on_error="dead_letter", dead_letters=3)  # type: ignore[arg-type]


def test_too_many_halt() -> None:
    running = engine(logbook, "j", dead_letters_max=2)
    running.publish(amounts(-1, -2, -3))
    with pytest.raises(StepError, match="negative: -3"):
        running.drain()
    with pytest.raises(StepError):
        running.close()
    assert [each[1] for each in fates()] == [-1, -2]
