"""What a reader takes for the journal's end, for damage, and for what belongs to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journal_tools import EVENT, SEGMENT_BYTES, flip, new_writer, read_all, some_events, write_some

from headrace.errors import JournalDamaged
from headrace.journal.check import WHOLE, check
from headrace.journal.folder import list_segments
from headrace.journal.index import Index
from headrace.journal.layout import encode_frame, id_seed
from headrace.journal.notes import AnyNote, Digest
from headrace.journal.reader import Reader
from headrace.journal.recovery import Tail
from headrace.journal.segment import Frame, Position, Segment
from headrace.journal.snapshots import Snapshot, write_snapshot
from headrace.journal.writer import Writer
from headrace.simulation import SimulatedDisk

FOLDER = "/j"
OWN = b"o" * 16


def put(disk: SimulatedDisk, path: str, offset: int, data: bytes) -> None:
    file = disk.open(path, writable=True)
    file.write(offset, [data])
    file.sync()
    file.close()


# -- what belongs to it --------------------------------------------------------------------------


def test_a_frame_that_was_written_behind_another_one() -> None:
    """Of the same journal, at its place, of the inputs that come next; but other ones were before.

    So it is when a process dies, another writes on in the place of what was lost, and a part of
    what was there before comes back.
    """
    disks = []
    for before in (some_events(5), some_events(5, 100)):
        disk = SimulatedDisk()
        writer = new_writer(FOLDER, disk, journal_id=OWN, level="os")
        writer.append(before, np.arange(5))
        writer.append(some_events(5, 5), np.arange(5))
        disks.append((disk, writer))
    (disk, writer), (other, _) = disks
    first, second = Reader(other, FOLDER).frames()
    put(disk, writer.path, second.offset, second.bytes.tobytes())
    assert len(read_all(FOLDER, other)[0]) == 10
    read, reader = read_all(FOLDER, disk)
    assert read.tobytes() == some_events(5).tobytes()
    assert reader.tear is not None
    assert "does not belong behind the one before it" in reader.tear.reason
    assert first.count == second.count == 5


@pytest.mark.parametrize("sequence", [4, 6, 1 << 40])
def test_a_frame_whose_inputs_do_not_come_next(sequence: int) -> None:
    """As only a wrong writer makes it; whole in itself, and chained to the one before."""
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk, journal_id=OWN, level="os")
    writer.append(some_events(5), np.arange(5))
    parts, _, _ = encode_frame(
        sequence,
        some_events(1),
        np.zeros(1, np.int64),
        b"",
        synced_sequence=0,
        previous=writer.position.previous,
        seed=id_seed(OWN),
        alignment=64,
    )
    put(disk, writer.path, writer.position.offset, b"".join(bytes(part) for part in parts))
    read, reader = read_all(FOLDER, disk)
    assert len(read) == 5
    assert reader.tear is not None
    assert f"input 5 should come, and {sequence:,} does" in reader.tear.reason


def test_a_segment_under_another_name() -> None:
    """Whoever believed the name would find nothing in it, and cut it off."""
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk, level="os")
    writer.append(some_events(5), np.arange(5))
    disk.rename(writer.path, f"{FOLDER}/{0:010d}-{7:020d}.segment")
    with pytest.raises(JournalDamaged, match="its header is that of segment 0"):
        read_all(FOLDER, disk)


# -- where it ends -------------------------------------------------------------------------------


def test_one_input_that_was_safe_is_not_cut_off(tmp_path: Path) -> None:
    """The smallest loss that there can be."""
    writer = new_writer(tmp_path)
    write_some(writer, [1, 1, 1])
    _, second, third = frames_of(tmp_path)
    flip(Path(writer.path), second.offset + 70)
    with pytest.raises(JournalDamaged, match="inputs 1 to 1 had been synced"):
        read_all(tmp_path)
    flip(Path(writer.path), second.offset + 70)
    flip(Path(writer.path), third.offset + 70)
    assert read_all(tmp_path)[1].tear is not None


def frames_of(folder: Path) -> list[Frame]:
    return list(read_all(folder)[1].frames())


def full_segment(disk: SimulatedDisk, notes: list[AnyNote]) -> tuple[Writer, list[Frame]]:
    """One whose last frame ends it, and has no inputs and maybe notes; one with inputs is next."""
    writer = new_writer(FOLDER, disk)
    while writer.position.offset + 4096 < SEGMENT_BYTES:
        writer.append(some_events(5, writer.sequence), np.arange(5), sync=True)
    writer.append(np.empty(0, EVENT), np.empty(0, np.int64), notes)
    for _ in range(2):
        writer.append(some_events(5, writer.sequence), np.arange(5), sync=True)
    assert writer.position.number == 1
    frames = list(Reader(disk, FOLDER).frames())
    assert (frames[-3].count, frames[-3].notes) == (0, notes)
    return writer, frames


def test_a_frame_of_notes_in_front_of_the_next_segment_is_missed() -> None:
    """No input is missing, so only the chain tells it."""
    disk = SimulatedDisk()
    _, frames = full_segment(disk, [Digest(5, "of a state", 5, 0, 0)])
    at = frames[-3]
    for data in (bytes(4096), b"x"):
        trial = disk.after_kill()
        put(trial, at.file, at.offset, data)
        with pytest.raises(JournalDamaged, match=f"inputs {at.first_sequence} to") as caught:
            read_all(FOLDER, trial)
        assert (caught.value.file, caught.value.offset) == (at.file, at.offset)


def test_the_header_of_the_next_segment_is_asked_as_well() -> None:
    """Where nothing else is left of what was written later."""
    disk = SimulatedDisk()
    writer, frames = full_segment(disk, [])
    put(disk, writer.path, 4096, bytes(SEGMENT_BYTES - 4096))
    lost = frames[-4]
    put(disk, lost.file, lost.offset, bytes(2 * 4096))
    with pytest.raises(JournalDamaged, match=r"had been synced, as \S+01-\S+, byte 0 says"):
        read_all(FOLDER, disk)


# -- where a snapshot says that it goes on -------------------------------------------------------

PLACES: dict[str, Callable[[list[Frame], Position], Position]] = {
    "before it": lambda frames, end: frames[1].position,
    "of it": lambda frames, end: frames[2].position,
    "behind it": lambda frames, end: frames[4].position,
    "the end": lambda frames, end: end,
    "no frame": lambda frames, end: frames[2].position._replace(offset=frames[2].offset + 64),
    "other inputs": lambda frames, end: frames[2].position._replace(sequence=5),
    "before the file": lambda frames, end: frames[2].position._replace(offset=-64),
    "another segment": lambda frames, end: frames[2].position._replace(number=1),
}


@pytest.mark.parametrize("kind", PLACES)
def test_all_inputs_behind_a_snapshot_are_read(kind: str) -> None:
    """Wherever it says that reading can begin, true or not."""
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk, level="os", journal_id=OWN)
    for _ in range(6):
        writer.append(some_events(5, writer.sequence), np.arange(5))
    place = PLACES[kind](list(Reader(disk, FOLDER).frames()), writer.position)
    numbers = (place.number, place.offset, place.sequence, place.previous)
    write_snapshot(disk, FOLDER, OWN, Snapshot(10, [], "", [], numbers, "0", (-1, -1)))
    tail = Tail(disk, FOLDER)
    parts = [frame.events[max(0, 10 - frame.first_sequence) :] for frame in tail.frames()]
    assert np.concatenate(parts).tobytes() == some_events(20, 10).tobytes()
    assert (tail.recovery.inputs, tail.end) == (20, writer.position)


# -- while somebody writes -----------------------------------------------------------------------


def write_at_the_end(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each of the next three looks at a frame that is not there be just too early for it."""
    look = Segment.frame_at
    left = [3]

    def looked(self: Segment, position: Position) -> Any:
        found = look(self, position)
        if isinstance(found, str) and left[0]:
            left[0] -= 1
            writer.append(some_events(5, writer.sequence), np.arange(5))
            return "a frame's header is damaged" if left[0] % 2 else found
        return found

    monkeypatch.setattr(Segment, "frame_at", looked)


def test_what_is_being_written_is_no_tear(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk, level="os")
    writer.append(some_events(5), np.arange(5))
    reader = Reader(disk, FOLDER)
    write_at_the_end(writer, monkeypatch)
    assert sum(frame.count for frame in reader.frames()) == 20
    assert reader.tear is None
    assert reader.end == writer.position


def test_what_is_being_written_is_no_damage_to_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk, level="os")
    writer.append(some_events(5), np.arange(5))
    write_at_the_end(writer, monkeypatch)
    found = check(disk, FOLDER)
    assert (found.level, found.findings) == (WHOLE, [])


def test_a_frame_that_is_there_in_part_is_not_there_yet() -> None:
    """Its header is written first, and what it says of the rest is only true when that has come."""
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk, level="os")
    for _ in range(2):
        writer.append(some_events(5, writer.sequence), np.arange(5))
    _, last = Reader(disk, FOLDER).frames()
    whole = last.bytes.tobytes()
    put(disk, writer.path, last.offset + 64, bytes(len(whole) - 64))
    index = Index(Reader(disk, FOLDER))
    assert index.end == 5
    put(disk, writer.path, last.offset, whole)
    assert index.end == 10
    assert [part.tobytes() for part, _ in index.slices(5, 10)] == [some_events(5, 5).tobytes()]
    assert len(list_segments(disk, FOLDER)) == 1
