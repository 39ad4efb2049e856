"""The worker processes of an engine, seen from the engine: started, heard, and started again.

One thread waits for what all workers say and for their ends. They are the children of a supervision
tree: a worker that dies is followed by another one, which takes its place in the rings; it goes on
with the first event that was not let go of, and what is out already is not put out again. An event
at which workers die again and again is poison: the next one is told, and does not step over it.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing.connection import wait
from typing import Any

import numpy as np

from headrace.errors import (
    HeadraceError,
    StartFailed,
    StepError,
    WorkerDied,
)
from headrace.ringbuffer import liveness
from headrace.runtime import messages
from headrace.runtime.pauses import PauseWatch
from headrace.runtime.poison import PoisonWatch
from headrace.runtime.process import keep_to_this_process
from headrace.runtime.remote import RemoteStage, WorkerRun
from headrace.runtime.setup import Setup
from headrace.runtime.worker_main import run_worker
from headrace.supervision import Child, Supervisor
from headrace.supervision.exits import NORMAL, Exit
from headrace.supervision.live import Tree

log = logging.getLogger("headrace.runtime")

INTENSITY, PERIOD_SECONDS = 10, 5.0  # restarts of all workers together, if nothing else is said
POISON_RETRIES = 3
_LOOK_SECONDS = 0.05

OnFailure = Callable[[StepError, Any], bool]


class Overseer:
    """Hears the workers of an engine, whose supervisor starts them, and starts them again.

    Of `setup` it takes how processes start, how often they may be started again, and for how long
    they may be paused.
    """

    def __init__(
        self,
        setup: Setup,
        on_failure: OnFailure,
        on_crash: Callable[[BaseException], None],
        moved: Callable[[], None],
    ) -> None:
        self._context: Any = multiprocessing.get_context(setup.start_method)
        self._given = setup.supervisor or Supervisor("one_for_one", (), INTENSITY, PERIOD_SECONDS)
        self._on_failure = on_failure
        self._on_crash = on_crash
        self._moved = moved
        self.tend: Callable[[], object] = _nothing  # what else is to be done now and then
        self._last_dead: tuple[RemoteStage, WorkerRun] | None = None
        self._stages: list[RemoteStage] = []
        self._poison = PoisonWatch(POISON_RETRIES)
        self._pauses = PauseWatch(setup.paused_max)
        self._tree: Tree | None = None
        self._closing = False
        self._heard, self._bell = multiprocessing.Pipe(duplex=False)  # there is more to watch
        self._thread = threading.Thread(target=self._run, name="headrace-overseer", daemon=True)

    def add(self, stage: RemoteStage) -> None:
        self._stages.append(stage)
        stage.heard_by = self._thread

    @property
    def tree(self) -> Tree | None:
        """The supervision tree of the workers."""
        return self._tree

    def start(self) -> None:
        """Start all workers, who is fed before who feeds. Raises StartFailed, MachineError."""
        children = [
            Child(stage.name, partial(self._launch, stage), "transient", shutdown=1.0)
            for stage in reversed(self._stages)
        ]
        given = self._given
        supervisor = Supervisor(
            given.strategy, children, given.intensity, given.period, name="headrace-workers"
        )
        self._thread.start()
        try:
            self._tree = supervisor.run()
        except StartFailed as error:
            if isinstance(error.__cause__, HeadraceError):
                raise error.__cause__ from None
            raise
        self._tree.on_exit(self._tree_ended)

    def give_up(self) -> None:
        """Stop all workers, whatever they do; does not block."""
        if self._tree is not None:
            self._tree.ask_to_stop()

    def _launch(self, stage: RemoteStage) -> WorkerRun:
        """Start a process for a stage. Raises MachineError if its machine cannot be sent there."""
        if stage.gauge is not None and stage.restarts:
            stage.gauge.restarting()
        spec = replace(
            stage.spec_now(), poison=stage.poison, careful=self._poison.deaths(stage.name) > 0
        )
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=run_worker,
            args=(spec, theirs, liveness.myself()),
            name=f"headrace-{stage.name}",
            daemon=True,
        )
        process.start()
        keep_to_this_process(process)
        theirs.close()
        stage.run = WorkerRun(stage.name, process, ours)
        stage.launched()
        self._bell.send_bytes(b"!")
        return stage.run

    def close(self) -> None:
        """All stages have ended; let go of their processes."""
        if self._tree is not None:
            self._tree.stop()
        self._closing = True
        if self._thread.is_alive():
            self._bell.send_bytes(b"!")
            self._thread.join()
        self._bell.close()
        self._heard.close()
        for stage in self._stages:
            stage.close()

    def _run(self) -> None:
        while not self._closing:
            watched: dict[Any, RemoteStage] = {}
            for stage in self._stages:
                run = stage.run
                if run is not stage.told and not stage.stopped and stage.readers_gone():
                    stage.told = run
                    stage.send(messages.ReadersGone())
                if run is not None and run is not stage.finished:
                    watched[run.pipe] = stage
                    watched[run.process.sentinel] = stage
            ready = wait([self._heard, *watched], _LOOK_SECONDS)
            if self._heard in ready:
                self._heard.recv_bytes()
            for stage in {watched[one] for one in ready if one in watched}:
                self._hear(stage)
            self._pauses.look(self._stages, time.monotonic())
            self._tend_or_halt()

    def _tend_or_halt(self) -> None:
        try:
            self.tend()
        except BaseException as error:
            self.tend = _nothing
            self._on_crash(error)

    def _hear(self, stage: RemoteStage) -> None:
        """Take all that a worker has said, and then its end, if it has come."""
        run = stage.run
        assert run is not None
        dead = not run.process.is_alive()  # before: what it said is in the pipe
        try:
            while run.pipe.poll(0):
                self._take(stage, messages.decode_from_worker(run.pipe.recv_bytes()))
        except (OSError, EOFError):
            run.process.join(1.0)
            dead = not run.process.is_alive()
        if dead:
            stage.finished = run
            if stage.stopped:
                run.ending.ended(NORMAL)
            else:
                self._died(stage, run)

    def _take(self, stage: RemoteStage, message: messages.FromWorker) -> None:
        if isinstance(message, messages.Failed):
            stage.send(messages.Decision(self._decide(stage, message)))
        elif isinstance(message, messages.State):
            stage.answered(message)
        elif isinstance(message, messages.Ended):
            stage.ended(message.state)
            self._moved()
        elif isinstance(message, messages.Crashed):
            if stage.run is not None:
                stage.run.crash = f" ({message.text})"
            log.error(
                "stage %s crashed: %s", stage.name, message.text,
                extra={"stage": stage.name, "pid": stage.pid, "traceback": message.traceback},
            )  # fmt: skip
        elif not isinstance(message, messages.Started):
            stage.heard(message)
        else:
            if stage.run is not None:
                stage.run.steps = True
            log.info(
                "stage %s runs from event %d on, with %s", stage.name, message.sequence,
                message.origin, extra={"stage": stage.name, "pid": stage.pid,
                "sequence": message.sequence, "state_from": message.origin},
            )  # fmt: skip

    def _decide(self, stage: RemoteStage, told: messages.Failed) -> bool:
        event = np.frombuffer(told.event, stage.machine.event).copy()
        names = stage.machine.event.names
        row = event[0].tolist()
        fields = dict(zip(names, row, strict=True)) if names else {"value": row}
        try:
            go_on = self._on_failure(messages.step_error(told, fields), event)
            if go_on and told.deaths:  # whoever comes next must not die of it while it recovers
                passed_over = stage.spec.passed_over
                passed_over.add(stage.state_name, told.sequence, told.event, told.deaths)
            return go_on
        except BaseException as error:  # a user's function that decides
            self._on_crash(error)
            return False

    def _died(self, stage: RemoteStage, run: WorkerRun) -> None:
        """A worker has died; its supervisor is told, and will start another one, or give up."""
        code, sequence = run.process.exitcode, stage.done
        stage.restarts += 1
        if not run.stopping:
            self._last_dead = stage, run
        self._poison.moved(stage.name, sequence)
        # Who did not step yet, or was not stepping, did not die of the next event.
        stepped = run.steps and stage.stepping and not (run.stopping or run.killed)
        if stepped and self._poison.died(stage.name, sequence):
            stage.poison[sequence] = self._poison.deaths(stage.name)
        log.warning(
            "the worker of stage %s (process %s) ended with exit code %s at event %d", stage.name,
            run.process.pid, code, sequence, extra={"stage": stage.name, "pid": run.process.pid,
            "exit_code": code, "sequence": sequence},
        )  # fmt: skip
        stage.lost()
        stage.let_go(run)
        detail = f"exit code {code} at event {sequence:,}{run.crash}"
        run.ending.ended(Exit("killed" if code is not None and code < 0 else "error", detail))

    def _what_to_do(self, run: WorkerRun) -> str:
        method = self._context.get_start_method()
        if run.steps or run.crash or method == "fork":
            return "hr.Engine(supervisor=hr.Supervisor(...)) says how often it may"
        return (
            "it never began to run, and what it has printed says why. With start_method="
            f"{method!r} each worker imports the main module: that must be a file, and what makes "
            "engines in it must stand below if __name__ == '__main__':"
        )

    def _tree_ended(self, reason: Exit) -> None:
        """The supervisor has stopped, or given up: whoever has not ended by then never will."""
        gone = [stage for stage in self._stages if not stage.stopped]
        if gone and reason.detail and self._last_dead is not None:
            stage, run = self._last_dead
            error = WorkerDied(
                f"stage {stage.name!r} has lost its worker too often: {reason.detail}; "
                + self._what_to_do(run),
                stage.name,
                run.process.exitcode,
            )
            log.error("%s", error, extra={"stage": stage.name})
            self._on_crash(error)
        for stage in gone:
            stage.gone()
            if stage.gauge is not None:
                stage.gauge.dead()
            if stage.output_ring is not None:
                stage.output_ring.end()  # as it would have done itself
            stage.ended(None)
        self._moved()


def _nothing() -> None:
    """There is nothing else."""
