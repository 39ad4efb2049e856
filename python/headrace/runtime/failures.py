"""What became of steps that raised: dead letters, and the failure that has halted an engine."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from headrace.errors import StepError, UsageError

Records = np.ndarray[Any, Any]


@dataclass(frozen=True)
class DeadLetter:
    """An event whose step failed, and that was passed over."""

    sequence: int  # in the ring of the stage that failed
    machine: str
    event: Records  # one event, of the machine's dtype
    error: StepError  # its __cause__ is the step's own exception, with its traceback
    retries: int = 0  # how often it was tried again before, by those whom it has killed
    stage: str = ""  # of the machine; in a shard it has a number behind it, as in match.0


class Failures:
    """Kept by the stages' threads, read by everybody's."""

    def __init__(
        self, dead_letters_max: int, decide: Callable[[StepError, Records], bool] | None = None
    ) -> None:
        self.halted_by: BaseException | None = None
        self._traceback: TracebackType | None = None
        self._letters: list[DeadLetter] = []
        self._letters_max = dead_letters_max
        self._put: set[tuple[str, int, int]] = set()  # which they are
        self._decide = decide
        self.keep: Callable[[DeadLetter], None] | None = None  # on the disk, before it is passed

    @property
    def dead_letters(self) -> tuple[DeadLetter, ...]:
        return tuple(self._letters)

    def put_aside(self, error: StepError, event: Records, retries: int = 0) -> bool:
        """Keep the event as a dead letter, if there is room for one more; whether there was.

        Where somebody else decides, that is all, and it is kept by him. What a worker has told
        before it died, and its successor tells again, is kept once.
        """
        if self._decide is not None:
            return self._decide(error, event)
        which = error.stage, error.sequence, error.origin
        if which in self._put:
            return True
        if len(self._letters) >= self._letters_max:
            return False
        letter = DeadLetter(error.sequence, error.machine, event, error, retries, error.stage)
        if self.keep is not None:
            self.keep(letter)
        forget_locals(error)
        self._letters.append(letter)
        self._put.add(which)
        return True

    def halt(self, error: BaseException) -> None:
        """The engine stands still because of this."""
        self._traceback = error.__traceback__
        self.halted_by = error

    def check(self) -> None:
        """Raise what has halted the engine; each time as if it were the first."""
        if self.halted_by is not None:
            raise self.halted_by.with_traceback(self._traceback)


def check_options(
    on_error: Any, on_full: Any, dead_letters: Any, keep_outputs: Any, letters_max: Any
) -> None:
    """Raise UsageError for what an engine cannot be made with."""
    if on_error not in ("halt", "dead_letter") and not callable(on_error):
        raise UsageError(f"on_error must be 'halt', 'dead_letter' or a function, not {on_error!r}")
    if on_full not in ("block", "drop", "error"):
        raise UsageError(f"on_full must be 'block', 'drop' or 'error', not {on_full!r}")
    if dead_letters is not None and on_error != "dead_letter":
        raise UsageError("dead_letters is where they are kept: it needs on_error='dead_letter'")
    for what, count in (("keep_outputs", keep_outputs), ("dead_letters_max", letters_max)):
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise UsageError(f"{what} must be an integer of 0 or more, not {count!r}")


def forget_locals(error: BaseException) -> None:
    """Keep where it happened, and not the variables there: each would keep a state alive."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            traceback.clear_frames(one.__traceback__)
            waiting += [one.__cause__, one.__context__]
