"""What is answered: why, the two futures, the branches made, and the help."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from headrace.debugger.screen.dialogs import CLOSE
from headrace.debugger.screen.keys import EXPRESSIONS, KEYS, PARTS
from headrace.debugger.screen.palette import TEXTS
from headrace.debugger.screen.panels import outputs_text
from headrace.debugger.screen.state_tree import StateTree
from headrace.debugger.session import WHY_MAX, Why
from headrace.debugger.tree import difference_rows, text_of
from headrace.replay import Branch
from headrace.replay.changes import ABSENT


class Choose(ModalScreen[int | None]):
    """A list to choose from; gives the number of the line."""

    BINDINGS: ClassVar[list[BindingType]] = [CLOSE]

    def __init__(self, title: str, lines: list[Text], hint: str) -> None:
        super().__init__()
        self._title, self._lines, self._hint = title, lines, hint

    def compose(self) -> ComposeResult:
        """The list."""
        with Vertical(classes="dialog wide") as box:
            box.border_title = self._title
            yield OptionList(*self._lines, id="list", markup=False)
            yield Static(self._hint, classes="hint", markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Chosen."""
        self.dismiss(event.option_index)

    def action_close(self) -> None:
        """None of them."""
        self.dismiss(None)


def why_dialog(why: Why) -> Choose:
    """The inputs that changed a value, to go to one of them."""
    numbers = max(len(f"{sequence:,}") for sequence, _ in why.found)
    before = max(len(_told(change.before)) for _, change in why.found)
    before = min(before, 32)
    lines = []
    for sequence, change in why.found:
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{sequence:>{numbers},}", TEXTS["here"])
        line.append(f"   {_told(change.before)[:before]:>{before}}", TEXTS["before"])
        line.append(" → ", TEXTS["dim"])
        line.append(_told(change.after), TEXTS["changed"])
        inside = change.path.removeprefix(why.path)
        line.append(f"   {inside}" if inside else "", TEXTS["faint"])
        lines.append(line)
    count = len(why.found)
    if count >= WHY_MAX:
        told = f"the latest {count:,} changes"
    else:
        told = f"{count:,} change{'' if count == 1 else 's'} up to here"
    hint = f"{told}, the latest first   Enter goes there   Esc closes"
    return Choose(f"Why {why.path}", lines, hint)


def _told(value: object) -> str:
    return "(absent)" if value is ABSENT else text_of(value)


def branches_dialog(branches: list[Branch], titles: list[str]) -> Choose:
    """The comparisons made so far."""
    lines = []
    for branch, title in zip(branches, titles, strict=True):
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append("┬ ", TEXTS["added"])
        line.append(title, TEXTS["text"])
        line.append(f"   to {branch.end:,}: {len(branch.changes):,} differences", TEXTS["faint"])
        lines.append(line)
    return Choose("What if", lines, "Enter shows it again   Esc closes")


class Compared(ModalScreen[None]):
    """Two futures side by side: what differs in the states, and in the outputs."""

    BINDINGS: ClassVar[list[BindingType]] = [CLOSE, Binding("q", "close", show=False)]

    def __init__(self, branch: Branch, title: str) -> None:
        super().__init__()
        self._branch, self._title = branch, title

    def compose(self) -> ComposeResult:
        """Both."""
        branch = self._branch
        with Vertical(classes="dialog full") as box:
            box.border_title = f"What if: {self._title}"
            yield Static(self._summary(), id="summary")
            with Horizontal():
                tree = StateTree(id="differences")
                tree.border_title = " State: was → would be "
                yield tree
                with VerticalScroll(id="compared-outputs") as outputs:
                    gone, new = branch.outputs_only_there, branch.outputs_only_here
                    outputs.border_title = f" Outputs: {len(gone):,} gone, {len(new):,} new "
                    yield Static(id="compared-text")
            yield Static("↑ ↓ move   Enter opens and closes   Tab   Esc closes", classes="hint")

    def _summary(self) -> Text:
        branch = self._branch
        if branch.parted is None:
            return Text("The states never differ.", TEXTS["added"])
        found = branch.changes
        text = Text("The states differ behind input ", TEXTS["dim"])
        text.append(f"{branch.parted:,}", TEXTS["here"])
        if not found:
            text.append(", and are the same again at the end", TEXTS["added"])
        else:
            text.append("; behind ", TEXTS["dim"])
            text.append(f"{branch.end:,}", TEXTS["here"])
            text.append(" inputs in ", TEXTS["dim"])
            text.append(f"{len(found):,} place{'' if len(found) == 1 else 's'}", TEXTS["changed"])
        text.append(".", TEXTS["dim"])
        return text

    def on_mount(self) -> None:
        """Fill them in once their sizes are known."""
        found = self._branch.changes
        tree = self.query_one(StateTree)
        tree.show(lambda opened, closed: difference_rows(found, closed))
        tree.focus()
        self.call_after_refresh(self._show_outputs)

    def on_resize(self) -> None:
        """Fill the new size."""
        self.call_after_refresh(self._show_outputs)

    def _show_outputs(self) -> None:
        branch = self._branch
        gone, new = branch.outputs_only_there, branch.outputs_only_here
        width = max(20, self.query_one("#compared-outputs").content_region.width - 1)
        text = Text(no_wrap=True, end="")
        for records, style, sign in ((gone, "removed", "- "), (new, "added", "+ ")):
            if len(records):
                text.append("\n" if len(text) else "")
                text.append(outputs_text(records, width, style, sign))
        if not len(text):
            text.append("the same in both", TEXTS["faint"])
        self.query_one("#compared-text", Static).update(text)

    def action_close(self) -> None:
        """Back to what was."""
        self.dismiss(None)


class Help(ModalScreen[None]):
    """All keys, and what they do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        CLOSE,
        Binding("q,question_mark,f1,enter", "close", show=False),
    ]

    def compose(self) -> ComposeResult:
        """The keys by what they are for."""
        with Vertical(classes="dialog wide help") as box:
            box.border_title = "Keys"
            with VerticalScroll(id="help-scroll"):
                yield Static(help_table(), id="help-text")
            yield Static("↑ ↓ scroll   Esc closes", classes="hint")

    def on_mount(self) -> None:
        """The arrows scroll."""
        self.query_one("#help-scroll").focus()

    def action_close(self) -> None:
        """Read."""
        self.dismiss(None)


def help_table() -> Table:
    """The help, as a table of keys."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True, style=TEXTS["here"])
    table.add_column(style=TEXTS["text"])
    group = ""
    for key in KEYS:
        if key.group != group:
            _heading(table, key.group, first=not group)
            group = key.group
        table.add_row(key.shown, key.told)
    for name, lines in PARTS:
        _heading(table, f"With the focus: {name}")
        for shown, told in lines:
            table.add_row(shown, told)
    _heading(table, "Tests")
    for what, example, names in EXPRESSIONS:
        line = Text.assemble(example, ("   " + names, TEXTS["faint"]))
        table.add_row(Text(what, TEXTS["dim"]), line)
    table.add_row("", Text("and, or, not, in, comparisons, + - * / // %", TEXTS["faint"]))
    return table


def _heading(table: Table, text: str, first: bool = False) -> None:
    if not first:
        table.add_row("", "")
    table.add_row("", Text(text.upper(), TEXTS["dim"]))
