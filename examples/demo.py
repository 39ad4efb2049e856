"""The whole of it on real data: a year of flights through a ring into a machine.

    python examples/demo.py [--flights N] [--compare N] [--picture FILE] [--keep DIR] [--seed N]
                            [--place threads|processes]

Reads the table of all flights from New York City in 2013, runs its events through an engine, prints
what the machine made of them, draws it, has a process that does the same with a journal killed in
the middle and goes on from there, and compares the ring with multiprocessing.Queue.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from demo_journal import Outcome as Ended
from demo_journal import kill_and_go_on
from demo_picture import draw_in_terminal, draw_png
from demo_report import tell_alerts, tell_totals
from demo_transport import Outcome, Pair, Run, two_processes
from flights import ALERT, Board, board
from flights_table import Table, events, load
from rich.console import Console
from rich.table import Table as Grid

import headrace as hr
from headrace.engine import Stepper
from headrace.events import payload
from headrace.state import state_digest

BATCH = 4096  # events published at a time
BLOCK = 1024  # events in a message of the comparison by blocks
ROUNDS = 3  # of the comparison, queue and ring in turn; medians are shown
PICTURE = Path(__file__).parents[1] / "build" / "flights.png"

Array = np.ndarray[Any, Any]


def run_engine(console: Console, made: Array, place: str) -> Ended:
    """Put all events through an engine: the state at the end, the alerts, and the time.

    `place`: where the machine runs, in a thread of this process or in a process of its own.
    """
    found = [np.empty(0, ALERT)]
    begin = time.perf_counter()
    with hr.Engine(board, place=place) as engine:
        for at in range(0, len(made), BATCH):
            engine.publish(made[at : at + BATCH])
        for records in engine.outputs():
            found.append(payload(records, ALERT).copy())
        seconds = time.perf_counter() - begin
        state = engine.state
    alerts = np.concatenate(found)
    where = "in a process of its own, " if place == "processes" else ""
    console.print(
        f"through a ring into a machine with a step in Python ({where}{seconds:.2f} s): "
        f"[bold]{len(made) / seconds:,.0f} events/s[/]\n"
        f"{len(alerts):,} alerts, state digest {state_digest(state)}\n"
    )
    return Ended(state, alerts, len(made), seconds)


def journal(console: Console, made: Array, whole: Ended, keep: Path | None, seed: int) -> None:
    """The same with a journal, killed in the middle; kept in a folder if one is given."""
    with tempfile.TemporaryDirectory() as folder:
        kill_and_go_on(console, made, whole, keep or Path(folder) / "journal", seed)
    if keep is not None:
        console.print(f"It is kept in {keep}.", soft_wrap=True)


def check_totals(console: Console, state: Board, table: Table) -> None:
    """Hold the board's counts to those of the table. Raises SystemExit where they differ."""
    flights = [port.departed + port.cancelled for port in state.airports]
    cancelled = [port.cancelled for port in state.airports]
    delays = np.where(table.departed, table.departure_delay, 0)
    pairs = (
        ("flights", flights, np.bincount(table.origin, minlength=3)),
        ("cancelled flights", cancelled, np.bincount(table.origin[~table.departed], minlength=3)),
        (
            "minutes of delay",
            [port.departure_delay for port in state.airports],
            np.bincount(table.origin, delays, minlength=3),
        ),
    )
    for what, counted, expected in pairs:
        if counted != expected.astype(int).tolist():
            raise SystemExit(f"the board counts {counted} {what}, the table has {expected}")
    console.print(
        "Flights, cancelled flights and minutes of delay are, airport by airport, what\n"
        "NumPy counts in the table."
    )


def compare(console: Console, made: Array, count: int) -> None:
    """The same job and the bare transport, through multiprocessing.Queue and through a ring."""
    count = min(count, len(made))
    stepper = Stepper(board)
    alerts = payload(stepper.run(made[:count]), ALERT)
    expected = Outcome(0, state_digest(stepper.state), alerts)
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    grid.add_column("M events/s, from process to process", no_wrap=True)
    for heading in ("events", "Queue", "ring", "ring / Queue"):
        grid.add_column(heading, justify="right", no_wrap=True)
    lines = (
        ("the board, one event a message", "board", 1, count),
        (f"the board, {BLOCK:,} events a message", "board", BLOCK, count),
        ("transport alone, one event a message", "sum", 1, count),
        (f"transport alone, {BLOCK:,} events a message", "sum", BLOCK, len(made)),
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        console.status("the same from process to process, some seconds"),
    ):
        file = Path(folder) / "events.npy"
        np.save(file, made)
        with two_processes(file) as pair:
            for name, job, block, events_count in lines:
                queue, ring = _rates(pair, job, block, made[:events_count], expected)
                ratio = f"{ring / queue:.1f} x"
                grid.add_row(name, f"{events_count:,}", f"{queue:.3f}", f"{ring:.3f}", ratio)
    console.print("\n[bold]Side by side with multiprocessing.Queue[/]")
    console.print(grid)
    console.print(
        f"Each run of the board ended with the same {len(alerts):,} alerts, and the state digest\n"
        f"{expected.result}, as without any transport.\n"
        f"Medians of {ROUNDS} rounds, queue and ring in turn. With blocks, what the board takes\n"
        "most of its time for is its own step."
    )


def _rates(
    pair: Pair, job: str, block: int, made: Array, expected: Outcome
) -> tuple[float, float]:
    """Millions of events a second: by queue, and by ring; their results are checked."""
    total = int(made["minute"].sum(dtype=np.int64))
    seconds: dict[str, list[float]] = {"queue": [], "ring": []}
    for _ in range(ROUNDS):
        for channel in seconds:
            outcome = pair.run(Run(channel, job, block, len(made)))
            right = outcome.result == total
            if job == "board":
                same = outcome.alerts.tobytes() == expected.alerts.tobytes()
                right = same and outcome.result == expected.result
            if not right:
                raise SystemExit(f"by {channel}, {job} came to {outcome.result}: not the same job")
            seconds[channel].append(outcome.seconds)
    queue, ring = (len(made) / statistics.median(times) / 1e6 for times in seconds.values())
    return queue, ring


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description="A year of flights through headrace.")
    parser.add_argument("--flights", type=int, metavar="N", help="only the N planned first")
    parser.add_argument(
        "--compare", type=int, default=80_000, metavar="N",
        help="events for the comparison with multiprocessing.Queue; 0 leaves it out",
    )  # fmt: skip
    parser.add_argument("--picture", type=Path, default=PICTURE, metavar="FILE")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="a new folder, in which the journal is kept"
    )
    parser.add_argument(
        "--seed", type=int, default=2013, metavar="N", help="chooses where the process is killed"
    )
    parser.add_argument(
        "--place", choices=("threads", "processes"), default="threads",
        help="where the machine of the first run is: a process of its own, or a thread",
    )  # fmt: skip
    options = parser.parse_args()
    if (options.flights is not None and options.flights < 1) or options.compare < 0:
        parser.error("--flights takes a number from 1 on, --compare one from 0 on")
    if options.keep is not None and options.keep.exists():
        parser.error(f"--keep takes a folder that is not there yet, and {options.keep} is")
    console = Console(highlight=False)
    begin = time.perf_counter()
    table = load()
    if options.flights is not None:
        table = table.first(options.flights)
    made = events(table)
    console.print(
        f"{len(table):,} flights from New York City in 2013 are {len(made):,} events "
        f"({time.perf_counter() - begin:.2f} s)"
    )
    whole = run_engine(console, made, options.place)
    state, alerts = whole.state, whole.alerts
    tell_totals(console, state, table)
    check_totals(console, state, table)
    tell_alerts(console, state, alerts, table)
    draw_in_terminal(console, state)
    if draw_png(state, options.picture):
        console.print(f"The same as a picture: {options.picture}", soft_wrap=True)
    else:
        console.print("For the picture as a PNG: pip install 'headrace[plot]'", markup=False)
    journal(console, made, whole, options.keep, options.seed)
    if options.compare:
        compare(console, made, options.compare)
    console.print(f"\nDone in {time.perf_counter() - begin:.1f} s.")


if __name__ == "__main__":
    main()
