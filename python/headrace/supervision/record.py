"""What a supervisor knows of one child."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.supervision.spec import Child

STOPPED = "stopped"  # nothing runs, and nothing is about to
STARTING = "starting"
RUNNING = "running"
STOPPING = "stopping"  # asked, or killed, and not gone yet
RESTARTING = "restarting"  # could not be started again, and will be tried again


@dataclass(slots=True, eq=False)
class Record:
    """A child, its state, its run if there is one, and how often it was started."""

    child: Child
    path: str
    args: tuple[Any, ...] = ()
    state: str = STOPPED
    run: int = 0
    starts: int = 0

    @property
    def alive(self) -> bool:
        """Whether there is something that can end."""
        return self.state in (RUNNING, STOPPING)


def name_of(record: Record) -> str:
    """The name under which its supervisor has it."""
    return record.path.rpartition("/")[2]


class Numbers:
    """Gives out runs and timers, each once in a tree."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """A number that was not given before."""
        self._last += 1
        return self._last
