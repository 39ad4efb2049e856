"""The errors of stepping machines. `headrace.errors` shows them to users."""

from __future__ import annotations

from typing import Any

from headrace.ringbuffer.errors import HeadraceError, UsageError


class MachineError(UsageError, TypeError):
    """A machine is not defined as machines have to be."""


class OutputError(UsageError, ValueError):
    """A step returned something that is no (state, outputs), or outputs that do not fit."""


class EffectError(UsageError, ValueError):
    """A node asked for something that cannot be done."""


class QueueFull(HeadraceError):
    """More events wait in a simulated world than it may hold."""


class StaleEvent(UsageError):
    """A step kept its event and used it after the call."""


class NativeStepError(HeadraceError):
    """A native step refused an event; `code` is what it returned (negative)."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class StepError(HeadraceError):
    """A step failed; the state is that before the event. `__cause__` is the step's own error.

    `sequence`: of the event, in the ring of its machine; `origin`: of the engine's own input that
    it descends from; `time_ns`: when that was published, -1 if it is not known; `event`: its
    fields; `machine`: its name; `stage`: that of its stage, which in a shard has a number behind
    it (match.0); `deaths`: how many workers the event has killed; `partial`: output records of the
    events before it in the same batch, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        sequence: int,
        event: dict[str, Any],
        machine: str,
        partial: Any = None,
    ) -> None:
        super().__init__(message)
        self.sequence = self.origin = sequence
        self.deaths = 0
        self.time_ns = -1
        self.event = event
        self.machine = self.stage = machine
        self.partial = partial

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.origin == self.sequence else f"{text} (from input {self.origin})"
