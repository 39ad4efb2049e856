"""A supervision tree in virtual time: children that are only said to run, and no waiting.

For tests of a tree's shape: which child is started again when which one ends, and when a supervisor
gives up. Deterministic: the same calls give the same trace.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.errors import UsageError
from headrace.supervision.core import Core
from headrace.supervision.exits import KILLED, NORMAL, SHUTDOWN, Exit
from headrace.supervision.messages import (
    Answer,
    Ask,
    Boot,
    CancelTimer,
    DeleteChild,
    Down,
    Effect,
    Exited,
    Failed,
    Ignored,
    Input,
    Kill,
    KillAll,
    Report,
    RestartChild,
    SetTimer,
    Start,
    StartChild,
    Started,
    Terminate,
    TerminateChild,
    TimerFired,
    Up,
)
from headrace.supervision.spec import NS, Child, Supervisor

STARTS = ("ok", "fail", "ignore")


@dataclass(frozen=True, slots=True)
class Script:
    """How a child behaves in virtual time.

    `starts`: what becomes of its first start, its second, ...: "ok", "fail" or "ignore"; "ok" for
    all behind the last. `start_s`: seconds that a start takes. `stop_s`: seconds from being asked
    to stop until it ends; None: it does not. `stop_exit`: how it ends then. `lives`: in its first
    life, its second, ...: the seconds after which it ends by itself, and how; None: it does not.
    """

    starts: tuple[str, ...] = ()
    start_s: float = 0.0
    stop_s: float | None = 0.0
    stop_exit: Exit = SHUTDOWN
    lives: tuple[tuple[float, Exit] | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened in a tree: at `at_s` seconds, `what` ("start", "ask", "exit", ...), to whom."""

    at_s: float
    what: str
    path: str
    reason: Exit | None = None


class VirtualTree:
    """Runs a supervisor's tree in virtual time, from 0 seconds on; not for several threads.

    `scripts`: how children behave, by path, those made from a template by the template's; all
    others start, run until asked to stop, and stop at once. The `start` of a Child is not called.
    `trace`: what has happened. `down`: how the tree has ended, None while it runs. `requests`: how
    many requests were made, which is the number of the last one.
    """

    def __init__(self, spec: Supervisor, scripts: Mapping[str, Script] | None = None) -> None:
        self.core = Core(spec)
        self.trace: list[Happened] = []
        self._scripts = dict(scripts or {})
        self._now_ns = 0
        self._queue: list[tuple[int, int, Input]] = []
        self._serial = 0
        self._starts: dict[str, int] = {}
        self._running: dict[int, str] = {}
        self._scripts_of: dict[int, Script] = {}
        self._answers: dict[int, Answer] = {}
        self.requests = 0
        self._cancelled: set[int] = set()

    @property
    def now_s(self) -> float:
        """Seconds since the beginning."""
        return self._now_ns / NS

    @property
    def down(self) -> Down | None:
        """How the tree has ended; None: it has not."""
        return self.core.down

    @property
    def running(self) -> list[str]:
        """The paths of the children that run, supervisors not among them, in order of start."""
        return list(self._running.values())

    def states(self) -> dict[str, str]:
        """The state of every child, by path."""
        return {record.path: record.state for record in self.core.records()}

    # -- what a test does ------------------------------------------------------------------------

    def start(self) -> None:
        """Start the tree."""
        self._give(Boot())

    def exit(self, path: str, reason: Exit = NORMAL) -> None:
        """Let the child at `path` end by itself. Raises UsageError if there is none that runs."""
        run = next((run for run, each in self._running.items() if each == path), None)
        if run is None:
            raise UsageError(f"no child {path!r} runs; there are {', '.join(self.running)}")
        self._give(Exited(run, reason))

    def advance(self, seconds: float) -> None:
        """Let so many seconds go by, and all happen that is due in them."""
        end = self._now_ns + round(seconds * NS)
        self._until(end)
        self._now_ns = end

    def stop(self) -> None:
        """Ask the tree to stop; what takes time there happens in `advance`."""
        self._give(Terminate())

    def kill(self) -> None:
        """Kill the whole tree."""
        self._give(KillAll())

    def start_child(self, what: Child | tuple[Any, ...], under: str = "") -> Answer | None:
        """Add a child; None: there is no answer yet, as the supervisor does something else."""
        return self._ask(StartChild(self._next(), under, what))

    def terminate_child(self, path: str) -> Answer | None:
        """Stop a child."""
        return self._ask(TerminateChild(self._next(), path))

    def restart_child(self, path: str) -> Answer | None:
        """Start a child that does not run."""
        return self._ask(RestartChild(self._next(), path))

    def delete_child(self, path: str) -> Answer | None:
        """Forget a child that does not run."""
        return self._ask(DeleteChild(self._next(), path))

    def answer(self, request: int) -> Answer | None:
        """The answer to the request of that number, from 1; None: there is none yet."""
        return self._answers.get(request)

    # -- the inside ------------------------------------------------------------------------------

    def _next(self) -> int:
        self.requests += 1
        return self.requests

    def _ask(
        self, request: StartChild | TerminateChild | RestartChild | DeleteChild
    ) -> Answer | None:
        self._give(request)
        return self.answer(request.request)

    def _give(self, given: Input) -> None:
        self._later(0.0, given)
        self._until(self._now_ns)

    def _later(self, seconds: float, given: Input) -> None:
        self._serial += 1
        heapq.heappush(self._queue, (self._now_ns + round(seconds * NS), self._serial, given))

    def _until(self, end_ns: int) -> None:
        while self._queue and self._queue[0][0] <= end_ns:
            self._now_ns, _, given = heapq.heappop(self._queue)
            if isinstance(given, Exited):
                path = self._running.pop(given.run, None)
                if path is None:
                    continue  # it has ended already, another way
                self._note("exit", path, given.reason)
            elif isinstance(given, TimerFired) and given.timer in self._cancelled:
                continue
            self._carry_out(self.core.handle(given, self._now_ns))

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Start(path, run, child):
                    self._start(path, run, self._script(path, child))
                case Ask(path, run):
                    self._note("ask", path)
                    script = self._scripts_of[run]
                    if script.stop_s is not None:
                        self._later(script.stop_s, Exited(run, script.stop_exit))
                case Kill(path, run):
                    self._note("kill", path)
                    self._later(0.0, Exited(run, KILLED))
                case SetTimer(timer, after_ns):
                    self._later(after_ns / NS, TimerFired(timer))
                case CancelTimer(timer):
                    self._cancelled.add(timer)
                case Answer():
                    self._answers[effect.request] = effect
                case Up(path):
                    self._note("up", path)
                case Down(path, reason):
                    self._note("down", path, reason)
                case Report(event, path, reason):
                    if event in ("gave_up", "shutting_down"):
                        self._note(event, path, reason)

    def _start(self, path: str, run: int, script: Script) -> None:
        number = self._starts[path] = self._starts.get(path, 0) + 1
        outcome = script.starts[number - 1] if number <= len(script.starts) else "ok"
        if outcome == "fail":
            self._note("start_failed", path)
            reason = Exit("error", f"start {number} failed")
            self._later(script.start_s, Failed(run, reason))
        elif outcome == "ignore":
            self._note("ignored", path)
            self._later(script.start_s, Ignored(run))
        else:
            self._note("start", path)
            self._running[run] = path
            self._scripts_of[run] = script
            self._later(script.start_s, Started(run))
            life = script.lives[number - 1] if number <= len(script.lives) else None
            if life is not None:
                self._later(script.start_s + life[0], Exited(run, life[1]))

    def _script(self, path: str, child: Child) -> Script:
        above = path.rpartition("/")[0]
        template = f"{above}/{child.name}" if above else child.name
        return self._scripts.get(path) or self._scripts.get(template) or Script()

    def _note(self, what: str, path: str, reason: Exit | None = None) -> None:
        self.trace.append(Happened(self.now_s, what, path, reason))
