"""Makes the golden journal, tests/data/journal-v1/journal.zip: the same bytes each time.

    python tests/golden_journal.py

What it holds never changes again: every later version must read it. A change of the format gets a
folder of its own, journal-v2.
"""

from __future__ import annotations

import dataclasses
import enum
import io
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headrace.journal.folder import segments_in
from headrace.journal.identity import Identity
from headrace.journal.notes import Called, Digest, Opened, Sealed
from headrace.journal.recovery import Tail
from headrace.journal.snapshots import Answer, Snapshot, StageState, write_snapshot
from headrace.journal.states import Classes, encode_state
from headrace.journal.writer import Writer
from headrace.ports import Disk
from headrace.simulation import SimulatedDisk

ZIP = Path(__file__).parent / "data" / "journal-v1" / "journal.zip"
FOLDER = "/journal"
JOURNAL_ID = bytes(range(16))
SEGMENT_BYTES = 1 << 16
EVENT = np.dtype([("account", "<i4"), ("amount", "<f8"), ("kind", "S3")])
TIME_NS = 1_700_000_000_000_000_000


class Side(enum.Enum):
    BUY = 1
    SELL = 2


class Level(NamedTuple):
    price: float
    size: int


@dataclasses.dataclass
class Book:
    side: Side
    levels: list[Level]


CLASSES: Classes = {"Side": Side, "Level": Level, "Book": Book}


def golden_events(begin: int, end: int) -> Any:
    numbers = np.arange(begin, end)
    made = np.zeros(len(numbers), EVENT)
    made["account"] = numbers % 7 - 3
    made["amount"] = numbers % 8 / 4
    made["kind"] = [[b"buy", b"se", b""][number % 3] for number in numbers]
    return made


def golden_times(begin: int, end: int) -> Any:
    return TIME_NS + np.arange(begin, end, dtype=np.int64) // 50 * 1_000_000


def golden_state() -> Any:
    """A state with each kind of value that can be written down."""
    levels = [Level(1.5, 3), Level(2.25, 4)]
    return {
        "plain": [None, True, False, 0, -1, 1 << 63, 0.5, "text", "größe", b"\x00\xff"],
        "numbers": (1 << 64, -(1 << 63) - 1, 1 + 2j),
        "sets": [{5}, frozenset({(1, 2)})],
        "book": Book(Side.SELL, levels),
        "again": levels,
        "array": np.arange(6, dtype="<i2").reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)),
        "scalars": (np.int8(-3), np.float64(0.1), golden_events(1, 2)[0]),
        "bytearray": bytearray(b"abc"),
        "half": "a\ud800b",
        7: {"nested": ()},
    }


def make_journal(disk: Disk) -> None:
    """Three segments, at level fsync and then os; notes, empty frames, and a snapshot."""
    disk.make_folder(FOLDER)
    first = _writer(disk)
    first.append(golden_events(0, 0), golden_times(0, 0), [Opened(0, "golden", "1", "0.1.0")])
    for begin, end in ((0, 1), (1, 100), (100, 1700)):
        first.append(golden_events(begin, end), golden_times(begin, end))
        first.sync()
    place = first.position
    notes = [
        Called(1700, "client-1", 1),
        Called(1701),
        Digest(1700, "00112233445566778899aabbccddeeff", 3400, 0, 12345678901234567890),
    ]
    first.append(golden_events(1700, 1703), golden_times(1700, 1703), notes)
    first.sync()
    _snapshot(disk, (place.number, place.offset, place.sequence, place.previous))
    first.append(golden_events(1703, 3000), golden_times(1703, 3000))
    first.seal(Sealed(3000))
    first.close()
    tail = Tail(disk, FOLDER)
    for _ in tail.frames():
        pass
    second = _writer(disk, level="os", version="2", at=tail.end)
    second.append(golden_events(0, 0), golden_times(0, 0), [Opened(3000, "golden", "2", "0.1.0")])
    second.append(golden_events(3000, 3003), golden_times(3000, 3003))
    second.append(golden_events(3003, 3004), golden_times(3003, 3004))
    for begin in range(3004, 5004, 500):
        second.append(golden_events(begin, begin + 500), golden_times(begin, begin + 500))
    second.seal(Sealed(5004))
    second.close()


def _writer(disk: Disk, level: str = "fsync", version: str = "1", at: Any = None) -> Writer:
    identity = Identity(EVENT, "golden", version, "0.1.0")
    return Writer(
        disk,
        FOLDER,
        identity,
        level=level,
        segment_bytes=SEGMENT_BYTES,
        at=at,
        journal_id=JOURNAL_ID,
        unsynced_max=0,
    )


def _snapshot(disk: Disk, place: tuple[int, int, int, int]) -> None:
    state = encode_state(golden_state(), CLASSES)
    snapshot = Snapshot(
        1702,
        [StageState("golden", 1, 1702, 3404, state)],
        "ffeeddccbbaa99887766554433221100",
        [Answer("client-1", 1, 1700, b"records"), Answer("client-2", 9, 1699, b"", "ValueError")],
        place,
        "0.1.0",
        (1701, 1),
    )
    write_snapshot(disk, FOLDER, JOURNAL_ID, snapshot)


def packed() -> bytes:
    """The zip, of a journal that is made anew."""
    disk = SimulatedDisk()
    make_journal(disk)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in disk.names(FOLDER):
            if segments_in([name]) or name.endswith(".snapshot"):
                file = disk.open(f"{FOLDER}/{name}")
                entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read(0, file.size))
    return data.getvalue()


if __name__ == "__main__":
    ZIP.parent.mkdir(parents=True, exist_ok=True)
    ZIP.write_bytes(packed())
