"""The demo's picture, delay over the day per airport: in the terminal, and as a PNG."""

from __future__ import annotations

import math
from pathlib import Path

from flights import AIRPORTS, Board
from rich.console import Console
from rich.text import Text

TITLE = "Delay over the day: flights from New York City, 2013"
HOURS = range(5, 24)  # hardly a flight is planned for the others
ROWS_MAX = 7  # of a chart in the terminal
BAR = 3  # columns of an hour there
EIGHTHS = " ▁▂▃▄▅▆▇█"
TERMINAL_COLORS = ("dark_orange", "deep_sky_blue1", "spring_green3")
COLORS = ("#d55e00", "#0072b2", "#009e73")  # told apart with any kind of eyes
SHARE_MIN = 0.001  # of an airport's departures; hours with fewer say nothing


def mean_delays(board: Board) -> list[list[float | None]]:
    """By airport and hour of HOURS, the mean departure delay; None for hours with too few."""
    return [
        [
            port.hour_delay[hour] / count
            if (count := port.hour_departed[hour]) > SHARE_MIN * port.departed
            else None
            for hour in HOURS
        ]
        for port in board.airports
    ]


def draw_in_terminal(console: Console, board: Board) -> None:
    """A chart of bars for each airport, one above the other, in less than 80 columns."""
    delays = mean_delays(board)
    known = [delay for line in delays for delay in line if delay is not None]
    highest = max(5, *known)
    step = 5 * math.ceil(highest / ROWS_MAX / 5)  # minutes of a row
    rows = math.ceil(highest / step)
    console.print(f"\n[bold]{TITLE}[/]\nmean departure delay in minutes, by planned hour")
    for name, line, color in zip(AIRPORTS, delays, TERMINAL_COLORS, strict=True):
        for row in range(rows, 0, -1):
            label = f"{row * step} ┤" if row % 2 == 0 else "│"
            bars = "".join(_cell(delay, (row - 1) * step, step) for delay in line)
            console.print(
                Text(f"{name if row == rows else '':<4}{label:>5}") + Text(bars, style=color)
            )
        console.print(Text("      0 └" + "─" * (BAR * len(HOURS))))
    console.print(Text(" " * 9 + "".join(f"{hour:>2} " for hour in HOURS) + "o'clock"))


def _cell(delay: float | None, bottom: float, step: float) -> str:
    """The part of a bar that lies between bottom and bottom + step."""
    filled = 0 if delay is None else round((delay - bottom) / step * 8)
    return EIGHTHS[min(8, max(0, filled))] * (BAR - 1) + " "


def draw_png(board: Board, file: Path) -> bool:
    """Draw the picture into a file; False where matplotlib is not installed."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for name, line, color in zip(AIRPORTS, mean_delays(board), COLORS, strict=True):
        delays = [math.nan if delay is None else delay for delay in line]
        axes.plot(HOURS, delays, color=color, marker="o", markersize=4, linewidth=2, label=name)
    axes.set_title(TITLE, loc="left", fontweight="bold")
    axes.set_xlabel("planned hour of departure (New York's clocks)")
    axes.set_ylabel("mean departure delay (minutes)")
    axes.set_xticks(HOURS, [f"{hour}:00" if hour % 3 == 0 else "" for hour in HOURS])
    axes.axhline(0, color="0.4", linewidth=1)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)
    pyplot.close(figure)
    return True
