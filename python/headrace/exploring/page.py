"""A path as one HTML file: who takes what when, and the states of all that are up.

It looks like the diagrams of the debugger's pages, but here arrows go both ways, and there is time
only as an order. Nothing is loaded from anywhere, and nothing is a script: the states behind a step
are shown by opening it.
"""

from __future__ import annotations

import os
from html import escape
from typing import Any

from headrace.errors import EnvironmentFailure, UsageError
from headrace.exploring.path import Path, Step
from headrace.state import steady_repr
from headrace.tabular.sink import Staged

LANE, SIDE, ROW, HEAD, BOX = 168, 72, 34, 44, 26  # pixels
NAME_CHARS, TEXT_CHARS = 16, 26
STEPS_MAX = 2_000


def write_path(file: str | os.PathLike[str], path: Path) -> None:
    """Write the page; it appears whole or not at all. Raises UsageError, EnvironmentFailure."""
    if not isinstance(file, str | os.PathLike) or not os.fspath(file):
        raise UsageError(f"path must name the file to write, not {file!r}")
    name = os.fspath(file)
    text = page_of(path)
    staged = Staged(name)
    try:
        staged.stream.write(text.encode("utf-8", "backslashreplace"))
        staged.commit()
    except OSError as error:
        raise EnvironmentFailure(f"{name}: cannot be written: {error.strerror}") from error
    finally:
        staged.abort()


def page_of(path: Path) -> str:
    """The page that `write_path` writes. Raises UsageError for a path that is too long."""
    if len(path) > STEPS_MAX:
        raise UsageError(f"{len(path):,} steps are more than a page shows ({STEPS_MAX:,})")
    title = escape(path.title or "a path")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{title}</h1><p>{len(path)} steps{_around(path)}</p>"
        f'<div class="wide">{diagram(path)}</div><h2>Steps</h2><ol>{_listed(path)}</ol>'
        "</body></html>\n"
    )


def diagram(path: Path) -> str:
    """The diagram alone, as SVG."""
    width = 2 * SIDE + (len(path.names) - 1) * LANE + 160
    height = HEAD + len(path) * ROW + 20
    lanes = "".join(_lane(name, index, height) for index, name in enumerate(path.names))
    rows = "".join(_row(path, step, at) for at, step in enumerate(path.steps))
    loop = ""
    if path.around:
        y = HEAD + (len(path) - path.around) * ROW + 4
        loop = (
            f'<g class="loop"><title>from here round and round</title>'
            f'<rect x="4" y="{y}" width="{width - 8}" height="{path.around * ROW}" rx="6"></rect>'
            "</g>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="Sequence diagram of '
        f'{len(path)} steps">{loop}{lanes}{rows}</svg>'
    )


def _x(lane: int) -> int:
    return SIDE + lane * LANE


def _lane(name: str, index: int, height: int) -> str:
    x, half = _x(index), SIDE - 8
    return (
        f'<g class="lane"><title>{escape(name)}</title>'
        f'<line x1="{x}" y1="{BOX + 4}" x2="{x}" y2="{height}"></line>'
        f'<rect x="{x - half}" y="4" width="{2 * half}" height="{BOX}" rx="4"></rect>'
        f'<text x="{x}" y="21">{escape(_brief(name, NAME_CHARS))}</text></g>'
    )


def _row(path: Path, step: Step, at: int) -> str:
    y = HEAD + at * ROW + 22
    end = _x(path.names.index(step.node))
    kind = "failed" if step.error is not None or step.action in ("crash", "lose") else "input"
    parts = [f'<g class="arrow {kind}" data-step="{at + 1}"><title>{escape(str(step))}</title>']
    source = step.input.source if step.input is not None else step.node
    text = escape(_brief(f"{at + 1} {_short(step)}", TEXT_CHARS))
    if source != step.node and source in path.names:
        begin = _x(path.names.index(source))
        way = 1 if end > begin else -1
        stop = (begin + end) // 2 if step.action == "lose" else end
        parts.append(f'<line x1="{begin}" y1="{y}" x2="{stop - 6 * way}" y2="{y}"></line>')
        if step.action == "lose":
            parts.append(_cross(stop, y))
        else:
            parts.append(f'<path d="M{stop} {y}l{-8 * way} -4v8z"></path>')
        # Above the last stretch of the arrow, before it comes to its lane.
        parts.append(f'<text x="{end - way * LANE // 2}" y="{y - 6}">{text}</text>')
    else:
        is_down = step.action == "crash" or step.error is not None
        parts.append(_cross(end, y) if is_down else f'<circle cx="{end}" cy="{y}" r="4"></circle>')
        parts.append(f'<text class="beside" x="{end + 10}" y="{y + 4}">{text}</text>')
    if step.crashed or (step.error is not None and source != step.node):
        parts.append(_cross(end, y))
    return "".join([*parts, "</g>"])


def _short(step: Step) -> str:
    """What happens, without what the arrow shows."""
    taken = step.input
    if taken is None or step.action in ("start", "restart"):
        return step.action
    if step.action == "timer":
        return f"timer {taken.payload!r}"
    behind = {"lose": ", lost", "duplicate": ", again"}.get(step.action, "")
    return f"{steady_repr(taken.payload)}{behind}"


def _cross(x: int, y: int) -> str:
    return f'<path class="cross" d="M{x - 5} {y - 5}l10 10m0 -10l-10 10"></path>'


def _listed(path: Path) -> str:
    """Each step, to be opened, with the states behind it."""
    states: dict[str, Any] = {}
    items = []
    for step in path.steps:
        if step.action != "lose":
            states[step.node] = step.after
        first, *rest = str(step).split("\n")
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>"
            f"{escape('(not up)' if state is None else steady_repr(state))}</td></tr>"
            for name, state in states.items()
        )
        more = escape("\n".join(line.strip() for line in rest))
        items.append(
            f"<li><details><summary>{escape(first)}</summary><pre>{more}</pre>"
            f"<table>{rows}</table></details></li>"
        )
    return "".join(items)


def _around(path: Path) -> str:
    return f", of which the last {path.around} go round for ever" if path.around else ""


def _brief(text: str, chars: int) -> str:
    return text if len(text) <= chars else f"{text[: chars - 1]}…"


_STYLE = """
body { --text: #1d2330; --page: #fff; --line: #b9c0cc; --box: #eef1f5; --ink: #1f5fbf; }
body { --failed: #b42318; --loop: #fff6d6; --quiet: #566073; }
@media (prefers-color-scheme: dark) {
  body { --text: #dde3ee; --page: #171b24; --line: #4a5263; --box: #232937; --ink: #7fb0ff; }
  body { --failed: #ff8f80; --loop: #3a3100; --quiet: #a3adbf; }
}
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem; color: var(--text); }
body { background: var(--page); }
h1 { font-size: 1.2rem; } h2 { font-size: 1rem; }
.wide { overflow-x: auto; }
.diagram { font: 11px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.diagram text { fill: var(--text); text-anchor: middle; }
.diagram text { paint-order: stroke; stroke: var(--page); stroke-width: 3px; }
.diagram text.beside { text-anchor: start; }
.lane line { stroke: var(--line); stroke-dasharray: 3 3; }
.lane rect { fill: var(--box); stroke: var(--line); }
.diagram .lane text { font-weight: 600; stroke: none; }
.arrow line { stroke: var(--ink); stroke-width: 1.25; }
.arrow path, .arrow circle { fill: var(--ink); }
.failed line { stroke: var(--failed); }
.arrow path.cross { fill: none; stroke: var(--failed); stroke-width: 2; }
.diagram .failed text { fill: var(--failed); }
.loop rect { fill: var(--loop); stroke: #d9a400; stroke-dasharray: 4 3; }
pre { margin: 0.3rem 0; color: var(--quiet); white-space: pre-wrap; }
table { border-collapse: collapse; font: 12px/1.5 ui-monospace, monospace; }
th { text-align: left; padding-right: 1rem; vertical-align: top; }
"""
