"""Every error that headrace raises on purpose, in one place.

Three families: `UsageError` is the caller's mistake, and the call changed nothing;
`EnvironmentFailure` means that the machine failed; `InternalError` is our own bug.
"""

from __future__ import annotations

import os
import traceback
from typing import Any

from headrace.engine.errors import (
    EffectError,
    MachineError,
    NativeStepError,
    OutputError,
    QueueFull,
    StaleEvent,
    StepError,
)
from headrace.ringbuffer.errors import (
    BoardExists,
    BoardFormatError,
    BoardNotFound,
    CapacityError,
    ClaimError,
    ConsumerError,
    CyclicDependency,
    DtypeError,
    DuplicateConsumer,
    EnvironmentFailure,
    Fenced,
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
    "BoardExists",
    "BoardFormatError",
    "BoardNotFound",
    "CapacityError",
    "ChildRefused",
    "ClaimError",
    "ConsumerError",
    "ContractBroken",
    "CyclicDependency",
    "DtypeError",
    "DuplicateConsumer",
    "EffectError",
    "EngineStopped",
    "EnvironmentFailure",
    "ExplorationFailed",
    "Fenced",
    "ForkedHandle",
    "HandshakeFailed",
    "HeadraceError",
    "HistoryGone",
    "InputError",
    "InputFull",
    "InternalError",
    "JournalDamaged",
    "JournalError",
    "JournalFailed",
    "JournalFull",
    "JournalLocked",
    "JournalMismatch",
    "JournalNotFound",
    "MachineError",
    "MessageError",
    "NativeStepError",
    "NodeFailed",
    "NotDeterministic",
    "OperationError",
    "OutputError",
    "OutputsUnread",
    "PoisonEvent",
    "ProducerError",
    "QueueFull",
    "ReplayParted",
    "RequestFailed",
    "RequestRefused",
    "RingClosed",
    "RingEnded",
    "RingExists",
    "RingFormatError",
    "RingNotFound",
    "SimulationFailed",
    "SnapshotFailed",
    "StaleCall",
    "StaleEvent",
    "StaleView",
    "StartFailed",
    "StateError",
    "StepError",
    "StepMismatch",
    "SupervisorFailed",
    "UnhandledInput",
    "UnknownConsumer",
    "UsageError",
    "WaitTimeout",
    "WireError",
    "WorkerDied",
]


class EngineStopped(UsageError):
    """The engine was closed."""


class ChildRefused(UsageError, LookupError):
    """A supervisor cannot do that with that child; `why` in one word, as Erlang/OTP says it."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


class StartFailed(HeadraceError):
    """A child of a supervisor could not be started. `__cause__` is its own error, if there is one.

    `reason`: the `headrace.supervision.Exit`.
    """

    def __init__(self, message: str, reason: Any) -> None:
        super().__init__(message)
        self.reason = reason


class SupervisorFailed(HeadraceError):
    """A supervision tree has ended by itself: too many restarts. The message says of which child.

    `reason`: the `headrace.supervision.Exit`.
    """

    def __init__(self, message: str, reason: Any) -> None:
        super().__init__(message)
        self.reason = reason


class InputFull(HeadraceError):
    """The input ring of an engine with on_full="error" is full; `published` events went in."""

    published: int = 0


class OutputsUnread(UsageError):
    """The engine stands still because nobody reads its outputs."""


class WorkerDied(EnvironmentFailure):
    """A worker process of an engine is gone, and is not started again.

    `stage`: what it ran; `exit_code`: of the process, negative for a signal.
    """

    def __init__(self, message: str, stage: str, exit_code: int | None) -> None:
        super().__init__(message)
        self.stage = stage
        self.exit_code = exit_code


class PoisonEvent(HeadraceError):
    """The cause of a StepError whose event killed its worker process each time it was stepped."""


class StepMismatch(HeadraceError, AssertionError):
    """Two ways of running a machine that must agree do not; says where they part."""


class ContractBroken(HeadraceError, AssertionError):
    """A machine and what it is a model of answer differently; says behind which commands."""


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


class StateError(UsageError, TypeError):
    """A state holds something that cannot be written down, or cannot be read back."""


class OperationError(UsageError, ValueError):
    """An operation cannot be part of a history: which (`index`, from 0), and why (`reason`)."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"operation {index}: {reason}")
        self.index = index
        self.reason = reason


class MessageError(UsageError, ValueError):
    """A value cannot be sent, or bytes that came are no message."""


class UnhandledInput(UsageError, LookupError):
    """A node got an input that it has no handler for."""


class NotDeterministic(UsageError):
    """A step depends on more than its state and its input; says where."""


class NodeFailed(HeadraceError):
    """A node's handler raised: `node`, at `time_ns`, on `taken`. `__cause__` is its own error."""

    def __init__(self, node: str, time_ns: int, taken: Any, cause: BaseException) -> None:
        what = f"{taken.kind} {taken.payload!r}" if taken.payload is not None else taken.kind
        ours = (os.path.dirname(__file__), "src/")
        frames = [
            frame
            for frame in traceback.extract_tb(cause.__traceback__)
            if not frame.filename.startswith(ours) and not frame.filename.endswith(".pyx")
        ]
        place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
        super().__init__(f"node {node!r} on {what}: {type(cause).__name__}: {cause}{place}")
        self.node = node
        self.time_ns = time_ns
        self.taken = taken


class WireError(EnvironmentFailure, ConnectionError):
    """What came over a connection is not what the two sides have agreed on; the connection ends."""

    __str__ = Exception.__str__


class HandshakeFailed(WireError):
    """One side does not let the other in: another secret, name or version; the message says."""


class RequestRefused(HeadraceError):
    """A node refuses a request, which took no effect and never will; `refused` is its reply."""

    def __init__(self, refused: Any) -> None:
        super().__init__(f"the request is refused: {refused.reason or 'no reason is given'}")
        self.refused = refused


class RequestFailed(HeadraceError):
    """A node has no handler for a request, or its handler raised; it took no effect there."""


class SimulationFailed(HeadraceError, AssertionError):
    """A property does not hold in a simulated run; the message says which, and how to see it."""


class ExplorationFailed(HeadraceError, AssertionError):
    """A property does not hold in a state that can be reached; the message says how."""


class StaleCall(UsageError):
    """A client's call has a lower number than one it has made already."""


class HistoryGone(UsageError, LookupError):
    """The sequence lies before what is kept, or behind what there is."""


class ReplayParted(HeadraceError, AssertionError):
    """A replay went another way than the journal says it had gone.

    `first`, `last`: it was right before input `first`, and is not behind input `last`.
    """

    def __init__(self, message: str, first: int, last: int) -> None:
        super().__init__(message)
        self.first = first
        self.last = last


class JournalNotFound(UsageError, FileNotFoundError):
    """There is no journal in that folder."""

    __str__ = Exception.__str__


class JournalLocked(UsageError):
    """Another process writes to the journal; the message says which."""


class JournalMismatch(UsageError):
    """The journal is of other events or of another machine, or a snapshot of another version."""


class JournalError(EnvironmentFailure):
    """Something is wrong with a journal on the disk."""


class JournalDamaged(JournalError, ValueError):
    """What was on the disk is not there any more: which `file`, at which `offset` in bytes.

    `sequence`: of the first input that cannot be read.
    """

    def __init__(self, message: str, *, file: str, offset: int, sequence: int) -> None:
        super().__init__(f"{file}, byte {offset:,}: {message}")
        self.file = file
        self.offset = offset
        self.sequence = sequence


class JournalFailed(JournalError):
    """Writing or syncing failed. The engine has stopped; open it anew to go on."""


class JournalFull(JournalFailed):
    """The disk is full. Nothing acknowledged is lost; make space and open the engine anew."""


class SnapshotFailed(JournalError):
    """A snapshot could not be written. The journal goes on without it."""
