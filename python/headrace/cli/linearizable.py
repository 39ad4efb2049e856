"""`headrace linearizable`: a history in a file against a machine, with a picture of it."""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Hashable
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from headrace.checking import Linearizability, Operation
from headrace.checking import linearizable as check
from headrace.checking import sequentially_consistent as check_sequential
from headrace.compose import Pipeline
from headrace.errors import EnvironmentFailure, InputError, OperationError, UsageError
from headrace.events import as_events
from headrace.machine import Machine
from headrace.reference.steps import plain_value
from headrace.tabular.sink import Staged

from .console import FAILED, remark, reported, stdout
from .interrupts import exit_code, terminable
from .loading import load

UNKNOWN = 3  # 2 is wrong use, as for every command
_COLORS = {"ok": "green", "bad": "red", "unknown": "yellow"}


class Consistency(enum.StrEnum):
    """What a history is asked to be."""

    LINEARIZABLE = "linearizable"
    SEQUENTIAL = "sequential"


class _Line(msgspec.Struct, rename={"return_": "return"}, forbid_unknown_fields=True):
    """A line of the file."""

    client: str | int
    call: int | float
    input: Any
    status: str
    return_: int | float | None = None
    output: Any = None


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
                history, lines = _read(file)
                if consistency is Consistency.SEQUENTIAL:
                    result = check_sequential(history, machine, time_limit)
                else:
                    result = check(history, machine, by_field, time_limit)
        except OperationError as error:
            raise InputError(_name(file), lines[error.index], None, error.reason) from None
        except KeyboardInterrupt as interrupt:
            remark("stopped; nothing is decided")
            raise typer.Exit(exit_code(interrupt)) from None
        _draw(result, html, svg)
        verdict, rest = result.verdict, str(result).removeprefix(result.verdict)
        stdout().print(f"[bold {_COLORS[verdict]}]{verdict}[/]{escape(rest)}")
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


def _read(file: str) -> tuple[list[Operation], list[int]]:
    """The operations, and the line of each; empty lines are passed over. Raises InputError."""
    try:
        if file == "-":
            content = sys.stdin.buffer.read()
        else:
            with open(file, "rb") as stream:
                content = stream.read()
    except OSError as error:
        raise InputError(_name(file), None, None, f"cannot be read: {error.strerror}") from None
    decoder = msgspec.json.Decoder(_Line)
    history, lines = [], []
    for number, text in enumerate(content.split(b"\n"), 1):
        if not text.strip():
            continue
        try:
            line = decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(_name(file), number, None, _told(error)) from None
        history.append(_operation(line))
        lines.append(number)
    return history, lines


def _operation(line: _Line) -> Operation:
    given = tuple(line.input) if isinstance(line.input, list) else line.input
    output = line.output
    if isinstance(output, list):
        output = [tuple(one) if isinstance(one, list) else one for one in output]
    return Operation(line.client, line.call, line.return_, given, output, line.status)


def _told(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return f"is no operation: {error}"
    return f"is no JSON: {error}"


def _name(file: str) -> str:
    return "stdin" if file == "-" else file
