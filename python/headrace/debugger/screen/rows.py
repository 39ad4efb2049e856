"""What lists and trees have in common: lines that are drawn when they are seen, and a cursor."""

from __future__ import annotations

from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from headrace.debugger.screen.palette import CURSOR, CURSOR_AWAY, TEXTS

Piece = tuple[str, str]  # text, and the name of its style


class Rows(ScrollView, inherit_bindings=False):
    """Rows of text, of which only those in view are made. `head` lines on top do not scroll."""

    can_focus = True
    head = 0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.cursor = 0

    # What each kind of rows says.

    def row_count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def row(self, index: int, width: int) -> list[Piece]:
        """The pieces of a row."""
        raise NotImplementedError

    def head_row(self, index: int, width: int) -> list[Piece]:
        """The pieces of a line that does not scroll."""
        raise NotImplementedError

    # What they share.

    @property
    def page(self) -> int:
        """How many rows are in view."""
        return max(1, self.scrollable_content_region.height - self.head)

    def resized(self) -> None:
        """Take the number of rows anew."""
        self.virtual_size = Size(self.scrollable_content_region.width, self.row_count() + self.head)
        self.refresh()

    def show_cursor(self, middle: bool = False) -> None:
        """Scroll so that the cursor is in view."""
        top = int(self.scroll_offset.y)
        if not top <= self.cursor < top + self.page:
            if middle or self.cursor >= top + 2 * self.page or self.cursor < top - self.page:
                top = self.cursor - self.page // 2
            else:
                top = self.cursor if self.cursor < top else self.cursor - self.page + 1
            self.scroll_to(y=max(0, top), animate=False, immediate=True, force=True)
        self.refresh()

    def on_resize(self) -> None:
        """Fill the new size."""
        self.resized()
        self.show_cursor()

    def on_focus(self) -> None:
        """The cursor is shown brighter."""
        self.refresh()

    def on_blur(self) -> None:
        """And darker."""
        self.refresh()

    def row_at(self, y: int) -> int | None:
        """The row in a line of the view."""
        index = int(self.scroll_offset.y) + y - self.head
        return index if y >= self.head and 0 <= index < self.row_count() else None

    def render_line(self, y: int) -> Strip:
        """One line of the view."""
        width = self.scrollable_content_region.width
        style: Style | None = None
        index = self.row_at(y)
        if y < self.head:
            pieces = self.head_row(y, width)
        elif index is None:
            pieces = []
        else:
            pieces = self.row(index, width)
            if index == self.cursor:
                style = CURSOR if self.has_focus else CURSOR_AWAY
        return strip(pieces, width, self.rich_style, style)


def strip(pieces: list[Piece], width: int, base: Style, over: Style | None = None) -> Strip:
    """Pieces as a line of a given width."""
    base = base if over is None else base + over
    segments = [Segment(text, base + TEXTS[name]) for text, name in pieces if text]
    return Strip(segments).adjust_cell_length(width, base)
