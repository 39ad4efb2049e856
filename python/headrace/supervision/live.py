"""A supervision tree that runs, as its user sees it: its children, its end, and requests."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from headrace.errors import (
    ForkedHandle,
    InternalError,
    StartFailed,
    SupervisorFailed,
    UsageError,
    WaitTimeout,
)
from headrace.supervision.exits import Exit
from headrace.supervision.info import ChildInfo, Count, count_of, infos_of
from headrace.supervision.loop import Loop
from headrace.supervision.messages import (
    Answer,
    Boot,
    DeleteChild,
    KillAll,
    Request,
    RestartChild,
    StartChild,
    Terminate,
    TerminateChild,
)
from headrace.supervision.refusals import check_answer
from headrace.supervision.running import Ending, OnExit
from headrace.supervision.spec import Child, Supervisor


class Tree:
    """A supervision tree that runs; made by `Supervisor.run()`.

    `with supervisor.run() as tree:` stops it at the end, also when the block raises, or by Ctrl-C;
    a second Ctrl-C kills it. If the tree has given up by then, the end of the block raises
    SupervisorFailed. A tree that nobody stops is stopped when the interpreter ends.

    For all threads but its own, in which the `start` of the children is called, and of the process
    that made it (else ForkedHandle). A child is named by its path, "a/b": child b of the supervisor
    that is child a. A tree is a `Running`, too: it can be a child of another one.
    """

    def __init__(self, spec: Supervisor) -> None:
        self.spec = spec
        self.name = spec.name
        self._pid = os.getpid()
        self._loop = Loop(spec)
        self._ending = Ending()
        self._loop.ending.on_exit(self._finished)
        atexit.register(self._at_exit)
        self._loop.thread.start()
        self._loop.put(Boot())
        try:
            down = self._loop.up.get()
        except BaseException:
            self._stop_or_kill()
            raise
        self._check_broken()
        if down is not None:
            words = f"supervisor {spec.name!r} could not start: {down.reason.detail}"
            raise StartFailed(words, down.reason) from down.reason.error

    # -- its end ---------------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> Exit:
        """Block until the tree has ended by itself, was stopped or killed; how it did.

        Raises SupervisorFailed if it has given up, WaitTimeout after `timeout` seconds.
        """
        self._join(timeout)
        self._check_broken()
        down = self._loop.core.down
        assert down is not None
        if down.why == "gave_up":
            raise SupervisorFailed(down.reason.detail, down.reason) from down.reason.error
        return down.reason

    def stop(self, timeout: float | None = None) -> None:
        """Stop all children, the last first, and block until they have ended. Twice is allowed.

        Raises WaitTimeout after `timeout` seconds; the tree goes on stopping.
        """
        self.ask_to_stop()
        self._join(timeout)

    def ask_to_stop(self) -> None:
        """Stop all children, the last first; does not block."""
        self._check_process()
        self._loop.put(Terminate())

    def kill(self) -> None:
        """Kill all children without asking; does not block."""
        self._check_process()
        self._loop.put(KillAll())

    def on_exit(self, callback: OnExit) -> None:
        """Call back once the tree has ended, from its own thread; at once if it has."""
        self._ending.on_exit(callback)

    def _check_broken(self) -> None:
        if self._loop.broken is not None:
            words = f"the supervising thread of {self.name!r} broke"
            raise InternalError(words) from self._loop.broken

    def _join(self, timeout: float | None) -> None:
        self._check_caller()
        if not self._loop.wait(timeout):
            raise WaitTimeout(f"supervisor {self.name!r} did not end in {timeout:g} s")

    def _stop_or_kill(self) -> None:
        """Stop it; if that is interrupted, kill it."""
        try:
            self.stop()
        except BaseException:
            self.kill()
            self._join(None)
            raise

    def _finished(self, reason: Exit) -> None:
        atexit.unregister(self._at_exit)
        self._ending.ended(reason)

    def _at_exit(self) -> None:
        if self._pid == os.getpid():
            self._stop_or_kill()

    def __enter__(self) -> Tree:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_or_kill()
        if error is None:
            self.wait()

    # -- its children ----------------------------------------------------------------------------

    def children(self) -> list[ChildInfo]:
        """All children, depth first, in the order of their start; none once the tree has ended."""
        found = self._in_thread(lambda: infos_of(self._loop.core, self._loop.running))
        return [] if found is None else found

    def count(self, under: str = "") -> Count:
        """How many children the supervisor at that path has. Raises ChildRefused."""
        counted: Count | None = self._in_thread(lambda: count_of(self._loop.core, under))
        if counted is None:
            answer = Answer(0, "no_supervisor" if self._loop.core.down is None else "ended")
            check_answer(answer, self.name, under)
        assert counted is not None
        return counted

    def start_child(self, child: Child, under: str = "") -> str:
        """Add a child to the supervisor at a path, behind the others, and start it; its path.

        Blocks until it is started. It lives as long as that supervisor: if that one is started
        again, it is lost. Raises ChildRefused, and StartFailed, which does not keep it.
        """
        return self._ask(lambda number: StartChild(number, under, child), under).path

    def start_instance(self, *args: Any, under: str = "") -> str:
        """Start one more child of a "simple_one_for_one" supervisor; its path.

        The template's `start` is called with `args`. Raises as `start_child` does.
        """
        return self._ask(lambda number: StartChild(number, under, args), under).path

    def terminate_child(self, path: str) -> None:
        """Stop a child, which is not started again; blocks until it has ended.

        A temporary one, or one made from a template, is forgotten. Raises ChildRefused.
        """
        self._ask(lambda number: TerminateChild(number, path), path)

    def restart_child(self, path: str) -> None:
        """Start a child that was terminated or has ended. Raises ChildRefused, StartFailed."""
        self._ask(lambda number: RestartChild(number, path), path)

    def delete_child(self, path: str) -> None:
        """Forget a child that does not run. Raises ChildRefused."""
        self._ask(lambda number: DeleteChild(number, path), path)

    def _ask(self, make: Callable[[int], Request], path: str) -> Answer:
        self._check_caller()
        given = self._loop.request(make)
        check_answer(given, self.name, path)
        return given

    def _in_thread(self, function: Callable[[], Any]) -> Any:
        """What the function returns in the supervising thread; None if that has ended."""
        self._check_caller()
        return self._loop.look_up(function)

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise ForkedHandle(
                f"supervisor {self.name!r} runs in process {self._pid}, of which this one is a copy"
            )

    def _check_caller(self) -> None:
        self._check_process()
        if threading.current_thread() is self._loop.thread:
            raise UsageError(
                f"the start of a child calls its own supervisor {self.name!r}, which waits for "
                "that start; call it from another thread"
            )
