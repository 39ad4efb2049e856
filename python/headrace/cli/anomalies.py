"""`headrace anomalies`: what went wrong between transactions in a file."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from headrace.checking import list_anomalies as check
from headrace.errors import InputError, OperationError

from .console import FAILED, remark, reported, stdout
from .histories import file_name, read_history
from .interrupts import exit_code, terminable
from .linearizable import COLORS, UNKNOWN


def anomalies(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The history: JSON lines; a dash is stdin.")
    ],
    no_process: Annotated[
        bool, typer.Option("--no-process", help="A client's own order does not count.")
    ] = False,
    no_realtime: Annotated[bool, typer.Option("--no-realtime", help="Times do not count.")] = False,
    time_limit: Annotated[
        float, typer.Option("--time-limit", metavar="S", min=0, help="Seconds to look for cycles.")
    ] = 60.0,
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        try:
            with terminable():
                history, lines = read_history(file)
                result = check(
                    history, time_limit, process=not no_process, realtime=not no_realtime
                )
        except OperationError as error:
            raise InputError(file_name(file), lines[error.index], None, error.reason) from None
        except KeyboardInterrupt as interrupt:
            remark("stopped; nothing is decided")
            raise typer.Exit(exit_code(interrupt)) from None
        verdict, rest = result.verdict, str(result).removeprefix(result.verdict)
        stdout().print(f"[bold {COLORS[verdict]}]{verdict}[/]{escape(rest)}")
    if verdict != "ok":
        raise typer.Exit(FAILED if verdict == "bad" else UNKNOWN)
