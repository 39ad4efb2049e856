"""What `headrace simulate` says in the end: what was covered, and the smallest run that fails."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape

from headrace.simulation import Run, Simulation
from headrace.simulation.coverage import Coverage

from .console import counted

_MESSAGES = ("LOST", "CUT", "CORRUPTED", "DUPLICATED", "DOWN")


def print_coverage(
    console: Console, simulation: Simulation, coverage: Coverage, seconds: float
) -> None:
    """The summary of all runs."""
    rate = coverage.runs / seconds if seconds else 0.0
    verdict = "[bold red]failed[/]" if coverage.failed else "[bold green]ok[/]"
    failed = f", {coverage.failed:,} failed" if coverage.failed else ""
    undecided = (
        f", {counted(coverage.undecided, 'history')} undecided" if coverage.undecided else ""
    )
    console.print(
        f"{verdict}: {counted(coverage.runs, 'run')}{failed}{undecided}, {rate:,.0f} a second; "
        f"{coverage.delivered:,} messages delivered in {_span(coverage.seconds)} of their time"
    )
    requests = sum(coverage.statuses.values())
    if requests:
        told = ", ".join(
            f"{coverage.statuses.get(status, 0):,} {status}" for status in ("ok", "fail", "info")
        )
        _line(console, "requests", f"{requests:,}: {told}")
        busy, faulty = coverage.busy_seconds / coverage.runs, simulation.faulty_ns / 1e9
        _line(console, "clients", f"done after {busy:.3f} s, mean; faults for {faulty:.3f} s")
    _line(console, "states", f"{len(coverage.states):,} different ones of nodes at the end")
    _line(console, "faults", _counts(coverage.faults))
    _line(console, "messages", _counts({name: coverage.counts.get(name, 0) for name in _MESSAGES}))
    _line(console, "inputs", _counts(coverage.handled))
    missing = [name for name in simulation.system.sometimes if name not in coverage.reached]
    _line(console, "sometimes", _counts(coverage.reached))
    if missing:
        console.print(f"  [yellow]never[/]: {escape(', '.join(missing))}")


def print_failure(
    console: Console, application: str, seed: int, run: Run, *, is_small: bool
) -> None:
    """The run that failed, as small as it has become, and how to see it again, by its seed."""
    commands, faults = run.plan.size
    size = f"{counted(commands, 'command')}, {counted(faults, 'fault')}"
    console.print(
        f"\n[bold red]{escape(str(run.failure))}[/]\n"
        f"found with seed {seed}; {'made small: ' * is_small}{size}"
    )
    console.print(escape(str(run.plan)))
    what = "run it again, and make it small" if is_small else "run it again"
    console.print(f"{what}: {escape(again(application, seed))}")


def again(application: str, seed: int) -> str:
    """The command that makes one run once more."""
    return f"headrace simulate {application} --seed {seed} --runs 1"


def print_journals(console: Console, application: str, written: Mapping[str, str]) -> None:
    """Where the journals of a run are, and how they are opened."""
    for node, folder in written.items():
        where = escape(f"{folder} {application}.{node}")
        console.print(f"see it: headrace debug {where}")


def _line(console: Console, name: str, told: str) -> None:
    if told:
        console.print(f"  {name}: {escape(told)}")


def _counts(counts: Mapping[str, int]) -> str:
    by_count = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {count:,}" for name, count in by_count if count)


def _span(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.1f} seconds"
