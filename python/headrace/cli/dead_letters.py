"""`headrace dead-letters`: list the dead letters of an engine, show, re-inject, discard them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headrace.compose import lay_out
from headrace.compose.layout import INPUT
from headrace.errors import UsageError
from headrace.journal import DeadLetters, Journal
from headrace.journal.folder import holds_a_journal, no_journal
from headrace.journal.letter_box import LetterBox
from headrace.journal.letters import (
    DISCARDED,
    NEXT,
    REINJECTED,
    REINJECTING,
    WAITING,
    Letter,
    as_letters,
)
from headrace.ports import LocalDisk
from headrace.runtime import Engine

from .console import FAILED, counted, remark, reported, stdout
from .loading import load_topology
from .sizes import plain, print_json, time_text

ERROR_WIDTH_MAX = 70
_COLOURS = {WAITING: "yellow", REINJECTING: "yellow", REINJECTED: "green"}


def dead_letters(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder of the dead letters.")],
    numbers: Annotated[
        list[int] | None,
        typer.Argument(metavar="[N]...", help="With --reinject: which letters."),
    ] = None,
    show: Annotated[
        int | None, typer.Option("--show", metavar="N", help="Show letter N with its traceback.")
    ] = None,
    reinject: Annotated[
        str | None,
        typer.Option(
            "--reinject",
            metavar="APP",
            help="Publish events again to this machine or topology: `file.py:machine`.",
        ),
    ] = None,
    journal: Annotated[
        str | None,
        typer.Option("--journal", metavar="DIR", help="With --reinject: the machine's journal."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="With --reinject: all letters that are waiting.")
    ] = False,
    discard: Annotated[
        list[int] | None,
        typer.Option("--discard", metavar="N", help="Nobody wants letter N; may be repeated."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one object a line for a list.")
    ] = False,
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        if sum(each is not None and each != [] for each in (show, reinject, discard)) > 1:
            raise UsageError("one of --show, --reinject and --discard at a time")
        if reinject is None and (numbers or journal is not None or every):
            raise UsageError("letters' numbers, --journal and --all belong to --reinject APP")
        letters = DeadLetters(folder.rstrip("/") or "/")
        if show is not None:
            _show(stdout(), _one(letters, show), as_json=as_json)
        elif discard:
            _discard(letters, discard)
        elif reinject is not None:
            if journal is None:
                raise UsageError("--reinject APP needs the journal of its engine: --journal DIR")
            if bool(numbers) == every:
                raise UsageError("--reinject APP needs the numbers of some letters, or --all")
            failed = _reinject(letters, reinject, journal, numbers or None, as_json=as_json)
            if failed:
                raise typer.Exit(FAILED)
        else:
            _list(stdout(), letters, as_json=as_json)
        if letters.tear is not None and not (discard or reinject):
            remark(f"the writing of a letter was never finished: {letters.tear}")


def _one(letters: DeadLetters, number: int) -> Letter:
    try:
        return letters[number] if number >= 0 else letters[len(letters)]
    except IndexError:
        has = counted(len(letters), "letter")
        raise UsageError(f"{letters.folder}: there is no letter {number:,}; it has {has}") from None


def _list(console: Console, letters: DeadLetters, *, as_json: bool) -> None:
    if as_json:
        for letter in letters:
            print_json(_as_json(letter), indent=None)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("letter", justify="right")
    table.add_column("event", justify="right")
    for name in ("stage", "when (UTC)", "error", "fate"):
        table.add_column(name, no_wrap=name != "error")
    for letter in letters:
        error = letter.error
        if len(error) > ERROR_WIDTH_MAX:
            error = error[: ERROR_WIDTH_MAX - 3] + "..."
        table.add_row(
            f"{letter.number:,}",
            f"{letter.sequence:,}",
            escape(letter.stage),
            time_text(letter.time_ns, 0),
            escape(error),
            f"[{_COLOURS.get(letter.fate, 'cyan')}]{escape(_fate(letter))}[/]",
        )
    if len(letters):
        console.print(table)
    else:
        console.print("there are no dead letters")


def _fate(letter: Letter) -> str:
    if letter.fate == REINJECTED:
        return f"reinjected as input {letter.fate_sequence:,}"
    return letter.fate


def _show(console: Console, letter: Letter, *, as_json: bool) -> None:
    if as_json:
        print_json({**_as_json(letter), "traceback": letter.traceback})
        return
    known = letter.input_time_ns >= 0
    came = f", published {time_text(letter.input_time_ns, 6)} UTC" if known else ""
    why = f": {letter.why}" if letter.why else ""
    version = f", version {letter.version}" if letter.version else ""
    told = {
        "letter": f"{letter.number:,}",
        "machine": f"{letter.machine}{version}",
        "stage": letter.stage,
        "event": f"{letter.sequence:,}, of input {letter.origin:,}{came}",
        "failed": f"{time_text(letter.time_ns, 6)} UTC",
        "retries": f"{letter.retries:,}",
        "fate": f"{_fate(letter)}{why}",
        "error": letter.error,
    }
    for label, text in told.items():
        console.print(f"[bold]{label:<16}[/]{escape(text)}")
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("field")
    table.add_column("value")
    event = plain(letter.event[0])
    for name, value in (event if isinstance(event, dict) else {"value": event}).items():
        table.add_row(escape(name), escape(str(value)))
    console.print(table)
    console.print(f"\n{escape(letter.traceback.rstrip())}")


def _as_json(letter: Letter) -> dict[str, Any]:
    return {
        "letter": letter.number,
        "machine": letter.machine,
        "stage": letter.stage,
        "version": letter.version,
        "sequence": letter.sequence,
        "origin": letter.origin,
        "event": plain(letter.event[0]),
        "input_time_ns": letter.input_time_ns,
        "time_ns": letter.time_ns,
        "error": letter.error_type,
        "message": letter.message,
        "retries": letter.retries,
        "fate": letter.fate,
        "reinjected_as": letter.reinjected_as,
        "why": letter.why,
    }


def _discard(letters: DeadLetters, numbers: list[int]) -> None:
    for number in numbers:
        _one(letters, number)
    box = LetterBox(as_letters(letters.folder))
    try:
        for number in numbers:
            if box.fate(number).kind == DISCARDED:
                remark(f"letter {number:,} was discarded before")
            else:
                box.mark(number, DISCARDED)
                stdout().print(f"[green]discarded[/] letter {number:,}")
    finally:
        box.close()


def _reinject(
    letters: DeadLetters,
    application: str,
    journal: str,
    numbers: list[int] | None,
    *,
    as_json: bool,
) -> bool:
    """Publish some again, and tell what became of them; whether one has failed again."""
    machine = load_topology(application)
    first = lay_out(machine).readers(INPUT)[0].machine.name
    chosen = _chosen(letters, first, numbers)
    disk, path = LocalDisk(), journal.rstrip("/") or "/"
    if not holds_a_journal(disk, path):
        raise no_journal(disk, path)
    # No snapshots: what else is kept of this journal, the application's own engine says.
    settings = Journal(path, snapshot_every=None)
    kills = any(letters[number].retries for number in chosen)  # and may do so again
    told: list[tuple[Letter, int | None]] = []
    known = len(letters)
    try:
        with Engine(
            machine,
            keep_outputs=0,
            journal=settings,
            on_error="dead_letter",
            dead_letters=letters.folder,
            place="processes" if kills else "threads",
        ) as engine:
            for line in engine.recovery.lines if engine.recovery is not None else []:
                remark(line)
            letters.refresh()  # opening the journal may have settled some, and found others
            known = len(letters)
            for number in chosen:
                told.append(_reinject_one(engine, letters[number]))
            engine.drain()
    except BaseException:
        if told:  # what was done before it failed
            _tell(told, _newer(letters, known), as_json=as_json)
        raise
    return _tell(told, _newer(letters, known), as_json=as_json)


def _newer(letters: DeadLetters, known: int) -> dict[int, Letter]:
    """The letters behind some first ones, by the input that they are of."""
    letters.refresh()
    return {letter.origin: letter for letter in letters[known:]}


def _chosen(letters: DeadLetters, machine: str, numbers: list[int] | None) -> list[int]:
    """The numbers of those to be published: as given, or of all that are waiting."""
    if numbers is not None:
        for letter in [_one(letters, number) for number in numbers]:
            if letter.machine != machine:
                raise UsageError(
                    f"letter {letter.number:,} is of machine {letter.machine!r}, and only events "
                    f"of the first machine, {machine!r}, can be published"
                )
        return numbers
    waiting = [letter for letter in letters if letter.fate in (WAITING, REINJECTING)]
    own = [letter.number for letter in waiting if letter.machine == machine]
    others = len(waiting) - len(own)
    if others:
        remark(f"left alone: {counted(others, 'letter')} of other machines than {machine!r}")
    return own


def _reinject_one(engine: Engine, letter: Letter) -> tuple[Letter, int | None]:
    """A letter as it was, and the input that it is now; None: nothing was to be done."""
    if letter.fate == REINJECTED or REINJECTING in NEXT[letter.fate]:  # else it is settled
        return letter, engine.reinject(letter.number)
    return letter, None


def _tell(
    told: list[tuple[Letter, int | None]], again: dict[int, Letter], *, as_json: bool
) -> bool:
    failed = False
    console = stdout()
    for letter, sequence in told:
        anew = None if sequence is None else again.get(sequence)
        failed = failed or anew is not None
        if as_json:
            now = {"letter": letter.number, "fate": letter.fate, "reinjected_as": sequence}
            if sequence is not None:
                now["fate"] = REINJECTED
            print_json({**now, "failed_again": anew and anew.number}, indent=None)
        elif sequence is None:
            why = f": {letter.why}" if letter.why else ""
            console.print(f"[cyan]left[/] letter {letter.number:,} is {letter.fate}{escape(why)}")
        elif letter.fate == REINJECTED:
            console.print(f"[cyan]left[/] letter {letter.number:,} was input {sequence:,} before")
        elif anew is None:
            console.print(f"[green]done[/] letter {letter.number:,} is input {sequence:,}")
        else:
            console.print(
                f"[bold red]failed again[/] letter {letter.number:,}, as input {sequence:,}: "
                f"letter {anew.number:,}, {escape(anew.error)}"
            )
    if not told and not as_json:
        console.print("there is nothing to re-inject")
    return failed
