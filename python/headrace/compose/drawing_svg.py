"""Pictures of topologies as SVG, without any program but this one.

The colours follow the reader's, light or dark, on a background of its own. Sizes of texts are
reckoned by characters of equal width, so that every text stays in its box.
"""

from __future__ import annotations

from html import escape

from headrace.compose.drawing_places import (
    COPY_PX,
    FRAME_COLUMNS,
    FRAME_PAD,
    LINE_COLUMNS,
    LINE_PX,
    NAME_COLUMNS,
    TEXT_PX,
    TITLE_PX,
    Arrow,
    Border,
    Box,
    Text,
    place,
)
from headrace.compose.picture import JOINT, RING, STAGE, Shape
from headrace.compose.picture_words import cut

MARGIN = 18.0
_ROUND = {STAGE: 6.0, RING: 14.0}  # radius of the corners; the others are round all through
_STYLE = f"""
.headrace-drawing text {{
  font: {TEXT_PX:g}px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  fill: #334155; white-space: pre;
}}
.headrace-drawing text.name {{ font-size: {TITLE_PX:g}px; font-weight: 700; fill: #0f172a; }}
.headrace-drawing .middle {{ text-anchor: middle; }}
.headrace-drawing .paper {{ fill: #ffffff; }}
.headrace-drawing .stage rect {{ fill: #dbeafe; stroke: #334155; }}
.headrace-drawing .ring rect {{ fill: #f1f5f9; stroke: #64748b; stroke-width: 1.5; }}
.headrace-drawing .joint rect {{ fill: #fef3c7; stroke: #b45309; }}
.headrace-drawing .ends rect {{ fill: #dcfce7; stroke: #15803d; }}
.headrace-drawing .frame rect {{ fill: #f8fafc; stroke: #64748b; stroke-dasharray: 5 4; }}
.headrace-drawing .frame .copy {{ stroke-dasharray: none; }}
.headrace-drawing .line {{ fill: none; stroke: #475569; stroke-width: 1.3; }}
.headrace-drawing .head {{ fill: #475569; }}
@media (prefers-color-scheme: dark) {{
  .headrace-drawing text {{ fill: #b6c0d1; }}
  .headrace-drawing text.name {{ fill: #f1f5f9; }}
  .headrace-drawing .paper {{ fill: #14171e; }}
  .headrace-drawing .stage rect {{ fill: #1e3a5f; stroke: #7aa7e0; }}
  .headrace-drawing .ring rect {{ fill: #262d3a; stroke: #8a96aa; }}
  .headrace-drawing .joint rect {{ fill: #45340f; stroke: #d9a441; }}
  .headrace-drawing .ends rect {{ fill: #123524; stroke: #4fb57f; }}
  .headrace-drawing .frame rect {{ fill: #1a1f29; stroke: #6b778c; }}
  .headrace-drawing .line {{ stroke: #94a3b8; }}
  .headrace-drawing .head {{ fill: #94a3b8; }}
}}
"""


def svg(shape: Shape, name: str) -> str:
    """The picture as one <svg> that needs nothing else; `name`: what it is a picture of."""
    placed = place(shape).moved(MARGIN, MARGIN)
    width, height = placed.width + MARGIN, placed.height + MARGIN
    # What is below comes first. A frame comes before what is in it.
    below = [_border(item) for item in placed.items if isinstance(item, Border)]
    below += [_arrow(item) for item in placed.items if isinstance(item, Arrow)]
    above = [_box(item) for item in placed.items if isinstance(item, Box)]
    above += [_text(item) for item in placed.items if isinstance(item, Text)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="headrace-drawing" '
        f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}" '
        f'role="img" aria-label="{escape(name)}">\n<style>{_STYLE}</style>\n'
        f'<rect class="paper" width="{_n(width)}" height="{_n(height)}" rx="8"/>\n'
        + "\n".join([*below, *above])
        + "\n</svg>\n"
    )


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _rect(x: float, y: float, width: float, height: float, radius: float, more: str = "") -> str:
    return (
        f'<rect{more} x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" '
        f'rx="{_n(radius)}"/>'
    )


def _border(item: Border) -> str:
    x, y, width, height = item.x, item.y, item.width, item.height
    behind = [
        _rect(x + COPY_PX * at, y + COPY_PX * at, width, height, 10, ' class="copy"')
        for at in range(min(item.frame.copies - 1, 2), 0, -1)
    ]
    title = _written(item.frame.title, FRAME_COLUMNS, x + FRAME_PAD, y + 17, "")
    return (
        f'<g class="frame"><title>{escape(item.frame.title)}</title>{"".join(behind)}'
        f"{_rect(x, y, width, height, 10)}{title}</g>"
    )


def _arrow(item: Arrow) -> str:
    (x, y), *corners = item.points
    path = f"M{_n(x)} {_n(y)}" + "".join(f"L{_n(x)} {_n(y)}" for x, y in corners)
    _, before = item.points[-1]
    if before != item.y:
        begin, end = item.bend
        middle = (begin + end) / 2
        path += (
            f"H{_n(begin)}C{_n(middle)} {_n(before)} {_n(middle)} {_n(item.y)} "
            f"{_n(end - 8)} {_n(item.y)}"
        )
    head = f"M{_n(item.x)} {_n(item.y)}l-8 -4v8z"
    return f'<path class="line" d="{path}H{_n(item.x - 7)}"/><path class="head" d="{head}"/>'


def _box(item: Box) -> str:
    node, x, y = item.node, item.x, item.y
    radius = _ROUND.get(node.kind, item.height / 2)
    texts = []
    middle = x + item.width / 2
    down = y + 9 + (9.5 if node.kind == JOINT else 11.5)
    style = "middle" if node.kind == JOINT else "name middle"
    texts.append(_written(node.title, NAME_COLUMNS, middle, down, style))
    for place_, line in enumerate(node.lines, 1):
        texts.append(_written(line, LINE_COLUMNS, middle, down + LINE_PX * place_ + 1, "middle"))
    return (
        f'<g class="{node.kind}"><title>{escape(node.tip or node.title)}</title>'
        f"{_rect(x, y, item.width, item.height, radius)}{''.join(texts)}</g>"
    )


def _text(item: Text) -> str:
    written = _written(item.label.text, LINE_COLUMNS, item.x, item.y, "middle")
    return f"<g><title>{escape(item.label.tip)}</title>{written}</g>"


def _written(text: str, columns: int, x: float, y: float, style: str) -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text{kind} x="{_n(x)}" y="{_n(y)}">{escape(cut(text, columns))}</text>'
