"""The time line: the journal from its first place to its last, with where one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.events import MouseDown, MouseMove, MouseUp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from headrace.debugger.screen.rows import Piece, strip
from headrace.debugger.session import Session


class Timeline(Widget):
    """Three lines: the places' numbers, the line, and the marks on it."""

    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "cell(-1)", show=False),
        Binding("right", "cell(1)", show=False),
    ]

    @dataclass
    class Scrubbed(Message):
        """Somebody wants to stand at a place."""

        place: int

    def __init__(self, session: Session, **options: Any) -> None:
        super().__init__(**options)
        self._session = session
        self._dragging = False

    @property
    def _cells(self) -> int:
        return max(2, self.content_region.width - 2)

    def cell(self, place: int) -> int:
        """The cell of a place."""
        session, cells = self._session, self._cells
        span = max(1, session.end - session.first)
        return max(0, min((place - session.first) * (cells - 1) // span, cells - 1))

    def place(self, cell: int) -> int:
        """The first place of a cell; of the last cell, the last place."""
        session, cells = self._session, self._cells
        if cell >= cells - 1:
            return session.end
        span = session.end - session.first
        return session.first + -(-max(0, cell) * span // (cells - 1))

    def render_line(self, y: int) -> Strip:
        """One of the three lines."""
        line = (self._numbers, self._bar, self._marks)[min(y, 2)]()
        return strip([(" ", "dim"), *line], self.content_region.width, self.rich_style)

    def _numbers(self) -> list[Piece]:
        session, cells = self._session, self._cells
        first, last, here = f"{session.first:,}", f"{session.end:,}", f"{session.place:,}"
        at = max(0, min(self.cell(session.place) - len(here) // 2, cells - len(here)))
        line = [(" ", "dim")] * cells
        for start, text, style in (
            (0, first, "faint"), (cells - len(last), last, "faint"), (at, here, "here")
        ):  # fmt: skip
            if style == "here":  # and nothing beside it that could be read as part of it
                near = range(max(0, start - 2), min(cells, start + len(text) + 2))
                blank = any(line[i][0] != " " for i in near)
                if blank and self.cell(session.place) < cells // 2:
                    line[: len(first)] = [(" ", "dim")] * len(first)
                elif blank:
                    line[cells - len(last) :] = [(" ", "dim")] * len(last)
            for index, sign in enumerate(text):
                line[start + index] = (sign, style)
        return line

    def _bar(self) -> list[Piece]:
        here = self.cell(self._session.place)
        after = self._cells - here - 1
        end = "▸" if self._session.following else "─"
        bar = "─" * (after - 1) + end if after else ""
        return [("━" * here, "here"), ("●", "here"), (bar, "faint")]

    def _marks(self) -> list[Piece]:
        session = self._session
        line: list[Piece] = [(" ", "dim")] * self._cells
        marks = (
            ("▴", "dim", session.snapshots),
            ("◆", "removed", sorted(session.stops)),
            ("┬", "added", [branch.at for branch in session.branches]),
        )
        for sign, style, places in marks:
            for place in places:
                if session.first <= place <= session.end:
                    line[self.cell(place)] = (sign, style)
        return line

    def on_focus(self) -> None:
        """Nothing of it looks another way but its frame."""
        self.refresh()

    def action_cell(self, cells: int) -> None:
        """Go on or back by one cell, at least by one place."""
        session = self._session
        place = self.place(self.cell(session.place) + cells)
        if (place - session.place) * cells <= 0:
            place = session.place + cells
        self.post_message(self.Scrubbed(session.clamped(place)))

    def on_mouse_down(self, event: MouseDown) -> None:
        """Go under the mouse, and with it."""
        self._dragging = True
        self.capture_mouse()
        self._scrub(event)

    def on_mouse_move(self, event: MouseMove) -> None:
        """Go with the mouse."""
        if self._dragging:
            self._scrub(event)

    def on_mouse_up(self, event: MouseUp) -> None:
        """Stay."""
        self._dragging = False
        self.release_mouse()

    def _scrub(self, event: MouseDown | MouseMove) -> None:
        x = event.get_content_offset_capture(self).x - 1
        self.post_message(self.Scrubbed(self.place(max(0, min(x, self._cells - 1)))))
