"""Ctrl-C and SIGTERM, and a pipe whose reader has gone: how a job is stopped from outside."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import IO, Any

INTERRUPTED, TERMINATED = 130, 143  # as a shell reports an end by SIGINT and by SIGTERM


class Terminated(KeyboardInterrupt):
    """SIGTERM: stops a job as cleanly as Ctrl-C."""


@contextmanager
def terminable() -> Iterator[None]:
    """Raise Terminated in the main thread on SIGTERM; does nothing in other threads."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """The code to exit with after it."""
    return TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED


def forget(stream: IO[Any]) -> None:
    """Send what is still buffered for a stream that nobody reads nowhere, instead of failing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
