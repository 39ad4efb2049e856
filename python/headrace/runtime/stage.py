"""One stage of an engine: a machine, its thread, what it reads and the ring it writes.

A stage is the only writer of its machine's state. It polls a batch, steps over it, publishes the
outputs, and only then releases the batch and moves `done` on; so whoever sees `done` beyond an
input finds that input's outputs in the output ring.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from headrace.compose.rows import positioned
from headrace.engine import Stepper
from headrace.errors import RingClosed, StepError
from headrace.replay import poison_error
from headrace.ringbuffer import Ring
from headrace.runtime.pace import Pace
from headrace.runtime.sources import Batch, Source

if TYPE_CHECKING:
    from headrace.engine.gauges import StageGauge
    from headrace.machine import Machine

Records = np.ndarray[Any, Any]

# A batch is at most this part of the ring, so that producers fill one part while another is read.
RING_PARTS = 4


@dataclass(frozen=True)
class Hooks:
    """What a stage asks of its engine; called from the stage's thread."""

    on_failure: Callable[[StepError, Records], bool]  # whether to go on with the next event
    on_crash: Callable[[BaseException], None]  # the thread ends: not because of a step
    made: Callable[[Stage, Records], None]  # there are output records; the stage holds its lock
    emit: Callable[[Stage, Records], None]  # publish output records, however long that takes
    moved: Callable[[], None]  # some stage's `done` has changed, or a stage has stopped


def id_of(record: Any) -> tuple[int, int]:
    """The id of an output record."""
    return int(record["input_sequence"]), int(record["output_index"])


def _nothing() -> None:
    """What is to be done where nothing is."""


class Stage:
    """A machine in its own thread; started by `start`, ends when its ring has ended."""

    def __init__(
        self,
        machine: Machine,
        ring: Ring,
        hooks: Hooks,
        stepper: Stepper,
        made: int,
        source: Source,
        *,
        name: str | None = None,
        depth: int = 0,
        depth_in: int = 0,
    ) -> None:
        self.machine = machine
        self.name = name or machine.name
        self.ring = ring  # that it reads, the first of them
        self.stepper = stepper
        self.source = source
        self.done = source.sequence  # all below is stepped, and its outputs are out
        self.lock = threading.Lock()  # held while the state moves, and what belongs to it:
        self.at = self.done  # the state is that before this event
        self.made = made  # output records so far
        self.last_output = (-1, -1)  # the id of the last one
        self.digest_every: int | None = None
        self.on_digest: Callable[[], None] | None = None  # called with the lock held
        self._rolling: Any = None  # digest of the outputs since event `_since`, once it was asked
        self._since = self.at
        self.stopped = False
        self._ended = threading.Event()
        self.output_ring: Ring | None = None
        self.on_start: Callable[[], None] = _nothing  # called in the stage's thread
        self._hooks = hooks
        self.gauge: StageGauge | None = None  # where it is seen from outside
        self.gauge_begins: Callable[[], None] = _nothing
        self.poison: Mapping[int, int] = {}  # events that killed its worker, and how often
        self._pace = Pace(max(1, ring.capacity // RING_PARTS))
        self._depth, self._depth_in = depth, depth_in
        self._thread = threading.Thread(target=self.run, name=f"headrace-{self.name}", daemon=True)

    @property
    def step_kind(self) -> str:
        """ "python", "batch" or "native"."""
        return self.stepper.kind

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end; whether it came.

        Not by `Thread.join`, which takes a thread for ended when an interrupt ends the waiting.
        """
        if not self._ended.wait(timeout):
            return False
        self._thread.join()
        return True

    def leave(self) -> None:
        """Leave the ring; after the thread's end."""
        self.source.close()

    def end_rolling(self, at: int) -> tuple[int, int]:
        """Since which input outputs are digested, and the digest; it begins anew at input `at`."""
        since, rolling = self._since, self._rolling
        self._since, self._rolling = at, xxhash.xxh3_64()
        return (at, self._rolling.intdigest()) if rolling is None else (since, rolling.intdigest())

    def state(self) -> Any:
        """A copy of the state between two batches."""
        with self.lock:
            return self.stepper.state

    def run(self) -> None:
        """Step until the source has ended, or the engine halts; in the thread that calls it."""
        try:
            self.gauge_begins()
            self.on_start()
            while not self.source.ended:
                batch = self._next_batch()
                if batch is not None and not self._step_over(batch):
                    return
        except BaseException as error:
            self._hooks.on_crash(error)
        finally:
            self.stopped = True
            if self.gauge is not None:
                self.gauge.ended()
            if self.output_ring is not None:
                with contextlib.suppress(RingClosed):  # by a user: no reason not to end
                    self.output_ring.end()
            self._hooks.moved()
            self._ended.set()

    def _next_batch(self) -> Batch | None:
        if self.gauge is None:
            return self.source.poll(self._pace.size)
        self.gauge.waiting()
        batch = self.source.poll(self._pace.size)
        self.gauge.running()
        return batch

    def be_careful(self) -> None:
        """Take one event at a time at first: a predecessor has died at one of them."""
        self._pace.hold_at_one()

    def _step_over(self, batch: Batch) -> bool:
        """Step over one batch, failures and all; False: the engine is to halt."""
        source = self.source
        begun, made = self.stepper.stepping_ns, self.made
        begin_ns = 0 if self.gauge is None else time.time_ns()
        start = 0
        while start < batch.length:
            end = self._end_of_part(batch, start)
            failure = self._run_steps(batch, start, end)
            if failure is None:
                start = end
                continue
            start = failure.sequence - batch.first
            failure.stage = self.name
            failure.origin = batch.origin(start)
            failure.time_ns = batch.time_ns(start)
            self.done = failure.sequence  # before anybody can hear of the failure
            if self.gauge is not None:
                self.gauge.errors()
            if not self._hooks.on_failure(failure, batch.event(start)):
                batch.let_go()
                source.release(start)
                return False
            start += 1
            self.at = batch.first + start
        if self.gauge is not None:
            times = batch.times if batch.select is None else batch.times[batch.select]
            self.gauge.stepped(batch.count, self.made - made, begin_ns, time.time_ns(), times)
            del times  # a view of the batch
        batch.let_go()
        self._pace.took(batch.length, self.stepper.stepping_ns - begun)
        source.release()
        self.done = source.sequence
        self._hooks.moved()
        return True

    def _end_of_part(self, batch: Batch, start: int) -> int:
        """Up to where to step at once: a digest that is due wants the state in between."""
        end = batch.length
        for sequence in self.poison:
            if start < sequence - batch.first < end:
                end = sequence - batch.first
        if self.digest_every is None:
            return end
        at = batch.first + start
        return min(end, start + self.digest_every - at % self.digest_every)

    def _run_steps(self, batch: Batch, start: int, end: int) -> StepError | None:
        """Step over a part of the batch, and emit; the failure, if a step failed."""
        failure: StepError | None = None
        if batch.first + start in self.poison and batch.is_own(start):
            return self._refuse_poison(batch, start)
        with self.lock:
            try:
                events, times, origins, select = batch.part(start, end)
                records = self.stepper.run(events, times, batch.first + start, origins, select)
                self.at = batch.first + end
            except StepError as error:
                records, error.partial = error.partial, None
                failure = error.with_traceback(None)  # the step's own stays, in __cause__
                self.at = failure.sequence
            del events, times, origins, select
            if records is not None and len(records):
                if self._depth:
                    records = self._positioned(records, batch)
                self.made += len(records)
                if self._rolling is not None:
                    self._rolling.update(records.view(np.uint8))
                    self.last_output = id_of(records[-1])
                self._hooks.made(self, records)
            if self.on_digest is not None and self.at % (self.digest_every or 1) == 0:
                self.on_digest()
        if records is not None and len(records):
            self._hooks.emit(self, records)
        return failure

    def _positioned(self, records: Records, batch: Batch) -> Records:
        """Records with the positions of the splits around this stage."""
        outer = None
        if self._depth_in:
            outer = batch.positions(records["input_sequence"] - batch.first)
        return positioned(records, self.machine.output, self._depth, outer)

    def _refuse_poison(self, batch: Batch, start: int) -> StepError:
        """The failure of an event that has killed whoever stepped over it."""
        self.at = sequence = batch.first + start
        deaths = self.poison[sequence]
        return poison_error(self.machine, self.name, sequence, batch.event(start), deaths)
