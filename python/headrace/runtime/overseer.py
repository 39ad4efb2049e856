"""The worker processes of an engine, seen from the engine: started, heard, and started again.

One thread waits for what all workers say and for their ends. A worker that dies is followed by
another one, which takes its place in the rings: it goes on with the first event that was not let
go of, and what is out already is not put out again.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from headrace.compose.layout import StageLayout
from headrace.errors import StateError, StepError, UsageError, WorkerDied
from headrace.journal.states import decode_state, known_classes
from headrace.machine import Machine
from headrace.ringbuffer import Ring, liveness
from headrace.runtime import messages
from headrace.runtime.worker import WorkerSpec, run_worker

log = logging.getLogger("headrace.runtime")

RESTARTS_MAX = 5  # of one stage ...
PERIOD_SECONDS = 5.0  # ... within so many seconds
_LOOK_SECONDS = 0.05

OnFailure = Callable[[StepError, Any], bool]


class RemoteStage:
    """A stage in a process of its own, as the engine knows it."""

    def __init__(
        self,
        layout: StageLayout,
        spec: WorkerSpec,
        overseer: Overseer,
        sequence: Callable[[], int],
    ) -> None:
        self.machine: Machine = layout.machine
        self.name = layout.name
        self.ring: Ring | None = None
        self.output_ring: Ring | None = None
        self.stopped = False
        self.restarts = 0
        self.pid: int | None = None
        self.spec = spec
        self.process: Any = None
        self.pipe: Connection | None = None
        self.deaths: deque[float] = deque(maxlen=RESTARTS_MAX)
        self._sequence = sequence
        self._overseer = overseer
        self._ended = threading.Event()
        self._asking = threading.Lock()
        self._answered = threading.Condition()
        self._answer: messages.State | None = None
        self._last: messages.State | None = None
        self._done: int | None = None  # once the rings are left
        self._made: int | None = None
        overseer.add(self)

    def start(self) -> None:
        """Start the process."""
        self._overseer.launch(self)

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

    def state(self) -> Any:
        """A copy of the state between two batches; waits for the worker. Raises StateError."""
        with self._asking:
            answer = self._last or self._ask()
        if answer.error:
            raise StateError(f"stage {self.name!r}: {answer.error}")
        return decode_state(answer.state, known_classes(self.machine))

    def _ask(self) -> messages.State:
        """Ask until there is an answer: who is asked may die, and another one be asked."""
        with self._answered:
            self._answer = None
            while self._answer is None and self._last is None:
                if self.stopped:
                    raise StateError(f"stage {self.name!r}: its worker is gone, and its state")
                self._overseer.send(self, messages.GiveState())
                self._answered.wait(0.2)
            answer = self._last or self._answer
            assert answer is not None
            return answer

    # What the overseer tells it.

    def answered(self, state: messages.State) -> None:
        with self._answered:
            self._answer = state
            self._answered.notify_all()

    def ended(self, last: messages.State | None) -> None:
        with self._answered:
            self._last = last
            self.stopped = True
            self._answered.notify_all()
        self._ended.set()


class Overseer:
    """Starts worker processes, hears them, and starts them again.

    `start_method`: "fork", "spawn", "forkserver", or None for the interpreter's default. Raises
    UsageError.
    """

    def __init__(
        self,
        start_method: str | None,
        on_failure: OnFailure,
        on_crash: Callable[[BaseException], None],
        moved: Callable[[], None],
    ) -> None:
        try:
            self._context: Any = multiprocessing.get_context(start_method)
        except ValueError:
            known = ", ".join(multiprocessing.get_all_start_methods())
            raise UsageError(
                f"start_method is {start_method!r}; this system has {known}"
            ) from None
        self._on_failure = on_failure
        self._on_crash = on_crash
        self._moved = moved
        self._stages: list[RemoteStage] = []
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="headrace-overseer", daemon=True)

    def add(self, stage: RemoteStage) -> None:
        self._stages.append(stage)

    def watch(self) -> None:
        """Begin to hear the workers."""
        self._thread.start()

    def launch(self, stage: RemoteStage) -> None:
        """Start a process for a stage. Raises UsageError if its machine cannot be sent there."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=run_worker,
            args=(stage.spec, theirs, liveness.myself()),
            name=f"headrace-{stage.name}",
            daemon=True,
        )
        process.start()
        theirs.close()
        stage.pipe, stage.process, stage.pid = ours, process, process.pid

    def send(self, stage: RemoteStage, message: messages.ToWorker) -> None:
        """Say something to a worker, if it is there to hear it."""
        try:
            if stage.pipe is not None:
                stage.pipe.send_bytes(messages.encode(message))
        except OSError:
            pass  # it is gone, which its end will tell

    def close(self) -> None:
        """All stages have ended; let go of their processes."""
        self._closing = True
        self._thread.join()
        for stage in self._stages:
            if stage.process is not None:
                stage.process.join(1.0)
                if stage.process.is_alive():
                    stage.process.kill()
                    stage.process.join()
            if stage.pipe is not None:
                stage.pipe.close()

    def _run(self) -> None:
        while not (self._closing and all(stage.stopped for stage in self._stages)):
            watched: dict[Any, RemoteStage] = {}
            for stage in self._stages:
                if not stage.stopped and stage.pipe is not None:
                    watched[stage.pipe] = stage
                    watched[stage.process.sentinel] = stage
            ready = wait(list(watched), _LOOK_SECONDS)
            for stage in {watched[one] for one in ready}:
                self._hear(stage)

    def _hear(self, stage: RemoteStage) -> None:
        """Take all that a worker has said, and then its end, if it has come."""
        assert stage.pipe is not None
        dead = not stage.process.is_alive()  # before: what it said is in the pipe
        try:
            while not stage.stopped and stage.pipe.poll(0):
                self._take(stage, messages.decode_from_worker(stage.pipe.recv_bytes()))
        except (OSError, EOFError):
            dead = True
            stage.process.join(1.0)
        if dead and not stage.stopped:
            self._died(stage)

    def _take(self, stage: RemoteStage, message: messages.FromWorker) -> None:
        if isinstance(message, messages.Failed):
            self.send(stage, messages.Decision(self._decide(stage, message)))
        elif isinstance(message, messages.State):
            stage.answered(message)
        elif isinstance(message, messages.Ended):
            stage.ended(message.state)
            self._moved()
        elif isinstance(message, messages.Crashed):
            log.error(
                "stage %s crashed: %s", stage.name, message.text,
                extra={"stage": stage.name, "pid": stage.pid, "traceback": message.traceback},
            )  # fmt: skip
        else:
            log.debug(
                "stage %s runs from event %d on", stage.name, message.sequence,
                extra={"stage": stage.name, "pid": stage.pid, "sequence": message.sequence},
            )  # fmt: skip

    def _decide(self, stage: RemoteStage, told: messages.Failed) -> bool:
        event = np.frombuffer(told.event, stage.machine.event).copy()
        names = stage.machine.event.names
        row = event[0].tolist()
        fields = dict(zip(names, row, strict=True)) if names else {"value": row}
        return self._on_failure(messages.step_error(told, fields), event)

    def _died(self, stage: RemoteStage) -> None:
        code = stage.process.exitcode
        now = time.monotonic()
        often = len(stage.deaths) == RESTARTS_MAX and now - stage.deaths[0] < PERIOD_SECONDS
        stage.deaths.append(now)
        extra = {"stage": stage.name, "pid": stage.pid, "exit_code": code, "sequence": stage.done}
        if often:
            error = WorkerDied(
                f"the worker of stage {stage.name!r} ended {RESTARTS_MAX + 1} times within "
                f"{PERIOD_SECONDS:g} s (last with exit code {code}) at event {stage.done:,}",
                stage.name,
                code,
            )
            log.error("%s", error, extra=extra)
            self._on_crash(error)
            if stage.output_ring is not None:
                stage.output_ring.end()  # as it would have done itself
            stage.ended(None)
            self._moved()
            return
        log.warning(
            "the worker of stage %s (process %s) ended with exit code %s; another one takes its "
            "place at event %d", stage.name, stage.pid, code, stage.done, extra=extra,
        )  # fmt: skip
        assert stage.pipe is not None
        stage.pipe.close()
        stage.restarts += 1
        self.launch(stage)
