"""`python -m bench`: runs the figures, prints their tables, writes the results and the chart."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench import chart, report, results
from bench.calibration import calibrate
from bench.figures import FIGURES, selected
from bench.measure import Plan, Result, Unavailable, run_figure


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure headrace and its yardsticks side by side."
    )
    parser.add_argument("names", nargs="*", help="figures whose name contains or matches this")
    parser.add_argument("--list", action="store_true", help="show the names of the figures")
    parser.add_argument("--quick", action="store_true", help="one short round: answers only")
    parser.add_argument("--rounds", type=int, default=Plan.rounds, help="default %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=1.0, metavar="SCALE", help="times as long runs"
    )
    parser.add_argument(
        "--results", type=Path, metavar="FILE",
        help="where results are written (default: bench/results/latest.json, if all figures are "
        "run and not --quick), or read by --markdown and --chart",
    )  # fmt: skip
    parser.add_argument("--markdown", action="store_true", help="print the table of the results")
    parser.add_argument("--chart", action="store_true", help="draw the chart of the results")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 1 or arguments.seconds <= 0:
        parser.error("--rounds and --seconds must be above zero")
    try:
        arguments.figures = selected(arguments.names)
    except ValueError as error:
        parser.error(str(error))
    return arguments


def run(arguments: argparse.Namespace, console: Console) -> list[Result]:
    """Run the figures one after the other and print each one's table."""
    plan = Plan(arguments.rounds, arguments.seconds, arguments.quick)
    found = []
    for figure in arguments.figures:
        result = run_figure(figure, plan, calibrate)
        console.print(report.table(result))
        console.print(f"[dim]{report.calibration(result)}[/]\n", highlight=False)
        found.append(result)
    return found


def summarise(found: Sequence[Result], console: Console) -> list[str]:
    """Print who is missing, how many lines are reached, and what is wrong; the latter."""
    for name, why in report.missing(found).items():
        console.print(f"left out: {name}: {why}", highlight=False, markup=False)
    held = [line["reached"] for result in found for line in result.lines]
    measured = [reached for reached in held if reached is not None]
    console.print(f"{sum(measured)} of {len(measured)} targets reached", highlight=False)
    faults = [fault for result in found for fault in result.faults()]
    for fault in faults:
        console.print(f"[red]wrong:[/] {escape(fault)}", highlight=False)
    return faults


def _keep(found: Sequence[Result], arguments: argparse.Namespace, console: Console) -> None:
    """Write the results, and draw the chart of those of a whole run."""
    whole = len(found) == len(FIGURES) and not arguments.quick
    path = arguments.results or (results.LATEST if whole else None)
    if path is None:
        return
    document = results.as_document(found, Plan(arguments.rounds, arguments.seconds))
    results.write(document, path)
    console.print(f"written: {path.name}", highlight=False)
    if path == results.LATEST:
        _draw(path, console)


def _draw(path: Path, console: Console) -> None:
    try:
        chart.draw(results.read(path), chart.PLACE)
    except Unavailable as why:
        console.print(f"the chart is not drawn: {why}", highlight=False)
    else:
        console.print(f"drawn: {chart.PLACE.name}", highlight=False)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 if an answer was wrong or a contestant broke down."""
    arguments = _arguments(argv)
    console = Console()
    if not sys.stdout.isatty():
        console = Console(width=160)
    if arguments.list:
        console.print("\n".join(figure.name for figure in FIGURES), highlight=False)
        return 0
    if arguments.markdown or arguments.chart:
        path = arguments.results or results.LATEST
        try:
            if arguments.markdown:
                print(report.markdown(results.read(path)), end="")
            if arguments.chart:
                _draw(path, console)
        except FileNotFoundError as error:
            sys.exit(str(error))
        return 0
    began = time.monotonic()
    try:
        found = run(arguments, console)
    except Unavailable as why:
        sys.exit(f"nothing can be measured: {why}")
    faults = summarise(found, console)
    if not faults:
        _keep(found, arguments, console)
    console.print(f"took {time.monotonic() - began:.0f} s", highlight=False)
    return 1 if faults else 0
