"""`journal.check`: what is in a folder, what is wrong with it, and what is intact behind that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from journal_fuzzing import vouch_for_segment
from journal_tools import flip, new_writer, some_events, write_some
from repair_tools import (
    FOLDER,
    checked,
    harm,
    made_journal,
    read,
    segments,
    snapshots,
)

from headrace.errors import JournalNotFound
from headrace.journal.check import DAMAGED, HARMLESS, WHOLE, Finding, check
from headrace.ports import LocalDisk
from headrace.simulation import SimulatedDisk


def only(disk: SimulatedDisk) -> Finding:
    (finding,) = checked(disk).findings
    return finding


def test_a_whole_journal() -> None:
    found = checked(made_journal(60, (20, 40), outputs=True))
    assert (found.level, found.findings) == (WHOLE, [])
    scan = found.scan
    assert scan.sealed
    assert sum(each.inputs for each in scan.segments) == 6000
    assert [each.name[1] for each in scan.segments[1:]] == [each.end for each in scan.segments[:-1]]
    assert [(each.sequence, each.bad) for each in scan.snapshots] == [(2000, ""), (4000, "")]
    assert (len(scan.stretches), scan.end.sequence) == (1, 6000)
    times = [time for each in scan.segments for time in each.times or ()]
    assert times == sorted(times)
    assert found.outputs is not None
    assert (found.outputs.level, found.outputs.scan.end.sequence) == (WHOLE, 6000)


def test_nothing_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "not"):
        with pytest.raises(JournalNotFound, match="there is no journal"):
            check(LocalDisk(), str(path))


def test_damage_in_the_middle_and_what_is_behind_it() -> None:
    disk = made_journal(60)
    path = segments(disk)[1]
    frames = 4096 * np.arange(1, 16)
    harm(disk, path, int(frames[3]) + 100)
    harm(disk, path, int(frames[7]) + 8)  # a header
    found = checked(disk)
    assert found.level == DAMAGED
    told = [(each.file, each.offset, each.inputs) for each in found.findings]
    first = found.scan.segments[1].name[1]
    assert told == [
        (path, frames[3], (first + 300, first + 400)),
        (path, frames[7], (first + 700, first + 800)),
    ]
    assert "checksum" in found.findings[0].reason
    assert "header is damaged" in found.findings[1].reason
    assert sum(each.inputs for each in found.scan.segments) == 5800
    assert [(s.first, s.last, s.begin) for s in found.scan.stretches] == [
        (0, 1, 0),
        (2, len(found.scan.segments) - 1, found.scan.segments[2].name[1]),
    ]


def test_a_frame_that_was_written_to_another_place() -> None:
    """It is whole in itself, and does not belong there: its inputs are not counted twice."""
    disk = made_journal(60)
    path = segments(disk)[1]
    file = disk.open(path, writable=True)
    file.write(6 * 4096, [file.read(2 * 4096, 4096)])
    file.sync()
    first = int(path[-28:-8])
    finding = only(disk)
    assert (finding.offset, finding.inputs) == (6 * 4096, (first + 500, first + 600))
    assert "should come" in finding.reason
    assert sum(each.inputs for each in checked(disk).scan.segments) == 5900


def test_a_torn_tail_is_harmless(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write_some(writer, [5, 5])
    at = writer.position
    writer.append(some_events(5, 10), np.arange(5))
    with open(writer.path, "r+b") as file:
        file.seek(at.offset + 70)
        file.write(b"torn")
    found = check(LocalDisk(), str(tmp_path))
    assert found.level == HARMLESS
    (finding,) = found.findings
    assert (finding.kind, finding.offset, finding.inputs) == ("torn tail", at.offset, None)
    assert "goes on at input 10" in finding.remedy
    assert not found.scan.sealed


def test_a_tail_that_had_been_synced_is_damage() -> None:
    disk = made_journal(3)
    path = segments(disk)[-1]
    harm(disk, path, 4 * 4096 + 64)
    finding = only(disk)
    assert (finding.kind, finding.offset, finding.inputs) == ("damage", 4 * 4096, (200, 300))


def test_the_tail_is_gone_and_a_snapshot_knows() -> None:
    """Nothing in the segments says that anything is missing."""
    disk = made_journal(5, (5,))
    path = segments(disk)[-1]
    file = disk.open(path, writable=True)
    file.write(4 * 4096, [bytes(file.size - 4 * 4096)])
    file.sync()
    finding = only(disk)
    assert (finding.kind, finding.inputs) == ("damage", (200, 500))


def test_a_missing_segment() -> None:
    disk = made_journal(60)
    gone = segments(disk)[1]
    disk.remove(gone)
    finding = only(disk)
    first, end = int(gone[-28:-8]), int(segments(disk)[1][-28:-8])
    assert finding.file == segments(disk)[0]
    assert "segment 1 is missing" in finding.reason
    assert finding.inputs == (first, end)
    assert sum(each.inputs for each in checked(disk).scan.segments) == 6000 - (end - first)


def test_the_beginning_is_missing() -> None:
    disk = made_journal(60)
    disk.remove(segments(disk)[0])
    finding = only(disk)
    assert finding.inputs == (0, int(segments(disk)[0][-28:-8]))
    assert "no good snapshot stands for" in finding.reason
    assert checked(made_journal(60, (40,), keep="snapshots")).level == WHOLE


@pytest.mark.parametrize("offset", [3, 20, 40, 60, 75, 90])
def test_a_header_that_can_be_put_together(offset: int) -> None:
    disk = made_journal(60)
    path = segments(disk)[1]
    was = read(disk, path)
    harm(disk, path, offset)
    found = checked(disk)
    (finding,) = found.findings
    assert (finding.kind, finding.file, finding.offset) == ("damage", path, 0)
    assert "put together again" in finding.remedy
    mended = found.scan.segments[1].mended
    assert mended is not None
    assert (mended.exact, mended.data) == (True, was[:4096])
    assert sum(each.inputs for each in found.scan.segments) == 6000


def test_a_header_and_a_frame_are_damaged() -> None:
    """What tells that the header is right is gone as well; the frames behind are read."""
    disk = made_journal(60)
    path = segments(disk)[1]
    first = int(path[-28:-8])
    harm(disk, path, 0, 200)
    harm(disk, path, 4096, 64)
    found = checked(disk)
    assert [each.inputs for each in found.findings] == [(first, first + 100)]
    assert sum(each.inputs for each in found.scan.segments) == 5900
    assert [s.first for s in found.scan.stretches] == [0, 2]


def test_a_segment_of_another_journal() -> None:
    disk, other = made_journal(60), made_journal(60)
    path = segments(disk)[1]
    assert segments(other)[1] == path
    file = disk.open(path, writable=True)
    file.write(0, [read(other, path)])
    file.sync()
    finding = only(disk)
    assert finding.reason == "it belongs to another journal"
    assert finding.inputs == (int(path[-28:-8]), int(segments(disk)[2][-28:-8]))


def test_a_segment_of_other_events() -> None:
    """A whole header that no engine wrote; the one that was there can be put together again."""
    disk = made_journal(60)
    path = segments(disk)[1]
    data = bytearray(read(disk, path))
    at = data.index(b"key")
    data[at : at + 3] = b"hey"
    vouch_for_segment(data, [])
    file = disk.open(path, writable=True)
    file.write(0, [bytes(data)])
    file.sync()
    finding = only(disk)
    assert finding.file == path
    assert "it says that its events are" in finding.reason
    assert "'hey'" in finding.reason


def test_bad_snapshots_are_harmless() -> None:
    disk = made_journal(60, (20, 40))
    harm(disk, snapshots(disk)[1], 100)
    finding = only(disk)
    assert (finding.kind, finding.file) == ("snapshot", snapshots(disk)[1])
    assert "checksum of the state" in finding.reason
    assert checked(disk).level == HARMLESS


def test_something_behind_the_last_frame_of_a_full_segment(tmp_path: Path) -> None:
    """The next segment follows on that frame, so nothing is missing."""
    writer = new_writer(tmp_path)
    write_some(writer, [300] * 9)  # two blocks each, so one is left over
    flip(sorted(tmp_path.glob("*.segment"))[0], (1 << 16) - 64)
    found = check(LocalDisk(), str(tmp_path))
    (finding,) = found.findings
    assert (finding.kind, finding.offset, found.level) == ("note", 15 * 4096, WHOLE)
    assert found.scan.end.sequence == 2700


def test_leftovers_and_strangers() -> None:
    disk = made_journal(3)
    for name in ("spare.new", f"{'0' * 20}.snapshot.new", "notes.txt"):
        disk.create(f"{FOLDER}/{name}", 10)
    found = checked(disk)
    assert found.level == WHOLE
    assert sorted((each.file.split("/")[-1], each.reason) for each in found.findings) == [
        (f"{'0' * 20}.snapshot.new", "a file that was being made"),
        ("notes.txt", "no file of a journal"),
        ("spare.new", "a file that was being made"),
    ]
    spare = disk.create(f"{FOLDER}/spare", 1 << 16)
    assert checked(disk).findings == found.findings  # zeros are what it is to be
    spare.write(0, [b"half a header"])
    (begun,) = set(checked(disk).findings) - set(found.findings)
    assert (begun.file, begun.reason) == (
        f"{FOLDER}/spare", "a segment that was begun and has no name yet"
    )  # fmt: skip


def test_damaged_outputs() -> None:
    disk = made_journal(60, outputs=True)
    path = segments(disk, f"{FOLDER}/outputs")[1]
    harm(disk, path, 8192)
    found = checked(disk)
    assert (found.level, found.findings) == (DAMAGED, [])
    assert found.outputs is not None
    assert [each.file for each in found.outputs.findings] == [path]


def test_outputs_that_a_snapshot_knows_of_are_missing() -> None:
    """Their journal ends as if nothing were wrong, and they are not made again."""
    disk = made_journal(60, (50,), outputs=True)
    names = segments(disk, f"{FOLDER}/outputs")
    for path in reversed(names[1:]):
        disk.remove(path)
    have = int(names[1][-28:-8])
    found = checked(disk)
    assert (found.level, found.findings) == (DAMAGED, [])
    assert found.outputs is not None
    (finding,) = found.outputs.findings
    assert (finding.file, finding.inputs) == (names[0], (have, 5000))
    assert "the snapshot before input 5,000 knows of more" in finding.reason
