"""A picture of an elastic stage: load, depth and workers over time, on virtual time.

python examples/elastic_picture.py [docs/elastic.svg]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headrace.elastic import PID, Stage, run, sine, spike

PICTURE = Path(__file__).parents[1] / "docs" / "elastic.svg"
STAGE = Stage(service_s=0.025, workers_min=1, workers_max=16)
SECONDS, WAVES_S = 190, 120
WIDTH, LEFT, RIGHT, TOP, PANEL, GAP, FOOT = 760, 56, 16, 44, 118, 40, 40  # pixels
STYLE = """
text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #475569; }
.name { font-weight: 600; fill: #0f172a; }
.back { fill: #ffffff; }
.grid { stroke: #e2e8f0; }
.axis { stroke: #94a3b8; }
path { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.load { stroke: #2563eb; }
.loadarea { fill: #2563eb; opacity: 0.12; stroke: none; }
.depth { stroke: #b45309; }
.deptharea { fill: #b45309; opacity: 0.14; stroke: none; }
.workers { stroke: #047857; }
.needed { stroke: #64748b; stroke-width: 1.3; stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #a3adbd; }
  .name { fill: #e6ebf4; }
  .back { fill: #14171e; }
  .grid { stroke: #272d39; }
  .axis { stroke: #5b6577; }
  .load { stroke: #7aa7ff; }
  .loadarea { fill: #7aa7ff; }
  .depth { stroke: #f0ad5c; }
  .deptharea { fill: #f0ad5c; }
  .workers { stroke: #5fd6a4; }
  .needed { stroke: #98a3b5; }
}
"""

Record = np.ndarray[Any, Any]


def load(time_s: float) -> float:
    """Two waves; then, for ten seconds, more than all workers together can do."""
    if time_s < WAVES_S:
        return sine(0, 400, 60)(time_s)
    return spike(100, 700, WAVES_S + 10, WAVES_S + 20)(time_s)


class Panel(NamedTuple):
    """One curve's axes: where it stands, and what its top is worth."""

    place: int
    name: str
    most: float
    ticks: Iterable[int]
    seconds: float

    @property
    def top(self) -> float:
        return TOP + self.place * (PANEL + GAP)

    def y(self, value: float) -> float:
        return self.top + PANEL * (1 - value / self.most)

    def axes(self) -> str:
        """Its name, and a line across for each tick."""
        lines = [f'<text class="name" x="{LEFT}" y="{self.top - 10:.0f}">{self.name}</text>']
        for tick in self.ticks:
            y, kind = self.y(tick), "axis" if tick == 0 else "grid"
            lines.append(
                f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:,}</text>'
            )
        return "\n".join(lines)

    def line(self, kind: str, times: Record, values: Record, steps: bool = False) -> str:
        """A curve; with `steps` it changes at once."""
        ys = [round(self.y(value), 1) for value in values]
        xs = [x(at / self.seconds) for at in times]
        path = [f"M{xs[0]:.1f} {ys[0]}"]
        for at in range(1, len(ys)):
            if at < len(ys) - 1 and ys[at - 1] == ys[at] and (steps or ys[at] == ys[at + 1]):
                continue  # on the way of a level stretch
            path.append(
                f"H{xs[at]:.1f}V{ys[at]}" if steps else f"L{xs[at]:.1f} {ys[at]}"
            )
        return f'<path class="{kind}" d="{"".join(path)}"/>'

    def area(self, kind: str, times: Record, values: Record) -> str:
        """The same, filled down to the axis."""
        drawn = self.line(kind, times, values)
        floor = self.y(0)
        return drawn.replace('"/>', f'V{floor:.1f}H{LEFT}Z"/>')


def x(part: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * part


def picture() -> str:
    """The whole picture, an SVG that needs nothing else."""
    record = run(PID(), load, SECONDS, STAGE)
    return draw(record, STAGE.service_s, STAGE.workers_max, SECONDS, 800, 400, 30)


def draw(
    record: Record,
    service_s: float,
    workers_max: int,
    seconds: int,
    load_most: int,
    depth_step: int,
    tick_s: int,
) -> str:
    """Three panels of a record with time_s, load, depth and workers."""
    times = record["time_s"]
    loads = Panel(
        0, "load: events a second", load_most, range(0, load_most + 1, load_most // 4), seconds
    )
    peak = max(1, -(-int(record["depth"].max()) // depth_step)) * depth_step
    depths = Panel(1, "depth: events that wait", peak, range(0, peak + 1, peak // 4), seconds)
    name = "workers (dashed: what the load needs at the least)"
    workers = Panel(2, name, workers_max, range(0, workers_max + 1, workers_max // 4), seconds)
    needed = np.minimum(record["load"] * service_s, workers_max)
    height = TOP + 3 * PANEL + 2 * GAP + FOOT
    floor = workers.y(0)
    labels = "".join(
        f'<text x="{x(at / seconds):.1f}" y="{floor + 18:.1f}" text-anchor="middle">{at}</text>'
        for at in range(0, seconds + 1, tick_s)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" '
        'aria-label="Load, depth and workers of an elastic stage over time">'
        f'<style>{STYLE}</style><rect class="back" width="{WIDTH}" height="{height}" rx="8"/>\n'
        f"{loads.axes()}\n{depths.axes()}\n{workers.axes()}\n"
        f"{loads.area('loadarea', times, record['load'])}\n"
        f"{loads.line('load', times, record['load'])}\n"
        f"{depths.area('deptharea', times, record['depth'])}\n"
        f"{depths.line('depth', times, record['depth'])}\n"
        f"{workers.line('needed', times, needed)}\n"
        f"{workers.line('workers', times, record['workers'], steps=True)}\n"
        f"{labels}\n"
        f'<text x="{WIDTH - RIGHT}" y="{floor + 34:.1f}" text-anchor="end">seconds</text></svg>\n'
    )


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description="A picture of an elastic stage.")
    parser.add_argument("file", nargs="?", type=Path, default=PICTURE)
    file: Path = parser.parse_args().file
    file.write_text(picture())
    print(f"written: {file}")


if __name__ == "__main__":
    main()
