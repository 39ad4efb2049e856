"""Records as lines of text: numbers aligned, and as many fields as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from headrace.debugger.tree import number_text

COLUMN_MAX = 24
NAME_MIN = 8  # of a longer name over narrow values at least so much is shown
OUTPUTS_MAX = 200  # that are shown
HEADER = ("input_sequence", "output_index", "input_time_ns", "origin")


def cell(value: Any) -> str:
    """A field in a table: numbers as they are, text without quotes."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value if value.isprintable() else repr(value)
    if isinstance(value, float):
        return number_text(value)
    return str(value).replace("\n", " ")


def is_number(value: Any) -> bool:
    """Whether a field is written flush right."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def fields(record: Any, without: Sequence[str] = ()) -> list[tuple[str, Any]]:
    """Names and values of one record of an array."""
    if record.dtype.names is None:
        return [("value", record)]
    return [(name, record[name]) for name in record.dtype.names if name not in without]


def clock(time_ns: int | None) -> str:
    """A time of the day in UTC, to the millisecond."""
    if time_ns is None:
        return ""
    try:
        when = datetime.fromtimestamp(time_ns // 1_000_000 / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{time_ns} ns"
    return when.strftime("%H:%M:%S.%f")[:-3]


def date_and_clock(time_ns: int) -> str:
    """A time with its day, in UTC."""
    try:
        day = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return f"{time_ns} ns"
    return f"{day} {clock(time_ns)}"


def grid(pairs: Sequence[tuple[str, Any]], width: int) -> list[list[tuple[str, str, int]]]:
    """Pairs in as many columns as fit, read downwards: lines of (name, value, gap), padded."""
    if not pairs:
        return []
    texts = [(name, cell(value), is_number(value)) for name, value in pairs]
    for columns in range(min(4, len(texts)), 0, -1):
        height = -(-len(texts) // columns)
        blocks = [texts[at : at + height] for at in range(0, len(texts), height)]
        sizes = [
            (max(len(name) for name, _, _ in block), max(len(text) for _, text, _ in block))
            for block in blocks
        ]
        need = sum(name + text for name, text in sizes)
        gaps = next((g for g in ((2, 3), (1, 2)) if _with_gaps(need, columns, *g) <= width), None)
        if gaps is not None:
            break
    inner, outer = gaps or (1, 2)
    lines: list[list[tuple[str, str, int]]] = []
    for row in range(height):
        line = []
        for block, (names, values) in zip(blocks, sizes, strict=True):
            if row < len(block):
                name, text, number = block[row]
                padded = text.rjust(values) if number else text.ljust(values)
                line.append((name.ljust(names + inner), padded, outer))
        lines.append(line)
    return lines


def _with_gaps(need: int, columns: int, inner: int, outer: int) -> int:
    return need + columns * inner + (columns - 1) * outer


class Columns:
    """The columns of a table whose rows come bit by bit: they grow, so that nothing jumps back."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.widths = [min(len(name), NAME_MIN) for name in names]

    def add(self, record: Sequence[Any]) -> list[str]:
        """The cells of a row, not padded yet."""
        cells = [cell(value)[:COLUMN_MAX] for value in record]
        self.widths = [max(w, len(text)) for w, text in zip(self.widths, cells, strict=True)]
        return cells

    def heading(self) -> list[str]:
        """The names, cut to the width of their columns."""
        return [
            name if len(name) <= width else f"{name[: width - 1]}…"
            for name, width in zip(self.names, self.widths, strict=True)
        ]

    def fitting(self, width: int) -> int:
        """How many columns fit."""
        if sum(self.widths) + 2 * len(self.widths) <= width:
            return len(self.widths)
        count, width = 0, width - 2  # for the sign that there is more
        for each in self.widths:
            width -= each + 2
            if width < 0:
                break
            count += 1
        return count


def output_lines(outputs: Any, width: int, by_input: bool = False) -> list[tuple[str, str]]:
    """Outputs as lines of (kind, text): one below the other as a table, or as grids.

    Each is numbered by its place among those of its input, or by that input (`by_input`).
    """
    lines: list[tuple[str, str]] = []
    if not len(outputs):
        return lines
    names = [name for name in outputs.dtype.names if name not in HEADER]
    columns = Columns(names)
    shown = outputs[:OUTPUTS_MAX]
    rows = [columns.add([record[name] for name in names]) for record in shown]
    numbers = [f"{number:,}" for number in shown["origin" if by_input else "output_index"]]
    wide = max(map(len, numbers))
    if wide + 2 + sum(columns.widths) + 2 * len(names) - 2 <= width:
        lines.append(("heading", f"{'':{wide}}  {_joined(columns, columns.heading())}"))
        for number, row in zip(numbers, rows, strict=True):
            lines.append(("row", f"{number:>{wide}}  {_joined(columns, row)}"))
    else:
        for number, record in zip(numbers, shown, strict=True):
            for index, line in enumerate(grid(fields(record, HEADER), width - wide - 2)):
                text = "".join(name + value + " " * gap for name, value, gap in line)
                lines.append(("grid", f"{'' if index else number:>{wide}}  {text}"[:width]))
    if len(outputs) > len(shown):
        lines.append(("heading", f"and {len(outputs) - len(shown):,} more"))
    return lines


def _joined(columns: Columns, cells: Sequence[str]) -> str:
    return "  ".join(
        text.rjust(width) for text, width in zip(cells, columns.widths, strict=True)
    )
