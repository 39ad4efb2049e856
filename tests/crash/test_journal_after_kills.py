"""A process dies, another goes on, and then the power is cut: what the second relied on is there.

After a kill all is there, and not all of it is safe. Each of these lost, or refused, what had been
promised, where a journal was opened without making what was found in it safe.
"""

from __future__ import annotations

import errno

import numpy as np
import pytest
from journal_tools import SEGMENT_BYTES, new_writer, read_all, some_events
from power_tools import FOLDER, Session, Story, check_recovery, crashed, lived, operations_of

from headrace.errors import JournalFailed
from headrace.journal.notes import Called, Digest
from headrace.simulation import SimulatedDisk
from headrace.simulation.disk_effects import SectorEffect


def opened_again(disk: SimulatedDisk, story: Story, level: str) -> None:
    """Go on for a little, safely; then the power is cut."""
    session = Session(disk, story, level)
    session.append(3)
    session.sync()
    for after in disk.power_cuts(12):
        check_recovery(after, story, level, story.safe)
    session.snapshot()
    session.append(4)
    for after in disk.power_cuts(12):
        check_recovery(after, story, level, story.safe)


@pytest.mark.parametrize("level", ["fsync", "os", "none"])
def test_segments_that_nobody_has_synced(level: str) -> None:
    disk, story = SimulatedDisk(), Story()
    session = Session(disk, story, "none")
    for _ in range(6):
        session.append(1300)
    assert session.writer.position.number == 2
    assert session.writer.synced_sequence == 0
    opened_again(disk.after_kill(), story, level)


def test_names_that_nobody_has_synced() -> None:
    """Killed between the rename of a new segment and the sync of the folder, and so on."""

    def life(disk: SimulatedDisk, story: Story) -> None:
        session = Session(disk, story, "fsync")
        for _ in range(5):
            session.append(1300)
        session.snapshot()

    folders = 0
    disk = SimulatedDisk()
    for at, operation in enumerate(operations_of(life, disk, Story())):
        if operation.kind == "sync_folder":
            folders += 1
            trial, story = SimulatedDisk(crash_at=at), Story()
            assert not lived(life, trial, story)
            opened_again(trial.after_kill(), story, "fsync")
    assert folders > 4


def test_a_sync_that_fails_and_one_that_says_that_all_is_well() -> None:
    """Linux forgets what a failed sync should have written, and reads as if it were there."""
    disk, story = SimulatedDisk(), Story()
    session = Session(disk, story, "fsync")
    session.append(5)
    disk.fail("sync")
    with pytest.raises(JournalFailed, match="inputs before 5 are safe"):
        session.append(6)
    operations = len(disk.operations)
    with pytest.raises(JournalFailed, match="nothing more is written"):
        session.append(1)
    with pytest.raises(JournalFailed, match="nothing more is written"):
        session.writer.sync()
    assert len(disk.operations) == operations
    story.given = story.given[:11]
    opened_again(disk.after_kill(), story, "fsync")
    assert len(story.given) == 18


def test_several_segments_are_cut_off_one_after_the_other() -> None:
    """The renames of a cut are each safe before the next: never a gap between segments."""
    disk, story = SimulatedDisk(), Story()
    session = Session(disk, story, "none")
    for _ in range(9):
        session.append(1300)
    first = f"{FOLDER}/{0:010d}-{0:020d}.segment.new"
    torn = disk.after_power_cut(
        lambda effect: not (isinstance(effect, SectorEffect) and effect.operation.path == first)
    )
    trials = 0
    for after, told in crashed(recover, torn, story):
        for left in after.power_cuts(8):
            trials += 1
            check_recovery(left, told, "none", 0)
    assert trials > 100
    again = Session(torn, story, "none", 0)
    assert again.tear is not None
    assert again.tear.segments_behind == 4
    assert len(torn.names(f"{FOLDER}/kept")) == 4


def recover(disk: SimulatedDisk, story: Story) -> None:
    Session(disk, story, "none", 0)


def test_a_segment_that_was_being_made_is_not_taken_for_one() -> None:
    """Left by a death in the middle of a roll, which the next life does not come to at once."""
    disk, story = SimulatedDisk(), Story()
    session = Session(disk, story, "os")
    session.append(1300)
    session.append(1300)
    disk.fail("rename", path="*.segment.new")
    with pytest.raises(JournalFailed, match="could not be made"):
        session.append(1300)
    story.given = story.given[:2600]
    disk = disk.after_kill()
    assert f"0000000001-{2600:020d}.segment.new" in disk.names(FOLDER)
    session = Session(disk, story, "os")
    session.append(3)
    session.append(1300)
    assert f"0000000001-{2603:020d}.segment" in disk.names(FOLDER)
    session = Session(disk.after_kill(), story, "os")
    session.append(5)
    check_recovery(session.disk, story, "os", 3908)
    assert not [name for name in session.disk.names(FOLDER) if name.endswith(".new")]


def test_notes_of_a_batch_that_no_segment_holds() -> None:
    """Notes without an input of their own come behind the others, and keep none of them back."""
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk)
    loose = Digest(0, "", 0, 0, 0)
    calls = [Called(5), Called(4000), Called(7999)]
    writer.append(some_events(8000), np.zeros(8000, np.int64), [*calls, loose])
    _, reader = read_all(FOLDER, disk)
    notes = [note for frame in reader.frames() for note in frame.notes]
    assert sorted(notes, key=lambda note: (note.sequence, str(note))) == [loose, *calls]
    assert writer.position.number > 0
    assert disk.open(writer.path).size == SEGMENT_BYTES


def test_a_full_disk_on_the_roll() -> None:
    disk, story = SimulatedDisk(), Story()
    session = Session(disk, story, "fsync")
    session.append(1300)
    session.append(1300)
    disk.fail("create", error=errno.ENOSPC)
    with pytest.raises(JournalFailed, match="make space, and open the engine anew"):
        session.append(1300)
    story.given = story.given[:2600]
    opened_again(disk.after_kill(), story, "fsync")
