"""A history in time: a lane for each client, a bar for each operation, and the order as numbers.

Made as text, of which every browser shows the same: the same history makes the same bytes. It asks
for nothing from anywhere, and all that a history holds goes in as text.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape
from typing import Any

from headrace.checking.history import Operation
from headrace.checking.result import Linearizability, Reached
from headrace.checking.stretch import Bar, Stretch, stretch
from headrace.state import steady_repr

LEFT, TOP, LANE, BAR = 20.0, 58.0, 50.0, 18.0
CHAR = 7.3  # a letter of 12 pixels of a font whose letters are all as wide
CLIENT_CHARS_MAX, STATE_CHARS_MAX, STATES_SHOWN = 24, 110, 8
STYLE = """
.history { color-scheme: light dark;
  --paper: #ffffff; --text: #1d2330; --quiet: #5c6577; --line: #dfe3ea; --in: #cfe0fb;
  --in-edge: #1f5fbf; --mark: #1f5fbf; --mark-text: #ffffff; --bad: #fbd5d0; --bad-edge: #b42318;
  --out-edge: #8a93a5; }
@media (prefers-color-scheme: dark) { .history {
  --paper: #14171e; --text: #dde3ee; --quiet: #9aa4b7; --line: #2b3140; --in: #213a61;
  --in-edge: #7fb0ff; --mark: #7fb0ff; --mark-text: #0d1420; --bad: #5b211d; --bad-edge: #ff8f80;
  --out-edge: #78829a; } }
.history .paper { fill: var(--paper); }
.history text { fill: var(--text); font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas,
  monospace; white-space: pre; }
.history text.what { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
.history .head { font-weight: 700; font-size: 15px; }
.history .quiet { fill: var(--quiet); }
.history .lane, .history .tick { stroke: var(--line); stroke-width: 1; }
.history .tick { stroke-dasharray: 2 4; }
.history .bar { fill: none; stroke: var(--out-edge); stroke-width: 1.5; }
.history .in .bar { fill: var(--in); stroke: var(--in-edge); }
.history .bad .bar { fill: var(--bad); stroke: var(--bad-edge); stroke-width: 3; }
.history .bad text.what { fill: var(--bad-edge); font-weight: 700; }
.history .fail .bar { stroke-dasharray: 3 3; }
.history .fail text, .history .out text { fill: var(--quiet); }
.history .open { stroke: var(--out-edge); stroke-width: 1.5; stroke-dasharray: 6 4; }
.history .in .open { stroke: var(--in-edge); }
.history .path { fill: none; stroke: var(--mark); stroke-width: 1.2; opacity: 0.45; }
.history .mark { fill: var(--mark); }
.history text.place { fill: var(--mark-text); font-size: 11px; font-weight: 700;
  text-anchor: middle; }
"""


def svg(result: Linearizability, *, alone: bool = True) -> str:
    """The picture; `alone`: as a file of its own, with heading and states."""
    drawn = stretch(result)
    names = [fitted(plain(str(client)), CLIENT_CHARS_MAX) for client in drawn.clients]
    left = LEFT + max([0.0, *(columns(name) * CHAR for name in names)]) + 30
    told = _below(result) if alone else []
    lines = heading(result, drawn) if alone else []
    top = TOP + 20 * max(0, len(lines) - 1) if alone else 34.0
    bottom = top + LANE * max(1, len(names))
    wide = max([0, *map(columns, [*lines[1:], *told]), *(1.3 * columns(one) for one in lines[:1])])
    width = max(left + drawn.width + LEFT, LEFT * 2 + wide * CHAR, 320.0)
    height = bottom + 26 + (20 * len(told) + 16 if told else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="history" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="{escape(heading(result, drawn)[0])}">',
        f"<style>{escape(STYLE, quote=False)}</style>",
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>',
        *(
            _text(LEFT, 28 + 20 * place, line, "head" if place == 0 else "quiet")
            for place, line in enumerate(lines)
        ),
        *_grid(drawn, names, left, top, bottom, width),
        *_path(drawn, left, top),
        *(_bar(bar, left, top, _room(bar, drawn)) for bar in drawn.bars),
        *_marks(drawn, left, top),
        *(_text(LEFT, bottom + 44 + 20 * place, line) for place, line in enumerate(told)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def heading(result: Linearizability, drawn: Stretch) -> list[str]:
    """What it came to, and what of it is shown."""
    lines = [plain(str(result).splitlines()[0])]
    shown = len(drawn.bars)
    if shown < drawn.of:
        where = "around what cannot follow" if result.operation else "the first"
        lines.append(f"{shown:,} of {drawn.of:,} operations are shown: {where}")
    return lines


def of_states(result: Linearizability) -> str:
    """What the states that follow are."""
    count = len(result.states)
    states = "the state" if count == 1 else f"each of the {count:,} states"
    return f"cannot follow {plain(str(result.operation))}: in {states} reached"


def _below(result: Linearizability) -> list[str]:
    if result.operation is None:
        return []
    lines = [f"  {told_state(each)}" for each in result.states[:STATES_SHOWN]]
    more = len(result.states) - STATES_SHOWN
    more_lines = [f"  and {more:,} more"] if more > 0 else []
    return [fitted(line, 2 * STATE_CHARS_MAX) for line in [of_states(result), *lines, *more_lines]]


def told_state(each: Reached) -> str:
    """A state, and what happens in it."""
    return f"{fitted(plain(steady_repr(each.state)), STATE_CHARS_MAX)}: {plain(each.instead)}"


def _grid(
    drawn: Stretch, names: list[str], left: float, top: float, bottom: float, width: float
) -> list[str]:
    parts = []
    free = left
    for x, label in drawn.ticks:
        if left + x < free:
            continue
        free = left + x + columns(label) * CHAR + 18
        parts.append(
            f'<line class="tick" x1="{left + x:.1f}" y1="{top - 8:.1f}" x2="{left + x:.1f}" '
            f'y2="{bottom:.1f}"/>'
        )
        parts.append(_text(left + x, bottom + 18, label, "quiet"))
    for lane, name in enumerate(names):
        y = top + lane * LANE
        parts.append(
            f'<line class="lane" x1="{LEFT:.1f}" y1="{y + LANE - 6:.1f}" '
            f'x2="{width - LEFT:.1f}" y2="{y + LANE - 6:.1f}"/>'
        )
        parts.append(_text(LEFT, y + 31, name, "client"))
    return parts


def _middle(bar: Bar, top: float) -> float:
    return top + bar.lane * LANE + 27


def _path(drawn: Stretch, left: float, top: float) -> list[str]:
    """A line through the moments, in their order."""
    marked = sorted((bar for bar in drawn.bars if bar.place), key=lambda bar: bar.place)
    runs: list[list[Bar]] = []
    for bar in marked:
        if runs and runs[-1][-1].place + 1 == bar.place:
            runs[-1].append(bar)
        else:
            runs.append([bar])
    return [
        '<polyline class="path" points="'
        + " ".join(f"{left + bar.moment:.1f},{_middle(bar, top):.1f}" for bar in run)
        + '"/>'
        for run in runs
    ]


def _room(bar: Bar, drawn: Stretch) -> float:
    """How wide what is written above a bar may be: to the next one of its lane."""
    following = [
        other.begin
        for other in drawn.bars
        if other.lane == bar.lane and other is not bar and other.begin >= bar.begin
    ]
    return min([*following, drawn.width]) - bar.begin - 6


def _bar(bar: Bar, left: float, top: float, room: float) -> str:
    y = _middle(bar, top) - BAR / 2
    x, width = left + bar.begin, max(bar.end - bar.begin, 6.0)
    what = _what(bar.operation)
    written = fitted(what, int(room / CHAR))
    if bar.open_:
        solid = min(width, 16.0)
        shape = (
            f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="{solid:.1f}" height="{BAR}" '
            f'rx="4"/><line class="open" x1="{x + solid:.1f}" y1="{y + BAR / 2:.1f}" '
            f'x2="{x + width:.1f}" y2="{y + BAR / 2:.1f}"/>'
        )
    else:
        shape = (
            f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BAR}" rx="4"/>'
        )
    return (
        f'<g class="{bar.kind}"><title>{escape(plain(str(bar.operation)))}</title>{shape}'
        f"{_text(x + 1, y - 4, written, 'what')}</g>"
    )


def _marks(drawn: Stretch, left: float, top: float) -> list[str]:
    parts = []
    for bar in drawn.bars:
        if not bar.place:
            continue
        label = str(bar.place)
        x, y, half = left + bar.moment, _middle(bar, top), 3.6 * len(label) + 5
        parts.append(
            f'<rect class="mark" x="{x - half:.1f}" y="{y - 8:.1f}" width="{2 * half:.1f}" '
            f'height="16" rx="8"/>{_text(x, y + 4, label, "place")}'
        )
    return parts


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}>{escape(text)}</text>'


def _what(operation: Operation) -> str:
    """Short: the client and the times are to be seen."""
    given = plain(_bare(operation.input))
    if operation.status == "ok":
        return given if operation.output is None else f"{given} → {plain(_bare(operation.output))}"
    return f"{given} ?" if operation.status == "info" else f"{given} failed"


def _bare(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_bare, value))
    return steady_repr(value) if isinstance(value, dict | list | set) else str(value)


def plain(text: str) -> str:
    """A text on one line, without what a file must not hold, or what turns the writing around."""
    return re.sub(r"[\s\S]", _visible, text) if not text.isprintable() else text


def _visible(found: re.Match[str]) -> str:
    char = found[0]
    return char if char.isprintable() else ascii(char)[1:-1]


def columns(text: str) -> int:
    """How many letters wide a text is: some are as wide as two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def fitted(text: str, most: int) -> str:
    """A text, cut to so many letters."""
    if columns(text) <= most:
        return text
    while text and columns(text) >= most:
        text = text[:-1]
    return f"{text}…" if most > 0 else ""
