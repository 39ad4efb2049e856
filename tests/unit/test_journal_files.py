"""A journal's files: what is written is read; tears are told from damage."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journal_fuzzing import vouch_for_segment
from journal_tools import (
    EVENT,
    flip,
    new_writer,
    only_segment,
    read_all,
    some_events,
    write_some,
)

from headrace.errors import (
    JournalDamaged,
    JournalFailed,
    JournalFull,
    JournalLocked,
    JournalNotFound,
)
from headrace.journal.folder import take_lock
from headrace.journal.layout import FRAME_HEADER_BYTES
from headrace.journal.notes import Called, Sealed, decode_notes, encode_notes
from headrace.journal.recovery import Tail
from headrace.ports import LocalDisk
from headrace.ports.local_disk import LocalFile


def frames_of(folder: Path) -> list[Any]:
    _, reader = read_all(folder)
    return list(reader.frames())


def test_what_is_written_is_read(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write_some(writer, [1, 5, 0, 300])
    writer.append(some_events(2, 306), np.array([7, 8]), [Called(307, "c", 1)])
    read, reader = read_all(tmp_path)
    assert read.tobytes() == some_events(308).tobytes()
    assert reader.tear is None
    assert reader.end == writer.position
    last = list(reader.frames())[-1]
    assert last.times.tolist() == [7, 8]
    assert last.notes == [Called(307, "c", 1)]
    assert not last.events.flags.writeable


@pytest.mark.parametrize("level", ["fsync", "os", "none"])
def test_segments_follow_each_other(tmp_path: Path, level: str) -> None:
    writer = new_writer(tmp_path, level=level)
    write_some(writer, [500] * 40)
    assert len(list(tmp_path.glob("*.segment"))) > 4
    read, reader = read_all(tmp_path)
    assert read.tobytes() == some_events(20_000).tobytes()
    assert reader.end == writer.position


def test_a_batch_that_no_segment_holds(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    writer.append(some_events(20_000), np.zeros(20_000, np.int64), [Called(5), Called(19_999)])
    read, reader = read_all(tmp_path)
    assert read.tobytes() == some_events(20_000).tobytes()
    noted = [(f.first_sequence, note) for f in reader.frames() for note in f.notes]
    assert [note for _, note in noted] == [Called(5), Called(19_999)]
    for first, note in noted:
        assert first <= note.sequence


def test_going_on_with_a_journal(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write_some(writer, [10, 10])
    writer.close()
    _, reader = read_all(tmp_path)
    again = new_writer(tmp_path, at=reader.end, journal_id=writer.journal_id)
    write_some(again, [10])
    assert read_all(tmp_path)[0].tobytes() == some_events(30).tobytes()


def test_what_was_safe_is_not_written_again(tmp_path: Path) -> None:
    """A journal of level "os" ends in the middle of a block; "fsync" goes on in a new segment."""
    writer = new_writer(tmp_path, level="os")
    writer.append(some_events(3), np.arange(3))
    assert writer.position.offset % 4096
    again = new_writer(tmp_path, at=writer.position, journal_id=writer.journal_id)
    write_some(again, [3])
    assert len(list(tmp_path.glob("*.segment"))) == 2
    assert read_all(tmp_path)[0].tobytes() == some_events(6).tobytes()


def test_every_flipped_byte_is_found_or_harmless(tmp_path: Path) -> None:
    """A sealed journal, each byte of it changed once: never other inputs than were written."""
    writer = new_writer(tmp_path, segment_bytes=1 << 16, level="os")
    write_some(writer, [2, 1, 3])
    writer.seal(Sealed(6))
    path = only_segment(tmp_path)
    frames = [(f.offset, f.offset + f.header.frame_bytes) for f in frames_of(tmp_path)]
    places = [*range(300), *(n for at, end in frames for n in range(at, min(at + 300, end)))]
    whole = some_events(6).tobytes()
    found = 0
    for offset in places:
        flip(path, offset)
        try:
            read, reader = read_all(tmp_path)
        except JournalDamaged as error:
            found += (error.file, error.sequence <= 6) == (str(path), True)
        else:
            assert read.tobytes() == whole, f"byte {offset}: other inputs"
            found += reader.tear is not None
        flip(path, offset)
    assert 500 < found < len(places)
    assert read_all(tmp_path)[0].tobytes() == whole


def test_a_torn_tail_is_told_from_damage(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write_some(writer, [5, 5, 5])
    first, second, third = frames_of(tmp_path)
    path = only_segment(tmp_path)
    flip(path, third.offset + FRAME_HEADER_BYTES)
    read, reader = read_all(tmp_path)
    assert read.tobytes() == some_events(10).tobytes()
    assert reader.tear is not None
    assert "cut off from input 10 on" in str(reader.tear)
    # The third frame says that the second was synced.
    flip(path, third.offset + FRAME_HEADER_BYTES)
    flip(path, second.offset + FRAME_HEADER_BYTES)
    with pytest.raises(JournalDamaged, match="inputs 5 to 9 had been synced") as caught:
        read_all(tmp_path)
    assert (caught.value.offset, caught.value.sequence) == (second.offset, 5)
    assert first.offset == 4096


@pytest.mark.parametrize("behind", [1, 2])
def test_what_stands_behind_a_full_segment_is_no_damage(tmp_path: Path, behind: int) -> None:
    """The next segment follows on the last frame: nothing is missing, and nothing is cut off."""
    writer = new_writer(tmp_path)
    write_some(writer, [300] * (7 + behind))  # two blocks each; one is left over
    first, second = sorted(tmp_path.glob("*.segment"))
    flip(first, 15 * 4096 + 8)
    read, reader = read_all(tmp_path)
    assert read.tobytes() == some_events(300 * (7 + behind)).tobytes()
    assert reader.tear is None
    assert second.exists()


def test_zeros_where_a_frame_was(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write_some(writer, [5, 5, 5])
    _, second, third = frames_of(tmp_path)
    with open(only_segment(tmp_path), "r+b") as file:
        file.seek(second.offset)
        file.write(bytes(third.offset - second.offset))
    with pytest.raises(JournalDamaged, match="nothing but zeros; inputs 5 to 9"):
        read_all(tmp_path)


def test_a_sealed_journal_loses_nothing_silently(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write_some(writer, [5, 5])
    writer.seal(Sealed(10))
    last = frames_of(tmp_path)[1]
    flip(only_segment(tmp_path), last.offset + 100)
    with pytest.raises(JournalDamaged, match="inputs 5 to 9 had been synced"):
        read_all(tmp_path)


def test_unsynced_frames_behind_a_hole_are_a_tear(tmp_path: Path) -> None:
    """At level "os" a power cut may keep a later write and lose an earlier one."""
    writer = new_writer(tmp_path, level="os")
    for count in (5, 5, 5):
        writer.append(some_events(count, writer.sequence), np.zeros(count, np.int64))
    _, second, _ = frames_of(tmp_path)
    flip(only_segment(tmp_path), second.offset + 70)
    read, reader = read_all(tmp_path)
    assert read.tobytes() == some_events(5).tobytes()
    assert reader.tear is not None
    assert reader.tear.frames_behind == 2


def test_a_missing_segment(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write_some(writer, [500] * 30)
    third = sorted(tmp_path.glob("*.segment"))[2]
    third.unlink()
    with pytest.raises(JournalDamaged, match="segment 2 is missing, with the inputs before"):
        read_all(tmp_path)


def test_a_segment_of_another_journal(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_some(new_writer(tmp_path / name), [500] * 30)
    ours, theirs = (sorted((tmp_path / name).glob("*.segment"))[1] for name in ("a", "b"))
    ours.write_bytes(theirs.read_bytes())
    with pytest.raises(JournalDamaged, match="belongs to another journal"):
        read_all(tmp_path / "a")


def test_a_segment_of_other_events(tmp_path: Path) -> None:
    """Its header is whole, and the bytes of an event as many: only the name of a field differs."""
    write_some(new_writer(tmp_path), [500] * 30)
    path = sorted(tmp_path.glob("*.segment"))[1]
    data = bytearray(path.read_bytes())
    at = data.index(b"key")
    data[at : at + 3] = b"hey"
    vouch_for_segment(data, [])
    path.write_bytes(data)
    with pytest.raises(JournalDamaged, match=r"its events are .*'hey'.*, and another .*'key'"):
        read_all(tmp_path)


@pytest.mark.parametrize(
    ("offset", "message"),
    [(0, "no segment of a journal"), (8, "format version"), (40, "checksum of its header")],
    ids=["magic", "version", "fields"],
)
def test_a_damaged_segment_header(tmp_path: Path, offset: int, message: str) -> None:
    write_some(new_writer(tmp_path), [5])
    flip(only_segment(tmp_path), offset)
    with pytest.raises(JournalDamaged, match=message):
        read_all(tmp_path)


def test_a_truncated_segment(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write_some(writer, [5, 5, 5])
    frames = frames_of(tmp_path)
    path = only_segment(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: frames[2].offset + 100])
    with pytest.raises(JournalDamaged, match="cut short: it has 12,388 bytes") as caught:
        read_all(tmp_path)
    assert caught.value.sequence == 10
    path.write_bytes(data[:100])
    with pytest.raises(JournalDamaged, match="checksum of its header"):
        read_all(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(JournalDamaged, match="it has 0 bytes"):
        read_all(tmp_path)


def test_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalNotFound, match="there is no journal"):
        read_all(tmp_path / "nowhere")


def test_a_tear_is_cut_off_and_kept(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write_some(writer, [5, 5])
    path = only_segment(tmp_path)
    second = frames_of(tmp_path)[1]
    flip(path, second.offset + 80)
    torn = path.read_bytes()[second.offset : writer.position.offset].rstrip(b"\0")
    tail = Tail(LocalDisk(), str(tmp_path))
    assert sum(frame.count for frame in tail.frames()) == 5
    tail.cut()
    (kept,) = (tmp_path / "kept").iterdir()
    assert kept.read_bytes() == torn
    again = new_writer(tmp_path, at=tail.end, journal_id=writer.journal_id)
    write_some(again, [7])
    read, reader = read_all(tmp_path)
    assert read.tobytes() == some_events(12).tobytes()
    assert reader.tear is None


def test_one_writer(tmp_path: Path) -> None:
    disk = LocalDisk()
    lock = take_lock(disk, str(tmp_path))
    with pytest.raises(JournalLocked, match=r"process \d+ on .+ \(.*\)"):
        take_lock(disk, str(tmp_path))
    lock.release()
    take_lock(disk, str(tmp_path)).release()


class Broken(LocalDisk):
    """A disk that fails on demand."""

    def __init__(self) -> None:
        self.write_error: int | None = None
        self.sync_error: int | None = None

    def _broken(self, file: LocalFile) -> LocalFile:
        disk = self

        class File(LocalFile):
            def write(self, offset: int, parts: Sequence[Any], *, sync: bool = False) -> None:
                if disk.write_error is not None:
                    raise OSError(disk.write_error, "broken")
                file.write(offset, parts)
                if sync:
                    self.sync()

            def sync(self) -> None:
                if disk.sync_error is not None:
                    raise OSError(disk.sync_error, "broken")
                file.sync()

        return File(file._fd, file._path)

    def create(self, path: str, size: int, *, ready: bool = True) -> LocalFile:
        if self.write_error is not None:
            raise OSError(self.write_error, "broken")
        return self._broken(super().create(path, size, ready=ready))


@pytest.mark.parametrize(
    ("what", "code", "kind"),
    [
        ("write_error", errno.EIO, JournalFailed),
        ("write_error", errno.ENOSPC, JournalFull),
        ("sync_error", errno.EIO, JournalFailed),
    ],
    ids=["write", "full", "sync"],
)
def test_nothing_is_written_after_a_failure(
    tmp_path: Path, what: str, code: int, kind: type[Exception]
) -> None:
    disk = Broken()
    writer = new_writer(tmp_path, disk)
    write_some(writer, [5])
    setattr(disk, what, code)
    with pytest.raises(kind, match="inputs before 5 are safe") as caught:
        write_some(writer, [5])
    assert type(caught.value) is kind
    setattr(disk, what, None)
    with pytest.raises(JournalFailed, match="nothing more is written"):
        write_some(writer, [5])
    with pytest.raises(JournalFailed, match="nothing more is written"):
        writer.sync()


def test_notes_of_unknown_kinds_are_passed_over() -> None:
    import msgspec

    data = msgspec.msgpack.encode([{"kind": "new", "sequence": 3}, Called(4)])
    assert decode_notes(data) == [Called(4)]
    assert decode_notes(encode_notes([Sealed(9)])) == [Sealed(9)]
    for bad in ({"kind": "called"}, {"kind": "called", "sequence": 1, "client": 5}):
        with pytest.raises(ValueError, match="no notes"):  # of a known kind, and damaged
            decode_notes(msgspec.msgpack.encode([bad]))
    assert encode_notes([]) == b""


def test_alignment(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write_some(writer, [1, 1])
    assert [frame.offset % 4096 for frame in frames_of(tmp_path)] == [0, 0]
    assert EVENT.itemsize == 12
