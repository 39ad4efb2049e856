"""How Python steps scale with workers on this machine: measured, and drawn.

    python examples/scaling_picture.py [docs/scaling.svg] [--workers N] [--seconds S] [--rounds N]

A step that is 20 us of plain Python is sharded by index over 1, 2, ... workers, in processes and in
threads of one process. They take turns, and of the rounds the median is drawn: how many times as
many events a second go through as with one worker in a thread. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

import headrace as hr
from headrace.runtime.placing import available_cores

PICTURE = Path(__file__).parents[1] / "docs" / "scaling.svg"
PLACES = ("processes", "threads")
STEP_US = 20
WORD = np.dtype([("word", "<i8")])
BLOCK = np.zeros(1000, WORD)
SECONDS_MAX = 60.0
WIDTH, HEIGHT, LEFT, RIGHT, TOP, FOOT = 560, 340, 56, 110, 44, 56  # pixels
STYLE = """
text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #475569; }
.name { font-weight: 600; fill: #0f172a; }
.back { fill: #ffffff; }
.grid { stroke: #e2e8f0; }
path { fill: none; stroke-width: 1.8; }
.ideal { stroke: #64748b; stroke-width: 1.3; stroke-dasharray: 4 3; }
.processes { stroke: #2563eb; }
.threads { stroke: #b45309; }
circle.processes { fill: #2563eb; }
circle.threads { fill: #b45309; }
@media (prefers-color-scheme: dark) {
  text { fill: #a3adbd; }
  .name { fill: #e6ebf4; }
  .back { fill: #14171e; }
  .grid { stroke: #272d39; }
  .ideal { stroke: #98a3b5; }
  .processes { stroke: #7aa7ff; }
  .threads { stroke: #f0ad5c; }
  circle.processes { fill: #7aa7ff; }
  circle.threads { fill: #f0ad5c; }
}
"""

Rates = dict[str, list[float]]  # events a second by place, for 1, 2, ... workers


def turn(number: int, turns: int) -> int:
    """Work in Python."""
    for _ in range(turns):
        number = (number * 75 + 74) % 65537
    return number


def turns_of_a_step() -> int:
    """How many turns take STEP_US here: by the quickest of some looks."""
    quickest = 1e9
    for _ in range(50):
        begin = time.perf_counter()
        turn(1, 1000)
        quickest = min(quickest, time.perf_counter() - begin)
    return max(1, round(1000 * STEP_US * 1e-6 / quickest))


class Busy(hr.Machine):
    """Counts its events, and takes its time for each of them."""

    event = WORD
    name = "busy"

    def __init__(self, turns: int) -> None:
        self.turns = turns
        super().__init__()

    def initial(self) -> int:
        return 0

    def step(self, state: int, word: int) -> tuple[int, None]:
        turn(word, self.turns)
        return state + 1, None


def rate(engine: hr.Engine, seconds: float) -> float:
    """Events a second, over about so many seconds."""
    engine.publish(BLOCK)
    engine.drain(SECONDS_MAX)  # all are there
    begin, published = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        engine.publish(BLOCK, SECONDS_MAX)
        published += len(BLOCK)
    engine.drain(SECONDS_MAX)
    return published / (time.perf_counter() - begin)


def measure(workers: int, seconds: float, rounds: int) -> Rates:
    """Median rates of all contestants, which take turns. Raises SystemExit if events got lost."""
    machine = Busy(turns_of_a_step())
    found: dict[tuple[str, int], list[float]] = {}
    with ExitStack() as stack:
        engines = {
            (place, n): stack.enter_context(
                hr.Engine(hr.shard(machine, n=n), capacity=2048, place=place, keep_outputs=0)
            )
            for n in range(1, workers + 1)
            for place in PLACES
        }
        for _ in range(rounds):
            for key, engine in engines.items():
                found.setdefault(key, []).append(rate(engine, seconds))
        for (place, n), engine in engines.items():
            if sum(engine.state.values()) != engine.sequence:
                raise SystemExit(f"{n} workers in {place} counted {engine.state}")
    return {
        place: [statistics.median(found[place, n]) for n in range(1, workers + 1)]
        for place in PLACES
    }


def picture(rates: Rates) -> str:
    """The curves, an SVG that needs nothing else."""
    count = len(rates[PLACES[0]])
    one = rates["threads"][0]
    most = max(count, *(max(each) / one for each in rates.values()))
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - FOOT

    def x(workers: float) -> float:
        return LEFT + wide * (workers - 0.5) / count

    def y(times: float) -> float:
        return TOP + high * (1 - times / most)

    drawn: list[str] = []
    for times in range(int(most) + 1):
        drawn.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(times):.1f}" '
            f'y2="{y(times):.1f}"/><text x="{LEFT - 8}" y="{y(times) + 4:.1f}" '
            f'text-anchor="end">{times}</text>'
        )
    for n in range(1, count + 1):
        drawn.append(f'<text x="{x(n):.1f}" y="{y(0) + 18:.1f}" text-anchor="middle">{n}</text>')
    drawn.append(f'<path class="ideal" d="M{x(1):.1f} {y(1):.1f}L{x(count):.1f} {y(count):.1f}"/>')
    for place, each in rates.items():
        points = [(x(n), y(value / one)) for n, value in enumerate(each, 1)]
        line = "L".join(f"{across:.1f} {down:.1f}" for across, down in points)
        drawn.append(f'<path class="{place}" d="M{line}"/>')
        drawn += [
            f'<circle class="{place}" cx="{across:.1f}" cy="{down:.1f}" r="3.5"/>'
            for across, down in points
        ]
        across, down = points[-1]
        drawn.append(
            f'<text x="{across + 10:.1f}" y="{down + 4:.1f}">{place}, {each[-1] / one:.2f}</text>'
        )
    body = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" aria-label="Throughput by the number of workers">'
        f'<style>{STYLE}</style><rect class="back" width="{WIDTH}" height="{HEIGHT}" rx="8"/>\n'
        f'<text class="name" x="{LEFT}" y="{TOP - 18}">Python step of {STEP_US} us: times as many '
        f"events a second as one thread</text>\n{body}\n"
        f'<text x="{LEFT + wide / 2:.0f}" y="{HEIGHT - 16}" text-anchor="middle">workers '
        "(dashed: as many times as there are)</text></svg>\n"
    )


def main() -> None:
    """Measure, tell, and draw."""
    parser = argparse.ArgumentParser(description="How Python steps scale with workers.")
    parser.add_argument("file", nargs="?", type=Path, default=PICTURE)
    parser.add_argument("--workers", type=int, default=len(available_cores()), metavar="N")
    parser.add_argument("--seconds", type=float, default=1.0, metavar="S", help="of a run")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    options = parser.parse_args()
    if options.workers < 1 or options.rounds < 1 or options.seconds <= 0:
        parser.error("--workers, --rounds and --seconds must be above zero")
    rates = measure(options.workers, options.seconds, options.rounds)
    for place, each in rates.items():
        times = ", ".join(f"{value / rates['threads'][0]:.2f}" for value in each)
        print(f"{place}: {each[0]:,.0f} events/s with one worker; 1 to {len(each)}: {times} times")
    options.file.write_text(picture(rates))
    print(f"written: {options.file}")


if __name__ == "__main__":
    main()
