"""A worker: a process that runs one stage of a topology.

It attaches to the rings by name, takes the stage's place in them, and steps. It is told nothing
that it could not be told again: whoever takes its place when it dies begins where it had let go,
and publishes nothing that is out already.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace.compose.layout import INPUT, Read, StageLayout, lay_out, rings_of
from headrace.errors import HeadraceError, InternalError, StepError
from headrace.journal.states import encode_state, known_classes
from headrace.metrics import Board
from headrace.replay import PassedOver
from headrace.ringbuffer import Ring, WaitStrategy, liveness
from headrace.runtime import messages
from headrace.runtime.failures import forget_locals
from headrace.runtime.marks import Marks
from headrace.runtime.outlet import Outlet
from headrace.runtime.placing import pin
from headrace.runtime.recorder import CONSUMER as JOURNAL_READER
from headrace.runtime.restoring import Restored
from headrace.runtime.settling import released
from headrace.runtime.sources import Source, source_of
from headrace.runtime.stage import Hooks, Records, Stage, id_of
from headrace.runtime.task import Task

if TYPE_CHECKING:
    from headrace.engine.gauges import StageGauge


@dataclass(frozen=True)
class WorkerSpec:
    """What a worker must know: which stage of which topology, and the names of its rings."""

    topology: Any
    index: int
    step: str | None
    wait: WaitStrategy | None
    rings: dict[int, str | None]
    marks: dict[int, str | None]
    core: int | None
    journal: str | None
    safe_first: bool  # outputs wait until the journal has their inputs
    board: str | None
    passed_over: PassedOver  # what is not stepped over again, up to the time it is started
    poison: Mapping[int, int] = field(default_factory=dict)  # events, and how often they killed
    careful: bool = False  # a predecessor has died, perhaps at an event
    elastic_in_order: bool = False  # as of `lay_out`
    task: Task | None = None  # of a worker of an elastic stage


class Worker:
    """One stage, its rings, and the pipe to the engine."""

    def __init__(self, spec: WorkerSpec, pipe: Connection) -> None:
        self._spec = spec
        self._pipe = pipe
        self._sending = threading.Lock()
        self._decided = threading.Semaphore(0)
        self._go_on = False
        self._readers_gone = False
        self._crash: BaseException | None = None
        layout = lay_out(
            spec.topology,
            in_order=spec.journal is not None,
            elastic_in_order=spec.elastic_in_order,
        )
        self._layout, self._own = layout, layout.stages[spec.index]
        pin(spec.core)
        self._rings = {ring: Ring.attach(str(spec.rings[ring])) for ring in self._needed()}
        self._marks = {
            index: Marks(Ring.attach(str(name))) for index, name in spec.marks.items()
        }
        own = self._own
        self._waits_for_journal = spec.journal is not None and spec.safe_first
        self._is_last = layout.outlet is not None and own.output in rings_of(layout.outlet)
        self._gauge: StageGauge | None = None
        if spec.board is not None:
            self._board = Board.attach(spec.board)
            self._gauge = self._board.stage(own.index)
        self._outlet: Outlet | None = None
        self._output: Ring | None = None
        self._published = (-1, -1)  # the id of the last record that is out
        if own.output is not None:
            self._output = ring = self._rings[own.output]
            newest = ring.newest()
            if newest is not None:
                self._published = id_of(newest[0])
            self._outlet = Outlet(ring, None)
        self._take_up()

    def _take_up(self) -> None:
        """Take the stage's place, with the state that it had there."""
        own, spec = self._own, self._spec
        source = self._source()
        restored = self._restored(source.sequence)
        self._origin = restored.origin
        hooks = Hooks(self._on_failure, self._on_crash, _nothing, self._emit, _not_at_all)
        self._stage = Stage(
            own.machine,
            self._rings[rings_of(own.source)[0]],
            hooks,
            restored.stepper,
            restored.made,
            source,
            name=own.name,
            depth=own.depth,
            depth_in=own.depth_in,
        )
        self._stage.poison = spec.poison
        if spec.careful:
            self._stage.be_careful()
        self._stage.gauge = self._gauge
        if self._gauge is not None:
            self._gauge.begin(*liveness.myself())
        self._stage.output_ring = self._output

    def _source(self) -> Source:
        """What the stage reads, from what its predecessor had let go of."""
        return source_of(
            self._layout, self._own, self._rings, self._spec.wait, self._sequence_of,
            self._marks.get(self._own.index),
        )  # fmt: skip

    def _restored(self, sequence: int) -> Restored:
        """The state before an event."""
        spec = self._spec
        restored = Restored(
            spec.topology, self._own.state_name, spec.step, sequence, spec.passed_over
        )
        if spec.journal is not None:
            restored.from_journal(spec.journal, self._rings[INPUT])
        return restored

    def _needed(self) -> set[int]:
        """The rings it reads and writes, and those that say how far these are complete."""
        return set(range(len(self._layout.rings)))

    def _sequence_of(self, stage: StageLayout) -> int:
        if isinstance(stage.source, Read):
            return released(self._rings[stage.source.ring], stage)
        return self._marks[stage.index].sequence

    def run(self) -> None:
        """Step until the source has ended."""
        self._send(messages.Started(self._stage.done, self._origin))
        threading.Thread(target=self._listen, name="headrace-pipe", daemon=True).start()
        self._stage.run()
        if self._crash is not None:
            raise self._crash
        self._send(messages.Ended(self._state()))

    def _send(self, message: messages.FromWorker) -> None:
        with self._sending:
            self._pipe.send_bytes(messages.encode(message))

    def _listen(self) -> None:
        """Hear what the engine says; end when it is gone."""
        while True:
            try:
                message = messages.decode_to_worker(self._pipe.recv_bytes())
            except (OSError, EOFError):
                os._exit(0)
            if isinstance(message, messages.Decision):
                self._go_on = message.go_on
                self._decided.release()
            elif isinstance(message, messages.ReadersGone):
                self._readers_gone = True
            elif isinstance(message, messages.GiveState):
                self._send(self._state(message.number))
            else:
                self._heard(message)

    def _heard(self, message: messages.ToWorker) -> None:
        """What only some stages are told."""
        raise InternalError(f"stage {self._own.name!r} was told {message}")

    def _look_at_state(self) -> Any:
        return self._stage.state()

    def _state(self, number: int = 0) -> messages.State:
        try:
            state = self._look_at_state()
            encoded = encode_state(state, known_classes(self._own.machine))
            return messages.State(encoded, "", number)
        except HeadraceError as error:
            return messages.State(b"", str(error), number)

    # What the stage calls.

    def _on_failure(self, error: StepError, event: Records) -> bool:
        self._send(messages.failed(error, event))
        forget_locals(error)
        self._decided.acquire()
        return self._go_on

    def _on_crash(self, error: BaseException) -> None:
        self._crash = error

    def _emit(self, stage: Stage, records: Records) -> None:
        """Publish what is not out yet."""
        if self._published >= id_of(records[0]):
            sequence, index = self._published
            inputs = records["input_sequence"]
            new = (inputs > sequence) | ((inputs == sequence) & (records["output_index"] > index))
            records = records[np.flatnonzero(new)]
        if len(records):
            assert self._outlet is not None
            if self._is_last and self._waits_for_journal:
                self._wait_safe(int(records["origin"][-1]) + 1)
            self._outlet.emit(records, lambda: self._readers_gone)

    def _wait_safe(self, end: int) -> None:
        """Wait until the journal has let go of all inputs before `end`: then they are safe."""
        nap = 0.0
        while self._rings[INPUT].released(JOURNAL_READER) < end:
            time.sleep(nap)
            nap = min(nap + 0.00001, 0.001)


def _nothing(stage: Stage, records: Records) -> None:
    """Nobody else has to know of records that were made."""


def _not_at_all() -> None:
    """Nobody waits in this process."""


