"""The picture of a run, as SVG: a lane for each node and client, time downward (Lamport's diagram).

Messages are arrows from where they left to where they arrived; a cross is where one ended that did
not. Elements carry the places of what they show (`data-i`, `data-from`, `data-to`), counted from
the first thing that is shown, for the page's script.
"""

from __future__ import annotations

import math
from html import escape
from importlib.resources import files

from headrace.debugger.page_run_layout import (
    CHAR,
    COLUMN,
    HEAD,
    LINE,
    ROW,
    TIMES,
    Bar,
    Layout,
    ends_of,
    is_under_way,
)
from headrace.debugger.page_run_words import NODES, Happening, milliseconds, node_of, title_of
from headrace.debugger.page_text import brief, visible
from headrace.simulation.noting import What
from headrace.simulation.story import Fell, Step
from headrace.simulation.tracing import Flight

LOST_AT = 0.55  # of the way: where a message ends that is lost
GOING_AT = 0.4  # and where one is seen last that was on its way in the end
MORE = ' class="more"'  # of lines behind the first


def draw(made: Layout, *, style: bool = False) -> str:
    """The picture; with `style` it needs nothing else, and stands in any page."""
    height = made.end + 34
    parts = [
        *[_band(made, bar) for bar in made.bars if bar.lane is None],
        *[_lane(made, name) for name in made.names],
        *[_bar(made, bar) for bar in made.bars],
        *_axis(made),
        *[_hit(made, at) for at in range(len(made.happened))],
        *[_flight(made, flight) for flight in made.story.flights or ()],
        *[_one(made, at) for at in range(len(made.happened))],
        _end(made),
        *[_head(made, name) for name in made.names],
    ]
    sheet = f"<style>{diagram_style()}</style>" if style else ""
    width = math.ceil(made.width)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="spacetime" '
        f'viewBox="0 0 {width} {_n(height)}" width="{width}" height="{_n(height)}" role="img" '
        f'aria-label="Who sent what to whom, and when">{sheet}{"".join(parts)}</svg>'
    )


def diagram_style() -> str:
    """The style sheet of the picture."""
    return files("headrace.debugger").joinpath("page_run_diagram.css").read_text("utf-8")


# -- what is there all the time ------------------------------------------------------------------


def _lane(made: Layout, name: str) -> str:
    x = _n(made.x(name))
    return f'<line class="life" x1="{x}" y1="{HEAD - 6}" x2="{x}" y2="{_n(made.end)}"></line>'


def _head(made: Layout, name: str) -> str:
    chars = int((made.lane - 30) / CHAR)
    shown = brief(visible(name), chars)
    half = max(22.0, len(shown) * CHAR / 2 + 10)
    kind = "asks" if name in made.story.run.system.clients else "serves"
    x = made.x(name)
    return (
        f'<g class="lane {kind}" data-lane="{made.names.index(name)}">'
        f"<title>{escape(visible(name))}</title>"
        f'<rect x="{_n(x - half)}" y="5" width="{_n(2 * half)}" height="26" rx="4"></rect>'
        f'<text x="{_n(x)}" y="22">{escape(shown)}</text></g>'
    )


def _axis(made: Layout) -> list[str]:
    parts = [
        f'<text class="time" x="{TIMES - 12}" y="{_n(y + 4)}">{text}</text>'
        for y, text in made.times
    ]
    for y, text in made.left_out:
        parts.append(
            f'<text class="passed" x="{TIMES - 12}" y="{_n(y + 4)}">{text}</text>'
            f'<path class="passed" d="M{TIMES - 2} {_n(y)}H{_n(made.width - 8)}"></path>'
        )
    return parts


def _band(made: Layout, bar: Bar) -> str:
    """What a fault of the network covers."""
    x = TIMES + bar.column * COLUMN
    return (
        f'<rect class="wide" x="{_n(x)}" y="{_n(bar.begin)}" width="{_n(made.width - 8 - x)}" '
        f'height="{_n(max(2.0, bar.end - bar.begin))}"></rect>'
    )


def _bar(made: Layout, bar: Bar) -> str:
    if bar.lane is None:
        x, wide = float(TIMES + bar.column * COLUMN), 5
    else:
        # What is wrong with a node stands beside its lane, what it does is on it.
        wide = {"sync": 6, "fault": 3}.get(bar.kind, 14)
        x = made.left + bar.lane * made.lane
        x += 6 if bar.kind == "fault" else -wide / 2
    return (
        f'<g class="bar {bar.kind}"><title>{escape(bar.words)}</title>'
        f'<rect x="{_n(x)}" y="{_n(bar.begin)}" width="{wide}" '
        f'height="{_n(max(2.0, bar.end - bar.begin))}" rx="2"></rect></g>'
    )


def _end(made: Layout) -> str:
    run = made.story.run
    failure = run.failure
    text = "all was well" if failure is None else visible(failure.message.split("\n")[0])
    y = made.end
    # What fails with one step is told there; else it is told here, of the whole run.
    kind = "ok" if failure is None else "failed"
    at = f"{milliseconds(run.end_ns)}: "
    return (
        f'<g class="end {kind}"><line x1="{TIMES - 2}" y1="{_n(y)}" x2="{_n(made.width - 8)}" '
        f'y2="{_n(y)}"></line><text x="{TIMES}" y="{_n(y + 20)}">'
        f"{escape(brief(at + text, int((made.width - TIMES - 12) / CHAR)))}</text></g>"
    )


# -- what happens --------------------------------------------------------------------------------


def _place(made: Layout, at: int) -> tuple[float, float]:
    """Where the mark of a thing is."""
    one = made.happened[at]
    node = node_of(one)
    if node is None:
        return made.edge + 4, made.ys[at]
    x = made.x(node)
    if is_under_way(one):
        back = made.x(one.source) - x
        x += back * (0.75 if one.what is What.DUPLICATED else 1 - LOST_AT)
    return x, made.ys[at]


def _class(made: Layout, at: int) -> str:
    one = made.happened[at]
    if at == made.failed_at:
        return "failed"
    if isinstance(one, Step):
        return "timer" if one.taken.kind == "timer" else "step"
    if isinstance(one, Fell):
        return "fault" if one.begins else "healed"
    if one.what in NODES:
        return {What.RESUME: "healed", What.PAUSE: "paused"}.get(one.what, "down")
    return "doubled" if one.what is What.DUPLICATED else "lost"


def _hit(made: Layout, at: int) -> str:
    """What is clicked on, and lights up."""
    if made.same_as[at] is not None:
        return ""
    x, y = _place(made, at)
    high = ROW + LINE * (len(made.lines[at]) - 1) - 2
    wide = min(made.lane - 8, made.width - x)
    failed = " failed" if at == made.failed_at else ""
    start = x - 12
    if made.on_left[at]:
        wide = min(made.lane - 8, x - TIMES)
        start = x + 12 - wide
    return (
        f'<rect class="hit{failed}" data-i="{at}" x="{_n(start)}" y="{_n(y - ROW / 2 + 1)}" '
        f'width="{_n(wide)}" height="{_n(high)}" rx="4"></rect>'
    )


def _one(made: Layout, at: int) -> str:
    if made.same_as[at] is not None:
        return ""
    one = made.happened[at]
    x, y = _place(made, at)
    room = made.width - x - 20 if node_of(one) is None else made.lane - 26
    outer = x - TIMES - 6 if made.on_left[at] else made.width - x - 14
    chars = int(min(room, outer) / CHAR)
    lines = [brief(each, chars) for each in made.lines[at]]
    if at == made.failed_at:
        lines[0] = brief(f"✗ {lines[0]}", chars)
    side = ' text-anchor="end"' if made.on_left[at] else ""
    aside = x - 12 if made.on_left[at] else x + 12
    texts = "".join(
        f'<text{(place > 0) * MORE}{side} x="{_n(aside)}" y="{_n(y + 4 + LINE * place)}">'
        f"{escape(line)}</text>"
        for place, line in enumerate(lines)
    )
    kind = _class(made, at)
    return (
        f'<g class="one {kind}" data-i="{at}"><title>{escape(title_of(one))}</title>'
        f"{_mark(one, kind, x, y)}{texts}</g>"
    )


def _mark(one: Happening, kind: str, x: float, y: float) -> str:
    if kind in ("lost", "down"):
        return f'<path class="cross" d="M{_n(x - 5)} {_n(y - 5)}l10 10m0 -10l-10 10"></path>'
    if kind == "paused":
        return f'<path class="pause" d="M{_n(x - 3)} {_n(y - 5)}v10m6 0v-10"></path>'
    if kind == "timer":
        return f'<path class="mark" d="M{_n(x)} {_n(y - 5)}l5 5l-5 5l-5 -5z"></path>'
    if isinstance(one, Fell) or kind in ("doubled", "healed"):
        return f'<path class="mark" d="M{_n(x - 4)} {_n(y - 5)}l9 5l-9 5z"></path>'
    radius = 5 if kind == "failed" else 4
    return f'<circle class="mark" cx="{_n(x)}" cy="{_n(y)}" r="{radius}"></circle>'


# -- messages ------------------------------------------------------------------------------------


def _flight(made: Layout, flight: Flight) -> str:
    """A message's arrow; of a timer, a thread that is seen when its step is chosen."""
    if flight.kind == "sync":
        return ""
    place, how = ends_of(flight, made.story)
    end = None if place is None else place - made.begin
    begin = None if flight.cause is None else flight.cause - made.begin
    if (end is not None and end < 0) or (end is None and (begin is None or begin < 0)):
        return ""
    x, y = made.x(flight.source), made.sent_y(flight)
    if flight.kind == "timer":
        return "" if end is None else _thread(begin, end, x, y, made.ys[end])
    if end is None:
        to = x + (made.x(flight.to) - x) * GOING_AT
        return _arrow(flight.kind, how, (begin, end), (x, y), (to, made.end - 6))
    if flight.source == flight.to:
        return _thread(begin, end, x, y, made.ys[end], flight.kind)
    to, low = made.x(flight.to), made.ys[end]
    if how == "lost":
        to, low = _place(made, end)
    return _arrow(flight.kind, how, (begin, end), (x, y), (to, low))


def _arrow(
    kind: str,
    how: str,
    between: tuple[int | None, int | None],
    begin: tuple[float, float],
    end: tuple[float, float],
) -> str:
    """From one point to the other; it stops before the other's mark."""
    wide, high = end[0] - begin[0], end[1] - begin[1]
    length = math.hypot(wide, high) or 1.0
    ux, uy = wide / length, high / length
    x1, y1 = begin[0] + 5 * ux, begin[1] + 5 * uy
    short = 6 if how in ("taken", "down") else 0
    x2, y2 = end[0] - short * ux, end[1] - short * uy
    head = ""
    if how in ("taken", "down"):
        bx, by = x2 - 9 * ux, y2 - 9 * uy
        head = (
            f'<path class="point" d="M{_n(x2)} {_n(y2)}L{_n(bx - 4 * uy)} {_n(by + 4 * ux)}'
            f'L{_n(bx + 4 * uy)} {_n(by - 4 * ux)}z"></path>'
        )
        x2, y2 = x2 - 6 * ux, y2 - 6 * uy
    return (
        f'<g class="flight {kind} {how}"{_between(*between)}>'
        f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"></line>{head}</g>'
    )


def _thread(
    begin: int | None, end: int, x: float, y1: float, y2: float, kind: str = "timer"
) -> str:
    """From a step of a node to a later one of it, beside its lane."""
    aside = x - 22
    return (
        f'<g class="flight {kind} own"{_between(begin, end)}><path d="M{_n(x - 5)} {_n(y1)}'
        f'C{_n(aside)} {_n(y1)} {_n(aside)} {_n(y2)} {_n(x - 6)} {_n(y2)}"></path></g>'
    )


def _between(begin: int | None, end: int | None) -> str:
    """The places of both ends, of those that are shown."""
    shown = "" if begin is None or begin < 0 else f' data-from="{begin}"'
    return shown if end is None else f'{shown} data-to="{end}"'


def _n(value: float) -> str:
    """A number as short as it can be."""
    return f"{value:.1f}".removesuffix(".0")
