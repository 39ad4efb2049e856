"""The line of an engine: its rings and stages, one behind the other.

    input ring -> first machine -> ring -> next machine -> ... -> output ring -> outputs, consumers

Whoever moves outputs on is here; who may publish, call and close is the engine's business.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.compose import Pipeline, Topology, lay_out
from headrace.errors import RingClosed, StepError
from headrace.events import record_dtype
from headrace.journal.states import Classes, known_classes
from headrace.machine import Machine
from headrace.metrics import Board
from headrace.replay import Fold
from headrace.ringbuffer import Ring, WaitStrategy
from headrace.runtime.answers import Answers
from headrace.runtime.backlog import Backlog
from headrace.runtime.boards import make_board
from headrace.runtime.calls import Calls
from headrace.runtime.deadline import Deadline
from headrace.runtime.keeper import Cut, StageCut
from headrace.runtime.outlet import Outlet, evict_the_dead
from headrace.runtime.progress import Progress
from headrace.runtime.sources import RingSource
from headrace.runtime.stage import Hooks, Records, Stage

_REST_SECONDS = 0.0002


class Line:
    """Rings and stages for some machines, not started yet.

    `fold`: the machines as recovery left them, to go on from. `wait_safe(end)`: returns when
    outputs of inputs before `end` may leave; raises if they never may. Raises MachineError,
    CapacityError, UsageError.
    """

    def __init__(
        self,
        fold: Fold,
        *,
        capacity: int,
        wait: WaitStrategy | None,
        name: str | None,
        keep_outputs: int,
        on_failure: Callable[[StepError, Records], bool],
        on_crash: Callable[[BaseException], None],
        progress: Progress,
        calls: Calls,
        answers: Answers,
    ) -> None:
        self.stages: list[Stage] = []
        self.rings: list[Ring] = []
        self.backlog: Backlog | None = None
        self.wait_safe: Callable[[int], None] | None = None
        self.on_outputs: Callable[[], None] | None = None  # outputs are published, or going to be
        self.closing = False
        self.output_dtype: np.dtype[Any] = np.dtype([])  # of the last machine's records, if any
        self._name = name
        self._layout = lay_out(fold.machine)
        self._board: Board | None = None
        self._calls = calls
        self._answers = answers
        self._outlets: dict[Stage, Outlet] = {}
        self._classes: list[Classes] = []
        self._progress = progress
        self._hooks = Hooks(on_failure, on_crash, self._made, self._emit, progress.moved)
        try:
            self._build(fold, capacity, wait, name, keep_outputs)
        except BaseException:
            for ring in self.rings:
                ring.close()
            raise

    def _build(
        self,
        fold: Fold,
        capacity: int,
        wait: WaitStrategy | None,
        name: str | None,
        keep_outputs: int,
    ) -> None:
        machines = fold.machines
        ring = self._ring(machines[0].event, capacity, name, fold.sequences[0], timestamps=True)
        self.producer = ring.producer()
        for index, each in enumerate(machines):
            source = RingSource(ring, each, each.name, wait)
            stage = Stage(each, ring, self._hooks, fold.steppers[index], fold.made[index], source)
            stage.last_output = fold.last_output
            self.stages.append(stage)
            if each.output is None:
                break
            last = index == len(machines) - 1
            suffix = "out" if last else str(index + 1)
            dtype, named = record_dtype(each.output), name and f"{name}.{suffix}"
            ring = self._ring(dtype, capacity, named, fold.made[index], timestamps=False)
            stage.output_ring = ring
            if last:
                self.output_dtype = dtype
            if last and keep_outputs:
                self.backlog = Backlog(ring, keep_outputs)
            self._outlets[stage] = Outlet(ring, self.backlog)

    def _ring(
        self,
        dtype: np.dtype[Any],
        capacity: int,
        name: str | None,
        first_sequence: int,
        *,
        timestamps: bool,
    ) -> Ring:
        ring = Ring.create(
            dtype, capacity, name, timestamps=timestamps, first_sequence=first_sequence
        )
        self.rings.append(ring)
        return ring

    def start(self) -> None:
        if self._name is not None:
            self._board = make_board(self._name, self._layout, self.rings, self.stages)
        for stage in self.stages:
            stage.start()

    def give_up(self) -> None:
        """The engine is halted; stages here find that out by themselves."""

    def abandon(self) -> None:
        """It could not be started: nobody is to wait for it."""
        for ring in self.rings:
            ring.end()
            ring.close()
        if self._board is not None:
            self._board.close()

    def count_dropped(self, count: int) -> None:
        """Events were left out at the edge."""
        if self.stages[0].gauge is not None:
            self.stages[0].gauge.dropped(count)

    @property
    def machines(self) -> list[Machine]:
        return [stage.machine for stage in self.stages]

    # What the stages call, from their threads.

    def _made(self, stage: Stage, records: Records) -> None:
        """Outputs were made; the stage holds its lock."""
        if stage is self.stages[-1] and self._answers:
            self._answers.collect(records)

    def _emit(self, stage: Stage, records: Records) -> None:
        if stage is self.stages[-1]:
            if self.wait_safe is not None:
                self.wait_safe(int(records["origin"][-1]) + 1)
            if self._calls:
                called = self._calls.collect(records)
                if self.backlog is not None:
                    self.backlog.leave_out(called)
            if self.on_outputs is not None:
                self.on_outputs()  # there may be more than the ring holds
        self._outlets[stage].emit(records, lambda: self._reader_is_gone(stage))
        if stage is self.stages[-1] and self.on_outputs is not None:
            self.on_outputs()

    def _reader_is_gone(self, stage: Stage) -> bool:
        behind = self.stages[self.stages.index(stage) + 1 :]
        if behind:
            return behind[0].stopped
        if self.closing and stage.output_ring is not None:
            evict_the_dead(stage.output_ring)
        return False

    # From any thread.

    @property
    def stopped(self) -> bool:
        """Whether nothing more will come out."""
        return self.stages[-1].stopped

    @property
    def output_ring(self) -> Ring | None:
        """The ring of what comes out."""
        return self.stages[-1].output_ring

    @property
    def done(self) -> int:
        """How many inputs are stepped over by the first machine."""
        return self.stages[0].done

    def state_as(self, machine: Machine | Topology) -> Any:
        """Copies of the states, in the form that `Engine.state` has them."""
        states = tuple(stage.state() for stage in self.stages)
        return states if isinstance(machine, Pipeline) else states[0]

    def wait_moved(self, seconds: float, over: Callable[[], bool]) -> None:
        """Sleep until a stage moves on, `seconds` at most, unless it is `over` already."""
        self._progress.wait(seconds, over)

    def wait_for_outputs(self, seconds: float) -> None:
        """Sleep until there may be more outputs, `seconds` at most."""
        ring = self.rings[-1]
        seen = ring.cursor
        self._progress.wait(seconds, lambda: ring.cursor != seen)

    def through(self, end: int) -> bool:
        """Whether every stage is through with all that descends from inputs below `end`."""
        for stage in self.stages:
            if stage.done < end:
                return False
            if stage.output_ring is not None:
                end = stage.output_ring.cursor
        return True

    def begin_rolling(self) -> None:
        """From here on outputs are digested."""
        self.stages[-1].end_rolling(self.stages[0].at)

    def digest_each(self, every: int, on_digest: Callable[[Cut], None]) -> None:
        """Have a cut taken after every so many inputs, of a single machine."""
        if len(self.stages) == 1:
            self.stages[0].digest_every = every
            self.stages[0].on_digest = lambda: on_digest(self.cut_here())

    def take_cut(self, deadline: Deadline) -> Cut | None:
        """The states of all machines before one input; None: they did not come to rest in time."""
        first = self.stages[0]
        with first.lock:
            while len(self.stages) > 1 and not self._at_rest():
                if deadline.over() or any(stage.stopped for stage in self.stages):
                    return None
                time.sleep(_REST_SECONDS)
            return self.cut_here()

    def cut_here(self) -> Cut:
        """The same, while the first stage's lock is held and the ones behind it are at rest."""
        if not self._classes:
            self._classes = [known_classes(stage.machine) for stage in self.stages]
        at = self.stages[0].at
        parts = [
            StageCut(
                stage.machine.name,
                stage.machine.version,
                stage.at,
                stage.made,
                stage.stepper.checkpointed(),
                classes,
            )
            for stage, classes in zip(self.stages, self._classes, strict=True)
        ]
        last = self.stages[-1]
        since, rolling = last.end_rolling(at)
        return Cut(at, parts, since, rolling, self._answers.before(at), last.last_output)

    def _at_rest(self) -> bool:
        """Whether the stages behind the first, which stands still, are through with all it made."""
        end = self.stages[0].made
        for stage in self.stages[1:]:
            if stage.ring.cursor != end or stage.done != end:
                return False
            end = stage.made
        return True

    def leave_rings(self) -> None:
        """Consumers that others made of the rings keep them until they have read all there is."""
        self.producer.close()
        for stage in self.stages:
            stage.leave()
        for outlet in self._outlets.values():
            outlet.close()
        if self._board is not None:
            self._board.close()
        for ring in self.rings:
            with contextlib.suppress(RingClosed):  # somebody has closed it, and thus its name
                ring.unlink()
