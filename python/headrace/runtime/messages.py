"""What an engine and its worker processes say to each other, over a pipe each; as bytes, no pickle.

A worker tells of failed steps and waits for the decision; the engine asks for states.
"""

from __future__ import annotations

import traceback
from typing import Any

import msgspec

from headrace.errors import StepError


class Failed(msgspec.Struct, tag=True, frozen=True):
    """A step raised. The worker waits for a `Decision`."""

    message: str
    sequence: int
    origin: int
    machine: str
    event: bytes  # the event's own bytes
    kind: str  # of the error
    text: str  # of the error
    traceback: str
    time_ns: int  # when the input was published
    deaths: int  # of workers, at this event
    stage: str  # as its state is called


class Crashed(msgspec.Struct, tag=True, frozen=True):
    """The worker ends, and not because of a step."""

    text: str
    traceback: str


class Started(msgspec.Struct, tag=True, frozen=True):
    """The worker steps: its state is that before event `sequence`; where that state comes from."""

    sequence: int
    origin: str


class State(msgspec.Struct, tag=True, frozen=True):
    """The answer to `GiveState`: the state encoded, or why it cannot be; `number`: that of it."""

    state: bytes
    error: str
    number: int = 0


class Ended(msgspec.Struct, tag=True, frozen=True):
    """The worker's source has ended, or its engine has halted: its last state."""

    state: State


class GiveState(msgspec.Struct, tag=True, frozen=True):
    """The engine wants the state between two batches; the answer has the same number."""

    number: int


class Decision(msgspec.Struct, tag=True, frozen=True):
    """Whether to go on with the next event."""

    go_on: bool


class ReadersGone(msgspec.Struct, tag=True, frozen=True):
    """Who reads what the worker puts out has halted, and lets go of nothing any more."""


# Of workers of elastic stages.


class Post(msgspec.Struct, tag=True, frozen=True):
    """A message of `headrace.elastic.handover` about a partition, by its name and its numbers.

    `state`: that of the partition, with State, if events have come to it.
    """

    to: int  # a worker, or COORDINATOR
    partition: int
    kind: str
    numbers: tuple[int, ...]
    state: bytes | None = None


class Joined(msgspec.Struct, tag=True, frozen=True):
    """The worker reads on from now on."""


class CaughtUp(msgspec.Struct, tag=True, frozen=True):
    """The worker is through with what its predecessor had left."""


class Left(msgspec.Struct, tag=True, frozen=True):
    """The worker has left its place, and sleeps."""


class BreakOff(msgspec.Struct, tag=True, frozen=True):
    """The worker has failed for good."""


class CannotMove(msgspec.Struct, tag=True, frozen=True):
    """The state of a partition cannot be sent to another process; the worker halts."""

    partition: int
    error: str


class MayEnd(msgspec.Struct, tag=True, frozen=True):
    """The worker has read all there is, and waits for the answer, an `End`."""


class Loads(msgspec.Struct, tag=True, frozen=True):
    """The answer to `GiveLoads`: for how long the worker has stepped partitions that it has."""

    stepping_ns: dict[int, int]


class Begin(msgspec.Struct, tag=True, frozen=True):
    """The worker is to join."""


class Retire(msgspec.Struct, tag=True, frozen=True):
    """The worker, which owns nothing any more, is to finish what it holds, and leave."""


class Broken(msgspec.Struct, tag=True, frozen=True):
    """A worker of the stage has failed for good: nobody is to wait for it."""


class End(msgspec.Struct, tag=True, frozen=True):
    """Whether the worker is given nothing any more."""

    may: bool


class GiveLoads(msgspec.Struct, tag=True, frozen=True):
    """The engine wants to know how busy partitions are."""


FromElastic = Post | Joined | CaughtUp | Left | BreakOff | CannotMove | MayEnd | Loads
ToElastic = Post | Begin | Retire | Broken | End | GiveLoads
FromWorker = Failed | Crashed | Started | Ended | State | FromElastic
ToWorker = GiveState | Decision | ReadersGone | ToElastic

_from_worker = msgspec.msgpack.Decoder(FromWorker)
_to_worker = msgspec.msgpack.Decoder(ToWorker)
_encoder = msgspec.msgpack.Encoder()


def encode(message: FromWorker | ToWorker) -> bytes:
    """A message as bytes."""
    return _encoder.encode(message)


def decode_from_worker(data: bytes) -> FromWorker:
    """What a worker said. Raises msgspec.DecodeError."""
    message: FromWorker = _from_worker.decode(data)
    return message


def decode_to_worker(data: bytes) -> ToWorker:
    """What the engine said. Raises msgspec.DecodeError."""
    message: ToWorker = _to_worker.decode(data)
    return message


class WorkerError(Exception):
    """An exception of another process: its text, and its traceback as text."""

    def __init__(self, kind: str, text: str, trace: str) -> None:
        super().__init__(f"{kind}: {text}" if text else kind)
        self.kind, self.text, self.trace = kind, text, trace
        self.add_note(f"in the worker process:\n{trace}")


def failed(error: StepError, event: Any) -> Failed:
    """The message that tells of a failed step."""
    cause = error.__cause__ or error
    return Failed(
        Exception.__str__(error),
        error.sequence,
        error.origin,
        error.machine,
        event.tobytes(),
        type(cause).__name__,
        str(cause),
        "".join(traceback.format_exception(cause)),
        error.time_ns,
        error.deaths,
        error.stage,
    )


def step_error(told: Failed, fields: dict[str, Any]) -> StepError:
    """The error that a worker told of, as its engine raises it; `fields`: of the event."""
    error = StepError(
        told.message, sequence=told.sequence, event=fields, machine=told.machine
    )
    error.origin, error.time_ns, error.deaths = told.origin, told.time_ns, told.deaths
    error.stage = told.stage
    error.__cause__ = WorkerError(told.kind, told.text, told.traceback)
    return error
