"""What a user said of how to run a topology."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.ringbuffer import WaitStrategy
from headrace.supervision import Supervisor


@dataclass(frozen=True)
class Setup:
    """The arguments of `Engine` that its rings and stages are made by; see there."""

    step: str | None
    capacity: int
    wait: WaitStrategy | None
    name: str | None
    keep_outputs: int
    start_method: str | None
    supervisor: Supervisor | None
    paused_max: float | None
