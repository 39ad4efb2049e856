"""`headrace draw`: a picture of a machine or a topology."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from headrace.compose import draw as drawn
from headrace.errors import UsageError
from headrace.tabular import STDIO

from .console import reported
from .loading import load_topology
from .output import written


class Format(StrEnum):
    """What a picture is written as."""

    SVG = "svg"
    MERMAID = "mermaid"
    DOT = "dot"


class Detail(StrEnum):
    """What is drawn."""

    TOPOLOGY = "topology"
    STAGES = "stages"


_ENDINGS = {
    ".svg": Format.SVG,
    ".mmd": Format.MERMAID,
    ".mermaid": Format.MERMAID,
    ".dot": Format.DOT,
    ".gv": Format.DOT,
}


def draw(
    application: Annotated[
        str,
        typer.Argument(
            metavar="APP",
            help="The topology, or the machine: `module:topology` or `file.py:topology`.",
        ),
    ],
    format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            help="Default: by the ending of the file (.svg .mmd .mermaid .dot .gv), else svg.",
        ),
    ] = None,
    detail: Annotated[
        Detail, typer.Option(help="As it is written, or each stage and each ring.")
    ] = Detail.TOPOLOGY,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="A dash is stdout.")
    ] = STDIO,
) -> None:
    """The command; its help text is in helptext.py."""
    with reported():
        kind = format or _kind_of(output)
        text = drawn(load_topology(application), kind.value, detail.value)
        with written(output):
            if output == STDIO:
                typer.echo(text, nl=False)
            else:
                Path(output).write_text(text, encoding="utf-8")


def _kind_of(file: str) -> Format:
    if file == STDIO:
        return Format.SVG
    kind = _ENDINGS.get(Path(file).suffix.lower())
    if kind is None:
        raise UsageError(
            f"{file}: its name does not tell the format; end it in {', '.join(_ENDINGS)}, or give "
            "--format"
        )
    return kind
