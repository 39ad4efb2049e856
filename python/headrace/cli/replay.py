"""`headrace replay`: a journal stepped over again, by the same machine or beside another."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from headrace.errors import ReplayParted, UsageError
from headrace.replay import Rehearsal, Replay, rehearse

from .bar import UPDATE_SECONDS
from .console import FAILED, counted, remark, reported, stderr, stdout
from .interrupts import exit_code, terminable
from .loading import load_topology
from .options import Step

CHANGES_MAX, OUTPUTS_MAX = 10, 3  # that are shown
CHANGE_LENGTH_MAX = 400  # characters; a change may be of a whole state


def replay(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The journal's folder.")],
    application: Annotated[
        str,
        typer.Argument(
            metavar="APP",
            help="The machine, or the topology: `module:machine` or `file.py:machine`.",
        ),
    ],
    to: Annotated[
        int | None,
        typer.Option("--to", min=0, metavar="SEQ", help="Stop before this input."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Compare with the digests on the way.")
    ] = True,
    step: Annotated[
        Step | None,
        typer.Option(help="The form of the step. Default: native, else batch, else python."),
    ] = None,
    new: Annotated[
        str | None,
        typer.Option("--with", metavar="NEW_APP", help="Compare with what this machine makes."),
    ] = None,
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        if new is not None and (to is not None or step is not None):
            raise UsageError("--with goes over the whole journal: without --to and --step")
        try:
            with terminable():
                if new is not None:
                    parted = _rehearse(folder, application, new)
                else:
                    parted = _replay(folder, application, to, verify, step)
        except KeyboardInterrupt as interrupt:
            remark("stopped; nothing was written")
            raise typer.Exit(exit_code(interrupt)) from None
    if parted:
        raise typer.Exit(FAILED)


def _replay(
    folder: str, application: str, to: int | None, verify: bool, step: Step | None
) -> bool:
    """Step over it, and tell how it went; whether it parted."""
    machine = load_topology(application)
    run = Replay(folder.rstrip("/") or "/", machine, to=to, verify=verify, step=step and step.value)
    if run.source.other_writer is not None:
        remark(f"the journal was written by {run.source.other_writer}")
    console = stdout()
    begun = time.perf_counter()
    try:
        with _bar(folder, run.start, run.end) as moved:
            for _ in run.steps():
                moved(run.so_far)
    except ReplayParted as error:
        console.print(f"[bold red]parted[/] {escape(str(error))}")
        told = {
            "right before": f"input {error.first:,}",
            "parted behind": f"input {error.last:,}",
            "digests checked": f"{run.checked:,} were right",
        }
        if run.failed.count:
            told["steps failed"] = str(run.failed)
        _print_lines(console, told)
        return True
    seconds = time.perf_counter() - begun
    count = run.end - run.start
    lines = {
        "inputs": f"{count:,}" + (f", from input {run.start:,} on" if run.start else ""),
        "outputs": f"{run.made:,}",
        "time": f"{seconds:.3f} s, {count / seconds if seconds else 0:,.0f} inputs/s",
        "digests checked": f"{run.checked:,}, all as they were" if verify else "none",
        "state digest": run.digest,
    }
    if run.failed.count:
        lines["steps failed"] = str(run.failed)
    _print_lines(console, lines)
    if verify and not run.checked:
        remark("there is no digest on the way, so nothing was compared")
    return False


def _rehearse(folder: str, application: str, new: str) -> bool:
    """Step over it with two machines; whether they part."""
    machine, other = load_topology(application), load_topology(new)
    console = stdout()
    with stderr().status("stepping over it twice"):
        found = rehearse(folder.rstrip("/") or "/", machine, other)
    console.print(f"[bold]{'inputs':<16}[/]{found.inputs:,}")
    if found.parting is None:
        console.print("[green]the same outputs and states, all the way[/]")
        return False
    _print_rehearsal(console, found)
    return True


def _print_rehearsal(console: Console, found: Rehearsal) -> None:
    parting = found.parting
    assert parting is not None
    place, differ = f"input {parting.sequence:,}", f"{found.outputs_differ:,}"
    told = {"parts at": place, "outputs differ": differ}
    for name, failed in (("steps failed", found.failed), ("failed with new", found.failed_anew)):
        if failed.count:
            told[name] = str(failed)
    _print_lines(console, told)
    if parting.changes:
        console.print(f"\n[bold]state behind input {parting.sequence:,}: before -> with the new[/]")
        _print_changes(console, [str(change) for change in parting.changes])
    if found.first_outputs is not None:
        was, now = found.first_outputs
        console.print("\n[bold]first outputs that differ[/]")
        for label, records in (("was", was), ("new", now)):
            for record in records[:OUTPUTS_MAX] if len(records) else ["none"]:
                console.print(f"  {label} {escape(str(record))}")
    console.print("\n[bold]state at the end: before -> with the new[/]")
    behind = [str(change) for change in found.state_changes]
    _print_changes(console, behind or ["the same"])


def _print_changes(console: Console, changes: list[str]) -> None:
    for change in changes[:CHANGES_MAX]:
        if len(change) > CHANGE_LENGTH_MAX:
            change = f"{change[:CHANGE_LENGTH_MAX]}..."
        console.print(f"  {escape(change)}")
    if len(changes) > CHANGES_MAX:
        console.print(f"  and {len(changes) - CHANGES_MAX:,} more")


def _print_lines(console: Console, lines: dict[str, str]) -> None:
    for label, text in lines.items():
        console.print(f"[bold]{label:<16}[/]{escape(text)}")


@contextmanager
def _bar(folder: str, start: int, end: int) -> Iterator[Callable[[int], None]]:
    """A progress bar, where stderr is a terminal; the function to call with the sequence."""
    console = stderr()
    if not console.is_terminal or not sys.stderr.isatty():
        yield lambda sequence: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn(f"of {counted(end - start, 'input')}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(folder, total=end - start)
        shown_at = time.monotonic()

        def moved(sequence: int) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at > UPDATE_SECONDS:
                shown_at = time.monotonic()
                bar.update(task, completed=sequence - start)

        yield moved
