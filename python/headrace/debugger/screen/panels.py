"""The smaller parts: the current input, its outputs, the lines on top and at the bottom."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from headrace.debugger.layout import date_and_clock, fields, grid, output_lines
from headrace.debugger.screen.keys import KEYS
from headrace.debugger.screen.palette import DIM, FAINT, HERE, TEXTS
from headrace.debugger.session import Session
from headrace.replay import Moment


class InputPanel(VerticalScroll):
    """All fields of the input that one stands behind."""

    can_focus = False

    def compose(self) -> Any:
        """One text."""
        yield Static(id="input-text")

    def show(self, moment: Moment, first: int) -> None:
        """Show the input of a moment."""
        width = max(20, self.content_region.width - 1)
        text = Text(no_wrap=True, end="")
        if moment.event is None:
            self.border_title = "Input"
            text.append(" none yet: this is the state before the first", TEXTS["faint"])
        else:
            when = date_and_clock(int(moment.time_ns or 0))
            self.border_title = f"Input {moment.sequence - 1:,}  [{FAINT}]{when}[/]"
            for number, line in enumerate(grid(fields(moment.event[0]), width)):
                text.append("\n" if number else "")
                for name, value, gap in line:
                    text.append(f" {name}", TEXTS["dim"])
                    text.append(f"  {value}", TEXTS["text"])
                    text.append(" " * (gap - 1))
        self.query_one("#input-text", Static).update(text)


class OutputPanel(VerticalScroll):
    """The outputs of the last input."""

    def compose(self) -> Any:
        """One text."""
        yield Static(id="output-text")

    def show(self, outputs: Any) -> None:
        """Show records."""
        count = len(outputs)
        self.border_title = f"Outputs  [{FAINT}]{count:,}[/]"
        text = outputs_text(outputs, max(20, self.content_region.width - 1))
        if not count:
            text.append(" this input led to none", TEXTS["faint"])
        self.query_one("#output-text", Static).update(text)


def outputs_text(outputs: Any, width: int, style: str = "text", sign: str = "") -> Text:
    """Output records as text."""
    text = Text(no_wrap=True, end="")
    for number, (kind, line) in enumerate(output_lines(outputs, width - len(sign))):
        text.append("\n" if number else "")
        text.append(sign if kind != "heading" else " " * len(sign), TEXTS[style])
        text.append(line, TEXTS["faint" if kind == "heading" else style])
    return text


def header_text(session: Session, folder: str, width: int) -> Text:
    """What is being looked at, and whether its end is being followed."""
    right = "● following " if session.following else ""
    left = Text(" headrace ", "bold", no_wrap=True, end="")
    left.append(session.name, TEXTS["here"])
    room = width - left.cell_len - len(right) - 3
    left.append(f"  {folder if len(folder) <= room else '…' + folder[1 - room :]}", TEXTS["dim"])
    left.append(" " * max(0, width - left.cell_len - len(right)))
    left.append(right, TEXTS["added"])
    return left


def foot_line(width: int) -> Content:
    """The keys for which there is room, each to be clicked; help and quit in any case."""
    shown = [key for key in KEYS if key.short]
    last = [key for key in shown if key.action in ("help", "quit")]
    room = width - sum(len(key.shown) + len(key.short) + 3 for key in last)
    parts = []
    for key in shown:
        need = len(key.shown) + len(key.short) + 3
        if key in last or room >= need:
            room -= 0 if key in last else need
            parts.append(
                Content.assemble(
                    " ", (key.shown, f"bold {HERE}"), " ", (key.short, DIM), " "
                ).stylize(f"@click=screen.{key.action}")
            )
    return Content("").join(parts)
