"""Reading events from CSV: RFC 4180, UTF-8, a header line that names the columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

import numpy as np

from .columns import Array, Column, Dtype, columns_of, parse
from .fitting import listed, missing_fields
from .source import Source

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
Row = list[str]


class CsvSource(Source):
    """A CSV table whose columns are matched to the fields by name, in any order.

    Empty lines are skipped, further columns left out with a note. `binary` is read to its end and
    closed with the source; `tell` says how many of `bytes_total` bytes have been read so far.
    """

    def __init__(
        self,
        file: str,
        dtype: Dtype,
        binary: BinaryIO,
        *,
        tell: Callable[[], int] | None = None,
        bytes_total: int | None = None,
    ) -> None:
        super().__init__(file, dtype)
        self.total = bytes_total
        self._tell = tell
        try:
            self._columns = columns_of(dtype)
        except ValueError as error:
            raise self.bad(str(error)) from None
        # surrogateescape: bytes that are no UTF-8 may still be right for a field of bytes.
        self._text = io.TextIOWrapper(
            binary, encoding="utf-8-sig", errors="surrogateescape", newline=""
        )
        self._rows = csv.reader(self._text, strict=True)
        self._header: Row | None = None
        self._places: list[int] = []

    def close(self) -> None:
        self._text.close()

    def chunks(self, events_max: int) -> Iterator[Array]:
        if self._header is None and not self._read_header():
            raise self.bad("is empty: a header line with the names of the columns is needed", 1)
        more = True
        while more:
            line = self._rows.line_num + 1
            rows: list[Row] = []
            failure = self._read_rows(rows, events_max)
            more = bool(rows)
            if rows:
                events = self._convert(rows, line)
                if self._tell is not None:
                    self.done = self._tell()
                if len(events):
                    yield events
            if failure is not None:
                raise failure

    def _read_rows(self, rows: list[Row], count: int) -> Exception | None:
        """Append up to count rows; those before a malformed one are there when it is returned."""
        try:
            # extend() appends row by row, so that nothing read before an error is lost.
            rows.extend(islice(self._rows, count))
        except csv.Error as error:
            return self._malformed(error)
        except (OSError, EOFError) as error:  # a damaged .gz says so while it is read
            return self.bad(f"cannot be read on: {error}", self._rows.line_num + 1)
        return None

    def _malformed(self, error: csv.Error) -> Exception:
        hint = ""
        if "unexpected end of data" in str(error) or "field larger" in str(error):
            hint = ": a quoted cell is never closed"
        return self.bad(f"is malformed CSV ({error}){hint}", max(self._rows.line_num, 1))

    def _read_header(self) -> bool:
        rows: list[Row] = []
        while not rows or not any(cell.strip() for cell in rows[0]):
            rows.clear()
            failure = self._read_rows(rows, 1)
            if failure is not None:
                raise failure
            if not rows:
                return False
        line = self._rows.line_num
        names = [name.strip() for name in rows[0]]
        self._check_header(names, line)
        self._places = [names.index(column.name) for column in self._columns]
        spare = [name for i, name in enumerate(names) if i not in self._places]
        if spare:
            self.notes.append(f"{self.file}: columns left out: {listed(map(repr, spare))}")
        self._header = names
        return True

    def _check_header(self, names: Row, line: int) -> None:
        first = names[0].encode("utf-8", "surrogateescape")
        if first.startswith(_UTF16_MARKS):
            raise self.bad("is UTF-16 text; save it as UTF-8", line)
        if first.startswith(b"\x93NUMPY"):
            raise self.bad("is a .npy array under another name; rename it to .npy", line)
        wanted = [column.name for column in self._columns]
        missing = missing_fields(names, wanted)
        if missing:
            hint = ""
            if len(missing) == len(wanted):
                hint = "; is the first line a header?"
            reason = f"columns missing: {listed(missing)}; the header has {listed(names)}{hint}"
            raise self.bad(reason, line)
        twice = [name for name in wanted if names.count(name) > 1]
        if twice:
            raise self.bad(f"columns named twice: {listed(twice)}", line)

    def _convert(self, rows: Sequence[Row], line: int) -> Array:
        """The events of these rows, the first of which starts on `line`."""
        assert self._header is not None
        width = len(self._header)
        full = [row for row in rows if len(row) == width]
        if len(full) < len(rows) and any(len(row) != width and not _is_blank(row) for row in rows):
            return self._convert_until_bad_width(rows, line)
        cells = list(zip(*full, strict=True)) or [()] * width
        events = np.zeros(len(full), self.dtype)
        for column, place in zip(self._columns, self._places, strict=True):
            try:
                column.of(events)[...] = parse(cells[place], column.dtype)
            except ValueError:
                raise self._first_bad_cell(rows, line) from None
        return events

    def _convert_until_bad_width(self, rows: Sequence[Row], line: int) -> Array:
        assert self._header is not None
        width = len(self._header)
        bad = next(i for i, row in enumerate(rows) if len(row) != width and not _is_blank(row))
        self._convert(rows[:bad], line)  # a bad cell above it is the first thing to tell
        reason = f"has {len(rows[bad])} cells, the header has {width}"
        raise self.bad(reason, _line_of(rows, bad, line))

    def _first_bad_cell(self, rows: Sequence[Row], line: int) -> Exception:
        """Parse cell by cell, row by row: only done once something is known to be wrong."""
        assert self._header is not None
        for i, row in enumerate(rows):
            if len(row) != len(self._header):
                continue  # blank
            for column, place in zip(self._columns, self._places, strict=True):
                reason = _reason(row[place], column)
                if reason is not None:
                    return self.bad(reason, _line_of(rows, i, line), column.name)
        return self.bad("has a bad cell somewhere from here on", line)


def _reason(cell: str, column: Column) -> str | None:
    try:
        parse([cell], column.dtype)
    except ValueError as error:
        return str(error)
    return None


def _is_blank(row: Row) -> bool:
    """True for an empty line, also one of spaces; asked only of rows of a wrong width."""
    return len(row) <= 1 and not "".join(row).strip()


def _line_of(rows: Sequence[Row], index: int, line: int) -> int:
    """The line on which row `index` starts: a quoted cell may have line breaks inside."""
    inside = sum(len(_LINE_BREAK.findall(cell)) for row in rows[:index] for cell in row)
    return line + index + inside
