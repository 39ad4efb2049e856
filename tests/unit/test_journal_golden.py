"""The golden journal of format version 1: read by the library, and by a reader of the page alone.

`Plain` knows docs/journal-format.md and nothing of headrace: struct, xxhash, and MessagePack.
"""

from __future__ import annotations

import ast
import io
import json
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from golden_journal import (
    CLASSES,
    EVENT,
    JOURNAL_ID,
    SEGMENT_BYTES,
    TIME_NS,
    ZIP,
    golden_events,
    golden_state,
    golden_times,
    packed,
)
from xxhash import xxh3_64_intdigest as xxh3

from headrace.journal import layout, snapshots
from headrace.journal.check import WHOLE, check
from headrace.journal.folder import list_snapshots
from headrace.journal.notes import Called, Digest, Opened, Sealed
from headrace.journal.reader import read_journal
from headrace.journal.snapshots import Answer, read_snapshot
from headrace.journal.states import decode_state, encode_state
from headrace.ports import LocalDisk
from headrace.state import difference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "journal-format.md"
INPUTS = 5004
CALLED = [(1700, "client-1", 1), (1701, "", 0)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with zipfile.ZipFile(ZIP) as archive:
        archive.extractall(tmp_path)
    return tmp_path


def test_it_is_still_written_so() -> None:
    """The writer makes the same bytes; if it makes others, that is another version."""
    with zipfile.ZipFile(ZIP) as kept, zipfile.ZipFile(io.BytesIO(packed())) as made:
        assert made.namelist() == kept.namelist()
        for name in kept.namelist():
            assert made.read(name) == kept.read(name), name


def test_the_library_reads_it(folder: Path) -> None:
    reader = read_journal(LocalDisk(), str(folder))
    frames = list(reader.frames())
    events = np.concatenate([frame.events for frame in frames])
    assert events.tobytes() == golden_events(0, INPUTS).tobytes()
    times = np.concatenate([frame.times for frame in frames])
    assert times.tobytes() == golden_times(0, INPUTS).tobytes()
    assert reader.tear is None
    assert reader.identity.event == EVENT
    assert (reader.identity.machine, reader.identity.version) == ("golden", "2")
    assert [note for frame in frames for note in frame.notes] == [
        Opened(0, "golden", "1", "0.1.0"),
        *[Called(*each) for each in CALLED],
        Digest(1700, "00112233445566778899aabbccddeeff", 3400, 0, 12345678901234567890),
        Sealed(3000),
        Opened(3000, "golden", "2", "0.1.0"),
        Sealed(INPUTS),
    ]
    found = check(LocalDisk(), str(folder))
    assert (found.level, found.scan.sealed) == (WHOLE, True)


def test_the_library_reads_the_snapshot(folder: Path) -> None:
    (sequence,) = list_snapshots(LocalDisk(), str(folder))
    found = read_snapshot(LocalDisk(), str(folder), sequence, JOURNAL_ID)
    (stage,) = found.stages
    assert (stage.name, stage.version, stage.sequence, stage.made) == ("golden", 1, 1702, 3404)
    state = decode_state(stage.state, CLASSES)
    assert difference(state, golden_state()) is None
    assert state["book"].levels is state["again"]
    assert state["columns"].flags.f_contiguous
    assert encode_state(state, CLASSES) == stage.state
    assert found.answers == [
        Answer("client-1", 1, 1700, b"records"),
        Answer("client-2", 9, 1699, b"", "ValueError"),
    ]
    assert (found.sequence, found.last_output) == (1702, (1701, 1))


class Plain:
    """A reader that was written from the page."""

    def __init__(self, folder: Path) -> None:
        self.headers: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        sequence, previous, number = None, None, None
        for path in sorted(folder.glob("*.segment")):
            data = path.read_bytes()
            header = self.segment_header(data)
            named = re.fullmatch(r"(\d{10})-(\d{20})\.segment", path.name)
            assert named is not None
            assert (header["number"], header["first"]) == (int(named[1]), int(named[2]))
            if number is not None:
                assert (header["number"], header["first"]) == (number + 1, sequence)
                assert header["previous"] == previous
            number, sequence, previous = header["number"], header["first"], header["check"]
            self.headers.append(header)
            at = header["header_bytes"]
            while at + 64 <= len(data) and data[at : at + 64] != bytes(64):
                frame = self.frame(data, at, header, sequence, previous)
                self.frames.append(frame)
                sequence, previous = sequence + frame["count"], frame["check"]
                at += frame["frame_bytes"]
            assert not any(data[at:])

    @staticmethod
    def segment_header(data: bytes) -> dict[str, Any]:
        assert data[:8] == b"HRSEGMT1"
        version, header_bytes = struct.unpack_from("<II", data, 8)
        number, first, previous, size, synced = struct.unpack_from("<QqQQq", data, 32)
        item_bytes, text_bytes, check = struct.unpack_from("<IIQ", data, 72)
        text = data[88 : 88 + text_bytes]
        assert version == 1
        assert header_bytes == -(-(88 + text_bytes) // 4096) * 4096
        assert check == xxh3(text, xxh3(data[:80], 0))
        assert not any(data[88 + text_bytes : header_bytes])
        return {
            "id": data[16:32],
            "header_bytes": header_bytes,
            "number": number,
            "first": first,
            "previous": previous,
            "segment_bytes": size,
            "synced": synced,
            "item_bytes": item_bytes,
            "text": json.loads(text),
            "check": check,
        }

    @staticmethod
    def frame(
        data: bytes, at: int, segment: dict[str, Any], sequence: int, previous: int
    ) -> dict[str, Any]:
        magic, notes_bytes, frame_bytes = struct.unpack_from("<IIQ", data, at)
        first, count, zero, synced = struct.unpack_from("<qIIq", data, at + 16)
        before, body, check = struct.unpack_from("<QQQ", data, at + 40)
        assert (magic, zero, at % 64, frame_bytes % 64) == (0x4D415246, 0, 0, 0)
        assert check == xxh3(data[at : at + 56], xxh3(segment["id"], 0))
        assert (first, before) == (sequence, previous)
        assert synced <= first
        times_at = at + 64
        events_at = times_at + 8 * count
        notes_at = events_at + count * segment["item_bytes"]
        end = notes_at + notes_bytes
        assert end <= at + frame_bytes <= len(data)
        seed = xxh3(data[times_at:events_at], previous)
        seed = xxh3(data[events_at:notes_at], seed)
        assert body == xxh3(data[notes_at:end], seed)
        assert not any(data[end : at + frame_bytes])
        return {
            "at": at,
            "segment": segment["number"],
            "first": first,
            "count": count,
            "frame_bytes": frame_bytes,
            "previous": before,
            "check": check,
            "times": struct.unpack_from(f"<{count}q", data, times_at),
            "events": data[events_at:notes_at],
            "notes": msgspec.msgpack.decode(data[notes_at:end]) if notes_bytes else [],
        }


def test_the_page_is_enough_to_read_it(folder: Path) -> None:
    plain = Plain(folder)
    assert [each["id"] for each in plain.headers] == [JOURNAL_ID] * 3
    assert [each["segment_bytes"] for each in plain.headers] == [SEGMENT_BYTES] * 3
    assert plain.headers[0]["previous"] == 0
    assert [each["text"]["version"] for each in plain.headers] == ["1", "1", "2"]
    assert {each["text"]["machine"] for each in plain.headers} == {"golden"}
    assert {each["text"]["headrace"] for each in plain.headers} == {"0.1.0"}
    descr = ast.literal_eval(plain.headers[0]["text"]["event"])
    assert descr == [("account", "<i4"), ("amount", "<f8"), ("kind", "|S3")]
    events = [
        each for frame in plain.frames for each in struct.iter_unpack("<id3s", frame["events"])
    ]
    assert len(events) == INPUTS
    assert events[:3] == [(-3, 0.0, b"buy"), (-2, 0.25, b"se\0"), (-1, 0.5, bytes(3))]
    assert b"".join(frame["events"] for frame in plain.frames) == golden_events(0, INPUTS).tobytes()
    times = [time for frame in plain.frames for time in frame["times"]]
    assert times == golden_times(0, INPUTS).tolist()
    assert times[50] == TIME_NS + 1_000_000


def test_the_page_is_enough_to_read_the_notes(folder: Path) -> None:
    plain = Plain(folder)
    notes = [note for frame in plain.frames for note in frame["notes"]]
    assert notes == [
        {"kind": "opened", "sequence": 0, "machine": "golden", "version": "1", "headrace": "0.1.0"},
        {"kind": "called", "sequence": 1700, "client": "client-1", "number": 1},
        {"kind": "called", "sequence": 1701, "client": "", "number": 0},
        {
            "kind": "digest",
            "sequence": 1700,
            "state": "00112233445566778899aabbccddeeff",
            "outputs": 3400,
            "since": 0,
            "rolling": 12345678901234567890,
        },
        {"kind": "sealed", "sequence": 3000},
        {
            "kind": "opened",
            "sequence": 3000,
            "machine": "golden",
            "version": "2",
            "headrace": "0.1.0",
        },
        {"kind": "sealed", "sequence": INPUTS},
    ]


def plain_state(value: Any, seen: list[Any]) -> Any:
    """A state as the page describes it; classes as (kind, name, values), arrays as lists."""
    if type(value) is not list:
        return value
    kind, *parts = value
    if kind == 11:
        return seen[parts[0]]
    if kind in (0, 1, 2, 3, 4, 5, 6, 10, 12, 13) or (kind == 7 and parts[0].startswith("[")):
        place = len(seen)
        seen.append(None)
        seen[place] = made = plain_container(kind, parts, seen)
        return made
    if kind == 7:
        return np.frombuffer(parts[1], parts[0])[0].item()
    if kind == 8:
        return int(parts[0])
    if kind == 9:
        return complex(*parts)
    assert kind == 14
    return parts[0].decode("utf-8", "surrogatepass")


def plain_container(kind: int, parts: list[Any], seen: list[Any]) -> Any:
    if kind == 2:
        values = [plain_state(each, seen) for each in parts]
        return dict(zip(values[::2], values[1::2], strict=True))
    if kind in (0, 1, 3, 4):
        return [list, tuple, None, set, frozenset][kind](plain_state(e, seen) for e in parts)  # type: ignore[misc]
    if kind == 5:
        values = [plain_state(each, seen) for each in parts[2:]]
        return (parts[0], dict(zip(parts[1], values, strict=True)))
    if kind == 6:
        text, shape, order, data = parts
        return np.frombuffer(data, ast.literal_eval(text)).reshape(shape, order=order).tolist()
    if kind == 7:
        return np.frombuffer(parts[1], ast.literal_eval(parts[0]))[0].item()
    if kind == 10:
        return bytearray(parts[0])
    if kind == 13:
        return (parts[0], parts[1])
    return (parts[0], *[plain_state(each, seen) for each in parts[1:]])


def test_the_page_is_enough_to_read_the_snapshot(folder: Path) -> None:
    plain = Plain(folder)
    (path,) = folder.glob("*.snapshot")
    data = path.read_bytes()
    assert (path.name, data[:8]) == (f"{1702:020d}.snapshot", b"HRSNAPS1")
    version, header_bytes = struct.unpack_from("<II", data, 8)
    sequence, body_bytes, body_check, check = struct.unpack_from("<qQQQ", data, 32)
    assert (version, header_bytes, sequence) == (1, 64, 1702)
    assert data[16:32] == JOURNAL_ID
    assert check == xxh3(data[:56], 0)
    body = data[header_bytes:]
    assert len(body) == body_bytes
    assert body_check == xxh3(body, 0)
    at, machines, digest, answers, place, headrace, last = msgspec.msgpack.decode(body)
    assert (at, digest, headrace) == (1702, "ffeeddccbbaa99887766554433221100", "0.1.0")
    assert machines[0][:4] == ["golden", 1, 1702, 3404]
    assert answers == [
        ["client-1", 1, 1700, b"records", None],
        ["client-2", 9, 1699, b"", "ValueError"],
    ]
    assert last == [1701, 1]
    read_on = next(each for each in plain.frames if each["first"] + each["count"] > 1702)
    assert place == [read_on["segment"], read_on["at"], read_on["first"], read_on["previous"]]
    state = plain_state(msgspec.msgpack.decode(machines[0][4]), [])
    levels = [("Level", 1.5, 3), ("Level", 2.25, 4)]
    wanted = golden_state()
    wanted |= {
        "book": ("Book", {"side": ("Side", "SELL"), "levels": levels}),
        "again": levels,
        "array": [[0, 1, 2], [3, 4, 5]],
        "columns": [[0, 1, 2], [3, 4, 5]],
        "scalars": (-3, 0.1, (-2, 0.25, b"se")),
    }
    assert state == wanted
    assert state["again"] is state["book"][1]["levels"]
    assert list(state) == list(wanted)


def test_the_page_has_the_fields_that_the_code_has() -> None:
    """Offsets of the tables are those of the structs."""
    text = PAGE.read_text()

    def offsets(section: str) -> list[int]:
        part = text.split(f"## {section}\n")[1].split("\n## ")[0].split("\nThe body is")[0]
        return [int(each) for each in re.findall(r"^\| (\d+) \| \S", part, re.M)]

    def ends(form: struct.Struct) -> list[int]:
        codes = re.findall(r"\d*s|[IQq]", form.format)
        return [0, *np.cumsum([struct.calcsize("<" + code) for code in codes]).tolist()]

    assert offsets("Segment header") == [*ends(layout._SEGMENT), layout._SEGMENT_TEXT]
    assert offsets("Frame") == ends(layout._FRAME)
    assert offsets("Snapshot") == [*ends(snapshots._HEADER), snapshots._HEADER.size + 8]
