"""The command line: `headrace run`, `draw`, `replay`, `debug`, `simulate`, `top`, ...

Also `python -m headrace`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from .commands import Commands as _Commands
from .commands import new_app as _new_app
from .helptext import HEADRACE as _HEADRACE

__all__ = ["app", "main"]

app = _new_app(name="headrace", cls=_Commands, no_args_is_help=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"headrace {version('headrace')}")
        raise typer.Exit()


@app.callback(help=_HEADRACE)
def _headrace(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Options of the command line as a whole."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line on these arguments (default: the process's) and exit."""
    app(args=None if arguments is None else list(arguments), prog_name="headrace")
