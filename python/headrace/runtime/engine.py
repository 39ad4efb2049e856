"""The engine: machines on rings, in threads of this process.

Inputs go through a ring, in one order, to the first machine's thread; its outputs go through the
next ring to the next machine's, and so on; the last one's lie in the output ring, which others can
consume by name, and which `outputs()` reads.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np

from headrace.compose import Pipeline, stages_of
from headrace.errors import (
    EngineStopped,
    ForkedHandle,
    HeadraceError,
    RingClosed,
    StepError,
    UsageError,
    WaitTimeout,
)
from headrace.events import as_events, record_dtype
from headrace.machine import Machine
from headrace.ringbuffer import Ring, WaitStrategy
from headrace.runtime.backlog import Backlog
from headrace.runtime.calls import Calls
from headrace.runtime.deadline import Deadline, Hold
from headrace.runtime.failures import DeadLetter, Failures
from headrace.runtime.outlet import Outlet, evict_the_dead, who_is_waited_for
from headrace.runtime.progress import LOOK_SECONDS, Progress
from headrace.runtime.stage import Hooks, Records, Stage


class Engine:
    """Runs a machine, or a pipeline of machines, each single-writer in a thread of its own.

    `capacity`: events in each ring, a power of two. `step`: "python", "batch" or "native", where
    a machine has several; None takes the fastest it has. `wait`: how idle stages wait (default:
    Backoff()). `on_error`: "halt" stops at a failed step, "dead_letter" records the event and goes
    on; after `dead_letters_max` of them it halts as well. `keep_outputs`: how many unread outputs
    are kept for `outputs()`; 0 if nobody will read them. `name`: names the input ring, and with
    ".out" the output ring, for other processes.

    All methods may be called from any thread of the process that made it, not after a fork.
    Usable as a context manager; leaving it closes. Raises MachineError, CapacityError, UsageError.
    """

    def __init__(
        self,
        machine: Machine | Pipeline,
        capacity: int = 65536,
        *,
        step: str | None = None,
        wait: WaitStrategy | None = None,
        on_error: str = "halt",
        dead_letters_max: int = 1 << 16,
        keep_outputs: int = 1 << 20,
        name: str | None = None,
    ) -> None:
        if on_error not in ("halt", "dead_letter"):
            raise UsageError(f"on_error must be 'halt' or 'dead_letter', not {on_error!r}")
        for what, count in (("keep_outputs", keep_outputs), ("dead_letters_max", dead_letters_max)):
            if not isinstance(count, int) or count < 0:
                raise UsageError(f"{what} must be an integer of 0 or more, not {count!r}")
        self.machine = machine
        self._failures = Failures(dead_letters_max if on_error == "dead_letter" else 0)
        self._pid = os.getpid()
        self._calls = Calls()
        self._publishing = threading.RLock()
        self._progress = Progress()
        self._closed = False  # nothing more is taken
        self._finished = False  # all is stepped over, and the rings are left
        self._stages: list[Stage] = []
        self._rings: list[Ring] = []
        self._outlets: dict[Stage, Outlet] = {}
        self._backlog: Backlog | None = None
        try:
            self._build(machine, capacity, step, wait, name, keep_outputs)
        except BaseException:
            for ring in self._rings:
                ring.close()
            raise
        for stage in self._stages:
            stage.start()

    def _build(
        self,
        machine: Machine | Pipeline,
        capacity: int,
        step: str | None,
        wait: WaitStrategy | None,
        name: str | None,
        keep_outputs: int,
    ) -> None:
        machines = stages_of(machine)
        hooks = Hooks(self._on_failure, self._on_crash, self._emit, self._progress.moved)
        ring = self._ring(machines[0].event, capacity, name, timestamps=True)
        self._producer = ring.producer()
        for index, each in enumerate(machines):
            stage = Stage(each, ring, hooks, step=step, wait=wait)
            self._stages.append(stage)
            if each.output is None:
                break
            last = index == len(machines) - 1
            suffix = "out" if last else str(index + 1)
            ring = self._ring(
                record_dtype(each.output), capacity, name and f"{name}.{suffix}", timestamps=False
            )
            stage.output_ring = ring
            if last and keep_outputs:
                self._backlog = Backlog(ring, keep_outputs)
            self._outlets[stage] = Outlet(ring, self._backlog)

    def _ring(
        self, dtype: np.dtype[Any], capacity: int, name: str | None, *, timestamps: bool
    ) -> Ring:
        ring = Ring.create(dtype, capacity, name, timestamps=timestamps)
        self._rings.append(ring)
        return ring

    # What the stages call, from their threads.

    def _on_failure(self, stage: Stage, error: StepError, event: Records) -> bool:
        call = self._calls.get(error.origin)
        if call is not None:
            call.error = error
            return True
        if self._failures.put_aside(error, event):
            return True
        self._failures.halt(error)
        return False

    def _on_crash(self, stage: Stage, error: BaseException) -> None:
        self._failures.halt(error)

    def _emit(self, stage: Stage, records: Records) -> None:
        if self._calls and stage is self._stages[-1]:
            called = self._calls.collect(records)
            if self._backlog is not None:
                self._backlog.leave_out(called)
        self._outlets[stage].emit(records, lambda: self._reader_is_gone(stage))

    def _reader_is_gone(self, stage: Stage) -> bool:
        behind = self._stages[self._stages.index(stage) + 1 :]
        if behind:
            return behind[0].stopped
        if self._closed and stage.output_ring is not None:
            evict_the_dead(stage.output_ring)
        return False

    # What users call.

    def publish(self, events: Any, timeout: float | None = None) -> int:
        """Put `events` (an array of the first machine's event dtype, any length) into the ring.

        Returns the sequence of the first. Copies; blocks while the ring is full, `timeout` seconds
        at most (WaitTimeout, whose `.published` counts those that went in). Raises DtypeError,
        EngineStopped, OutputsUnread, and the StepError that has halted the engine.
        """
        deadline = Deadline(timeout)
        array = self._as_events(events)
        first = -1
        done = 0
        with self._hold(deadline):
            while True:
                self._check_running()
                try:
                    sequence = self._producer.publish(array[done:], min(deadline.left(), 0.1))
                    return sequence if first < 0 else first
                except WaitTimeout as error:
                    moved = getattr(error, "published", 0)
                    if moved and first < 0:
                        first = self._producer.sequence - moved
                    done += moved
                    try:
                        self._explain_standstill()
                        if deadline.over():
                            raise
                    except HeadraceError as told:
                        told.published = done  # type: ignore[attr-defined]
                        raise

    def call(self, event: Any, timeout: float | None = None) -> Records:
        """Publish one event and wait for its outputs: an array of output records, in order.

        `event`: a tuple, dict, record or array of length 1. Waits until every stage is through
        with it. An exception in a step is raised here, and the engine goes on with the state
        before the event. Raises StepError, WaitTimeout (the event stays published), DtypeError,
        EngineStopped.
        """
        deadline = Deadline(timeout)
        array = self._as_events(event)
        if len(array) != 1:
            raise UsageError(f"call takes one event, not {len(array)}; publish takes many")
        with self._hold(deadline):
            sequence = self._producer.sequence
            call = self._calls.open(sequence)
            try:
                self.publish(array, None if timeout is None else deadline.left())
            except BaseException:
                self._calls.cancel(sequence)
                raise
        try:
            if not self._wait_through(sequence + 1, deadline):
                raise WaitTimeout(
                    f"no answer to input {sequence:,} within {timeout:g} s; it is published and "
                    "will be stepped"
                )
        except BaseException:
            self._calls.leave(sequence)
            raise
        self._calls.close(sequence)
        if call.error is not None:
            raise call.error
        output = self._stages[-1].machine.output
        return call.outputs(None if output is None else record_dtype(output))

    def drain(self, timeout: float | None = None) -> None:
        """Wait until all that was published so far has gone through every stage.

        Raises WaitTimeout, OutputsUnread, EngineStopped, and the StepError that has halted it.
        """
        deadline = Deadline(timeout)
        self._check_process()
        if not self._wait_through(self._producer.sequence, deadline):
            at = [f"{stage.machine.name} at {stage.done:,}" for stage in self._stages]
            told = who_is_waited_for(self.output_ring)
            raise WaitTimeout(f"not drained within {timeout:g} s: {', '.join(at)}{told}")

    def outputs(self, follow: bool = False) -> Iterator[Records]:
        """Unread outputs of published events, in order, as arrays of output records; each once.

        Those of called events are their callers'. Ends when the outputs of all that was published
        before have been yielded; with `follow`, when the engine is closed, waiting for more until
        then. Raises UsageError if no machine here has outputs or `keep_outputs` is 0, and the
        StepError that has halted the engine, once the outputs before it are yielded.
        """
        self._check_process()
        if self._backlog is None:
            raise UsageError(
                "there are no outputs to read: the last machine has no output dtype, or the "
                "engine was made with keep_outputs=0"
            )
        return self._read_outputs(self._backlog, self._producer.sequence, follow)

    def _read_outputs(self, backlog: Backlog, end: int, follow: bool) -> Iterator[Records]:
        while True:
            over = self._stages[-1].stopped or (not follow and self._through(end))
            records = backlog.take()
            if records is not None:
                yield records
            elif over:
                self._failures.check()
                return
            else:
                self._wait_for_outputs(self._rings[-1].cursor)

    @property
    def state(self) -> Any:
        """A copy of the machine's state between two batches (a pipeline: a tuple of states)."""
        self._check_process()
        states = tuple(stage.state() for stage in self._stages)
        return states if isinstance(self.machine, Pipeline) else states[0]

    @property
    def sequence(self) -> int:
        """How many inputs the first machine has stepped over: its state is that after these."""
        return self._stages[0].done

    @property
    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Events that were passed over because their step failed, oldest first."""
        return self._failures.dead_letters

    @property
    def input_ring(self) -> Ring:
        """The ring that inputs go through; to look at, and for consumers of one's own."""
        return self._rings[0]

    @property
    def output_ring(self) -> Ring | None:
        """The ring of output records, for consumers of one's own; None without outputs."""
        return self._stages[-1].output_ring

    def close(self, timeout: float | None = None) -> None:
        """Let the stages finish what was published, then stop them. Twice is allowed.

        Unread outputs stay readable, by `outputs()` and by consumers of the output ring. Raises
        WaitTimeout if a stage does not end in time (closing again goes on with it), and the
        StepError that has halted the engine.
        """
        deadline = Deadline(timeout)
        self._check_process()
        if not self._finished:
            with self._hold(deadline):
                self._closed = True
                if self._backlog is not None:
                    self._backlog.lift_limit()
                self._rings[0].end()
            for stage in self._stages:
                while not stage.join(LOOK_SECONDS):
                    if deadline.over():
                        name = stage.machine.name
                        raise WaitTimeout(f"stage {name} did not end in {timeout:g} s")
            if self._backlog is not None:
                self._backlog.finish()
            self._leave_rings()
            self._finished = True
        self._failures.check()

    def _leave_rings(self) -> None:
        """Consumers that others made of the rings keep them until they have read all there is."""
        self._producer.close()
        for stage in self._stages:
            stage.leave()
        for outlet in self._outlets.values():
            outlet.close()
        for ring in self._rings:
            with contextlib.suppress(RingClosed):  # somebody has closed it, and thus its name
                ring.unlink()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except BaseException as failure:
            if error is None:  # an error in the block is not to be hidden by its consequence
                raise
            if failure is not error:
                error.add_note(f"while closing the engine: {failure}")

    # Waiting.

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise ForkedHandle(
                "this engine was made before a fork, and its threads are the parent's; in the "
                "child, make another one"
            )

    def _as_events(self, events: Any) -> Records:
        self._check_process()
        if self._closed:
            raise EngineStopped("this engine is closed")
        return as_events(self._stages[0].machine.event, events)

    def _check_running(self) -> None:
        self._failures.check()
        if self._closed:
            raise EngineStopped("this engine is closed")

    def _explain_standstill(self) -> None:
        if self._backlog is not None:
            self._backlog.check_room()

    def _through(self, end: int) -> bool:
        """Whether every stage is through with all that descends from inputs below `end`."""
        for stage in self._stages:
            if stage.done < end:
                return False
            if stage.output_ring is not None:
                end = stage.output_ring.cursor
        return True

    def _wait_through(self, end: int, deadline: Deadline) -> bool:
        while not self._through(end):
            self._failures.check()
            if any(stage.stopped for stage in self._stages):
                raise EngineStopped("the engine was closed meanwhile")
            self._explain_standstill()
            if deadline.over():
                return False
            self._progress.wait(min(deadline.left(), LOOK_SECONDS), lambda: self._through(end))
        return True

    def _wait_for_outputs(self, seen: int) -> None:
        self._progress.wait(LOOK_SECONDS, lambda: self._rings[-1].cursor != seen)

    def _hold(self, deadline: Deadline) -> Hold:
        return Hold(self._publishing, deadline)
