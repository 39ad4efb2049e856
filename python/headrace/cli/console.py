"""Where the command line prints, and how it ends: messages without tracebacks, and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from headrace.errors import (
    EnvironmentFailure,
    HeadraceError,
    InternalError,
    JournalDamaged,
    StepError,
)

from .interrupts import forget
from .places import raised_at

FAILED, WRONG_USE = 1, 2
PLAIN_WIDTH = 240  # of lines that no terminal will wrap


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Go quiet: who closes the pipe has read enough, and nothing has failed."""
        self.quiet = True
        forget(self.file)


def stdout() -> Console:
    """A console on standard output; lines stay whole when it is no terminal."""
    return _console(stderr=False)


def stderr() -> Console:
    """A console on standard error, for everything that is no result."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = _Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console = _Console(stderr=stderr, highlight=False, soft_wrap=True, width=PLAIN_WIDTH)
    return console


def complain(message: str) -> None:
    """Print an error."""
    stderr().print(f"[bold red]error:[/] {escape(message)}")


def remark(message: str) -> None:
    """Print something worth knowing that is no error."""
    stderr().print(f"[yellow]note:[/] {escape(message)}")


def counted(count: int, thing: str) -> str:
    """The count and the thing, with an s where it is due."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def report(error: HeadraceError | OSError) -> int:
    """Print an error; returns the code to exit with: 2 for the caller's mistakes, 1 for others."""
    if isinstance(error, InternalError):
        complain(f"a bug in headrace, please report it: {error}")
        return FAILED
    complain(str(error))
    if isinstance(error, StepError) and error.__cause__ is not None:
        place = raised_at(error.__cause__)
        if place is not None:
            remark(f"raised at {place}")
    if isinstance(error, JournalDamaged) and "headrace journal" not in str(error):
        remark(f"headrace journal check {error.file.rpartition('/')[0] or '.'} tells more")
    # Some mistakes are OSErrors too: a ring or a file that does not exist.
    failed = isinstance(error, StepError | EnvironmentFailure)
    return FAILED if failed or not isinstance(error, HeadraceError) else WRONG_USE


@contextmanager
def reported() -> Iterator[None]:
    """Turn errors of the library and of the system into a message and an exit code."""
    try:
        yield
    except BrokenPipeError:
        forget(sys.stdout)
    except (HeadraceError, OSError) as error:
        raise typer.Exit(report(error)) from None
