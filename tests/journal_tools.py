"""What the tests of the journal share: a small machine, and journals made of a few frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import headrace as hr
from headrace.journal.identity import Identity
from headrace.journal.reader import Reader
from headrace.journal.writer import Writer
from headrace.ports import Disk, LocalDisk

EVENT = np.dtype([("key", "<i4"), ("amount", "<i8")])
SEGMENT_BYTES = 1 << 16
SUM = np.dtype([("key", "<i4"), ("total", "<i8")])


@hr.machine(event=EVENT, output=SUM, initial=dict)
def sums(state: dict[int, int], key: int, amount: int) -> Any:
    """Totals by key; a negative amount is refused, having spoilt the state."""
    state[key] = state.get(key, 0) + amount
    if amount < 0:
        raise ValueError("negative")
    return state, (key, state[key])


def events(*pairs: tuple[int, int]) -> Any:
    return np.array(list(pairs), EVENT)


def some_events(count: int, first: int = 0) -> Any:
    """Different ones, the same each time."""
    numbers = np.arange(first, first + count)
    made = np.zeros(count, EVENT)
    made["key"], made["amount"] = numbers % 7, numbers + 1
    return made


def totals(made: Any) -> dict[int, int]:
    """The state of `sums` behind some events, by other means."""
    keys = dict.fromkeys(int(key) for key in made["key"])
    return {key: int(made["amount"][made["key"] == key].sum()) for key in keys}


def new_writer(folder: Path | str, disk: Disk | None = None, **options: Any) -> Writer:
    disk = disk or LocalDisk()
    disk.make_folder(str(folder))
    identity = Identity(EVENT, "sums", "1", "0")
    return Writer(
        disk, str(folder), identity, **{"level": "fsync", "segment_bytes": SEGMENT_BYTES, **options}
    )


def write_some(writer: Writer, counts: list[int]) -> None:
    """Append one frame for each count."""
    for count in counts:
        made = some_events(count, writer.sequence)
        writer.append(made, np.arange(count) + 1000 + writer.sequence)
        writer.sync()


def read_all(folder: Path | str, disk: Disk | None = None) -> tuple[Any, Reader]:
    """All events of a journal, and the reader that has read them."""
    reader = Reader(disk or LocalDisk(), str(folder))
    parts = [frame.events.copy() for frame in reader.frames()]
    return np.concatenate(parts) if parts else np.empty(0, EVENT), reader


def only_segment(folder: Path) -> Path:
    (found,) = folder.glob("*.segment")
    return found


def flip(path: Path, offset: int, mask: int = 0xFF) -> None:
    """Change one byte of a file."""
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ mask]))
