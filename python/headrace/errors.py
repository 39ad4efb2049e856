"""Every error that headrace raises on purpose, in one place.

Three families: `UsageError` is the caller's mistake, and the call changed nothing;
`EnvironmentFailure` means that the machine failed; `InternalError` is our own bug.
"""

from __future__ import annotations

from headrace.engine.errors import (
    MachineError,
    NativeStepError,
    OutputError,
    StaleEvent,
    StepError,
)
from headrace.ringbuffer.errors import (
    CapacityError,
    ClaimError,
    ConsumerError,
    CyclicDependency,
    DtypeError,
    DuplicateConsumer,
    EnvironmentFailure,
    ForkedHandle,
    HeadraceError,
    InternalError,
    ProducerError,
    RingClosed,
    RingEnded,
    RingExists,
    RingFormatError,
    RingNotFound,
    StaleView,
    UnknownConsumer,
    UsageError,
    WaitTimeout,
)

__all__ = [
    "CapacityError",
    "ClaimError",
    "ConsumerError",
    "CyclicDependency",
    "DtypeError",
    "DuplicateConsumer",
    "EngineStopped",
    "EnvironmentFailure",
    "ForkedHandle",
    "HeadraceError",
    "InputError",
    "InternalError",
    "MachineError",
    "NativeStepError",
    "OutputError",
    "OutputsUnread",
    "ProducerError",
    "RingClosed",
    "RingEnded",
    "RingExists",
    "RingFormatError",
    "RingNotFound",
    "StaleEvent",
    "StaleView",
    "StepError",
    "StepMismatch",
    "UnknownConsumer",
    "UsageError",
    "WaitTimeout",
]


class EngineStopped(UsageError):
    """The engine was closed."""


class OutputsUnread(UsageError):
    """The engine stands still because nobody reads its outputs."""


class StepMismatch(HeadraceError, AssertionError):
    """Two ways of running a machine that must agree do not; says where they part."""


class InputError(UsageError, ValueError):
    """A file of events cannot be read: which file, line and column (from 1), and why."""

    def __init__(self, file: str, line: int | None, column: str | int | None, reason: str) -> None:
        where = file
        if line is not None:
            where += f", line {line}"
        if column is not None:
            where += f", column {column}"
        super().__init__(f"{where}: {reason}")
        self.file = file
        self.line = line
        self.column = column
        self.reason = reason
