"""What a live supervisor knows of a child: that it can be asked, killed, and ends once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, Protocol, runtime_checkable

from headrace.supervision.exits import Exit

OnExit = Callable[[Exit], None]


@runtime_checkable
class Running(Protocol):
    """A child that runs, whatever it is: a thread, a process, an engine, something far away.

    Its methods are called in the supervising thread and must not block: all others wait for it.
    """

    @property
    def name(self) -> str:
        """What it is called in messages."""

    def on_exit(self, callback: OnExit) -> None:
        """Call back, from any thread, once it has ended; at once if it has already.

        Called once, right behind its start.
        """

    def ask_to_stop(self) -> None:
        """Ask it to stop. It may have ended already."""

    def kill(self) -> None:
        """End it without asking. What cannot be killed calls back all the same, and says so."""


class Ignore:
    """The type of IGNORE."""

    def __repr__(self) -> str:
        return "IGNORE"


IGNORE: Final = Ignore()


class Ending:
    """The end of a child: told once, to whoever asks, before or after it. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exit: Exit | None = None
        self._callback: OnExit | None = None

    def on_exit(self, callback: OnExit) -> None:
        """Call back once it has ended; at once if it has."""
        with self._lock:
            self._callback = callback
            ended = self._exit
        if ended is not None:
            callback(ended)

    def ended(self, reason: Exit) -> bool:
        """Say that it has; whether that is news."""
        with self._lock:
            if self._exit is not None:
                return False
            self._exit = reason
            callback = self._callback
        if callback is not None:
            callback(reason)
        return True


def name_of_function(function: Callable[..., Any]) -> str:
    """What a function is called."""
    return str(getattr(function, "__name__", type(function).__name__))
