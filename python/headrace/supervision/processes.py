"""Children that are processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.util  # first: at the end of the interpreter it waits for all processes,
import os  # which trees must have stopped by then, and what is imported first ends last
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from headrace.errors import UsageError
from headrace.supervision.exits import KILLED, NORMAL, SHUTDOWN, Exit
from headrace.supervision.running import Ending, OnExit, name_of_function

METHODS = ("spawn", "fork")
ASKED_CODE = 128 + signal.SIGTERM  # what a shell says of a command that SIGTERM has ended
# An exit code that another thread has taken is written down a moment later; one that the system
# has thrown away, as SIGCHLD is ignored, never.
REAPED_S = 0.001
REAPED_TRIES = 500


def process(
    function: Callable[..., Any], *args: Any, method: str = "spawn", name: str | None = None
) -> Callable[..., ProcessRunning]:
    """A `start` for a Child: run `function(*args)` in a process of its own.

    It ends normally by returning. SIGTERM asks it to stop: SystemExit is raised in it, unless the
    function handles the signal otherwise; SIGKILL kills it. It ignores SIGINT: a Ctrl-C in the
    terminal reaches the supervisor, and that stops its children in order. `method`: "spawn" (the
    function must be importable, the arguments are pickled) or "fork" (a copy of this process, whose
    other threads are missing in it). Arguments of `start_child` come behind `args`. Raises
    UsageError.
    """
    if method not in METHODS:
        raise UsageError(f"method is {method!r}; give one of {', '.join(map(repr, METHODS))}")
    return lambda *more: ProcessRunning(function, (*args, *more), method, name)


class ProcessRunning:
    """A function that runs in a process; made by `process`. `pid`: its number."""

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], method: str, name: str | None
    ) -> None:
        self.name = name or name_of_function(function)
        context: Any = multiprocessing.get_context(method)
        self._process = context.Process(target=_run, args=(function, args), name=self.name)
        self._process.start()
        self.pid: int = self._process.pid
        self._asked = False
        self._ending = Ending()
        self._handle = -1  # names this process, also when its pid has gone to another one
        with contextlib.suppress(ProcessLookupError):
            self._handle = os.pidfd_open(self.pid)
        self._lock = threading.Lock()
        watch = threading.Thread(target=self._watch, name=f"{self.name} (watch)", daemon=True)
        watch.start()

    def _watch(self) -> None:
        """Wait until it has ended, without polling, and say how."""
        code: int | None = None
        with contextlib.suppress(ChildProcessError):  # another thread was first to take the code
            told = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            assert told is not None
            code = told.si_status if told.si_code == os.CLD_EXITED else -told.si_status
        with self._lock:
            if self._handle >= 0:
                os.close(self._handle)
            self._handle = -1
        self._process.join()
        for _ in range(REAPED_TRIES):
            if code is None and (code := self._process.exitcode) is None:
                time.sleep(REAPED_S)
        self._ending.ended(exit_of_code(code, self._asked))

    def _signal(self, number: int) -> None:
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self._handle >= 0:
                signal.pidfd_send_signal(self._handle, number)

    def on_exit(self, callback: OnExit) -> None:
        """Call back once the process is gone."""
        self._ending.on_exit(callback)

    def ask_to_stop(self) -> None:
        """Send it SIGTERM."""
        self._asked = True
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self._signal(signal.SIGKILL)


def exit_of_code(code: int | None, asked: bool) -> Exit:
    """The exit of a process with that exit code; negative: by that signal; None: unknown."""
    if code is None:
        return SHUTDOWN if asked else Exit("error", "exit code unknown; is SIGCHLD ignored?")
    if asked and code in (0, ASKED_CODE, -signal.SIGTERM):
        return SHUTDOWN
    if code == 0:
        return NORMAL
    if code > 0:
        return Exit("error", f"exit code {code}")
    try:
        name = signal.Signals(-code).name
    except ValueError:  # real-time signals have no names
        name = str(-code)
    return Exit(KILLED.kind if -code == signal.SIGKILL else "error", f"signal {name}")


def _asked_to_stop(*_: Any) -> None:
    raise SystemExit(ASKED_CODE)


def _run(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """What runs in the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _asked_to_stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    function(*args)
