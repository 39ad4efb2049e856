"""Readers of journals on hostile files: named errors, no crash, no hang, no unbounded memory."""

from __future__ import annotations

import struct
import tracemalloc

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from journal_fuzzing import (
    FOLDER,
    Files,
    disk_with,
    frame_offsets,
    paths,
    places_of,
    read_everything,
    read_notes,
    real_files,
    survive,
    vouch,
)
from journal_tools import read_all, some_events

from headrace.journal.layout import FRAME_HEADER_BYTES
from headrace.journal.recovery import Tail
from headrace.journal.snapshots import newest_snapshot, write_snapshot

pytestmark = pytest.mark.timeout(110)
MEMORY_BYTES_MAX = 32 << 20
FIRST, SECOND, SNAPSHOT = range(3)  # of the files

NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 63, 64, 4096, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1]),
    st.integers(-300, 5000),
    st.integers(-(1 << 63), (1 << 63) - 1),
)
BYTES = st.one_of(
    NUMBERS.map(lambda number: struct.pack("<q", number)),
    NUMBERS.map(lambda number: struct.pack("<I", number & 0xFFFFFFFF)),
    st.binary(min_size=1, max_size=16),
    st.just(bytes(64)),
)


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, int, bytes]:
    """Bytes to be put somewhere into a file; none of them: where the file is to end."""
    path = paths()[draw(st.integers(0, 2))]
    size = len(real_files()[path])
    place = draw(st.one_of(st.sampled_from(places_of(path)), st.integers(0, size - 1)))
    return path, place, b"" if draw(st.integers(0, 19)) == 0 else draw(BYTES)


def changed(many: list[tuple[str, int, bytes]], vouched: bool) -> Files:
    files = dict(real_files())
    for path, place, data in many:
        was = files[path]
        files[path] = was[:place] + data + was[place + len(data) :] if data else was[:place]
    if vouched:
        files = {path: vouch(path, data) for path, data in files.items()}
    return files


def test_the_files_are_good_and_vouching_leaves_them_so() -> None:
    assert [path[-8:] for path in paths()] == [".segment", ".segment", "snapshot"]
    for files in (real_files(), changed([], vouched=True)):
        assert files == real_files()
        events, reader = read_all(FOLDER, disk_with(files))
        assert len(events) == 3702
        assert events[:1500].tobytes() == some_events(1500).tobytes()
        assert reader.tear is None
        assert newest_snapshot(disk_with(files), FOLDER, None)[0] is not None
    # What is changed and vouched for is believed: else nothing behind the checksums was tried.
    first = paths()[FIRST]
    frame = next(frame for frame in reader.frames() if frame.count)
    at = frame.offset + FRAME_HEADER_BYTES + 8 * frame.count
    files = changed([(first, at, b"\7\7\7\7")], vouched=True)
    made, _ = read_all(FOLDER, disk_with({first: files[first]}))
    assert made[0]["key"] == 0x07070707


CHANGES = given(many=st.lists(changes(), min_size=1, max_size=4), vouched=st.booleans())


@settings(max_examples=150)
@CHANGES
def test_changed_files(many: list[tuple[str, int, bytes]], vouched: bool) -> None:
    read_everything(changed(many, vouched))


@pytest.mark.torture
@pytest.mark.timeout(1800)
@settings(max_examples=6000)
@CHANGES
def test_changed_files_for_long(many: list[tuple[str, int, bytes]], vouched: bool) -> None:
    read_everything(changed(many, vouched))


@settings(max_examples=60)
@given(data=st.binary(max_size=300), which=st.integers(0, 2), alone=st.booleans())
@example(data=b"", which=FIRST, alone=True)
def test_bytes_that_are_no_journal(data: bytes, which: int, alone: bool) -> None:
    path = paths()[which]
    files = {path: data} if alone else {**real_files(), path: data}
    read_everything(files)
    read_everything({each: vouch(each, part) for each, part in files.items()})


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=60), st.binary(max_size=30).map(lambda end: b"\x91" + end)))
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\x91\x81\xa4kind\xa6called")
@example(b"\x91" * 5000)
def test_bytes_that_are_no_notes(data: bytes) -> None:
    read_notes(data)


@pytest.mark.parametrize("place", [(0, -(1 << 62), 0, 0), (0, -64, 5, 0), (0, 1 << 62, 0, 0)])
def test_a_snapshot_that_points_elsewhere(place: tuple[int, int, int, int]) -> None:
    disk = disk_with(real_files())
    good, _ = newest_snapshot(disk, FOLDER, None)
    assert good is not None
    bad = msgspec.structs.replace(good, place=place)
    write_snapshot(disk, FOLDER, Tail(disk, FOLDER).journal_id, bad)
    read_everything(disk.contents())
    assert Tail(disk, FOLDER).recovery.snapshot == bad  # and the journal is looked through


CLAIMS = {
    "header bytes": (SECOND, None, 12, struct.pack("<I", 1 << 31)),
    "segment bytes": (SECOND, None, 56, struct.pack("<Q", 1 << 50)),
    "item bytes": (SECOND, None, 72, struct.pack("<I", 1 << 31)),
    "text bytes": (SECOND, None, 76, struct.pack("<I", 1 << 31)),
    "notes bytes": (SECOND, 0, 4, struct.pack("<I", (1 << 32) - 1)),
    "frame bytes": (SECOND, 0, 8, struct.pack("<Q", 1 << 50)),
    "count": (SECOND, 0, 24, struct.pack("<I", (1 << 32) - 1)),
    "snapshot header bytes": (SNAPSHOT, None, 12, struct.pack("<I", 1 << 31)),
    "snapshot body bytes": (SNAPSHOT, None, 40, struct.pack("<Q", 1 << 50)),
    "snapshot array": (SNAPSHOT, None, 64, b"\xdd\xff\xff\xff\xff"),
    "snapshot stages": (SNAPSHOT, None, 68, b"\xdd\xff\xff\xff\xff"),
    "snapshot bytes": (SNAPSHOT, None, 68, b"\xc6\xff\xff\xff\xff"),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_of_gigabytes_takes_none(name: str) -> None:
    """A number in a file that would take that much, if it were believed, and is vouched for."""
    which, frame, place, data = CLAIMS[name]
    path = paths()[which]
    at = place if frame is None else frame_offsets(path)[frame] + place
    files = changed([(path, at, data)], vouched=True)
    disk = disk_with(files)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        survive(lambda: read_all(FOLDER, disk))
        survive(lambda: newest_snapshot(disk, FOLDER, None))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < MEMORY_BYTES_MAX
    read_everything(files)
