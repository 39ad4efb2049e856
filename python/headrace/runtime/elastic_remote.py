"""The place of one worker of an elastic stage in a process of its own, as the engine knows it.

Its process is there from the start, and sleeps while there is no worker. What it is told goes
through a thread of its own, so that nobody who tells it something ever waits for it: it may be
paused, and the pipe full.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from headrace.compose.layout import Read, StageLayout
from headrace.errors import InternalError, StateError
from headrace.runtime import messages
from headrace.runtime.elastic_letters import posted, unposted
from headrace.runtime.elastic_links import Letter
from headrace.runtime.remote import RemoteStage, WorkerRun
from headrace.runtime.worker import WorkerSpec

if TYPE_CHECKING:
    from headrace.runtime.pool import Pool

_LOADS_SECONDS = 0.02  # at least, between two questions for the loads
_CLOSE_SECONDS = 1.0


class RemoteElastic(RemoteStage):
    """A place in a process of its own. `pool`: whose it is, once that is made."""

    counts_move = False  # each process counts anew what it spends on a partition
    pool: Pool
    on_crash: Callable[[BaseException], None]  # the engine is to halt

    def __init__(
        self, layout: StageLayout, spec: WorkerSpec, sequence: Callable[[], int]
    ) -> None:
        super().__init__(layout, spec, sequence)
        assert layout.slot is not None
        self.number = layout.slot.index
        self.leaves = isinstance(layout.source, Read)
        self._loads: dict[int, int] = {}
        self._asked_s = 0.0
        self._owes_loads: WorkerRun | None = None
        self._posts: queue.SimpleQueue[tuple[WorkerRun, bytes | None] | None] = (
            queue.SimpleQueue()
        )
        self._poster: threading.Thread | None = None

    # What is told to the worker.

    def send(self, message: messages.ToWorker) -> None:
        """Say something to the worker, if it is there to hear it; does not block."""
        if self.run is not None:
            self._posts.put((self.run, messages.encode(message)))

    def let_go(self, run: WorkerRun) -> None:
        """Close the pipe to a process that has ended, once nobody writes to it."""
        self._posts.put((run, None))

    def close(self) -> None:
        """Let go of the last process, which has ended."""
        if self._poster is not None:
            self._posts.put(None)
            self._poster.join(_CLOSE_SECONDS)
        super().close()

    def _post(self) -> None:
        while (one := self._posts.get()) is not None:
            run, data = one
            with contextlib.suppress(OSError):  # it is gone, which its end will tell
                if data is None:
                    run.pipe.close()
                else:
                    run.pipe.send_bytes(data)

    # What the overseer asks and tells.

    def spec_now(self) -> WorkerSpec:
        """What a process begins with that takes the place now."""
        if self._poster is None:
            name = f"headrace-post-{self.name}"
            self._poster = threading.Thread(target=self._post, name=name, daemon=True)
            self._poster.start()
        return replace(super().spec_now(), task=self.pool.task(self.number))

    def launched(self) -> None:
        """The process is there, and can be told something."""
        self.pool.up(self.number)

    def lost(self) -> None:
        """The process has died."""
        self.pool.died(self.number)

    def heard(self, message: messages.FromWorker) -> None:
        """The worker has said something that concerns the pool."""
        pool = self.pool
        if isinstance(message, messages.Post):
            pool.send(message.to, unposted(message, self.number))
        elif isinstance(message, messages.Loads):
            self._loads, self._owes_loads = message.stepping_ns, None
        elif isinstance(message, messages.Joined):
            if self.run is not None:
                self.run.steps = True
            pool.joined(self.number)
        elif isinstance(message, messages.CaughtUp):
            pool.caught_up(self.number)
        elif isinstance(message, messages.Left):
            pool.left(self.number)
        elif isinstance(message, messages.MayEnd):
            self.send(messages.End(pool.may_end(self.number)))
        elif isinstance(message, messages.BreakOff):
            pool.break_off()
        elif isinstance(message, messages.CannotMove):
            self.on_crash(
                StateError(
                    f"stage {self.name!r}: partition {message.partition} cannot move to another "
                    f"process: {message.error}"
                )
            )
        else:
            raise InternalError(f"stage {self.name!r} said {message}")

    def gone(self) -> None:
        """Nobody will ever take the place."""
        self.pool.break_off()

    # What the pool asks.

    def put(self, letter: Letter) -> None:
        """Bring a letter to the worker."""
        self.send(posted(self.number, letter))

    def begin(self) -> None:
        """Have a worker join."""
        if self.leaves:
            self.send(messages.Begin())
        else:
            self.pool.joined(self.number)

    def retire(self) -> None:
        """Have the worker, which owns nothing any more, finish what it holds, and leave."""
        if self.leaves:
            self.send(messages.Retire())
        else:
            self.pool.left(self.number)

    def break_off(self) -> None:
        """A worker of the stage has failed for good: nobody is to wait for it."""
        self.send(messages.Broken())

    @property
    def measured(self) -> tuple[int, int, float]:
        """How many events the worker has let go of, and stepped, and for how many seconds.

        Read from what it shares: its place in the ring, and its gauge.
        """
        if self.gauge is None:
            return self.done, 0, 0.0
        reading = self.gauge.read()
        return self.done, reading.events, reading.busy_ns / 1e9

    def loads(self) -> dict[int, int]:
        """For how many nanoseconds each partition was stepped, as it was told last; asks anew."""
        now_s, run = time.monotonic(), self.run
        # One that is paused does not answer, and is not asked again.
        if now_s - self._asked_s >= _LOADS_SECONDS and run is not self._owes_loads:
            self._asked_s, self._owes_loads = now_s, run
            self.send(messages.GiveLoads())
        return self._loads

    def states(self, over: Callable[[], bool]) -> dict[int, object]:
        """Copies of the states of the partitions there; waits, and raises, as `state` does."""
        states: dict[int, object] = self.state(over)
        return states
