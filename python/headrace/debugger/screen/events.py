"""The list of inputs: a page of them at a time, however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message

from headrace.compose import stages_of
from headrace.debugger.layout import Columns, cell, clock, is_number
from headrace.debugger.screen.rows import Piece, Rows
from headrace.debugger.session import Session
from headrace.errors import HeadraceError

KEPT_MAX = 2048  # inputs in memory
TIME_FROM = 56  # columns; a narrower list shows no times


class EventList(Rows):
    """The inputs, or those that pass the filter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
    ]
    head = 1

    @dataclass
    class Chosen(Message):
        """Somebody wants to stand behind this input; -1: before the first."""

        sequence: int

    def __init__(self, session: Session, **options: Any) -> None:
        super().__init__(**options)
        self._session = session
        self._kept: dict[int, tuple[list[str], str, list[bool]]] = {}
        self._describe = stages_of(session.machine)[0].describe
        names = session.dtype.names or ("value",)
        self._columns = Columns(names if self._describe is None else ("input",))

    def row_count(self) -> int:
        """As many as there are inputs, or as pass."""
        session = self._session
        found = session.filter
        return max(0, session.end - session.first) if found is None else len(found)

    def sequence(self, row: int) -> int:
        """The input in a row."""
        session = self._session
        return session.first + row if session.filter is None else session.filter.sequence(row)

    def show_place(self, middle: bool = False) -> None:
        """Put the cursor where one stands."""
        session = self._session
        last = session.place - 1
        found = session.filter
        self.cursor = last - session.first if found is None else found.row(last)
        self.resized()
        self.show_cursor(middle)

    def head_row(self, index: int, width: int) -> list[Piece]:
        """The names of the fields."""
        self._read_view()
        line = " " * self._number_width + ("  time        " if width >= TIME_FROM else "")
        return [(line + self._cells(self._columns.heading(), None, width - len(line)), "faint")]

    @property
    def _number_width(self) -> int:
        return len(f"{self._session.end:,}") + 1

    def row(self, index: int, width: int) -> list[Piece]:
        """The number of an input, its time, and the fields for which there is room."""
        sequence = self.sequence(index)
        here = sequence == self._session.place - 1
        number = f"{sequence:,}".rjust(self._number_width)
        kept = self._kept.get(sequence)
        if kept is None:
            self._read_view()
            kept = self._kept.get(sequence)
        if kept is None:
            return [(number, "dim")]
        cells, time, flush = kept
        pieces = [(number, "here" if here else "faint")]
        if width >= TIME_FROM:
            pieces.append((f"  {time}", "dim"))
        room = width - sum(len(text) for text, _ in pieces)
        behind = sequence >= self._session.place
        told = self._cells(cells, flush, room) if self._describe is None else f"  {cells[0]}"
        pieces.append((told[:room], "dim" if behind else "text"))
        return pieces

    def _cells(self, cells: list[str], flush: list[bool] | None, room: int) -> str:
        columns = self._columns
        count = columns.fitting(room)
        parts = []
        for index in range(count):
            text, width = cells[index], columns.widths[index]
            right = flush is None or flush[index]
            parts.append("  " + (text.rjust(width) if right else text.ljust(width)))
        return "".join(parts) + (" …" if count < len(cells) else "")

    def _read_view(self) -> None:
        """Read the inputs in view that are not in memory."""
        top = int(self.scroll_offset.y)
        rows = range(top, min(top + self.page, self.row_count()))
        missing = [each for each in map(self.sequence, rows) if each not in self._kept]
        if not missing:
            return
        if len(self._kept) > KEPT_MAX:
            self._kept.clear()
            missing = [self.sequence(row) for row in rows]
        try:
            if missing[-1] - missing[0] < 2 * len(missing):
                self._read(missing[0], missing[-1] + 1)
            else:
                for sequence in missing:
                    self._read(sequence, sequence + 1)
        except HeadraceError:
            return  # damaged, or gone meanwhile: going there says so

    def _read(self, begin: int, end: int) -> None:
        names = self._session.dtype.names
        for events, times in self._session.pages.events(begin, end):
            for event, time in zip(events, times, strict=True):
                values = [event] if names is None else [event[name] for name in names]
                flush = [is_number(value) for value in values]
                if self._describe is not None:
                    cells = [cell(self._describe(event))]  # whole: there is no column behind it
                else:
                    cells = self._columns.add(values)
                self._kept[begin] = cells, clock(int(time)), flush
                begin += 1

    def action_move(self, rows: int) -> None:
        """To another row."""
        count = self.row_count()
        row = self.cursor + rows
        if row < 0 and self._session.filter is None:
            self.post_message(self.Chosen(-1))
        elif count:
            self.post_message(self.Chosen(self.sequence(max(0, min(row, count - 1)))))

    def action_page(self, pages: int) -> None:
        """By the rows in view."""
        self.action_move(pages * self.page)

    def on_click(self, event: Click) -> None:
        """To the row under the mouse."""
        row = self.row_at(event.get_content_offset_capture(self).y)
        if row is not None:
            self.post_message(self.Chosen(self.sequence(row)))
