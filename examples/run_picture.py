"""A picture of a bug found: what `headrace simulate` says of `counter.py:hasty`, and its page.

python examples/run_picture.py [docs/bug-found.svg]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from html import escape
from pathlib import Path

from counter import hasty

from headrace.debugger.page_run_diagram import draw
from headrace.debugger.page_run_layout import Layout, layout
from headrace.simulation import Run, shrink
from headrace.simulation.story import tell

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "bug-found.svg"
COMMAND = "headrace simulate examples/counter.py:hasty --html bug.html"
SEEDS = range(1000)
EDGE, TITLE, LINE, WIDTH_MIN = 16, 34, 18, 680  # pixels
STYLE = """
.shell { font: 12.5px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.shell text { fill: #dde3ee; white-space: pre; }
.shell .window { fill: #14171e; stroke: #323948; }
.shell .asked { fill: #8fe3b4; }
.shell .bad { fill: #ff8f80; font-weight: 700; }
.page .window { fill: #ffffff; stroke: #c5ccd8; }
.page text.name { fill: #c0271b; font: 700 14px system-ui, "DejaVu Sans", sans-serif; }
.dots circle { fill: #8a93a5; opacity: 0.7; }
@media (prefers-color-scheme: dark) {
  .page .window { fill: #1b1f29; stroke: #323948; }
  .page text.name { fill: #ff8f80; }
}
"""


def found() -> Run:
    """The first run that fails, made small, as the command does."""
    failed = next(run for run in map(hasty.run, SEEDS) if not run.ok)
    return shrink(failed)


def said() -> list[str]:
    """What the command prints, without what differs from one machine to the next."""
    command = [sys.executable, "-m", *COMMAND.split()[:3]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 1:
        raise SystemExit(f"{COMMAND} was to find a bug: {done.stdout}{done.stderr}")
    out = re.sub(r", [\d,]+ a second", "", done.stdout)
    lines = [line for line in out.splitlines() if not line.startswith("run it again")]
    return [line for line in lines if not re.match(r"  (states|messages|inputs):", line)]


def terminal(lines: list[str], width: float) -> tuple[str, float]:
    """The lines as a terminal shows them; and how high that is."""
    height = TITLE + LINE * (len(lines) + 1) + 14
    texts = []
    for place, line in enumerate([f"$ {COMMAND}", *lines]):
        bad = re.match(r"always|failed", line)
        kind = ' class="asked"' if not place else ' class="bad"' if bad else ""
        y = TITLE + LINE * place + 14
        texts.append(f'<text{kind} x="16" y="{y}" xml:space="preserve">{escape(line)}</text>')
    return f'<g class="shell">{_window(width, height)}{"".join(texts)}</g>', height


def page(run: Run, made: Layout, width: float) -> tuple[str, float]:
    """The picture of the run in a window of its own."""
    drawn = draw(made, style=True)
    x, high = (width - made.width) / 2, made.end + 34
    inside = drawn.replace("<svg ", f'<svg x="{x:.0f}" y="{TITLE + 8}" ', 1)
    assert run.failure is not None
    name = f'<text class="name" x="74" y="23">{escape(run.failure.message)}</text>'
    height = TITLE + high + 12
    return f'<g class="page">{_window(width, height)}{name}{inside}</g>', height


def _window(width: float, height: float) -> str:
    dots = "".join(f'<circle cx="{20 + 16 * at}" cy="18" r="5"></circle>' for at in range(3))
    return (
        f'<rect class="window" width="{width:.0f}" height="{height:.0f}" rx="8"></rect>'
        f'<g class="dots">{dots}</g>'
    )


def picture() -> str:
    """The whole picture, an SVG that needs nothing else."""
    run = found()
    made = layout(tell(run.system, run.plan, traced=True), 500)
    width = max(WIDTH_MIN, made.width + 2 * EDGE)
    upper, high = terminal(said(), width)
    lower, low = page(run, made, width)
    wide, height = width + 2 * EDGE, high + low + 3 * EDGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {height:.0f}" '
        f'width="{wide:.0f}" height="{height:.0f}" role="img" '
        f'aria-label="A bug found, made small, and shown"><style>{STYLE}</style>'
        f'<g transform="translate({EDGE} {EDGE})">{upper}</g>'
        f'<g transform="translate({EDGE} {high + 2 * EDGE:.0f})">{lower}</g></svg>\n'
    )


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description="A picture of a bug found by simulation.")
    parser.add_argument("file", nargs="?", type=Path, default=PICTURE)
    file: Path = parser.parse_args().file
    file.write_text(picture())
    print(f"written: {file}")


if __name__ == "__main__":
    main()
