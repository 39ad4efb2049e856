"""The command line: `headrace run`, `draw`, `replay`, `debug`, `simulate`, `top`, ...

Also `python -m headrace`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from . import helptext as _helptext
from . import helptext_checking as _helptext_checking
from .anomalies import anomalies as _anomalies
from .call import call as _call
from .check import check as _check
from .dead_letters import dead_letters as _dead_letters
from .debug import debug as _debug
from .draw import draw as _draw
from .journal import journal as _journal
from .linearizable import linearizable as _linearizable
from .replay import replay as _replay
from .rings import rings as _rings
from .run import run as _run
from .serve import serve as _serve
from .simulate import simulate as _simulate
from .top import top as _top

__all__ = ["app", "main"]

app = typer.Typer(
    name="headrace",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run", help=_helptext.RUN, no_args_is_help=True)(_run)
app.command("replay", help=_helptext.REPLAY, no_args_is_help=True)(_replay)
app.command("debug", help=_helptext.DEBUG, no_args_is_help=True)(_debug)
app.command("draw", help=_helptext.DRAW, no_args_is_help=True)(_draw)
app.command("check", help=_helptext_checking.CHECK_SYSTEM, no_args_is_help=True)(_check)
app.command("serve", help=_helptext.SERVE, no_args_is_help=True)(_serve)
app.command("call", help=_helptext.CALL, no_args_is_help=True)(_call)
app.command("linearizable", help=_helptext_checking.LINEARIZABLE, no_args_is_help=True)(
    _linearizable
)
app.command("simulate", help=_helptext.SIMULATE, no_args_is_help=True)(_simulate)
app.command("anomalies", help=_helptext_checking.ANOMALIES, no_args_is_help=True)(_anomalies)
app.add_typer(_journal, name="journal", help=_helptext.JOURNAL)
app.command("dead-letters", help=_helptext.DEAD_LETTERS, no_args_is_help=True)(_dead_letters)
app.command("rings", help=_helptext.RINGS)(_rings)
app.command("top", help=_helptext.TOP)(_top)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"headrace {version('headrace')}")
        raise typer.Exit()


@app.callback(help=_helptext.HEADRACE)
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
