"""What `headrace journal show` prints: inputs and notes, as a table or as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape

from headrace.journal.notes import AnyNote
from headrace.journal.scan import Scan, scan
from headrace.journal.segment import Frame
from headrace.ports import Disk

from .sizes import plain, print_json, time_text

_COLUMN_WIDTH_MAX = 40
TABLE_ROWS = 50  # that are laid out together


class Enough(Exception):
    """All that was asked for has been shown."""


class Shown:
    """Takes frames, and shows the inputs [begin, end) in them and their notes."""

    def __init__(
        self, begin: int, end: int | None, limit: int | None, *, events: bool, notes: bool
    ) -> None:
        self.begin = begin
        self.end = end
        self.left = limit
        self.events = events
        self.notes = notes
        self.more = False  # there was more than the limit
        self._next: int | None = None  # the input that should come

    def rows_of(self, frame: Frame) -> Iterator[dict[str, Any]]:
        """What there is to show of a frame, in order."""
        yield from self._missing(frame)
        if self.end is not None and frame.first_sequence >= self.end:
            raise Enough
        notes = self._notes_of(frame) if self.notes and frame.header.end >= self.begin else []
        first = max(self.begin, frame.first_sequence)
        stop = frame.header.end if self.end is None else min(self.end, frame.header.end)
        if self.events:
            events, times = frame.events, frame.times
            for sequence in range(first, stop):
                while notes and notes[0]["sequence"] <= sequence:
                    yield notes.pop(0)
                index = sequence - frame.first_sequence
                yield {
                    "sequence": sequence,
                    "time_ns": int(times[index]),
                    "event": plain(events[index]),
                }
        yield from notes

    def _missing(self, frame: Frame) -> Iterator[dict[str, Any]]:
        """Inputs that should be before a frame, and are not."""
        first = max(self.begin, frame.first_sequence if self._next is None else self._next)
        self._next = frame.header.end
        stop = frame.first_sequence if self.end is None else min(self.end, frame.first_sequence)
        if first < stop:
            yield {"sequence": first, "note": "missing", "end": stop}

    def _notes_of(self, frame: Frame) -> list[dict[str, Any]]:
        found = [
            _note_as_json(note)
            for note in frame.notes
            if note.sequence >= self.begin and (self.end is None or note.sequence <= self.end)
        ]
        return sorted(found, key=lambda note: int(note["sequence"]))


def _note_as_json(note: AnyNote) -> dict[str, Any]:
    said = msgspec.to_builtins(note)
    kind = said.pop("kind")
    return {"sequence": said.pop("sequence"), "note": kind, **said}


def show(console: Console, disk: Disk, folder: str, shown: Shown, *, as_json: bool) -> Scan | None:
    """Show what is wanted; the scan, if the whole journal was read. Raises JournalNotFound."""
    lines = _Lines(console)

    def take(frame: Frame) -> None:
        for row in shown.rows_of(frame):
            if shown.left == 0:
                shown.more = True
                raise Enough
            if shown.left is not None:
                shown.left -= 1
            if as_json:
                print_json(row, indent=None)
            else:
                lines.add(row)

    try:
        return scan(disk, folder, take)
    except Enough:
        return None
    finally:
        lines.flush()


class _Lines:
    """Rows of a table, some at a time: its columns become no narrower from one to the next."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: list[dict[str, Any]] = []
        self._widths: list[int] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) == TABLE_ROWS:
            self.flush()

    def flush(self) -> None:
        rows, self._rows = self._rows, []
        events = [row for row in rows if "event" in row]
        cells = {id(row): _cells(row) for row in events}
        if events:
            first = events[0]["event"]
            names = list(first) if isinstance(first, dict) else ["value"]
            header = ["input", "time (UTC)", *names]
            before = self._widths or [len(name) for name in header]
            self._widths = [
                max(width, *(len(row[at]) for row in cells.values()))
                for at, width in enumerate(before)
            ]
            self._right = [
                at != 1 and (at == 0 or _is_number(first, name)) for at, name in enumerate(header)
            ]
            if len(before) != len(self._widths) or not self._told:
                self._console.print(f"[bold]{escape(self._line(header))}[/]")
                self._told = True
        for row in rows:
            if "event" in row:
                self._console.print(escape(self._line(cells[id(row)])))
            else:
                width = self._widths[0] if self._widths else 0
                text = f"{row['sequence']:,}".rjust(width) + "  " + _note_text(row)
                self._console.print(f"[cyan]{escape(text)}[/]")

    _told = False

    def _line(self, cells: list[str]) -> str:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, self._widths, self._right, strict=True)
        ]
        return "  ".join(padded).rstrip()


def _cells(row: dict[str, Any]) -> list[str]:
    event = row["event"]
    values = list(event.values()) if isinstance(event, dict) else [event]
    return [f"{row['sequence']:,}", time_text(row["time_ns"], 6), *map(_text, values)]


def _is_number(event: Any, name: str) -> bool:
    value = _cell(event, name)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(event: Any, name: str) -> Any:
    return event.get(name) if isinstance(event, dict) else event


def _text(value: Any) -> str:
    text = f"{value:,}" if type(value) is int else str(value)
    return text if len(text) <= _COLUMN_WIDTH_MAX else text[: _COLUMN_WIDTH_MAX - 3] + "..."


def _note_text(row: dict[str, Any]) -> str:
    said = [f"{key}={value}" for key, value in row.items() if key not in ("sequence", "note")]
    return " ".join([row["note"], *said])
