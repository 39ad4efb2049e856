"""The rings and stages of a topology, in threads and in processes of their own.

Does for any topology what `line` does for machines one behind the other. What a stage is through
with is read from the rings, wherever it runs.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xxhash

from headrace.compose.layout import INPUT, Layout, Read, StageLayout, rings_of
from headrace.errors import RingClosed, StateError, StepError, WaitTimeout
from headrace.events import record_dtype
from headrace.journal.settings import Journal
from headrace.machine import Machine
from headrace.metrics import Board
from headrace.replay import Fold
from headrace.ringbuffer import Ring
from headrace.runtime.answers import Answers
from headrace.runtime.boards import make_board
from headrace.runtime.calls import Calls
from headrace.runtime.deadline import Deadline
from headrace.runtime.elastic_remote import RemoteElastic
from headrace.runtime.elastic_stage import ElasticStage
from headrace.runtime.gathering import units_of
from headrace.runtime.keeper import Cut
from headrace.runtime.marks import Marks
from headrace.runtime.net_states import begin_of, cut_at, kept_in, lag_of, state_as
from headrace.runtime.outlet import Outlet, evict_the_dead
from headrace.runtime.overseer import Overseer
from headrace.runtime.placing import Placement, check_others_find, elastic_in_order, pin
from headrace.runtime.pool import Pool
from headrace.runtime.pools import elastic_stage, joins_at_once, pools_of
from headrace.runtime.progress import Progress
from headrace.runtime.remote import RemoteStage
from headrace.runtime.settling import released
from headrace.runtime.setup import Setup
from headrace.runtime.sources import Source, source_of
from headrace.runtime.stage import Hooks, Records, Stage
from headrace.runtime.tail import Tail
from headrace.runtime.winding_down import winding_down
from headrace.runtime.worker import WorkerSpec

_numbers = itertools.count()
_LOOK_FIRST, _LOOK_LAST = 0.00002, 0.001  # seconds between looks at what other processes do
_LOOK_SELDOM = 0.005  # where no outputs are to be moved on meanwhile: looks take a core's time


class Net:
    """Rings and stages of a layout, not started yet. `fold`: the states to go on from.

    `on_failure(error, event)`: whether to go on with the next event; `on_crash(error)`: a stage has
    ended, and not because of a step. Both are called from threads of this process. `hold(deadline)`
    keeps others from publishing. Raises MachineError, CapacityError, UsageError.
    """

    def __init__(
        self,
        layout: Layout,
        placement: Placement,
        fold: Fold,
        setup: Setup,
        journal: Journal | None,
        *,
        on_failure: Callable[[StepError, Records], bool],
        on_crash: Callable[[BaseException], None],
        progress: Progress,
        calls: Calls,
        answers: Answers,
        hold: Callable[[Deadline], Any],
    ) -> None:
        self.layout = layout
        self.closing = False
        self.backlog: Tail | None = None
        output = layout.topology.output
        self.output_dtype = np.dtype([]) if output is None else record_dtype(output)
        self.wait_safe: Callable[[int], None] | None = None
        self.on_outputs: Callable[[], None] | None = None  # nobody keeps outputs of a net
        self._placement = placement
        self.fold = fold
        self.answers = answers
        self._hold = hold
        self._journal = journal
        self.since = 0  # the input from which on outputs are digested
        self._board: Board | None = None
        self._left: dict[str, Any] | None = None  # what the rings said before they were left
        self._progress = progress
        self._base = setup.name
        if setup.name is None and placement.any_remote:
            self._base = f"engine-{os.getpid()}-{next(_numbers)}"
        self.by_index: dict[int, Ring] = {}
        self._marks: dict[int, Marks] = {}  # of stages that read several rings
        self._outlets: dict[Any, Outlet] = {}
        self.stages: list[Stage | RemoteStage | ElasticStage] = []
        self.pools: dict[str, Pool] = {}  # of elastic stages, by name
        self._overseer: Overseer | None = None
        on_failure, on_crash = winding_down(on_failure, on_crash, self._end_inputs)
        self._hooks = Hooks(on_failure, on_crash, _nothing, self._emit, progress.moved)
        try:
            self._make_rings(setup.capacity)
            if layout.outlet is not None:
                self.backlog = Tail(
                    layout, self.by_index, self._sequence_of, setup.keep_outputs, calls, answers
                )
            if placement.any_remote:
                check_others_find(journal)
                self._overseer = Overseer(setup, on_failure, on_crash, progress.moved)
                if self.backlog is not None:
                    self._overseer.tend = self.backlog.pump
            for stage in layout.stages:
                self.stages.append(self._make(stage, setup))
        except BaseException:
            for ring in self.rings:
                ring.close()
            raise
        self.pools = pools_of(layout, self.stages, partial(lag_of, self), self._hooks.on_crash)
        self.producer = self.by_index[INPUT].producer()

    @property
    def rings(self) -> list[Ring]:
        """All rings, the input ring first."""
        return [*self.by_index.values(), *(marks.ring for marks in self._marks.values())]

    def _make_rings(self, capacity: int) -> None:
        for ring in self.layout.rings:
            self.by_index[ring.index] = Ring.create(
                ring.dtype,
                capacity,
                self._name_of(ring.index),
                timestamps=ring.index == INPUT,
                first_sequence=begin_of(self, ring),
            )
        for stage in self.layout.stages:
            if not isinstance(stage.source, Read):
                name = self._base and f"{self._base}.at{stage.index}"
                sequence = self.fold.sequences[kept_in(self.fold, stage)]
                units = len(units_of(stage.source))
                self._marks[stage.index] = Marks.create(name, sequence, units)

    def _name_of(self, ring: int) -> str | None:
        if self._base is None or ring == INPUT:
            return self._base
        last = self.layout.outlet == Read(ring)
        return f"{self._base}.{'out' if last else ring}"

    def _make(self, stage: StageLayout, setup: Setup) -> Stage | RemoteStage | ElasticStage:
        if self._placement.remote[stage.index]:
            return self._remote(stage, setup)
        make = self._local if stage.slot is None else partial(elastic_stage, self)
        return make(stage, setup)

    def _local(self, stage: StageLayout, setup: Setup) -> Stage:
        kept = kept_in(self.fold, stage)
        made = Stage(
            stage.machine,
            self.by_index[rings_of(stage.source)[0]],
            self._hooks,
            self.fold.steppers[kept],
            self.fold.made[kept],
            self._source_of(stage, setup),
            name=stage.name,
            depth=stage.depth,
            depth_in=stage.depth_in,
        )
        self._connect(stage, made)
        return made

    def _source_of(self, stage: StageLayout, setup: Setup) -> Source:
        marks = self._marks.get(stage.index)
        return source_of(self.layout, stage, self.by_index, setup.wait, self._sequence_of, marks)

    def _connect(self, stage: StageLayout, made: Stage | ElasticStage) -> None:
        core = self._placement.cores[stage.index]
        made.on_start = lambda: pin(core)
        if stage.output is not None:
            made.output_ring = self.by_index[stage.output]
            last = self.layout.outlet is not None and stage.output in rings_of(self.layout.outlet)
            self._outlets[made] = Outlet(made.output_ring, self.backlog if last else None)

    def _remote(self, stage: StageLayout, setup: Setup) -> RemoteStage:
        if joins_at_once(stage):
            for ring in rings_of(stage.source):  # its place, before anything is published
                self.by_index[ring].consumer(stage.name).detach()
        names = {index: ring.name for index, ring in self.by_index.items()}
        marks = {index: mark.ring.name for index, mark in self._marks.items()}
        spec = WorkerSpec(
            self.layout.topology,
            stage.index,
            setup.step,
            setup.wait,
            names,
            marks,
            self._placement.cores[stage.index],
            None if self._journal is None else self._journal.local_path,
            self._journal is not None and self._journal.level != "none",
            self._base,
            self.fold.passed_over,
            elastic_in_order=elastic_in_order(self.layout, self._placement),
        )
        assert self._overseer is not None
        kind = RemoteStage if stage.slot is None else RemoteElastic
        remote = kind(stage, spec, lambda: self._sequence_of(stage))
        self._overseer.add(remote)
        remote.step_kind = self.fold.steppers[kept_in(self.fold, stage)].kind
        remote.rings = [self.by_index[ring] for ring in rings_of(stage.source)]
        if stage.output is not None:
            remote.output_ring = self.by_index[stage.output]
            remote.readers_gone = partial(self._reader_halted, stage.output)
        return remote

    def _end_inputs(self) -> None:
        with contextlib.suppress(RingClosed):
            self.by_index[INPUT].end()

    def start(self) -> None:
        """Start all stages, the last ones first: who is fed is there before who feeds."""
        if self._base is not None:
            rings = list(self.by_index.values())
            self._board = make_board(self._base, self.layout, rings, self.stages)
        if self._overseer is not None:
            self._overseer.start()
        for stage in reversed(self.stages):
            stage.start()
        for pool in self.pools.values():
            pool.start()

    # What local stages call, from their threads.

    def _emit(self, stage: Stage, records: Records) -> None:
        if self.wait_safe is not None and self._is_last(stage):
            self.wait_safe(int(records["origin"][-1]) + 1)
        self._outlets[stage].emit(records, lambda: self._readers_are_gone(stage))

    def _is_last(self, stage: Stage | ElasticStage) -> bool:
        index = self.layout.stages[self.stages.index(stage)].output
        return self.layout.outlet is not None and index in rings_of(self.layout.outlet)

    def _readers_are_gone(self, stage: Stage | ElasticStage) -> bool:
        index = self.stages.index(stage)
        ring = self.layout.stages[index].output
        assert ring is not None
        if self.closing and not self.layout.readers(ring):
            evict_the_dead(self.by_index[ring])
        return self._reader_halted(ring)

    # From any thread.

    def _reader_halted(self, ring: int) -> bool:
        """Whether a reader has stopped: before its ring has ended, only a halt makes it do so."""
        readers = self.layout.readers(ring)
        if not readers:
            return self.backlog is not None and self.backlog.broken
        return any(self.stages[reader.index].stopped for reader in readers)

    def _sequence_of(self, stage: StageLayout) -> int:
        """How many events of its own stream a stage has let go of."""
        if isinstance(stage.source, Read):
            return released(self.by_index[stage.source.ring], stage)
        return self._marks[stage.index].sequence

    @property
    def stopped(self) -> bool:
        """Whether nothing more will come out."""
        return all(stage.stopped for stage in self.stages)

    @property
    def output_ring(self) -> Ring | None:
        """The ring of what comes out, if it is one ring."""
        outlet = self.layout.outlet
        return self.by_index[outlet.ring] if isinstance(outlet, Read) else None

    @property
    def done(self) -> int:
        """How many inputs are stepped over by all who take them."""
        if self._left is not None:
            return int(self._left["done"])
        ring = self.by_index[INPUT]
        return min(released(ring, stage) for stage in self.layout.readers(INPUT))

    @property
    def machines(self) -> list[Machine]:
        return [stage.machine for stage in self.stages]

    def state_as(self, machine: Any) -> Any:
        """Copies of the states: of one machine its own, else by the names of the stages."""
        return state_as(self, machine)

    def through(self, end: int) -> bool:
        """Whether every stage is through with all that descends from inputs below `end`."""
        ends = {INPUT: end}
        for stage in self.layout.stages:
            for ring in rings_of(stage.source):
                if released(self.by_index[ring], stage) < ends[ring]:
                    return False
            if stage.output is not None:
                ends[stage.output] = self.by_index[stage.output].cursor
        if self.backlog is None or self.layout.outlet is None:
            return True
        return self.backlog.moved_all({ring: ends[ring] for ring in rings_of(self.layout.outlet)})

    def wait_moved(self, seconds: float, over: Callable[[], bool]) -> None:
        """Sleep until a stage moves on, `seconds` at most, unless it is `over` already."""
        if self._overseer is None:
            self._progress.wait(seconds, over)
            return
        end = time.monotonic() + seconds
        nap, nap_max = _LOOK_FIRST, _LOOK_LAST if self.backlog is not None else _LOOK_SELDOM
        while not over() and (left := end - time.monotonic()) > 0:
            time.sleep(min(nap, left))
            nap = min(2 * nap, nap_max)

    def wait_for_outputs(self, seconds: float) -> None:
        """Sleep until there may be more outputs, `seconds` at most."""
        assert self.layout.outlet is not None
        rings = [self.by_index[ring] for ring in rings_of(self.layout.outlet)]
        seen = [ring.cursor for ring in rings]
        self.wait_moved(seconds, lambda: [ring.cursor for ring in rings] != seen)

    def begin_rolling(self) -> None:
        """From here on outputs are digested."""
        self.since = self.fold.sequence
        if self.backlog is not None:
            self.backlog.rolling = xxhash.xxh3_64()
            self.backlog.last_output = self.fold.last_output

    def digest_each(self, every: int, on_digest: Callable[[Cut], None]) -> None:
        """Stages of a net are not held between two inputs: digests are taken now and then."""

    def take_cut(self, deadline: Deadline) -> Cut | None:
        """The states of all machines before one input; None: they did not come to rest in time.

        Nothing is published meanwhile.
        """
        try:
            with self._hold(deadline):
                if self._left is not None:
                    with contextlib.suppress(StateError):  # of a worker that is gone
                        return cut_at(self, self.done)
                    return None
                at = self.producer.sequence
                while not self.through(at):
                    if deadline.over() or self.stopped:
                        return None
                    self.wait_moved(min(deadline.left(), 0.05), lambda: self.through(at))
                return cut_at(self, at, deadline)
        except WaitTimeout:  # somebody publishes, and waits for room
            return None

    def give_up(self) -> None:
        """The engine is halted, and workers must not wait for what will never be."""
        if self._overseer is not None:
            self._overseer.give_up()

    def abandon(self) -> None:
        """It could not be started: nobody is to wait for it."""
        if self._overseer is not None:
            self._overseer.close()
        for ring in self.rings:
            ring.end()
            ring.close()
        if self._board is not None:
            self._board.close()

    def count_dropped(self, count: int) -> None:
        """Events were left out at the edge."""
        gauge = self.stages[0].gauge
        if gauge is not None:
            gauge.dropped(count)

    def leave_rings(self) -> None:
        """Consumers that others made of the rings keep them until they have read all there is."""
        self._left = {"done": self.done}
        self.producer.close()
        for pool in self.pools.values():
            pool.close()
        for stage in self.stages:
            stage.leave()
        for outlet in self._outlets.values():
            outlet.close()
        if self._overseer is not None:
            self._overseer.close()
        if self._board is not None:
            self._board.close()
        for ring in self.rings:
            with contextlib.suppress(RingClosed):  # somebody has closed it, and thus its name
                ring.unlink()


def _nothing(stage: Stage, records: Records) -> None:
    """There are no answers to be kept."""
