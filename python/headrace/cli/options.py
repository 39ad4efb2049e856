"""What `headrace run` was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .dead import dead_letter_name


class Step(StrEnum):
    """Which form of the step to use."""

    PYTHON = "python"
    BATCH = "batch"
    NATIVE = "native"


class OnError(StrEnum):
    """What to do with an event whose step raises."""

    HALT = "halt"
    DEAD_LETTER = "dead_letter"


class Place(StrEnum):
    """Where the stages run."""

    THREADS = "threads"
    PROCESSES = "processes"


class StartMethod(StrEnum):
    """How worker processes are started."""

    FORK = "fork"
    SPAWN = "spawn"
    FORKSERVER = "forkserver"


@dataclass(frozen=True)
class Options:
    """The options of one run, as they were given."""

    application: str
    input_file: str
    output_file: str | None
    batch: int
    step: Step | None
    capacity: int
    on_error: OnError
    dead_letters: str | None
    place: Place = Place.THREADS
    start_method: StartMethod | None = None

    def dead_letter_file(self) -> str | None:
        """Where dead letters go: as given, or beside the output; None if there will be none.

        Raises UsageError where neither names a file.
        """
        if self.on_error is not OnError.DEAD_LETTER:
            return None
        return self.dead_letters or dead_letter_name(self.output_file)
