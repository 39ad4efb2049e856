"""Disks that fail while dead letters are written: the engine stops, and nothing is lost."""

from __future__ import annotations

import contextlib
import errno

import pytest
from letter_disks import SECONDS, check_one_letter_each, journal_of, letters_of, open_engine
from letter_tools import amounts, engine, logbook, reinjected_in

import headrace as hr
from headrace.errors import JournalError, JournalFailed, JournalFull, StepError
from headrace.simulation import SimulatedDisk


@pytest.mark.parametrize("with_journal", [True, False])
@pytest.mark.parametrize(
    ("operation", "code", "kind"),
    [
        ("write", errno.EIO, JournalFailed),
        ("write", errno.ENOSPC, JournalFull),
        ("sync", errno.EIO, JournalFailed),
    ],
    ids=["write", "full", "sync"],
)
def test_a_letter_cannot_be_written(
    operation: str, code: int, kind: type[JournalError], with_journal: bool
) -> None:
    """The engine stops before the event, and says so; with a journal the letter comes later."""
    disk = SimulatedDisk()
    journal = journal_of(disk) if with_journal else None
    running = engine(logbook, journal, letters_of(disk))
    running.publish(amounts(1, -2), SECONDS)
    running.drain(SECONDS)
    if operation == "sync":  # not that of the same write
        disk.fail("write", error=code, path="/dead/*", part=1 << 20)
    else:
        disk.fail(operation, error=code, path="/dead/*", part=70)
    with pytest.raises(kind, match="the dead letter of event 2 of machine 'logbook'") as caught:
        publish_and_drain(running)
    assert "negative: -3" in "".join(caught.value.__notes__)
    assert type(caught.value) is kind
    assert (running.sequence, running.state, len(running.dead_letters)) == (2, [1], 1)
    with pytest.raises(kind):
        running.publish(amounts(1), SECONDS)
    with pytest.raises(kind):
        running.close(SECONDS)
    after = disk.after_kill()
    journal = journal_of(after) if with_journal else None
    with engine(logbook, journal, letters_of(after)) as running:
        assert running.state == ([1, 4] if with_journal else [])
    found = [int(letter.event["amount"][0]) for letter in hr.DeadLetters(letters_of(after))]
    # What was written in one piece, and not synced, is there after a kill.
    assert found == ([-2, -3] if with_journal or operation == "sync" else [-2])


def publish_and_drain(running: hr.Engine) -> None:
    running.publish(amounts(-3, 4), SECONDS)
    running.drain(SECONDS)


def test_a_full_disk() -> None:
    """Nothing is lost without a word, and with more room all is there."""
    disk = SimulatedDisk()
    running = engine(logbook, journal_of(disk, segment_bytes=1 << 20), letters_of(disk))
    disk.capacity_bytes = sum(map(len, disk.contents().values())) + 200
    with pytest.raises(JournalFull, match=r"the dead letter of event .* make space"):
        publish_many(running)
    done = running.sequence
    with pytest.raises(JournalFull):
        running.close(SECONDS)
    kept = len(hr.DeadLetters(letters_of(disk)))
    assert kept == done > 5
    full = disk.after_kill()
    with pytest.raises(JournalFull):
        open_engine(logbook, full)
    disk.capacity_bytes = None
    after = disk.after_kill()
    with open_engine(logbook, after) as running:
        assert running.state == []
        assert running.sequence > done
    check_one_letter_each(after, lost=False)


def publish_many(running: hr.Engine) -> None:
    for number in range(40):
        running.publish(amounts(-1 - number), SECONDS, durable=True)
        running.drain(SECONDS)


@pytest.mark.parametrize("operation", ["create", "sync", "rename", "sync_folder", "make_folder"])
def test_letters_cannot_be_opened(operation: str) -> None:
    """The engine does not open, and holds no lock."""
    disk = SimulatedDisk()
    path = "/" if operation == "make_folder" else "/dead*"
    disk.fail(operation, path="/dead" if operation == "make_folder" else path)
    with pytest.raises(JournalFailed):
        open_engine(logbook, disk)
    with open_engine(logbook, disk) as running:
        running.publish(amounts(-1), SECONDS)
    check_one_letter_each(disk, lost=False)


@pytest.mark.parametrize("fails_at", [0, 1])
def test_a_fate_cannot_be_written(fails_at: int) -> None:
    """Before it is published, or behind that: it is published once."""
    disk = SimulatedDisk()
    running = open_engine(logbook, disk)
    running.publish(amounts(-1, 2), SECONDS)
    running.drain(SECONDS)
    disk.fail("write", fails_at, path="/dead/*")
    with pytest.raises(JournalFailed, match="that letter 0 is reinject"):
        running.reinject(0, SECONDS)
    with pytest.raises(JournalFailed):
        running.reinject(0, SECONDS)
    with contextlib.suppress(JournalFailed):
        running.close(SECONDS)
    after = disk.after_kill()
    assert len(reinjected_in("/j", after)) == fails_at
    with open_engine(logbook, after) as running:
        assert running.reinject(0, SECONDS) == 2
        running.drain(SECONDS)
    assert reinjected_in("/j", after) == [(0, 2)]
    check_one_letter_each(after, lost=False)


def test_a_failed_step_is_told_where_its_letter_would_be_one_too_many() -> None:
    disk = SimulatedDisk()
    running = engine(logbook, journal_of(disk), letters_of(disk), dead_letters_max=0)
    running.publish(amounts(-1), SECONDS)
    with pytest.raises(StepError):
        running.close(SECONDS)
    assert len(hr.DeadLetters(letters_of(disk))) == 0
