"""A state as a tree, with what the last input changed; also the difference of two futures."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click

from headrace.debugger.screen.rows import Piece, Rows
from headrace.debugger.tree import MORE, Row, Tree

Source = Callable[[Collection[str], Collection[str]], list[Row]]
LABEL_MAX = 28
LEAVES = ("changed", "added", "removed")
SIGNS = {"added": "+", "removed": "-", "changed": "•", "inside": "•"}


class StateTree(Rows):
    """Rows of a tree that can be opened and closed; what was opened stays open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("enter,space", "open_or_close", show=False),
    ]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._source: Source = Tree(None).rows
        self._opened: set[str] = set()
        self._shut: set[str] = set()
        self.rows: list[Row] = []
        self._widths: dict[str, tuple[int, int]] = {}
        self._groups: list[str] = []  # of each row, the path of what it is in

    def show(self, source: Source, to_change: bool = True) -> None:
        """Show other rows; the cursor stays on its path, the first change comes into view."""
        at = self.path
        self._source = source
        self._shut.clear()
        self._take(at)
        row = self.rows[self.cursor] if self.rows else None
        if to_change and (row is None or row.mark not in LEAVES):
            self._show_first_change()

    def _show_first_change(self) -> None:
        for index, row in enumerate(self.rows):
            if row.mark in LEAVES:
                top = int(self.scroll_offset.y)
                if not top <= index < top + self.page:
                    to = max(0, index - self.page // 2)
                    self.scroll_to(y=to, animate=False, immediate=True, force=True)
                return

    def _take(self, path: str | None) -> None:
        self.rows = self._source(self._opened, self._shut)
        places = {row.path: index for index, row in enumerate(self.rows)}
        if path is not None:
            self.cursor = places.get(path, min(self.cursor, max(0, len(self.rows) - 1)))
        self._measure()
        self.resized()

    def _measure(self) -> None:
        """How wide labels and values are, of all that are in the same value."""
        self._widths = {}
        above: list[str] = []
        for row in self.rows:
            above[row.depth :] = [row.path]
            group = above[row.depth - 1] if row.depth else ""
            label, value = self._widths.get(group, (0, 0))
            simple = 0 if row.branches else len(row.before or row.text)
            simple = max(simple, 0 if row.branches else len(row.text))
            self._widths[group] = (
                max(label, min(len(row.label), LABEL_MAX)),
                max(value, min(simple, 12)),
            )
        self._groups = []
        above = []
        for row in self.rows:
            above[row.depth :] = [row.path]
            self._groups.append(above[row.depth - 1] if row.depth else "")

    @property
    def path(self) -> str | None:
        """The path under the cursor."""
        return self.rows[self.cursor].path if 0 <= self.cursor < len(self.rows) else None

    def row_count(self) -> int:
        """As many as are open."""
        return len(self.rows)

    def row(self, index: int, width: int) -> list[Piece]:
        """Label and value; of what changed, the value before and behind."""
        row = self.rows[index]
        labels, values = self._widths[self._groups[index]]
        sign = ("▾ " if row.is_open else "▸ ") if row.branches else "  "
        mark = SIGNS.get(row.mark, " ")
        # Long names take no room from the values of short ones.
        name = row.label.ljust(min(labels, max(8, width // 2 - 2 * row.depth)))
        pieces: list[Piece] = [
            (f" {mark} ", row.mark or "dim"),
            ("  " * row.depth, "dim"),
            (sign, "faint"),
            (name + "  ", "dim" if not row.mark else "text"),
        ]
        if row.branches:
            pieces.append((row.text, "faint"))
            return pieces
        right = _is_number(row.text)
        text = row.text.rjust(values) if right else row.text
        if row.mark == "changed":
            was = row.before.rjust(values) if _is_number(row.before) else row.before
            pieces += [(was, "before"), (" → ", "dim"), (row.text, "changed")]
        else:
            pieces.append((text, row.mark or "text"))
        return pieces

    def go_to_path(self, path: str) -> None:
        """Put the cursor on a path, if it is shown."""
        for index, row in enumerate(self.rows):
            if row.path == path:
                self.cursor = index
                self.show_cursor()

    def next_change(self) -> bool:
        """Put the cursor on the next change, from the last to the first; False without any."""
        found = [index for index, row in enumerate(self.rows) if row.mark in LEAVES]
        if not found:
            return False
        self.cursor = next((i for i in found if i > self.cursor), found[0])
        self.show_cursor()
        return True

    def action_move(self, rows: int) -> None:
        """To another row."""
        self.cursor = max(0, min(self.cursor + rows, len(self.rows) - 1))
        self.show_cursor()

    def action_page(self, pages: int) -> None:
        """By the rows in view."""
        self.action_move(pages * self.page)

    def action_open_or_close(self) -> None:
        """Open or close what is under the cursor."""
        if not self.rows:
            return
        row = self.rows[self.cursor]
        if row.path.endswith(MORE):
            path = row.path.removesuffix(MORE)
            self._opened.add(row.path if path in self._opened else path)
            self._take(row.path)
        if not row.branches:
            return
        (self._opened.discard if row.is_open else self._opened.add)(row.path)
        (self._shut.add if row.is_open else self._shut.discard)(row.path)
        self._take(row.path)

    def on_click(self, event: Click) -> None:
        """The cursor to the row under the mouse; a second click opens or closes."""
        row = self.row_at(event.get_content_offset_capture(self).y)
        if row is None:
            return
        again = row == self.cursor
        self.cursor = row
        self.refresh()
        if again:
            self.action_open_or_close()


def _is_number(text: str) -> bool:
    return bool(text) and (text[0].isdigit() or (text[0] == "-" and text[1:2].isdigit()))
