"""`headrace check`: every state that a system can reach."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from headrace.errors import UsageError
from headrace.exploring import Exploration, explore
from headrace.exploring import Progress as Reached
from headrace.exploring.bounds import BYTES_MAX, STATES_MAX

from .bar import UPDATE_SECONDS
from .console import FAILED, remark, reported, stderr, stdout
from .interrupts import exit_code, terminable
from .loading import load_system
from .simulate_report import print_journals

UNKNOWN = 3  # 2 is wrong use, as for every command
_COLORS = {"ok": "green", "bad": "red", "unknown": "yellow"}
_ANY = "any"

Application = Annotated[
    str,
    typer.Argument(metavar="APP", help="The system: `module:system` or `file.py:system`."),
]
Depth = Annotated[
    int | None, typer.Option("--depth", metavar="N", min=0, help="Look at most N steps far.")
]
States = Annotated[
    int, typer.Option("--states", metavar="N", min=1, help="At most N different states.")
]
Memory = Annotated[int, typer.Option("--memory", metavar="MB", min=1, help="About as much memory.")]
Losses = Annotated[
    str, typer.Option("--losses", metavar="N", help="Messages lost, in all; or any.")
]
Duplications = Annotated[
    str, typer.Option("--duplications", metavar="N", help="Messages delivered twice; or any.")
]
Crashes = Annotated[
    str, typer.Option("--crashes", metavar="N", help="Crashes of nodes, in all; or any.")
]
Timers = Annotated[
    list[str] | None,
    typer.Option(
        "--timers", metavar="[NAME=]N", help="Timers that run out, in all, or of one name."
    ),
]
Chance = Annotated[
    list[float] | None,
    typer.Option("--chance", metavar="X", help="A value for handlers that ask for chance."),
]
Symmetry = Annotated[
    list[str] | None,
    typer.Option("--symmetry", metavar="A,B,...", help="Nodes that are equal."),
]
Ordered = Annotated[
    bool, typer.Option("--ordered", help="Messages of one link do not overtake each other.")
]
Dfs = Annotated[bool, typer.Option("--dfs", help="Depth first: not the shortest counterexample.")]
Html = Annotated[
    str | None,
    typer.Option("--html", metavar="FILE", help="Write the counterexample as a page."),
]

Journals = Annotated[
    str | None,
    typer.Option(
        "--journals",
        metavar="DIR",
        help="Write the counterexample as journals of the nodes, for `headrace debug`.",
    ),
]


def check(
    application: Application,
    depth: Depth = None,
    states: States = STATES_MAX,
    memory: Memory = BYTES_MAX // 1_000_000,
    losses: Losses = "0",
    duplications: Duplications = "0",
    crashes: Crashes = "0",
    timers: Timers = None,
    chance: Chance = None,
    symmetry: Symmetry = None,
    ordered: Ordered = False,
    dfs: Dfs = False,
    html: Html = None,
    journals: Journals = None,
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        system = load_system(application)
        given: dict[str, Any] = {
            "max_depth": depth,
            "max_states": states,
            "max_bytes": memory * 1_000_000,
            "losses": _count("--losses", losses),
            "duplications": _count("--duplications", duplications),
            "crashes": _count("--crashes", crashes),
            "timers": _timers(timers or []),
            "chances": tuple(chance or (0.0,)),
            "symmetry": [group.split(",") for group in symmetry or []],
            "ordered": ordered,
            "search": "depth" if dfs else "breadth",
        }
        try:
            with terminable(), _bar(system.name) as progressed:
                found = explore(system, progress=progressed, **given)
        except KeyboardInterrupt as interrupt:
            remark("stopped; nothing is decided")
            raise typer.Exit(exit_code(interrupt)) from None
        _show(found)
        if found.verdict == "unknown" and not timers:
            remark("timers may run out without end: --timers N bounds how often")
        if html is not None and found.counterexample is not None:
            found.to_html(html)
            remark(f"the counterexample is in {html}")
        if journals is not None and found.counterexample is not None:
            written = found.to_journals(journals)
            print_journals(stdout(), f"{application}.simulated", written)
    if found.verdict != "ok":
        raise typer.Exit(FAILED if found.verdict == "bad" else UNKNOWN)


def _show(found: Exploration) -> None:
    verdict, rest = found.verdict, str(found).removeprefix(found.verdict)
    stdout().print(f"[bold {_COLORS[verdict]}]{verdict}[/]{escape(rest)}")


def _count(option: str, text: str) -> int | None:
    if text == _ANY:
        return None
    if not text.isdecimal():
        raise UsageError(f"{option} {text}: a whole number, 0 or more, or any")
    return int(text)


def _timers(texts: list[str]) -> int | dict[str, int | None] | None:
    by_name: dict[str, int | None] = {}
    in_all: int | None = None
    for text in texts:
        name, equals, count = text.rpartition("=")
        if equals:
            by_name[name] = _count("--timers", count)
        else:
            in_all = _count("--timers", count)
    if by_name and in_all is not None:
        raise UsageError("--timers: either a number for all, or NAME=N for some")
    return by_name or in_all


@contextmanager
def _bar(name: str) -> Iterator[Callable[[Reached], None] | None]:
    """How far it is, on standard error where that is a terminal. Nobody knows the end: the bar
    tells what part of the states that are known have been looked at.
    """
    console = stderr()
    if not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[told]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=1, told="")
        begun = shown_at = time.monotonic()

        def progressed(reached: Reached) -> None:
            nonlocal shown_at
            now = time.monotonic()
            if now - shown_at < UPDATE_SECONDS:
                return
            shown_at = now
            rate = reached.unique / max(now - begun, 1e-9)
            told = (
                f"{reached.unique:,} unique of {reached.states:,}, depth {reached.depth}, "
                f"{rate:,.0f}/s, {reached.size_bytes / 1e6:,.0f} MB"
            )
            bar.update(task, total=reached.unique, completed=reached.expanded, told=told)

        yield progressed
