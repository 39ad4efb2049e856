"""The keys: what each does, in one table from which bindings, the foot line and the help come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """One command of the debugger."""

    keys: str  # as Textual names them, several with commas between
    action: str
    shown: str  # how the key is written
    short: str  # in the foot line; empty: not there
    told: str  # in the help
    group: str


KEYS = (
    Key("right", "step(1)", "→", "step", "step over one input", "Move"),
    Key("left", "step(-1)", "←", "back", "take one input back", "Move"),
    Key("home", "go_first", "Home", "", "go to the first place", "Move"),
    Key("end", "go_last", "End", "", "go to the last place", "Move"),
    Key("g", "go_to", "g", "go to", "go behind a number of inputs: 1200, +50, -50, 30%", "Move"),
    Key("right_square_bracket", "scrub(1)", "]", "", "on by a hundredth of the journal", "Move"),
    Key("left_square_bracket", "scrub(-1)", "[", "", "back by a hundredth", "Move"),
    Key("right_curly_bracket", "scrub(10)", "}", "", "on by a tenth", "Move"),
    Key("left_curly_bracket", "scrub(-10)", "{", "", "back by a tenth", "Move"),
    Key("F", "follow", "F", "", "follow the end of the journal, or not", "Move"),
    Key("b", "breakpoints", "b", "break", "breakpoints: set, switch, remove", "Stop"),
    Key("r", "run", "r", "run", "run on to the next breakpoint", "Stop"),
    Key("R", "run_back", "R", "", "run back to the breakpoint before", "Stop"),
    Key("u", "first_where", "u", "", "go to the first place where a test holds", "Stop"),
    Key("slash", "search", "/", "find", "find the next input that passes a test", "Find"),
    Key("n", "find_next", "n", "", "the next one", "Find"),
    Key("N", "find_previous", "N", "", "the one before", "Find"),
    Key("f", "filter", "f", "filter", "list only inputs that pass a test", "Find"),
    Key("w", "why", "w", "why", "which inputs changed the value under the cursor", "Ask"),
    Key("c", "next_change", "c", "", "go to the next change in the state", "Ask"),
    Key("e", "edit", "e", "what if", "change this input, and compare the two futures", "Ask"),
    Key("d", "drop", "d", "", "drop this input, and compare", "Ask"),
    Key("B", "branches", "B", "", "the comparisons made so far", "Ask"),
    Key("tab", "app.focus_next", "Tab", "", "go to the next part of the screen", "Screen"),
    Key("shift+tab", "app.focus_previous", "Shift Tab", "", "and to the one before", "Screen"),
    Key("escape", "cancel", "Esc", "", "give up what is running; close what is open", "Screen"),
    Key("question_mark,f1", "help", "?", "help", "this help (F1 as well)", "Screen"),
    Key("q", "quit", "q", "quit", "leave", "Screen"),
)

# Of the parts of the screen, while they have the focus.
PARTS = (
    ("Time line", (("← →", "one cell back or on"), ("mouse", "click or drag"))),
    ("Inputs", (("↑ ↓", "the input above or below"), ("PgUp PgDn", "a page"),
                ("mouse", "click an input"))),
    ("State", (("↑ ↓", "move"), ("Enter", "open or close"), ("PgUp PgDn", "a page"))),
)  # fmt: skip

EXPRESSIONS = (
    ("inputs", "amount > 100 and key in (1, 3)", "fields, sequence, time_ns"),
    ("states", "airports[2].departed > 5", "fields of the state, state, sequence"),
)
