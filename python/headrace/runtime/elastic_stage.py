"""The place of one worker of an elastic stage: a thread, in which a worker comes and goes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from headrace.compose.layout import StageLayout
from headrace.errors import RingClosed
from headrace.replay.partitioned import Partitioned
from headrace.ringbuffer import Ring
from headrace.runtime.elastic_worker import ElasticWorker, Links
from headrace.runtime.progress import LOOK_SECONDS
from headrace.runtime.sources import Source
from headrace.runtime.stage import RING_PARTS

if TYPE_CHECKING:
    from headrace.engine.gauges import StageGauge
    from headrace.runtime.pool import Pool


def _nothing() -> None:
    """What is to be done where nothing is."""


class ElasticStage:
    """A thread for the worker in one place; it sleeps while there is none.

    `open_source()`: joins the stage's stream, where it is then. `leaves`: a worker that is not
    needed leaves the stream; otherwise it goes on reading, and owns nothing. `owned`: partitions of
    the first worker here; None: there is none yet.
    """

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
        self.pool: Pool | None = None
        self.gauge: StageGauge | None = None  # where it is seen from outside
        self.gauge_begins: Callable[[], None] = _nothing
        self.worker = ElasticWorker(
            stage, partitioned, made, max(1, ring.capacity // RING_PARTS), owned or (), links
        )
        self._open_source = open_source
        self._leaves = leaves
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

    # What the pool asks.

    def begin(self) -> None:
        """Have a worker join."""
        assert self.pool is not None
        if self._leaves:
            self._begun.set()
        else:
            self.pool.joined(self.worker.number)

    def retire(self) -> None:
        """Have the worker, which owns nothing any more, finish what it holds, and leave."""
        assert self.pool is not None
        if self._leaves:
            self._leaving = True
            self.worker.letters.put(None)
        else:
            self.pool.left(self.worker.number)

    # In its thread.

    def run(self) -> None:
        """Work whenever there is a worker, until the stream has ended."""
        assert self.pool is not None
        try:
            self.on_start()
            self.gauge_begins()
            self.worker.gauge = self.gauge
            while not self._work():
                pass
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

    def _work(self) -> bool:
        """Wait for a worker, and work until it leaves; whether all has ended."""
        pool, worker = self.pool, self.worker
        assert pool is not None
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
