"""The chart of the results: how many times as good as its yardstick each line is.

Ratios only, on a logarithmic axis, those of times turned over, so that right is always better; the
tick is the target. Calls and idling, which are differences and shares, are in the table alone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import report, results
from bench.measure import Unavailable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLACE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.svg"
REACHED, SHORT, NEUTRAL = "#0072B2", "#D55E00", "#777777"
ROW_INCHES, WIDTH_INCHES = 0.21, 9.0
STYLE = {
    "svg.fonttype": "none",  # text stays text: small, and can be searched
    "svg.hashsalt": "headrace",  # the same results, the same file
    "font.family": "sans-serif",
    "font.size": 8,
}

Line = dict[str, Any]


def as_good(line: Line) -> dict[str, float]:
    """Quartiles and target of a ratio, with more always better."""
    found = {**line["result"]}
    if line["target"] is not None:
        found["target"] = line["target"]
    if line["relation"] == "<=":
        found = {name: 1 / value for name, value in found.items()}
        found["q1"], found["q3"] = found["q3"], found["q1"]
    return found


def rows(document: dict[str, Any]) -> Iterator[tuple[str, Line | None]]:
    """From top to bottom: a heading (without a line), then its lines."""
    groups: dict[str, list[Line]] = {}
    for line in results.lines_of(document):
        if line["kind"] == "ratio" and "result" in line:
            groups.setdefault(line["work"], []).append(line)
    for work, lines in groups.items():
        if len(lines) == 1:
            yield ": ".join(filter(None, (work, lines[0]["at"]))) + _versus(lines[0]), lines[0]
            continue
        yield work, None
        for line in lines:
            yield line["at"] + _versus(line), line


def _versus(line: Line) -> str:
    return f", to {report.bare(line['yardstick'])}"


def _draw_line(axes: Axes, y: float, line: Line) -> None:
    found = as_good(line)
    colour = {True: REACHED, False: SHORT, None: NEUTRAL}[line["reached"]]
    axes.plot([found["q1"], found["q3"]], [y, y], color=colour, linewidth=3, alpha=0.35)
    axes.plot(found["median"], y, "o", color=colour, markersize=5)
    if "target" in found:
        target = found["target"]
        axes.plot([target, target], [y - 0.36, y + 0.36], color="black", linewidth=1.2)
    axes.annotate(
        f"{report.number(found['median'])}x", (1.01, y), xycoords=("axes fraction", "data"),
        va="center", color=colour,
    )  # fmt: skip


def draw(document: dict[str, Any], place: Path) -> None:
    """Draw the chart; the ending of `place` says in which format. Unavailable: no matplotlib."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D
    except ImportError:
        raise Unavailable("no matplotlib: pip install matplotlib") from None
    shown = list(rows(document))
    if not shown:
        raise Unavailable("the results hold no ratio")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_INCHES, 1 + ROW_INCHES * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        for index, (_, line) in enumerate(shown):
            if line is not None:
                _draw_line(axes, -index, line)
        axes.axvline(1, color="black", linewidth=0.6, linestyle=":")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlabel("times as good as the yardstick (right is better)")
        axes.grid(axis="x", which="major", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_ylim(-len(shown) + 0.4, 0.6)
        axes.set_yticks([-index for index in range(len(shown))], [text for text, _ in shown])
        axes.tick_params(axis="y", length=0)
        for label, (_, line) in zip(axes.get_yticklabels(), shown, strict=True):
            label.set_fontweight("bold" if line is None else "normal")
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        keys = [
            Line2D([], [], color=REACHED, marker="o", linestyle="", label="reached"),
            Line2D([], [], color=SHORT, marker="o", linestyle="", label="falls short"),
            Line2D([], [], color="black", marker="|", linestyle="", label="target"),
        ]
        figure.legend(handles=keys, loc="outside upper right", ncols=3, frameon=False)
        figure.text(0, 0, textwrap.fill(report.conditions(document), 130), fontsize=6.5, va="top")
        place.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"Date": None} if place.suffix == ".svg" else None
        figure.savefig(place, bbox_inches="tight", metadata=metadata)
