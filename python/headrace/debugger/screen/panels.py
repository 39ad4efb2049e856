"""The smaller parts: the current input, its outputs, the lines on top and at the bottom."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from rich.text import Text
from textual.containers import VerticalScroll
from textual.events import Click
from textual.widgets import Static

from headrace.debugger.layout import date_and_clock, fields, grid, output_lines
from headrace.debugger.page_text import failure_text
from headrace.debugger.screen.keys import KEYS, Key
from headrace.debugger.screen.palette import FAINT, GONE, TEXTS
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
            self.border_title = " Input "
            text.append(" none: nothing has come yet", TEXTS["faint"])
        else:
            when = date_and_clock(int(moment.time_ns or 0))
            when = when if width > 44 else when.split()[-1]
            self.border_title = f" Input {moment.sequence - 1:,}  [{FAINT}]{when}[/] "
            for number, line in enumerate(grid(fields(moment.event[0]), width)):
                text.append("\n " if number else " ")
                for name, value, gap in line:
                    text.append(name, TEXTS["dim"])
                    text.append(value + " " * gap, TEXTS["text"])
        self.query_one("#input-text", Static).update(text)


class OutputPanel(VerticalScroll):
    """The outputs of the last input."""

    def compose(self) -> Any:
        """One text."""
        yield Static(id="output-text")

    def show(self, moment: Moment) -> None:
        """Show the outputs of a moment; above them, that a step has failed."""
        outputs, error = moment.outputs, moment.error
        count, width = len(outputs), max(20, self.content_region.width - 1)
        failed = "" if error is None else f"  [{GONE}]a step failed[/]"
        self.border_title = f" Outputs  [{FAINT}]{count:,}[/]{failed} "
        text = Text(no_wrap=True, end="")
        if error is not None:
            told = f"✗ {error.machine} failed, and changed nothing: {failure_text(error)}"
            text.append("\n".join(f" {line}" for line in wrap(told, width)), TEXTS["error"])
            text.append("\n" if count else "")
        text.append(outputs_text(outputs, width))
        if not count and error is None:
            text.append(" this input led to none", TEXTS["faint"])
        self.query_one("#output-text", Static).update(text)


def outputs_text(outputs: Any, width: int, style: str = "text", sign: str = "") -> Text:
    """Output records as text; with a sign in front they are numbered by their inputs."""
    text = Text(no_wrap=True, end="")
    for number, (kind, line) in enumerate(output_lines(outputs, width - len(sign) - 1, bool(sign))):
        text.append("\n" if number else "")
        text.append(f" {sign if kind != 'heading' else ' ' * len(sign)}", TEXTS[style])
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


class FootLine(Static):
    """The keys for which there is room, each to be clicked; help and quit in any case."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._actions: list[str] = []  # of each cell

    def on_resize(self) -> None:
        """Fill the new size."""
        shown = [key for key in KEYS if key.short]
        last = [key for key in shown if key.action in ("help", "quit")]
        room = self.size.width - sum(_cells(key) for key in last)
        text = Text(no_wrap=True, end="")
        self._actions = []
        for key in shown:
            if key not in last:
                if room < _cells(key):
                    continue
                room -= _cells(key)
            text.append(f" {key.shown} ", TEXTS["here"])
            text.append(f"{key.short} ", TEXTS["dim"])
            self._actions += [key.action] * _cells(key)
        self.update(text)

    async def on_click(self, event: Click) -> None:
        """Do what the key would do."""
        if event.x < len(self._actions):
            await self.screen.run_action(self._actions[event.x])


def _cells(key: Key) -> int:
    return len(key.shown) + len(key.short) + 3
