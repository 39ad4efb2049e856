"""A picture of the debugger on the flights: makes a journal of them and presses some keys.

    python examples/debugger_picture.py [docs/debugger.svg]

The journal is a temporary one, of the first flights of 2013. When its inputs came is replaced by a
time that is always the same, and so are other things that differ from one picture to the next.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
from pathlib import Path
from typing import Any

from flights import board
from flights_table import events, load

import headrace as hr
from headrace.debugger.screen.app import Debugger
from headrace.debugger.session import Session

PICTURE = Path(__file__).parents[1] / "docs" / "debugger.svg"
FLIGHTS = 3000
SIZE = (110, 32)
QUEUES = "airports[2].waiting > 5"  # where the queue at LaGuardia gets long
ALERT = "carriers[4].late_aircraft_alerts == 5"  # an alert, so that there is an output to be seen


def write_journal(folder: str) -> None:
    """A journal of the first flights, with some snapshots."""
    made = events(load().first(FLIGHTS))
    settings = hr.Journal(folder, level="os", snapshot_every=None)
    with hr.Engine(board, journal=settings) as engine:
        for at in range(0, len(made), 2000):
            engine.publish(made[at : at + 2000])
            engine.drain()
            engine.snapshot()


async def take_picture(session: Session) -> str:
    """The screen as an SVG, after a few keys."""
    app = Debugger(session, "flights.journal")
    async with app.run_test(size=SIZE) as pilot:
        for text, keys in ((QUEUES, "rrd"), (ALERT, "rc")):
            session.breakpoints.clear()
            session.add_breakpoint(text)
            for key in keys:
                await pilot.press(key)
                await app.workers.wait_for_complete()
                await pilot.pause()
                if key == "d":
                    await pilot.press("escape")
        return app.export_screenshot(title="headrace debug flights.journal flights.py:board")


def plain(svg: str) -> str:
    """Without what changes from one picture to the next: ids, fonts from elsewhere, the clock."""
    svg = re.sub(r"terminal-[\w-]*?(?=-(?:matrix|title|clip|line|r\d))", "terminal", svg)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)
    svg = svg.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")
    svg = re.sub(r"\d{4}-\d\d-\d\d&#160;\d\d:\d\d:\d\d\.\d{3}", "2013-01-01&#160;12:00:00.000", svg)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description="A picture of the debugger.")
    parser.add_argument("file", nargs="?", type=Path, default=PICTURE)
    file: Any = parser.parse_args().file
    with tempfile.TemporaryDirectory() as folder:
        journal = f"{folder}/flights.journal"
        write_journal(journal)
        svg = asyncio.run(take_picture(Session(journal, board)))
    file.write_text(plain(svg))
    print(f"written: {file}")


if __name__ == "__main__":
    main()
