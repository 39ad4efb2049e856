"""What is asked for: a line of text, breakpoints, the fields of an input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static

from headrace.debugger.edits import read_edit
from headrace.debugger.screen.palette import TEXTS
from headrace.debugger.session import Session
from headrace.errors import HeadraceError

CLOSE = Binding("escape", "close", show=False)


class Ask(ModalScreen[str | None]):
    """One line of text; `check` says what is wrong with it, and then it stays open."""

    BINDINGS: ClassVar[list[BindingType]] = [CLOSE]

    def __init__(
        self, title: str, hint: str, value: str = "", check: Callable[[str], object] | None = None
    ) -> None:
        super().__init__()
        self._title, self._hint, self._value, self._check = title, hint, value, check

    def compose(self) -> ComposeResult:
        """The line, and what may be written in it."""
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            yield Input(self._value, id="line", select_on_focus=True)
            yield Static(self._hint, classes="hint", markup=False)
            yield Static("", id="wrong", markup=False)

    def on_input_changed(self) -> None:
        """What was wrong with another text says nothing about this one."""
        self.query_one("#wrong", Static).update("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Done, if it can be meant."""
        try:
            if self._check is not None:
                self._check(event.value)
        except HeadraceError as error:
            self.query_one("#wrong", Static).update(str(error))
            return
        self.dismiss(event.value)

    def action_close(self) -> None:
        """Nothing is wanted."""
        self.dismiss(None)


class Breakpoints(ModalScreen[None]):
    """The breakpoints, and a line to set another one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("delete", "remove", show=False),
        Binding("down", "to_list", show=False),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def compose(self) -> ComposeResult:
        """The line, and the list."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Breakpoints"
            yield Input(placeholder="airports[2].departed > 5", id="line")
            yield Static(
                "a test of the state; a run stops where it begins to hold",
                classes="hint", markup=False,
            )  # fmt: skip
            yield Static("", id="wrong", markup=False)
            yield OptionList(id="list", markup=False)
            yield Static(
                "Enter sets one   Tab to the list: Enter switches, Del removes",
                classes="hint",
            )

    def on_mount(self) -> None:
        """Show those that there are."""
        self._fill()

    def _fill(self, at: int | None = None) -> None:
        found = self.query_one("#list", OptionList)
        found.clear_options()
        for each in self._session.breakpoints:
            text = Text.assemble(
                ("◆ ", TEXTS["removed"]) if each.on else ("◇ ", TEXTS["faint"]),
                (each.text, TEXTS["text" if each.on else "faint"]),
            )
            found.add_option(text)
        if at is not None and self._session.breakpoints:
            found.highlighted = min(at, len(self._session.breakpoints) - 1)
        found.display = bool(self._session.breakpoints)

    def on_input_changed(self) -> None:
        """What was wrong with another text says nothing about this one."""
        self.query_one("#wrong", Static).update("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Set one; an empty line closes."""
        if not event.value.strip():
            self.dismiss(None)
            return
        try:
            self._session.add_breakpoint(event.value)
        except HeadraceError as error:
            self.query_one("#wrong", Static).update(str(error))
            return
        event.input.value = ""
        self._fill()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Switch it on or off."""
        chosen = self._session.breakpoints[event.option_index]
        chosen.on = not chosen.on
        self._fill(event.option_index)

    def action_remove(self) -> None:
        """Remove the one under the cursor of the list."""
        found = self.query_one("#list", OptionList)
        if found.has_focus and found.highlighted is not None:
            at = found.highlighted
            del self._session.breakpoints[at]
            self._fill(at)
            if not self._session.breakpoints:
                self.query_one("#line", Input).focus()

    def action_to_list(self) -> None:
        """From the line into the list."""
        if self._session.breakpoints:
            self.query_one("#list", OptionList).focus()

    def action_close(self) -> None:
        """Done."""
        self.dismiss(None)


class Edit(ModalScreen[tuple[Any, int] | None]):
    """The fields of the current input, to be changed; gives the edit, and where to end."""

    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("ctrl+d", "drop", show=False, priority=True),
    ]

    def __init__(self, session: Session, end: int) -> None:
        super().__init__()
        self._session, self._end = session, end
        self._values = session.event_values()

    def compose(self) -> ComposeResult:
        """A line for each field."""
        wide = max(len(name) for name in (*self._values, "go on to"))
        with Vertical(classes="dialog") as box:
            box.border_title = f"What if input {self._session.place - 1:,} had been"
            with VerticalScroll(id="fields", can_focus=False):
                for index, (name, value) in enumerate(self._values.items()):
                    with Horizontal(classes="field"):
                        yield Label(name.rjust(wide), markup=False)
                        yield Input(str(value), id=f"field-{index}", select_on_focus=True)
            with Horizontal(classes="field"):
                yield Label("go on to".rjust(wide))
                yield Input(str(self._end), id="end", select_on_focus=True)
            yield Static("", id="wrong", markup=False)
            yield Static("Enter compares   Ctrl D without this input   Esc closes", classes="hint")

    def on_input_changed(self, event: Input.Changed) -> None:
        """A field that is another than it was stands out."""
        index = (event.input.id or "").removeprefix("field-")
        if index.isdigit():
            was = str(list(self._values.values())[int(index)])
            event.input.set_class(event.value != was, "changed")
        self.query_one("#wrong", Static).update("")

    def on_input_submitted(self) -> None:
        """Compare."""
        texts = {
            name: self.query_one(f"#field-{index}", Input).value
            for index, name in enumerate(self._values)
        }
        try:
            edit = read_edit(self._session.dtype, self._values, texts)
            end = self._read_end()
        except HeadraceError as error:
            self.query_one("#wrong", Static).update(str(error))
            return
        self.dismiss((edit, end))

    def _read_end(self) -> int:
        return self._session.read_place(self.query_one("#end", Input).value)

    def action_drop(self) -> None:
        """Compare with a future without this input."""
        try:
            end = self._read_end()
        except HeadraceError as error:
            self.query_one("#wrong", Static).update(str(error))
            return
        self.dismiss(("drop", end))

    def action_close(self) -> None:
        """Nothing is wanted."""
        self.dismiss(None)
