"""The commands by name, each imported when it is used: importing all takes longer than most run."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from . import helptext, helptext_checking

# Each is the function or group of that name in the module of that name, "-" as "_".
HELP = {
    "run": helptext.RUN,
    "replay": helptext.REPLAY,
    "debug": helptext.DEBUG,
    "draw": helptext.DRAW,
    "check": helptext_checking.CHECK_SYSTEM,
    "serve": helptext.SERVE,
    "call": helptext.CALL,
    "linearizable": helptext_checking.LINEARIZABLE,
    "simulate": helptext.SIMULATE,
    "anomalies": helptext_checking.ANOMALIES,
    "dead-letters": helptext.DEAD_LETTERS,
    "rings": helptext.RINGS,
    "top": helptext.TOP,
    "journal": helptext.JOURNAL,
}
WITHOUT_ARGUMENTS = ("rings", "top")  # do something then; the others show their help
CONTEXT = {"help_option_names": ["-h", "--help"]}


def new_app(**settings: Any) -> typer.Typer:
    """An empty group of commands, as all groups here are."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings=CONTEXT,
        **settings,
    )


class Later(TyperCommand):
    """A command that is known by its name and help until it is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """The context of the command itself, which then is invoked in place of this one."""
        return loaded(str(self.name)).make_context(info_name, args, parent=parent, **extra)


class Commands(TyperGroup):
    """All of `HELP`, in its order."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: Later(name, help=text) for name, text in HELP.items()}


def loaded(name: str) -> Any:
    """The command or group itself, its module imported."""
    module = name.replace("-", "_")
    found = getattr(import_module(f"headrace.cli.{module}"), module)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    app = new_app()
    shows_help = name not in WITHOUT_ARGUMENTS
    app.command(name, help=HELP[name], no_args_is_help=shows_help, context_settings=CONTEXT)(found)
    return typer.main.get_command(app)
