"""Dead letters across kills and power cuts, at any moment: each event has one letter, and is
stepped over once.

Everything is on a simulated disk: the engine's journal in /j, its dead letters in /dead.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from letter_disks import (
    SECONDS,
    check_one_letter_each,
    inputs_of,
    journal_of,
    letters_of,
    open_engine,
)
from letter_tools import amounts, failed, logbook, mended, reinjected_in

import headrace as hr
from headrace.errors import (
    EngineStopped,
    JournalError,
)
from headrace.journal.folder import list_snapshots, snapshot_name
from headrace.journal.letter_box import LetterBox
from headrace.journal.letters import DISCARDED, LOST, REINJECTED, REINJECTING, WAITING
from headrace.simulation import PowerCut, SimulatedDisk


@dataclass
class Told:
    """What was acknowledged before the end came."""

    inputs: int = 0
    letters: int = 0
    reinjected: int = 0


# -- the letters alone ---------------------------------------------------------------------------


def write_letters(disk: SimulatedDisk, level: str, told: Told) -> None:
    box = LetterBox(letters_of(disk, level))
    for number in range(3):
        box.put(number, failed(number))
        told.letters += 1
    box.mark(0, REINJECTING, 5)
    box.mark(0, REINJECTED, 6)
    told.reinjected += 1
    box.close()
    box = LetterBox(letters_of(disk, level))
    box.put(3, failed(3))
    told.letters += 1
    box.close()


@pytest.mark.parametrize("level", ["fsync", "os"])
def test_what_was_put_is_there(level: str) -> None:
    trial = SimulatedDisk()
    write_letters(trial, level, Told())
    for at in range(len(trial.operations) + 1):
        for part in (None, 100):
            disk, told = SimulatedDisk(crash_at=at), Told()
            disk.crash_part = part
            with contextlib.suppress(PowerCut):
                write_letters(disk, level, told)
            check_letters(disk.after_kill(), told)
            for after in disk.power_cuts(6, seed=at):
                check_letters(after, told if level == "fsync" else Told())


def check_letters(disk: SimulatedDisk, told: Told) -> None:
    """All that was acknowledged is there, in order; and more can be written behind it."""
    box = LetterBox(letters_of(disk))
    assert told.letters <= len(box) <= told.letters + 1 + 3 * (not told.letters), disk.origin
    for number in range(len(box)):
        letter = box.letter(number)
        assert (letter.sequence, letter.message) == (number, failed(number).message)
    if told.reinjected:
        assert box.fate(0).kind == REINJECTED
    count = len(box)
    box.put(count, failed(count))
    box.close()
    letters = hr.DeadLetters(letters_of(disk))
    assert [letter.sequence for letter in letters] == list(range(count + 1))
    assert letters.tear is None


# -- with an engine ------------------------------------------------------------------------------


@contextlib.contextmanager
def ended(running: hr.Engine) -> Iterator[None]:
    """Its threads end, whatever happens to it."""
    try:
        yield
        running.close(SECONDS)
    except BaseException:
        with contextlib.suppress(PowerCut, EngineStopped, JournalError):
            running.close(SECONDS)
        raise


def live(disk: SimulatedDisk, level: str, told: Told) -> None:
    """Letters behind a snapshot and before it, and one that is published again and fails again."""
    running = open_engine(logbook, disk, level)
    with ended(running):
        running.publish(amounts(1, -2, 3), SECONDS, durable=True)
        running.drain(SECONDS)
        told.inputs, told.letters = 3, 1
        running.snapshot(SECONDS)
        running.publish(amounts(-4, 5, -6), SECONDS)
        running.drain(SECONDS)
        told.inputs, told.letters = 6, 3
        running.reinject(1, SECONDS)
        told.inputs, told.reinjected = 7, 1
        running.drain(SECONDS)
        told.letters = 4


def mend(disk: SimulatedDisk, level: str, told: Told) -> None:
    """The mended machine takes all that still waits."""
    running = open_engine(mended, disk, level)
    with ended(running):
        for letter in hr.DeadLetters(letters_of(disk)):
            if letter.fate == WAITING:
                running.reinject(letter.number, SECONDS)
        running.drain(SECONDS)


def check_engine(disk: SimulatedDisk, level: str, told: Told, *, safe: bool) -> None:
    """Open it as it was: each event that fails has one letter. Mended: each is stepped once."""
    with open_engine(logbook, disk, level) as running:
        assert running.sequence >= (told.inputs if safe else 0), disk.origin
    check_one_letter_each(disk, lost=not safe)
    mend(disk, level, Told())
    check_stepped_once(disk, level)


def check_stepped_once(disk: SimulatedDisk, level: str) -> None:
    """From the newest snapshot on, and from the first input on."""
    notes = reinjected_in("/j", disk)
    assert max(Counter(number for number, _ in notes).values(), default=1) == 1, disk.origin
    copies = {sequence for _, sequence in notes}
    given = [value for at, value in enumerate(inputs_of(disk)) if at not in copies]
    for _ in range(2):
        with open_engine(mended, disk, level) as running:
            assert sorted(running.state) == sorted(given), disk.origin
        for sequence in list_snapshots(disk, "/j"):
            disk.remove(f"/j/{snapshot_name(sequence)}")


def cut_at(level: str, at: int, limit: int, part: int | None = None) -> bool:
    """A life that ends at an operation, and so does the mending of what it leaves."""
    disk, told = SimulatedDisk(crash_at=at), Told()
    disk.crash_part = part
    try:
        live(disk, level, told)
    except PowerCut:
        pass
    else:
        return False
    check_engine(disk.after_kill(), level, told, safe=level == "fsync")
    for after in disk.power_cuts(limit, seed=at):
        check_engine(after, level, told, safe=level == "fsync")
    return True


def mending_cut_at(at: int, limit: int) -> bool:
    disk, told = SimulatedDisk(), Told()
    live(disk, "fsync", told)
    disk = disk.after_kill()
    disk.crash_at = at
    try:
        mend(disk, "fsync", told)
    except PowerCut:
        pass
    else:
        return False
    for after in (disk.after_kill(), *disk.power_cuts(limit, seed=at)):
        mend(after, "fsync", Told())
        check_stepped_once(after, "fsync")
    return True


def operations() -> int:
    disk = SimulatedDisk()
    live(disk, "fsync", Told())
    return len(disk.operations)


@pytest.mark.parametrize(("level", "first"), [("fsync", 5), ("os", 9)])
def test_some_points(level: str, first: int) -> None:
    points = range(first, operations(), 3)
    assert sum(cut_at(level, at, 1, 100 if at % 2 else None) for at in points) > 9


def test_some_points_of_mending() -> None:
    assert sum(mending_cut_at(at, 1) for at in range(2, 40, 3)) > 6


def test_the_journal_has_lost_what_was_published_again() -> None:
    """Then the letter waits again, and was not stepped: its first input was passed over."""
    disk = SimulatedDisk()
    running = open_engine(logbook, disk, "os")
    running.publish(amounts(-1, 5), SECONDS)
    running.drain(SECONDS)
    begin = len(disk.operations)
    assert running.reinject(0, SECONDS) == 2
    late = disk.operations[begin:]
    after = disk.after_power_cut(
        lambda effect: not effect.operation.path.startswith("/j/") or effect.operation not in late
    )
    running.close(SECONDS)
    with open_engine(logbook, after, "os") as running:
        (letter,) = hr.DeadLetters(letters_of(after))
        assert (letter.fate, running.sequence) == (WAITING, 2)
        assert "the journal has lost input 2" in letter.why
        running.publish(amounts(7), SECONDS)
        assert running.reinject(0, SECONDS) == 3
    with open_engine(mended, after, "os") as running:
        assert running.state == [5, 7, -1]


def test_a_letter_waits_for_its_input() -> None:
    """There is none of an input that was never safe, and that somebody may publish once more."""
    disk = SimulatedDisk()
    running = open_engine(logbook, disk)
    disk.fail("write", path="/j/*", times=None)
    running.publish(amounts(-1), SECONDS)
    with pytest.raises(JournalError):
        running.drain(SECONDS)
    with pytest.raises(JournalError):
        running.close(SECONDS)
    assert len(hr.DeadLetters(letters_of(disk))) == 0


@pytest.mark.parametrize("discarded", [False, True])
@pytest.mark.parametrize("unwatched", [False, True])
def test_the_journal_has_lost_its_input(unwatched: bool, discarded: bool) -> None:
    """What comes in its place is stepped over, and what fails there has a letter of its own.

    `unwatched`: meanwhile an engine is opened that knows nothing of letters.
    """
    disk = SimulatedDisk()
    with open_engine(logbook, disk, "os") as running:
        running.publish(amounts(5), SECONDS)
    running = open_engine(logbook, disk, "os")
    begin = len(disk.operations)
    running.publish(amounts(-1), SECONDS)
    running.drain(SECONDS)
    late = disk.operations[begin:]
    after = disk.after_power_cut(
        lambda effect: not effect.operation.path.startswith("/j/") or effect.operation not in late
    )
    running.close(SECONDS)
    if discarded:
        box = LetterBox(letters_of(after))
        box.mark(0, DISCARDED)
        box.close()
    if unwatched:
        with hr.Engine(logbook, journal=journal_of(after, "os")) as running:
            running.publish(amounts(8), SECONDS)
    with open_engine(logbook, after, "os") as running:
        fate = hr.DeadLetters(letters_of(after))[0].fate
        assert fate == (DISCARDED if discarded and unwatched else LOST)
        assert running.state == ([5, 8] if unwatched else [5])
        running.publish(amounts(-1, 9), SECONDS)
    letters = hr.DeadLetters(letters_of(after))
    assert [letter.fate for letter in letters[1:]] == [WAITING]
    with open_engine(mended, after, "os") as running:
        assert running.state == [5, *([8] if unwatched else []), -1, 9]
        if fate == LOST:
            running.reinject(0, SECONDS)
            running.drain(SECONDS)
            assert running.state[-1] == -1
    letters.refresh()
    assert letters[1].fate == "stepped"


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("level", ["fsync", "os", "none"])
def test_all_points(level: str) -> None:
    for at in range(operations() + 4):
        for part in (None, 1, 1000):
            cut_at(level, at, 8, part)


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_all_points_of_mending() -> None:
    assert sum(mending_cut_at(at, 8) for at in range(60)) > 20
