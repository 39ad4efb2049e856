"""The thread that supervises a tree: it takes what happened, one by one, and does what follows.

Whatever happens, an exit, a request, a timer, becomes an input of the core, in one queue. Children
that end put their exit into it from threads of their own, so nothing is polled: between two events
the thread sleeps.
"""

from __future__ import annotations

import heapq
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from headrace.errors import UsageError
from headrace.supervision.core import Core
from headrace.supervision.exits import KILLED, Exit, exit_of
from headrace.supervision.messages import (
    Answer,
    Ask,
    CancelTimer,
    Down,
    Effect,
    Exited,
    Failed,
    Ignored,
    Input,
    Kill,
    Report,
    Request,
    SetTimer,
    Start,
    Started,
    TimerFired,
    Up,
)
from headrace.supervision.running import IGNORE, Ending, Running
from headrace.supervision.spec import NS, Supervisor
from headrace.supervision.telling import LOG, tell

DAY_S = 86400.0  # longer times are too long for locks
# A Ctrl-C that comes just before the main thread begins to wait does not end that wait.
LOOK_S = 0.5


class Once:
    """A value that comes once, to one who waits for it.

    A wait that is interrupted leaves nothing behind, where a Condition, and with it an Event or a
    Future, may stay locked, and then lock the supervising thread.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def put(self, value: Any) -> None:
        """Give the value."""
        self._queue.put(value)

    def get(self, timeout: float | None = None) -> Any:
        """Wait for the value; raises TimeoutError after so many seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = DAY_S if end is None else max(0.0, end - time.monotonic())
            try:
                return self._queue.get(timeout=min(left, LOOK_S))
            except queue.Empty:
                if end is not None and time.monotonic() >= end:
                    raise TimeoutError from None


class Question:
    """Something to look up in the supervising thread; its answer is None if that has ended."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function
        self.answer = Once()


class Loop:
    """Supervises one tree in a thread of its own. `up`: None once all has started, or why not.

    `ended` is true, and `ending` told, when the tree has ended and nothing of it is left; `broken`:
    what has ended the thread, if it was no event of the tree.
    """

    def __init__(self, spec: Supervisor) -> None:
        self.name = spec.name
        self.core = Core(spec)
        self.running: dict[int, tuple[str, Running]] = {}
        self.up = Once()
        self.ended = False
        self.ending = Ending()
        self.broken: BaseException | None = None
        self._inbox: queue.SimpleQueue[Input | Question] = queue.SimpleQueue()
        self._timers: list[tuple[int, int]] = []  # when, which
        self._set: set[int] = set()  # those that were not cancelled
        self._answers: dict[int, Once] = {}
        self._waiters: list[Once] = []
        self._told_up = False
        self._last_request = 0
        self._lock = threading.Lock()  # of the answers, and of what comes in when it has ended
        self.thread = threading.Thread(
            target=self._supervise, name=f"supervisor {spec.name}", daemon=True
        )

    # -- for any thread --------------------------------------------------------------------------

    def put(self, given: Input) -> None:
        """Give it an input."""
        self._inbox.put(given)

    def request(self, make: Callable[[int], Request]) -> Answer:
        """The answer to a request that `make` makes with its number; blocks."""
        answer = Once()
        with self._lock:
            self._last_request += 1
            number = self._last_request
            if self.ended:
                return Answer(number, "ended")
            self._answers[number] = answer
            self._inbox.put(make(number))
        given: Answer = answer.get()
        return given

    def look_up(self, function: Callable[[], Any]) -> Any:
        """What the function returns in the supervising thread; None if that has ended; blocks."""
        question = Question(function)
        with self._lock:
            if self.ended:
                return None
            self._inbox.put(question)
        return question.answer.get()

    def wait(self, timeout: float | None) -> bool:
        """Block until it has ended; False after so many seconds."""
        waiter = Once()
        self._waiters.append(waiter)
        try:
            if not self.ended:  # else nobody tells the waiter
                waiter.get(None if timeout is None else min(timeout, DAY_S))
        except TimeoutError:
            return self.ended
        finally:
            self._waiters.remove(waiter)
        return True

    # -- the supervising thread ------------------------------------------------------------------

    def _supervise(self) -> None:
        # Processes that are started inherit this, so that a Ctrl-C does not end them out of order.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            while self.core.down is None:
                given = self._next()
                if isinstance(given, Question):
                    given.answer.put(given.function())
                else:
                    self._take(given)
        except BaseException as error:
            self.broken = error
            LOG.critical("%s: the supervising thread broke", self.name, exc_info=True)
            for _, running in reversed(self.running.values()):
                running.kill()
        self._finish()

    def _finish(self) -> None:
        with self._lock:
            self.ended = True
            for number, answer in self._answers.items():
                answer.put(Answer(number, "ended"))
            self._answers.clear()
        while not self._inbox.empty():
            given = self._inbox.get()
            if isinstance(given, Question):
                given.answer.put(None)
        down = self.core.down
        self._tell_up(down)
        ended = exit_of(self.broken) if down is None and self.broken else None
        self.ending.ended(ended or (down.reason if down else KILLED))
        for waiter in list(self._waiters):
            waiter.put(None)

    def _tell_up(self, down: Down | None) -> None:
        if not self._told_up:
            self._told_up = True
            self.up.put(down)

    def _next(self) -> Input | Question:
        """What comes next. What has happened goes before timers, which only mean: too late."""
        while True:
            try:
                return self._inbox.get_nowait()
            except queue.Empty:
                pass
            left_s = DAY_S
            if self._timers:
                left_s = (self._timers[0][0] - time.monotonic_ns()) / NS
                if left_s <= 0:
                    _, timer = heapq.heappop(self._timers)
                    if timer in self._set:
                        self._set.discard(timer)
                        return TimerFired(timer)
                    continue
            try:
                return self._inbox.get(timeout=min(left_s, DAY_S))
            except queue.Empty:
                continue

    def _take(self, given: Input) -> None:
        if isinstance(given, Exited) and self.running.pop(given.run, None) is None:
            return  # told twice
        effects = deque(self.core.handle(given, time.monotonic_ns()))
        while effects:
            answer = self._carry_out(effects.popleft())
            if answer is not None:
                effects.extend(self.core.handle(answer, time.monotonic_ns()))

    def _carry_out(self, effect: Effect) -> Input | None:
        """Do what an effect says; what comes of it at once."""
        match effect:
            case Start():
                return self._start(effect)
            case Ask(path, run):
                self._ask_child(path, run)
            case Kill(path, run):
                self._kill_child(path, run)
            case SetTimer(timer, after_ns):
                self._set.add(timer)
                heapq.heappush(self._timers, (time.monotonic_ns() + after_ns, timer))
            case CancelTimer(timer):
                self._set.discard(timer)
            case Answer():
                with self._lock:
                    waiting = self._answers.pop(effect.request, None)
                if waiting is not None:
                    waiting.put(effect)
            case Report():
                tell(self.name, effect)
            case Up(""):
                self._tell_up(None)
        return None

    def _start(self, effect: Start) -> Input:
        run = effect.run
        try:
            running = effect.child.start(*effect.args)  # type: ignore[operator]
            if running is IGNORE:
                return Ignored(run)
            if not isinstance(running, Running):
                raise UsageError(
                    f"the start of child {effect.path!r} returned {running!r}, and not a "
                    "headrace.supervision.Running: name, on_exit, ask_to_stop, kill"
                )
            running.on_exit(lambda reason: self._inbox.put(Exited(run, reason)))
        except BaseException as error:
            return Failed(run, exit_of(error))
        self.running[run] = (effect.path, running)
        return Started(run)

    def _ask_child(self, path: str, run: int) -> None:
        if run not in self.running:
            return
        try:
            self.running[run][1].ask_to_stop()
        except BaseException:
            LOG.exception("%s: child %r could not be asked to stop; killing it", self.name, path)
            self._kill_child(path, run)

    def _kill_child(self, path: str, run: int) -> None:
        if run not in self.running:
            return
        try:
            self.running[run][1].kill()
        except BaseException as error:
            LOG.exception("%s: child %r could not be killed; given up", self.name, path)
            self._inbox.put(Exited(run, Exit("killed", f"given up: {error}", error)))
