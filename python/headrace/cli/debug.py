"""`headrace debug`: a journal's past on a screen, or a stretch of it as a page."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from headrace.compose import Pipeline
from headrace.errors import UsageError
from headrace.machine import Machine
from headrace.replay import History

from .console import remark, reported, stdout
from .loading import load


def debug(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder of the journal.")],
    application: Annotated[
        str,
        typer.Argument(
            metavar="APP",
            help="The machine that wrote it: `module:machine` or `file.py:machine`.",
        ),
    ],
    at: Annotated[
        int | None, typer.Option("--at", metavar="N", help="Begin behind the first N inputs.")
    ] = None,
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="Write a page instead of showing a screen."),
    ] = None,
    begin: Annotated[
        int | None, typer.Option("--from", metavar="A", help="With --html: its first input.")
    ] = None,
    end: Annotated[
        int | None, typer.Option("--to", metavar="B", help="With --html: the input to end before.")
    ] = None,
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        if html is None and (begin is not None or end is not None):
            raise UsageError("--from and --to go with --html")
        if html is not None and at is not None:
            raise UsageError("--at goes without --html; --from says where a page begins")
        machine = load(application)
        if html is not None:
            history = History(folder, machine)
            _tell_writer(history)
            _write_page(html, history, begin, end)
        else:
            _show(folder, machine, at)


def _tell_writer(history: History) -> None:
    if history.other_writer is not None:
        remark(f"the journal was written by {history.other_writer}")


def _show(folder: str, machine: Machine | Pipeline, at: int | None) -> None:
    try:
        from headrace.debugger.screen.app import run
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("textual", "rich"):
            raise
        raise UsageError(
            "the debugger's screen needs the package textual: pip install 'headrace[debug]'"
        ) from None
    from headrace.debugger.session import Session

    session = Session(folder, machine)
    if at is not None:
        session.go(at)
    if not is_terminal():
        raise UsageError("the debugger's screen needs a terminal; --html writes a page instead")
    _tell_writer(session.history)
    run(session, folder)


def is_terminal() -> bool:
    """Whether there is somebody to show it to, and to press keys."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _write_page(file: str, history: History, begin: int | None, end: int | None) -> None:
    from headrace.debugger.page import write_page

    first = history.first_sequence if begin is None else begin
    last = history.end if end is None else end
    if history.first_sequence == history.end:
        raise UsageError("there is no input in the journal yet, and so nothing for a page")
    if first >= last:
        raise UsageError(
            f"a page from input {first:,} to before input {last:,} would hold none; there are the "
            f"inputs {history.first_sequence:,} to {history.end - 1:,}, so that --to goes up to "
            f"{history.end:,}"
        )
    write_page(file, history, first, last)
    stdout().print(f"inputs {first:,} to {last - 1:,} are in {file}", markup=False)
