"""What a supervisor's plan is for: which says what follows when it is through, or fails."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.supervision.exits import Exit
from headrace.supervision.record import Record


@dataclass(frozen=True, slots=True)
class Booting:
    """All children are to be started; a failure ends the supervisor."""


@dataclass(frozen=True, slots=True)
class Restarting:
    """Children are to be started again; a failure is tried again."""


@dataclass(frozen=True, slots=True)
class Ending:
    """All children are to be stopped; then the supervisor is gone."""

    reason: Exit
    why: str


@dataclass(frozen=True, slots=True)
class Answering:
    """Somebody has asked for this. `keep`: the child also if it could not be started."""

    request: int
    record: Record
    outcome: str = "ok"
    keep: bool = False


Goal = Booting | Restarting | Ending | Answering
