"""What a writer, and who makes snapshots, leave on a disk that loses its power."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from journal_tools import SEGMENT_BYTES, new_writer, read_all, some_events, write_some

from headrace.errors import JournalDamaged
from headrace.journal.folder import list_segments, list_snapshots
from headrace.journal.notes import AnyNote, Called, Sealed
from headrace.journal.snapshots import Snapshot, newest_snapshot, write_snapshot
from headrace.journal.writer import Writer, drop_segments_before
from headrace.simulation import PowerCut, SimulatedDisk

FOLDER = "/j"


def append(writer: Writer, count: int, notes: list[AnyNote] = [], **options: Any) -> None:  # noqa: B006
    writer.append(some_events(count, writer.sequence), np.arange(count), notes, **options)


def safe_part(disk: SimulatedDisk) -> Any:
    """The inputs that are left when all that was not synced is lost."""
    return read_all(FOLDER, disk.after_power_cut(lambda effect: False))[0]


# -- syncing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["fsync", "os"])
@pytest.mark.parametrize("counts", [[5], [5, 7], [3000, 7, 300]], ids=str)
def test_a_write_with_sync_is_of_all_before_it(level: str, counts: list[int]) -> None:
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk, level=level)
    for count in counts[:-1]:
        append(writer, count)
    append(writer, counts[-1], sync=True)
    assert writer.synced_sequence == sum(counts)
    assert safe_part(disk).tobytes() == some_events(sum(counts)).tobytes()
    append(writer, 2, sync=True)
    assert safe_part(disk).tobytes() == some_events(sum(counts) + 2).tobytes()


def test_a_sync_is_of_all_segments() -> None:
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk, level="none")
    for _ in range(5):
        append(writer, 2000)
    assert writer.position.number > 1
    writer.sync()
    assert safe_part(disk).tobytes() == some_events(10_000).tobytes()


def test_what_comes_behind_a_sync_begins_on_a_block() -> None:
    """Also where frames are packed more closely: a torn block holds nothing that was safe."""
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk, level="os")
    for _ in range(3):
        append(writer, 5)
        append(writer, 5)
        writer.sync()
        assert writer.position.offset % 4096 == 0
    _, reader = read_all(FOLDER, disk)
    begins = [frame.offset % 4096 for frame in reader.frames() if frame.count]
    assert begins == [0, begins[1]] * 3
    assert 0 < begins[1] < 4096


@pytest.mark.parametrize("level", ["fsync", "os", "none"])
def test_a_seal_says_that_all_before_it_is_safe(level: str) -> None:
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk, level=level)
    append(writer, 5)
    writer.seal(Sealed(5))
    _, reader = read_all(FOLDER, disk.after_power_cut(lambda effect: False))
    frames = list(reader.frames())
    assert [note for frame in frames for note in frame.notes] == [Sealed(5)]
    disk.flip(frames[0].file, 8 * (frames[0].offset + 70))
    with pytest.raises(JournalDamaged, match="inputs 0 to 4 had been synced"):
        read_all(FOLDER, disk)


# -- notes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1, 2])
def test_every_note_of_a_batch_stands_with_its_input(which: int) -> None:
    """Also of the first and the last input of each frame that a long batch becomes."""
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk)
    notes: list[AnyNote] = [Called(n) for n in range(which, 8000, 3)]
    append(writer, 8000, notes)
    frames = list(read_all(FOLDER, disk)[1].frames())
    assert sum(1 for frame in frames if frame.count) > 3
    assert [note for frame in frames for note in frame.notes] == notes
    for frame in frames:
        for note in frame.notes:
            assert frame.first_sequence <= note.sequence < frame.header.end


# -- segments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["fsync", "os"])
def test_segments_are_as_long_as_they_say(level: str) -> None:
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk, level=level)
    for count in range(100, 3000, 37):
        append(writer, count)
    files = [data for name, data in disk.contents().items() if name.endswith(".segment")]
    assert len(files) > 20
    assert {len(data) for data in files} == {SEGMENT_BYTES}


def test_a_spare_segment_of_another_length_is_not_used() -> None:
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk)
    append(writer, 2000)
    assert writer.prepare_spare(ready=True)
    writer.sync()
    writer.close()
    end = read_all(FOLDER, disk)[1].end
    longer = new_writer(
        FOLDER, disk, at=end, journal_id=writer.journal_id, segment_bytes=2 * SEGMENT_BYTES
    )
    append(longer, 3000, sync=True)
    assert longer.position.number == 1
    assert disk.open(longer.path).size == 2 * SEGMENT_BYTES
    assert safe_part(disk).tobytes() == some_events(5000).tobytes()


@pytest.mark.parametrize("operation", ["create", "rename"])
def test_a_spare_segment_that_cannot_be_made_is_no_failure(operation: str) -> None:
    """It is tried again later; whoever needs the segment before that makes it."""
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk)
    disk.fail(operation, path=f"{FOLDER}/spare*")
    assert not writer.prepare_spare(ready=True)
    append(writer, 3000)
    append(writer, 3000, sync=True)
    assert writer.position.number == 1
    assert writer.prepare_spare(ready=True)
    assert disk.exists(f"{FOLDER}/spare")
    assert safe_part(disk).tobytes() == some_events(6000).tobytes()


def test_segments_are_dropped_for_good_one_after_the_other() -> None:
    """Of a power cut at any moment there is never a gap, and never too much gone."""
    disk = SimulatedDisk()
    write_some(new_writer(FOLDER, disk), [1000] * 20)
    names = list_segments(disk, FOLDER)
    assert len(names) > 5
    sequence = names[3][1] + 1
    for at in range(7):
        trial = disk.after_kill()
        trial.sync_folder(FOLDER)
        trial.crash_at = len(trial.operations) + at
        dropped = -1
        with contextlib.suppress(PowerCut):
            dropped = drop_segments_before(trial, FOLDER, sequence)
            assert list_segments(trial, FOLDER) == names[3:]
        assert dropped == (3 if at == 6 else -1)
        for after in trial.power_cuts(16):
            left = list_segments(after, FOLDER)  # which refuses gaps
            assert left[0] in names[:4]
            assert left == names[names.index(left[0]) :], after.origin


@pytest.mark.parametrize("behind", [-1, 0, 1])
def test_segments_that_are_wanted_stay(behind: int) -> None:
    disk = SimulatedDisk()
    write_some(new_writer(FOLDER, disk), [1000] * 12)
    names = list_segments(disk, FOLDER)
    drop_segments_before(disk, FOLDER, names[2][1] + behind)
    assert list_segments(disk, FOLDER) == names[1 if behind < 0 else 2 :]
    drop_segments_before(disk, FOLDER, 1 << 60)
    assert list_segments(disk, FOLDER) == names[-1:]


# -- snapshots -----------------------------------------------------------------------------------


def snapshot(sequence: int) -> Snapshot:
    return Snapshot(sequence, [], "digest", [], (0, 0, 0, 0), "0", (-1, -1))


def test_a_snapshot_is_there_for_good() -> None:
    disk = SimulatedDisk()
    disk.make_folder(FOLDER)
    write_snapshot(disk, FOLDER, bytes(16), snapshot(5))
    for after in disk.power_cuts(8):
        assert newest_snapshot(after, FOLDER, bytes(16)) == (snapshot(5), [])
        assert [name for name in after.names(FOLDER) if name.endswith(".new")] == []


@pytest.mark.parametrize("journal_id", [bytes(16), None], ids=["this", "any"])
def test_a_snapshot_that_is_of_another_journal(journal_id: bytes | None) -> None:
    disk = SimulatedDisk()
    disk.make_folder(FOLDER)
    write_snapshot(disk, FOLDER, bytes(16), snapshot(5))
    write_snapshot(disk, FOLDER, b"x" * 16, snapshot(9))
    found, bad = newest_snapshot(disk, FOLDER, journal_id)
    assert found is not None
    if journal_id is None:
        assert (found.sequence, bad) == (9, [])
        return
    assert found.sequence == 5
    (told,) = bad
    assert str(told) == f"{FOLDER}/{9:020d}.snapshot: it belongs to another journal"


def test_a_snapshot_under_another_name() -> None:
    """As somebody may have copied it: it would be taken for a later state."""
    disk = SimulatedDisk()
    disk.make_folder(FOLDER)
    path = write_snapshot(disk, FOLDER, bytes(16), snapshot(5))
    disk.rename(path, f"{FOLDER}/{7:020d}.snapshot")
    assert list_snapshots(disk, FOLDER) == [7]
    found, (bad,) = newest_snapshot(disk, FOLDER, bytes(16))
    assert found is None
    assert bad.reason == "it is the snapshot before input 5"
