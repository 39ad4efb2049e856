"""`headrace journal`: look at a journal, check it, repair it, make a test of a part of it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from headrace.errors import UsageError
from headrace.journal.check import DAMAGED, check
from headrace.journal.repair import Repair
from headrace.journal.stats import stats
from headrace.ports import LocalDisk

from . import helptext
from .commands import new_app
from .console import FAILED, WRONG_USE, counted, remark, reported, stderr, stdout
from .journal_events import Shown, show
from .journal_report import check_as_json, print_check, print_stats, stats_as_json
from .sizes import print_json
from .to_test import to_test

LIMIT = 100

Folder = Annotated[str, typer.Argument(metavar="DIR", help="The journal's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

journal = new_app(no_args_is_help=True, help=helptext.JOURNAL)


def folder_of(folder: str) -> str:
    """A folder's name as the journal's files are told with it."""
    return folder.rstrip("/") or "/"


@journal.command("check", help=helptext.CHECK)
def check_command(folder: Folder, as_json: AsJson = False) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        found = check(LocalDisk(), folder_of(folder))
        if as_json:
            print_json(check_as_json(found))
        else:
            print_check(stdout(), found)
    raise typer.Exit(found.level)


@journal.command("show", help=helptext.SHOW)
def show_command(
    folder: Folder,
    begin: Annotated[
        int, typer.Option("--from", min=0, metavar="A", help="The first input to show.")
    ] = 0,
    end: Annotated[
        int | None, typer.Option("--to", min=0, metavar="B", help="Stop before this input.")
    ] = None,
    notes: Annotated[
        bool, typer.Option("--notes", help="Show notes as well: calls, digests, openings.")
    ] = False,
    only_notes: Annotated[
        bool, typer.Option("--only-notes", help="Show notes, and no inputs.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help=f"At most so many lines; 0: all. Default: {LIMIT}, and all with --json.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line.")
    ] = False,
) -> None:
    """The command; its help text is in helptext.py."""
    most = (None if as_json else LIMIT) if limit is None else limit or None
    with reported():
        if end is not None and end < begin:
            raise UsageError(f"--to {end} is before --from {begin}")
        wanted = Shown(begin, end, most, events=not only_notes, notes=notes or only_notes)
        found = show(stdout(), LocalDisk(), folder_of(folder), wanted, as_json=as_json)
        if found is not None and begin >= found.end.sequence:
            remark(f"there is no input {begin:,}: the next one to come is {found.end.sequence:,}")
        if wanted.more:
            remark(f"there is more than {counted(most or 0, 'line')}; --limit 0 shows all")
        if found is not None and found.damages:
            remark(
                f"{counted(len(found.damages), 'place')} could not be read; "
                "headrace journal check tells more"
            )


@journal.command("stats", help=helptext.STATS)
def stats_command(
    folder: Folder,
    spans: Annotated[
        int, typer.Option(min=1, max=1000, help="Spans of time to count inputs in.")
    ] = 12,
    as_json: AsJson = False,
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        found = stats(LocalDisk(), folder_of(folder))
        if as_json:
            print_json(stats_as_json(found, spans))
        else:
            print_stats(stdout(), found, spans)
        if found.scan.damages:
            remark("it is damaged, and these are figures of what can be read")


@journal.command("repair", help=helptext.REPAIR)
def repair_command(
    folder: Folder,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do it without asking, whatever is lost.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what it would do.")] = False,
    cut: Annotated[
        bool,
        typer.Option(
            "--cut",
            help="Cut at the damage even where an engine can go on from a snapshot behind it.",
        ),
    ] = False,
) -> None:
    """The command; its help text is in helptext.py."""
    with reported(), Repair(LocalDisk(), folder_of(folder), cut=cut) as repair:
        console = stdout()
        for text in repair.hopeless:
            console.print(f"[bold red]not repaired[/] {escape(text)}")
        if not repair.steps:
            console.print("nothing to repair" if not repair.hopeless else "nothing was changed")
        else:
            _tell_plan(repair, steps=dry_run or not yes)
            if dry_run:
                return
            if repair.losses and not yes and not _agreed():
                console.print("nothing was changed")
                raise typer.Exit(FAILED)
            repair.run(lambda text: console.print(f"[green]done[/] {escape(text)}"))
        left = check(LocalDisk(), folder_of(folder)) if repair.steps else repair.check
        if left.level == DAMAGED:
            raise typer.Exit(WRONG_USE)


def _tell_plan(repair: Repair, *, steps: bool) -> None:
    console = stdout()
    for step in repair.steps if steps else []:
        console.print(f"[bold]to do[/] {escape(step.text)}")
    for loss in repair.losses:
        console.print(f"[bold red]lost[/] {escape(loss)}")


def _agreed() -> bool:
    """Whether the user says yes; without a terminal nobody does."""
    stderr().print("Do this? What is cut or moved stays in kept/. \\[y/N] ", end="")
    try:
        answer = input()
    except EOFError:
        stderr().print()
        remark("nobody answers: --yes does it without asking")
        return False
    return answer.strip().lower() in ("y", "yes")


journal.command("to-test", help=helptext.TO_TEST)(to_test)
