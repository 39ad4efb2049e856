"""Who sent what to whom: a sequence diagram of a stretch, as SVG.

The page's script draws the same around the selected event (page_diagram.js); a test holds the two
to each other.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files

from headrace.debugger.page_stretch import (
    Failure,
    Happened,
    Message,
    Stretch,
    named,
    read_stretch,
)
from headrace.debugger.page_text import brief
from headrace.errors import UsageError
from headrace.replay import History

ARROWS_MAX = 2_000  # in a picture of its own
# Sizes in pixels; `chars` of a monospaced font of 11 pixels fit between two lanes.
SIZES = {"lane": 168, "side": 56, "row": 26, "head": 44, "box": 26, "chars": 24, "name": 14}


def sequence_svg(history: History, begin: int, end: int) -> str:
    """A sequence diagram of inputs [begin, end): an SVG document that needs nothing else.

    Raises HistoryGone, UsageError.
    """
    stretch = read_stretch(history, begin, end, states=False)
    arrows = sum(1 + len(one.messages) + len(one.failures) for one in stretch.happened)
    if arrows > ARROWS_MAX:
        raise UsageError(
            f"inputs {begin:,} to {end:,} are {arrows:,} arrows, too many to be looked at; choose "
            f"a stretch of at most {ARROWS_MAX:,}"
        )
    style = files("headrace.debugger").joinpath("page_diagram.css").read_text("utf-8")
    return draw(stretch, stretch.happened, style)


def draw(stretch: Stretch, happened: list[Happened], style: str = "") -> str:
    """The diagram of some events of a stretch."""
    rows: list[str] = []
    for one in happened:
        rows += _event_rows(stretch, one, len(rows))
    lanes = stretch.lanes
    width = 2 * SIZES["side"] + (len(lanes) - 1) * SIZES["lane"]
    height = SIZES["head"] + len(rows) * SIZES["row"] + 12
    head = [_lane(name, index, height) for index, name in enumerate(lanes)]
    what = f"inputs {happened[0].sequence} to {happened[-1].sequence}" if happened else "no inputs"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" '
        f'aria-label="Sequence diagram of {what}">'
        + (f"<style>{style}</style>" if style else "")
        + "".join(head)
        + "".join(rows)
        + "</svg>"
    )


def _x(lane: int) -> int:
    return SIZES["side"] + lane * SIZES["lane"]


def _lane(name: str, index: int, height: int) -> str:
    x, box = _x(index), SIZES["side"] - 4
    shown = escape(brief(name, SIZES["name"]))
    return (
        f'<g class="lane"><title>{escape(name)}</title>'
        f'<line x1="{x}" y1="{SIZES["box"] + 4}" x2="{x}" y2="{height}"></line>'
        f'<rect x="{x - box}" y="4" width="{2 * box}" height="{SIZES["box"]}" rx="4"></rect>'
        f'<text x="{x}" y="21">{shown}</text></g>'
    )


def _event_rows(stretch: Stretch, one: Happened, row: int) -> list[str]:
    text = f"{one.sequence} {named(stretch.fields[0], one.texts)}"
    rows = [_arrow("input", one.sequence, 0, row, text)]
    for message in one.messages:
        rows.append(_message(stretch, one, message, row + len(rows)))
    for failure in one.failures:
        rows.append(_failure(one, failure, row + len(rows)))
    return rows


def _message(stretch: Stretch, one: Happened, message: Message, row: int) -> str:
    kind = "output" if message.depth + 3 == len(stretch.lanes) else "inner"
    payload = named(stretch.fields[message.depth + 1], message.texts)
    text = f"{message.input_sequence}.{message.output_index} {payload}"
    return _arrow(kind, one.sequence, message.depth + 1, row, text)


def _arrow(kind: str, sequence: int, lane: int, row: int, text: str) -> str:
    y = SIZES["head"] + row * SIZES["row"] + 18
    begin, end = _x(lane), _x(lane + 1)
    return (
        f'<g class="arrow {kind}" data-sequence="{sequence}"><title>{escape(text)}</title>'
        f'<line x1="{begin}" y1="{y}" x2="{end - 6}" y2="{y}"></line>'
        f'<path d="M{end} {y}l-8 -4v8z"></path>'
        f'<text x="{(begin + end) // 2}" y="{y - 5}">{escape(brief(text, SIZES["chars"]))}</text>'
        "</g>"
    )


def _failure(one: Happened, failure: Failure, row: int) -> str:
    x, y = _x(failure.depth + 1), SIZES["head"] + row * SIZES["row"] + 18
    text = f"{one.sequence} {failure.text}"
    return (
        f'<g class="arrow failed" data-sequence="{one.sequence}"><title>{escape(text)}</title>'
        f'<path d="M{x - 5} {y - 5}l10 10m0 -10l-10 10"></path>'
        f'<text x="{x + 10}" y="{y + 4}">{escape(brief(text, SIZES["chars"]))}</text></g>'
    )
