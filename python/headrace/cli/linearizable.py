"""`headrace linearizable`: a history in a file against a machine, with a picture of it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable
from typing import Annotated, Any

import typer
from rich.markup import escape

from headrace.checking import Linearizability
from headrace.checking import linearizable as check
from headrace.checking import sequentially_consistent as check_sequential
from headrace.compose import Pipeline
from headrace.errors import EnvironmentFailure, InputError, OperationError, UsageError
from headrace.events import as_events
from headrace.machine import Machine
from headrace.reference.steps import plain_value
from headrace.tabular.sink import Staged

from .console import FAILED, remark, reported, stdout
from .histories import file_name, read_history
from .interrupts import exit_code, terminable
from .loading import load

UNKNOWN = 3  # 2 is wrong use, as for every command
COLORS = {"ok": "green", "bad": "red", "unknown": "yellow"}


class Consistency(enum.StrEnum):
    """What a history is asked to be."""

    LINEARIZABLE = "linearizable"
    SEQUENTIAL = "sequential"


def linearizable(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The history: JSON lines; a dash is stdin.")
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="APP",
            help="The machine that answers as the system should: `module:machine` or "
            "`file.py:machine`.",
        ),
    ],
    partition: Annotated[
        str | None,
        typer.Option("--partition", metavar="FIELD", help="The field of the input that is a key."),
    ] = None,
    time_limit: Annotated[
        float, typer.Option("--time-limit", metavar="S", min=0, help="Seconds to decide it in.")
    ] = 60.0,
    consistency: Annotated[
        Consistency, typer.Option("--consistency", help="Which times count: see below.")
    ] = Consistency.LINEARIZABLE,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Draw it as a page.")
    ] = None,
    svg: Annotated[
        str | None, typer.Option("--svg", metavar="FILE", help="Draw it as a picture.")
    ] = None,
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        machine = load(model)
        if isinstance(machine, Pipeline):
            raise UsageError(f"{model} is a pipeline; the model must be a single machine")
        if consistency is Consistency.SEQUENTIAL and partition is not None:
            raise UsageError(
                "--partition: parts that are each sequentially consistent need not be so together"
            )
        by_field = None if partition is None else _by_field(machine, partition)
        try:
            with terminable():
                history, lines = read_history(file)
                if consistency is Consistency.SEQUENTIAL:
                    result = check_sequential(history, machine, time_limit)
                else:
                    result = check(history, machine, by_field, time_limit)
        except OperationError as error:
            raise InputError(file_name(file), lines[error.index], None, error.reason) from None
        except KeyboardInterrupt as interrupt:
            remark("stopped; nothing is decided")
            raise typer.Exit(exit_code(interrupt)) from None
        _draw(result, html, svg)
        verdict, rest = result.verdict, str(result).removeprefix(result.verdict)
        stdout().print(f"[bold {COLORS[verdict]}]{verdict}[/]{escape(rest)}")
    if verdict != "ok":
        raise typer.Exit(FAILED if verdict == "bad" else UNKNOWN)


def _draw(result: Linearizability, html: str | None, svg: str | None) -> None:
    """Write the pictures that are asked for; each file appears whole or not at all."""
    for name, text in ((html, Linearizability.to_html), (svg, Linearizability.to_svg)):
        if name is None:
            continue
        staged = Staged(name)
        try:
            staged.stream.write(text(result).encode())
            staged.commit()
        except OSError as error:
            raise EnvironmentFailure(f"{name}: cannot be written: {error.strerror}") from error
        finally:
            staged.abort()


def _by_field(machine: Machine, name: str) -> Callable[[Any], Hashable]:
    """The value of a field of an input."""
    fields = machine.event.names or ()
    if name not in fields:
        known = ", ".join(fields) or "no fields"
        raise UsageError(f"--partition {name}: the events of {machine.name!r} have {known}")
    dtype = machine.event[name]

    def value(given: Any) -> Hashable:
        found: Hashable = plain_value(as_events(machine.event, given)[name][0], dtype)
        return found

    return value
