"""Histories in files of JSON lines."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from headrace.checking import Operation
from headrace.errors import InputError


class _Line(msgspec.Struct, rename={"return_": "return"}, forbid_unknown_fields=True):
    """A line of the file."""

    client: str | int
    call: int | float
    input: Any
    status: str
    return_: int | float | None = None
    output: Any = None


def read_history(file: str) -> tuple[list[Operation], list[int]]:
    """The operations, and the line of each; empty lines are passed over. Raises InputError."""
    try:
        if file == "-":
            content = sys.stdin.buffer.read()
        else:
            with open(file, "rb") as stream:
                content = stream.read()
    except OSError as error:
        raise InputError(file_name(file), None, None, f"cannot be read: {error.strerror}") from None
    decoder = msgspec.json.Decoder(_Line)
    history, lines = [], []
    for number, text in enumerate(content.split(b"\n"), 1):
        if not text.strip():
            continue
        try:
            line = decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(file_name(file), number, None, _told(error)) from None
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


def file_name(file: str) -> str:
    """What a file is called in messages."""
    return "stdin" if file == "-" else file
