"""`headrace linearizable`: a history in a file against a machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from headrace.checking import Operation
from headrace.checking import linearizable as check
from headrace.compose import Pipeline
from headrace.errors import InputError, OperationError, UsageError
from headrace.events import as_events
from headrace.machine import Machine
from headrace.reference.steps import plain_value

from .console import FAILED, remark, reported, stdout
from .interrupts import exit_code, terminable
from .loading import load

UNKNOWN = 3  # 2 is wrong use, as for every command
_COLORS = {"ok": "green", "bad": "red", "unknown": "yellow"}


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
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        machine = load(model)
        if isinstance(machine, Pipeline):
            raise UsageError(f"{model} is a pipeline; the model must be a single machine")
        by_field = None if partition is None else _by_field(machine, partition)
        try:
            with terminable():
                history, lines = _read(file)
                result = check(history, machine, by_field, time_limit)
        except OperationError as error:
            raise InputError(_name(file), lines[error.index], None, error.reason) from None
        except KeyboardInterrupt as interrupt:
            remark("stopped; nothing is decided")
            raise typer.Exit(exit_code(interrupt)) from None
        verdict, rest = result.verdict, str(result).removeprefix(result.verdict)
        stdout().print(f"[bold {_COLORS[verdict]}]{verdict}[/]{escape(rest)}")
    if verdict != "ok":
        raise typer.Exit(FAILED if verdict == "bad" else UNKNOWN)


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
