"""Children that are threads of this process, and things that somebody opens and closes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from headrace.supervision.exits import NORMAL, SHUTDOWN, Exit, exit_of
from headrace.supervision.running import Ending, OnExit, name_of_function


def thread(
    function: Callable[..., Any], *args: Any, name: str | None = None
) -> Callable[..., ThreadRunning]:
    """A `start` for a Child: run `function(stop, *args)` in a thread.

    `stop`: a threading.Event; when it is set, the function is to return soon. It ends normally by
    returning, abnormally by raising. A thread cannot be killed: a supervisor that would kill it
    gives it up, and tells its name in the log; it goes on beside its successor until it returns, or
    the process ends. Arguments of `start_child` come behind `args`.
    """
    return lambda *more: ThreadRunning(function, (*args, *more), name)


class ThreadRunning:
    """A function that runs in a thread; made by `thread`."""

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], name: str | None
    ) -> None:
        self._function = function
        self._args = args
        self._stop = threading.Event()
        self._ending = Ending()
        self.name = name or name_of_function(function)
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._function(self._stop, *self._args)
        except SystemExit as error:
            code = error.code or 0
            ended = NORMAL if code == 0 else Exit("error", f"SystemExit: {code}", error)
        except BaseException as error:
            ended = exit_of(error)
        else:
            ended = SHUTDOWN if self._stop.is_set() else NORMAL
        self._ending.ended(ended)

    def on_exit(self, callback: OnExit) -> None:
        """Call back once it has returned, raised, or been given up."""
        self._ending.on_exit(callback)

    def ask_to_stop(self) -> None:
        """Set its Event."""
        self._stop.set()

    def kill(self) -> None:
        """Give it up: nothing can kill a thread."""
        self._stop.set()
        self._ending.ended(
            Exit("killed", f"thread {self.name!r} cannot be killed; given up, it may still run")
        )


def closing(
    make: Callable[..., Any],
    *args: Any,
    wait: Callable[[Any], Any] | None = None,
    name: str | None = None,
) -> Callable[..., ClosingRunning]:
    """A `start` for a Child: something that `make(*args)` opens and that has close(): an Engine.

    To stop it, its close() is called, in a thread. `wait(it)`: a function that returns, or raises,
    when it has ended by itself, called in a thread; it is closed then, too. None: it never does. It
    cannot be killed: see `thread`. Arguments of `start_child` come behind `args`.
    """
    return lambda *more: ClosingRunning(make(*args, *more), wait, name or name_of_function(make))


class ClosingRunning:
    """Something open; made by `closing`. `value`: it."""

    def __init__(self, value: Any, wait: Callable[[Any], Any] | None, name: str) -> None:
        self.value = value
        self.name = name
        self._ending = Ending()
        self._asked = threading.Event()
        if wait is not None:
            self._in_thread(self._wait, wait)

    def _in_thread(self, function: Callable[..., Any], *args: Any) -> None:
        threading.Thread(target=function, args=args, name=self.name, daemon=True).start()

    def _wait(self, wait: Callable[[Any], Any]) -> None:
        try:
            wait(self.value)
        except BaseException as error:
            ended = exit_of(error)
        else:
            ended = NORMAL
        if not self._asked.is_set():  # else it is through when close() is
            with contextlib.suppress(BaseException):  # what has ended it, is told
                self.value.close()
            self._ending.ended(ended)

    def _close(self) -> None:
        try:
            self.value.close()
        except BaseException as error:
            ended = exit_of(error)
        else:
            ended = SHUTDOWN
        self._ending.ended(ended)

    def on_exit(self, callback: OnExit) -> None:
        """Call back once it is closed, has ended by itself, or been given up."""
        self._ending.on_exit(callback)

    def ask_to_stop(self) -> None:
        """Close it."""
        if not self._asked.is_set():
            self._asked.set()
            self._in_thread(self._close)

    def kill(self) -> None:
        """Give it up, and close it all the same."""
        self.ask_to_stop()
        self._ending.ended(Exit("killed", f"{self.name!r} cannot be killed; given up, not closed"))
