"""What goes into the core of a supervision tree, and what comes out.

A `run` numbers one start of one child, and is never used again in a tree; a `timer` likewise. A
`path` is the names from the top's child down to a child, joined by "/"; the top's own is "".
Requests carry a number of the caller's choice, that their answer has too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.supervision.exits import Exit
from headrace.supervision.spec import Child

# -- inputs --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Boot:
    """Start the supervisor, and with it its children."""


@dataclass(frozen=True, slots=True)
class Started:
    """A child that was to start runs."""

    run: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """A child that was to start has nothing to run, which is not a failure."""

    run: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A child could not be started."""

    run: int
    reason: Exit


@dataclass(frozen=True, slots=True)
class Exited:
    """A child that ran has ended, whoever caused it."""

    run: int
    reason: Exit


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer that was set is due."""

    timer: int


@dataclass(frozen=True, slots=True)
class Terminate:
    """Stop the children in reverse order, and end."""


@dataclass(frozen=True, slots=True)
class KillAll:
    """Kill the children without asking, and end."""


@dataclass(frozen=True, slots=True)
class StartChild:
    """Add a child to the supervisor at a path; `what`: a Child, or the template's arguments."""

    request: int
    under: str
    what: Child | tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class TerminateChild:
    """Stop a child, and do not start it again until somebody asks for it."""

    request: int
    path: str


@dataclass(frozen=True, slots=True)
class RestartChild:
    """Start a child that was terminated, or has ended by itself."""

    request: int
    path: str


@dataclass(frozen=True, slots=True)
class DeleteChild:
    """Forget a child that does not run."""

    request: int
    path: str


@dataclass(frozen=True, slots=True)
class TryAgain:
    """A supervisor's word to itself: a child could not be started again; do what else waits first.

    Never given from outside.
    """

    run: int
    reason: Exit


Request = StartChild | TerminateChild | RestartChild | DeleteChild
Input = (
    Boot
    | Started
    | Ignored
    | Failed
    | Exited
    | TimerFired
    | Terminate
    | KillAll
    | TryAgain
    | StartChild
    | TerminateChild
    | RestartChild
    | DeleteChild
)

# -- effects -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """Start this child; answer with Started, Ignored or Failed."""

    path: str
    run: int
    child: Child
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this child to stop; its Exited is waited for."""

    path: str
    run: int


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill this child; its Exited is waited for."""

    path: str
    run: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Give TimerFired in so many nanoseconds."""

    timer: int
    after_ns: int


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """That timer is not needed any more."""

    timer: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: "ok", "ignored", or why not.

    `path` of the child, where there is one; `reason` of a start that failed.
    """

    request: int
    outcome: str
    path: str = ""
    reason: Exit | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Something for the log."""

    event: str  # started, exited, start_failed, stopped, gave_up, shutting_down
    path: str
    reason: Exit | None = None


@dataclass(frozen=True, slots=True)
class Up:
    """The supervisor at this path has started all its children."""

    path: str


@dataclass(frozen=True, slots=True)
class Down:
    """The supervisor at this path has ended, and none of its children runs.

    `why`: "asked", "gave_up" (too many restarts), "auto_shutdown", "start_failed" (it never was
    up), "killed".
    """

    path: str
    reason: Exit
    why: str


Effect = Start | Ask | Kill | SetTimer | CancelTimer | Answer | Report | Up | Down
