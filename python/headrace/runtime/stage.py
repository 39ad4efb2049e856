"""One stage of an engine: a machine, its thread, the ring it reads and the ring it writes.

A stage is the only writer of its machine's state. It polls a batch, steps over it, publishes the
outputs, and only then releases the batch and moves `done` on; so whoever sees `done` beyond an
input finds that input's outputs in the output ring.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from headrace.engine import Stepper
from headrace.errors import StepError
from headrace.events import payload
from headrace.ringbuffer import Ring, WaitStrategy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from headrace.machine import Machine

Records = np.ndarray[Any, Any]

# A batch is at most this part of the ring, so that producers fill one part while another is read.
RING_PARTS = 4


class Hooks(Protocol):
    """What a stage asks of its engine; called from the stage's thread."""

    def on_failure(self, stage: Stage, error: StepError, origin: int, event: Records) -> bool:
        """Whether to go on with the event after the failed one."""

    def on_crash(self, stage: Stage, error: BaseException) -> None:
        """The stage's thread ends because of something other than a failed step."""

    def emit(self, stage: Stage, records: Records) -> None:
        """Publish output records, however long that takes."""

    def moved(self) -> None:
        """Some stage's `done` has changed, or a stage has stopped."""


class Source:
    """How a stage sees the events of its ring: the first stage's are bare, later ones records."""

    def __init__(self, ring: Ring, machine: Machine, wait: WaitStrategy | None) -> None:
        self._bare = ring.timestamps
        self._event = machine.event
        self.consumer = ring.consumer(machine.name, wait=wait)

    def unpack(self, batch: Records) -> tuple[Records, NDArray[np.int64], NDArray[np.int64] | None]:
        """The events, their ingest times, and their origins (None: their own sequences)."""
        if self._bare:
            return batch, self.consumer.times, None
        return payload(batch, self._event), batch["input_time_ns"], batch["origin"]


class Stage:
    """A machine in its own thread; started by `start`, ends when its ring has ended."""

    def __init__(
        self,
        machine: Machine,
        ring: Ring,
        hooks: Hooks,
        *,
        step: str | None,
        wait: WaitStrategy | None,
    ) -> None:
        self.machine = machine
        self.ring = ring
        self.stepper = Stepper(machine, step)
        self.source = Source(ring, machine, wait)
        self.done = self.source.consumer.sequence  # all below is stepped, and its outputs are out
        self.lock = threading.Lock()  # held while the state moves
        self.stopped = False
        self.output_ring: Ring | None = None
        self._hooks = hooks
        self._batch_size_max = max(1, ring.capacity // RING_PARTS)
        self._thread = threading.Thread(
            target=self._run, name=f"headrace-{machine.name}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end; whether it came."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def state(self) -> Any:
        """A copy of the state between two batches."""
        with self.lock:
            return self.stepper.state

    def _run(self) -> None:
        consumer = self.source.consumer
        try:
            while not consumer.ended:
                batch = consumer.poll(self._batch_size_max, None)
                if len(batch) and not self._step_over(batch):
                    return
        except BaseException as error:
            self._hooks.on_crash(self, error)
        finally:
            self.stopped = True
            if self.output_ring is not None:
                self.output_ring.end()
            self._hooks.moved()

    def _step_over(self, batch: Records) -> bool:
        """Step over one batch, failures and all; False: the engine is to halt."""
        consumer = self.source.consumer
        first = consumer.batch_sequence
        events, times, origins = self.source.unpack(batch)
        start = 0
        while start < len(events):
            failure = self._run_steps(events, times, origins, first, start)
            if failure is None:
                break
            start = failure.sequence - first
            origin = first + start if origins is None else int(origins[start])
            if not self._hooks.on_failure(self, failure, origin, events[start : start + 1]):
                self.done = first + start
                consumer.release(start)
                return False
            start += 1
        consumer.release()
        self.done = consumer.sequence
        self._hooks.moved()
        return True

    def _run_steps(
        self,
        events: Records,
        times: NDArray[np.int64],
        origins: NDArray[np.int64] | None,
        first: int,
        start: int,
    ) -> StepError | None:
        """Step over events[start:] and emit; the failure, if a step failed."""
        failure: StepError | None = None
        if start:
            events, times = events[start:], times[start:]
            origins = None if origins is None else origins[start:]
        with self.lock:
            try:
                records = self.stepper.run(events, times, first + start, origins)
            except StepError as error:
                failure = error
                records = error.partial
        if records is not None and len(records):
            self._hooks.emit(self, records)
        return failure


