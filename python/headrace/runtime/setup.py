"""What a user said of how to run a topology."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass

from headrace.errors import UsageError
from headrace.ringbuffer import WaitStrategy
from headrace.supervision import Supervisor


@dataclass(frozen=True)
class Setup:
    """The arguments of `Engine` that its rings and stages are made by; see there.

    Those of worker processes are checked although there may be none: who runs in threads what runs
    in processes elsewhere should hear of it at once. Raises UsageError.
    """

    step: str | None
    capacity: int
    wait: WaitStrategy | None
    name: str | None
    keep_outputs: int
    start_method: str | None
    supervisor: Supervisor | None
    paused_max: float | None

    def __post_init__(self) -> None:
        known = multiprocessing.get_all_start_methods()
        if self.start_method is not None and self.start_method not in known:
            raise UsageError(
                f"start_method is {self.start_method!r}; this system has {', '.join(known)}"
            )
        if self.supervisor is not None:
            _check_supervisor(self.supervisor)
        bound = self.paused_max
        number = isinstance(bound, (int, float)) and not isinstance(bound, bool)
        if bound is not None and not (number and bound >= 0):
            raise UsageError(
                f"paused_max is seconds that a worker may be paused, or None, not {bound!r}"
            )


def _check_supervisor(supervisor: Supervisor) -> None:
    if not isinstance(supervisor, Supervisor) or supervisor.children or supervisor.is_simple:
        raise UsageError(
            "supervisor is a hr.Supervisor without children: its strategy, intensity and period "
            f"are for the engine's workers; it was {supervisor!r}"
        )
