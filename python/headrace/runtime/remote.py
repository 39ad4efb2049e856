"""A stage that runs in a process of its own, as its engine knows it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from headrace.compose.layout import StageLayout
from headrace.engine.gauges import StageGauge
from headrace.errors import InternalError, StateError, UsageError, WaitTimeout
from headrace.journal.states import decode_state, known_classes
from headrace.machine import Machine
from headrace.ringbuffer import Ring, liveness
from headrace.runtime import messages
from headrace.runtime.deadline import NEVER
from headrace.runtime.settling import released
from headrace.runtime.worker import WorkerSpec
from headrace.supervision.running import Ending, OnExit


class WorkerRun:
    """One process of a stage, from its start to its end; what its supervisor knows of it."""

    def __init__(self, name: str, process: Any, pipe: Connection) -> None:
        self.name = name
        self.process = process
        self.started = liveness.start_time(process.pid) or 0
        self.pipe = pipe
        self.ending = Ending()
        self.steps = False  # it has begun to, as it has said
        self.crash = ""  # why it ends, as it has said
        self.stopping = False  # its supervisor wants it to end
        self.killed = False  # by who looks after it: it does not die of an event

    def on_exit(self, callback: OnExit) -> None:
        """Call back when it has ended."""
        self.ending.on_exit(callback)

    def ask_to_stop(self) -> None:
        """Its input has ended, or its engine gives up: it has nothing to finish."""
        self.stopping = True
        self.process.terminate()

    def kill(self) -> None:
        """End it now."""
        self.killed = True
        self.process.kill()


class RemoteStage:
    """A stage in a process of its own, as the engine knows it."""

    def __init__(
        self,
        layout: StageLayout,
        spec: WorkerSpec,
        sequence: Callable[[], int],
    ) -> None:
        self.machine: Machine = layout.machine
        self.name = layout.name
        self._layout = layout
        self.rings: list[Ring] = []  # that it reads
        self.output_ring: Ring | None = None
        self.stopped = False
        self.restarts = 0
        self.step_kind = "python"
        self.poison: dict[int, int] = {}  # events, and how many workers they have killed
        self.spec = spec
        self.run: WorkerRun | None = None
        self.finished: WorkerRun | None = None  # whose end was heard
        self.gauge: StageGauge | None = None
        self.readers_gone: Callable[[], bool] = lambda: False
        self.heard_by: threading.Thread | None = None  # the overseer's
        self.told: WorkerRun | None = None  # who was told that its readers are gone
        self._sequence = sequence
        self._asked = 0
        self._ended = threading.Event()
        self._asking = threading.Lock()
        self._answered = threading.Condition()
        self._answer: messages.State | None = None
        self._last: messages.State | None = None
        self._done: int | None = None  # once the rings are left
        self._made: int | None = None

    def start(self) -> None:
        """Its supervisor starts it."""

    def send(self, message: messages.ToWorker) -> None:
        """Say something to the worker, if it is there to hear it."""
        with contextlib.suppress(OSError):  # it is gone, which its end will tell
            if self.run is not None:
                self.run.pipe.send_bytes(messages.encode(message))

    @property
    def state_name(self) -> str:
        """What its state is called where inputs are stepped over again."""
        return self._layout.state_name

    @property
    def ring(self) -> Ring:
        """The first of those that it reads."""
        return self.rings[0]

    @property
    def has_more(self) -> bool:
        """Whether there are events that it has not let go of."""
        return any(released(ring, self._layout) < ring.cursor for ring in self.rings)

    @property
    def stepping(self) -> bool:
        """Whether it has an event in hand, and does not wait for room for what it has made."""
        full = self.output_ring is not None and not self.output_ring.remaining
        return self.has_more and not full

    @property
    def pid(self) -> int | None:
        """The process that runs it now."""
        return None if self.run is None else self.run.process.pid

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the stage's end; whether it came."""
        return self._ended.wait(timeout)

    @property
    def done(self) -> int:
        """All events of its stream below are stepped, and their outputs are out."""
        return self._sequence() if self._done is None else self._done

    @property
    def made(self) -> int:
        """Output records so far."""
        if self._made is not None:
            return self._made
        return 0 if self.output_ring is None else self.output_ring.cursor

    def leave(self) -> None:
        """Its place in the rings goes with them."""
        self._done, self._made = self.done, self.made

    @property
    def paused(self) -> bool:
        """Whether the process that runs it now is stopped."""
        run = self.run
        if run is None or self.stopped:
            return False
        return liveness.state_of(run.process.pid, run.started) == liveness.STOPPED

    def state(self, over: Callable[[], bool] = NEVER.over) -> Any:
        """A copy of the state between two batches; waits for the worker.

        Raises StateError, WaitTimeout where it is paused and the time is `over`, and UsageError in
        the thread that would hear the answer.
        """
        if threading.current_thread() is self.heard_by:
            raise UsageError(
                f"the state of stage {self.name!r}, which is in another process, cannot be had by "
                "on_error, for which that process waits"
            )
        with self._asking:
            answer = self._last or self._ask(over)
        if answer.error:
            raise StateError(f"stage {self.name!r}: {answer.error}")
        return decode_state(answer.state, known_classes(self.machine))

    def _ask(self, over: Callable[[], bool]) -> messages.State:
        """Ask until there is an answer: who is asked may die, and another one be asked.

        Each is asked once, or a paused one would find its pipe full; a late answer is an old one.
        """
        with self._answered:
            asked = None
            self._asked += 1
            self._answer = None
            while self._answer is None and self._last is None:
                if over() and self.paused:
                    raise WaitTimeout(f"stage {self.name!r}: its worker is paused")
                if self.stopped:
                    raise StateError(f"stage {self.name!r}: its worker is gone, and its state")
                if self.run is not asked:
                    asked = self.run
                    self.send(messages.GiveState(self._asked))
                self._answered.wait(0.2)
            answer = self._last or self._answer
            assert answer is not None
            return answer

    # What the overseer asks and tells.

    def spec_now(self) -> WorkerSpec:
        """What a process begins with that takes the place now."""
        return self.spec

    def launched(self) -> None:
        """The process is there, and can be told something."""

    def lost(self) -> None:
        """The process has died."""

    def let_go(self, run: WorkerRun) -> None:
        """Close the pipe to a process that has ended."""
        run.pipe.close()

    def close(self) -> None:
        """Let go of the last process, which has ended."""
        if self.run is not None:
            self.run.pipe.close()

    def heard(self, message: messages.FromWorker) -> None:
        """The worker has said something that only some stages say."""
        raise InternalError(f"stage {self.name!r} said {message}")

    def gone(self) -> None:
        """Nobody will ever take the place."""

    def answered(self, state: messages.State) -> None:
        with self._answered:
            if state.number == self._asked:
                self._answer = state
                self._answered.notify_all()

    def ended(self, last: messages.State | None) -> None:
        with self._answered:
            self._last = last
            self.stopped = True
            self._answered.notify_all()
        self._ended.set()
