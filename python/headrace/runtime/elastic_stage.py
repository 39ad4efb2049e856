"""The place of one worker of an elastic stage: a thread, in which a worker comes and goes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from headrace.compose.layout import StageLayout
from headrace.errors import RingClosed
from headrace.replay.partitioned import Partitioned
from headrace.ringbuffer import Ring
from headrace.runtime.deadline import NEVER
from headrace.runtime.elastic_links import Letter, Links
from headrace.runtime.elastic_worker import ElasticWorker
from headrace.runtime.progress import LOOK_SECONDS
from headrace.runtime.sources import Source
from headrace.runtime.stage import RING_PARTS

if TYPE_CHECKING:
    from headrace.engine.gauges import StageGauge


class Together(Protocol):
    """What a place asks of the pool, from the worker's thread."""

    @property
    def broken(self) -> bool:
        """Whether a worker has failed for good."""

    def joined(self, number: int) -> None:
        """A worker reads on from now on."""

    def left(self, number: int) -> None:
        """A worker has left its place."""

    def may_end(self, number: int) -> bool:
        """Whether a worker that has read all may end."""

    def break_off(self) -> None:
        """A worker has failed for good."""


def _nothing() -> None:
    """What is to be done where nothing is."""


class ElasticStage:
    """A thread for the worker in one place; it sleeps while there is none.

    `open_source()`: joins the stage's stream, where it is then. `leaves`: a worker that is not
    needed leaves the stream; otherwise it goes on reading, and owns nothing. `owned`: partitions of
    the first worker here; None: there is none yet.
    """

    counts_move = True  # with the partitions: what was spent on each, see `loads`

    def __init__(
        self,
        stage: StageLayout,
        ring: Ring,
        partitioned: Partitioned,
        made: int,
        owned: tuple[int, ...] | None,
        links: Links,
        *,
        open_source: Callable[[], Source],
        leaves: bool,
        on_crash: Callable[[BaseException], None],
    ) -> None:
        self.machine = stage.machine
        self.name = stage.name
        self.ring = ring  # that it reads, the first of them
        self.output_ring: Ring | None = None
        self.stopped = False
        self.on_start: Callable[[], None] = _nothing  # called in the stage's thread
        self.pool: Together | None = None
        self.gauge: StageGauge | None = None  # where it is seen from outside
        self.gauge_begins: Callable[[], None] = _nothing
        self.worker = ElasticWorker(
            stage, partitioned, made, max(1, ring.capacity // RING_PARTS), owned or (), links
        )
        self.number = self.worker.number
        self._open_source = open_source
        self.leaves = leaves
        self._links = links
        self._on_crash = on_crash
        self._source: Source | None = None
        self._begun = threading.Event()
        self._leaving = False
        self._done = 0
        if owned is not None or not leaves:  # in its place before anything is published
            self._source = open_source()
            self.worker.begin(self._source)
            self._begun.set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self.run, name=f"headrace-{self.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end; whether it came."""
        if not self._ended.wait(timeout):
            return False
        self._thread.join()
        return True

    def leave(self) -> None:
        """Leave the ring; after the thread's end."""
        self._done = self.done
        if self._source is not None:
            self._source.close()
            self._source = None

    @property
    def done(self) -> int:
        """All events of the stream below are done with, as far as they are a worker's here."""
        source = self._source
        return self._done if source is None else source.sequence

    @property
    def made(self) -> int:
        """Output records so far."""
        return self.worker.made

    @property
    def step_kind(self) -> str:
        """ "python", "batch" or "native"."""
        return self.worker.partitioned.kind

    @property
    def begun(self) -> bool:
        """Whether there is a worker."""
        return self._begun.is_set()

    # What the pool asks.

    def begin(self) -> None:
        """Have a worker join."""
        assert self.pool is not None
        if self.leaves:
            self._begun.set()
        else:
            self.pool.joined(self.worker.number)

    def retire(self) -> None:
        """Have the worker, which owns nothing any more, finish what it holds, and leave."""
        assert self.pool is not None
        if self.leaves:
            self._leaving = True
            self.worker.letters.put(None)
        else:
            self.pool.left(self.worker.number)

    def put(self, letter: Letter) -> None:
        """Bring a letter to the worker."""
        self.worker.letters.put(letter)

    def break_off(self) -> None:
        """A worker of the stage has failed for good, as the pool says to who asks it."""

    @property
    def measured(self) -> tuple[int, int, float]:
        """How many events the worker has read, and stepped, and for how many seconds."""
        return self.worker.read, self.worker.stepped, self.worker.busy_s

    def loads(self) -> dict[int, int]:
        """For how many nanoseconds each partition here was stepped."""
        steppers = self.worker.partitioned.steppers
        return {at: stepper.stepping_ns for at, stepper in list(steppers.items())}

    def states(self, over: Callable[[], bool] = NEVER.over) -> dict[int, Any]:
        """Copies of the states of the partitions here."""
        with self.worker.lock:
            return self.worker.partitioned.state

    # In its thread.

    def run(self) -> None:
        """Work until the stream has ended; tell all who have to know."""
        assert self.pool is not None
        try:
            self.on_start()
            self.gauge_begins()
            self.work()
        except BaseException as error:
            self.pool.break_off()
            self._on_crash(error)
        finally:
            self.stopped = True
            if self.output_ring is not None:
                with contextlib.suppress(RingClosed):  # by a user: no reason not to end
                    self.output_ring.end()
            self._links.moved()
            if self.gauge is not None:
                self.gauge.ended()
            self._ended.set()

    def work(self) -> None:
        """Work whenever there is a worker, until the stream has ended."""
        self.worker.gauge = self.gauge
        while not self._work():
            pass

    def _work(self) -> bool:
        """Wait for a worker, and work until it leaves; whether all has ended."""
        pool, worker = self.pool, self.worker
        assert pool is not None
        if not self._begun.is_set() and self.gauge is not None:
            self.gauge.waiting()
        if not self._begun.wait(LOOK_SECONDS):
            return self.ring.ended and pool.may_end(worker.number)
        if self._source is None:
            self._source = self._open_source()
            worker.begin(self._source)
        pool.joined(worker.number)
        while True:
            if worker.turn():
                if pool.broken and self._source.ended:
                    return True
                if self._leaving and worker.at_rest:
                    break
            elif worker.halted_at is not None:
                pool.break_off()
                return True
            elif pool.may_end(worker.number):
                return True
            else:
                worker.wait()
        self._leaving = False
        self._begun.clear()
        self.leave()
        pool.left(worker.number)
        self._links.moved()
        return False
