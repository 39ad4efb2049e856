"""What a worker of an elastic stage says, and what it asks of those around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.elastic.handover import COORDINATOR, Message
from headrace.engine import Stepper
from headrace.errors import StepError

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Letter:
    """A message about a partition; with State the stepper that has it, and what was made by it.

    `made`: the output records that its sender has put out, or is going to, up to the state.
    `state`: from another process, the state encoded.
    """

    partition: int
    message: Message
    stepper: Stepper | None = None
    sender: int = COORDINATOR
    made: int = 0
    state: bytes | None = None


def _nothing() -> None:
    """Nobody wants to know."""


def _here(letter: Letter) -> Stepper | None:
    """All workers are in one process."""
    return letter.stepper


@dataclass(frozen=True)
class Links:
    """What a worker asks of those around it; called from its thread, which holds no lock."""

    send: Callable[[int, Letter], None]  # to a worker, or COORDINATOR
    on_failure: Callable[[StepError, Array], bool]  # whether to go on with the next event
    emit: Callable[[Array], int]  # put out records, as many as there is room for at once
    was_read: Callable[[int, int], bool]  # whether all read a worker's outputs up to that many
    moved: Callable[[], None]
    caught_up: Callable[[], None] = _nothing  # it is a worker like the others
    unpack: Callable[[Letter], Stepper | None] = _here  # what has the state of a letter
