"""What is written down of a failed step: the note of a dead letter."""

from __future__ import annotations

import traceback

from headrace.errors import StepError
from headrace.journal.notes import Failed
from headrace.ringbuffer.formats import dtype_to_text
from headrace.runtime.failures import Records
from headrace.runtime.messages import WorkerError


def note_of(error: StepError, event: Records, version: str, retries: int, journal: str) -> Failed:
    """What is kept of an event whose step has failed."""
    kind, message, lines = told_of(error)
    return Failed(
        0,
        machine=error.machine,
        version=version,
        dtype=dtype_to_text(event.dtype).decode(),
        event=event.tobytes(),
        origin=error.origin,
        time_ns=error.time_ns,
        error=kind,
        message=message,
        traceback=lines,
        retries=retries,
        journal=journal,
        stage=error.stage,
    )


def told_of(error: StepError) -> tuple[str, str, str]:
    """Type, message and traceback of what a step raised, as texts."""
    cause = error if error.__cause__ is None else error.__cause__
    if isinstance(cause, WorkerError):  # it was another process's
        return cause.kind, cause.text, cause.trace
    kind = type(cause)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else (f"{kind.__module__}.{kind.__qualname__}")
    )
    try:
        message = str(cause)
        lines = "".join(traceback.format_exception(cause))
    except Exception as failure:  # of the user's own __str__
        return name, f"its message cannot be made: {type(failure).__name__}", str(error)
    return name, message, lines
