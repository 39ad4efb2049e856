"""An elastic stage on virtual time: what a controller would do, in a hundredth of the time.

A queueing model of the stage: events arrive by a `Load`, each with a key, and wait in their
partition; each worker serves the oldest event of the partitions that it owns, for `service_s`. A
worker that is added takes `start_s` until it owns anything. A partition that moves pauses for
`hand_over_s`, once its owner has finished the event that it holds; the others go on. A worker that
is retired gives all of its partitions away and ends when it holds nothing any more. Partitions are
those of `headrace.keys`, moved by `rebalance` and `retire`: only the workers are pretended.

Nothing here is left to chance: the same arguments give the same record.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from headrace.elastic.assignment import Assignment, Move
from headrace.elastic.balance import rebalance, retire
from headrace.elastic.control import Controller, Measurement
from headrace.elastic.load import Load
from headrace.errors import UsageError
from headrace.events import Array
from headrace.keys import PARTITIONS_DEFAULT, partition_of

RECORD = np.dtype(
    [
        ("time_s", "f8"),
        ("load", "f8"),  # events a second that arrived
        ("depth", "i8"),  # events that wait
        ("delay_s", "f8"),  # the longest that an event done in the interval had been there
        ("workers", "i4"),  # at work: without those that start, with those that finish
        ("wanted", "i4"),
        ("moves", "i4"),  # partitions moved
        ("done", "i8"),
    ]
)
_TICK_S = 0.01
_CHUNK = 1 << 14
_LOADS_KEPT = 0.98  # of the measured load of each partition, from one interval to the next


@dataclass(frozen=True)
class Stage:
    """What is simulated. `key_of` gives the keys (array) of events (array of their numbers)."""

    service_s: float = 0.025
    workers_min: int = 1
    workers_max: int = 16
    start_s: float = 0.5
    hand_over_s: float = 0.005
    interval_s: float = 0.25
    partitions: int = PARTITIONS_DEFAULT
    key_of: Callable[[Array], Array] = lambda numbers: numbers

    def __post_init__(self) -> None:
        if not (self.service_s > 0 and self.interval_s >= _TICK_S):
            raise UsageError(f"service_s is above 0, interval_s at least {_TICK_S}: {self}")
        if not 1 <= self.workers_min <= self.workers_max:
            raise UsageError(f"at least 1 worker, and no more than workers_max: {self}")


def run(controller: Controller, load: Load, seconds: float, stage: Stage | None = None) -> Array:
    """Simulate a stage under a load; a record (dtype RECORD) for each interval.

    Takes virtual seconds only; some milliseconds of real ones for a thousand events.
    """
    model = _Model(stage or Stage())
    intervals = round(seconds / model.stage.interval_s)
    record = np.zeros(intervals, RECORD)
    for at in range(intervals):
        model.run_interval(load)
        row = model.measured()
        wanted = controller.decide(row)
        model.want(min(max(wanted, model.stage.workers_min), model.stage.workers_max))
        record[at] = (
            model.now_s, row.arrived / model.stage.interval_s, row.depth, model.delay_s,
            sum(model.ready(worker) for worker in model.workers.values()), model.wanted,
            model.moves, row.done,
        )  # fmt: skip
        model.begin_interval()
    return record


@dataclass
class _Worker:
    ready_s: float
    # Of each partition that has events: the number of its oldest. Entries may be out of date.
    heads: list[tuple[int, int]] = field(default_factory=list)
    hand: int | None = None  # the partition of the event that it holds
    left_s: float = 0.0  # until that is done
    retiring: bool = False


class _Model:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.now_s = 0.0
        self.tick = 0
        self.wanted = stage.workers_min
        self.workers = {at: _Worker(0.0) for at in range(self.wanted)}
        self.next_worker = self.wanted
        self.assignment = Assignment.over(self.workers, stage.partitions)
        self.queues: list[deque[tuple[int, float]]] = [deque() for _ in range(stage.partitions)]
        # Partitions on their way: who must finish an event first, and until when they pause.
        self.moving: dict[int, tuple[int, float]] = {}
        self.arrivals = _arrivals(stage)
        self.due = 0.0
        self.arrived = self.taken = self.finished = 0
        self.loads = np.zeros(stage.partitions)
        self.begin_interval()

    def begin_interval(self) -> None:
        self.arrived_before, self.finished_before = self.arrived, self.finished
        self.busy_s = self.delay_s = 0.0
        self.moves = 0
        self.loads *= _LOADS_KEPT

    def measured(self) -> Measurement:
        stage = self.stage
        return Measurement(
            self.now_s, self.arrived - self.taken, self.arrived - self.arrived_before,
            self.finished - self.finished_before, self.busy_s, self.wanted,
            stage.workers_min, stage.workers_max,
        )  # fmt: skip

    def ready(self, worker: _Worker) -> bool:
        return worker.ready_s <= self.now_s

    # -- time passes -----------------------------------------------------------------------------

    def run_interval(self, load: Load) -> None:
        for _ in range(round(self.stage.interval_s / _TICK_S)):
            self.due += load(self.now_s) * _TICK_S
            while self.due >= 1:
                self.due -= 1
                self._arrive()
            for number, worker in list(self.workers.items()):
                if worker.heads or worker.hand is not None or worker.retiring:
                    self._serve(number, worker)
            self.tick += 1
            self.now_s = self.tick * _TICK_S
            if self.moving:
                self._finish_moves()
        self._balance()

    def _arrive(self) -> None:
        number, partition = next(self.arrivals)
        queue = self.queues[partition]
        queue.append((number, self.now_s))
        self.arrived += 1
        self.loads[partition] += 1
        if len(queue) == 1 and partition not in self.moving:
            self._offer(partition)

    def _offer(self, partition: int) -> None:
        """Its owner may serve its oldest event."""
        if self.queues[partition]:
            owner = self.workers[self.assignment.owners[partition]]
            heapq.heappush(owner.heads, (self.queues[partition][0][0], partition))

    def _serve(self, number: int, worker: _Worker) -> None:
        """A worker works for a tick, as far as there is something."""
        left_s = _TICK_S
        while left_s > 0:
            if worker.hand is None and not self._take(number, worker):
                break
            spent_s = min(left_s, worker.left_s)
            worker.left_s -= spent_s
            left_s -= spent_s
            self.busy_s += spent_s
            if worker.left_s <= 1e-12:
                assert worker.hand is not None
                partition, worker.hand = worker.hand, None
                self.finished += 1
                if partition not in self.moving:
                    self._offer(partition)
        if worker.retiring:
            self._end(number, worker)

    def _take(self, number: int, worker: _Worker) -> bool:
        """The worker takes the oldest event that it may serve, if there is one."""
        while worker.heads:
            event, partition = heapq.heappop(worker.heads)
            queue = self.queues[partition]
            mine = self.assignment.owners[partition] == number and partition not in self.moving
            if mine and queue and queue[0][0] == event:
                _, came_s = queue.popleft()
                self.taken += 1
                worker.hand, worker.left_s = partition, self.stage.service_s
                done_s = self.now_s + self.stage.service_s - came_s
                self.delay_s = max(self.delay_s, done_s)
                return True
        return False

    # -- workers come and go ---------------------------------------------------------------------

    def want(self, count: int) -> None:
        """Add or retire workers so that there are `count`, the newest going first."""
        staying = [number for number, worker in self.workers.items() if not worker.retiring]
        for _ in range(count - len(staying)):
            self.workers[self.next_worker] = _Worker(self.now_s + self.stage.start_s)
            self.next_worker += 1
        for number in reversed(staying[count:]):
            self._retire(number)
        self.wanted = count

    def _retire(self, number: int) -> None:
        worker = self.workers[number]
        worker.retiring = True
        if not self.ready(worker):  # it has never owned anything
            self._end(number, worker)
            return
        self._move(retire(self.assignment, number, self._owning() - {number}, self.loads))

    def _owning(self) -> set[int]:
        """Who may own partitions."""
        return {
            number
            for number, worker in self.workers.items()
            if not worker.retiring and self.ready(worker)
        }

    def _end(self, number: int, worker: _Worker) -> None:
        """A worker that is retired ends, but not before it has finished what it holds."""
        if any(source == number for source, _ in self.moving.values()):
            return
        assert worker.hand is None
        assert not self.assignment.owned(number)
        del self.workers[number]

    def _balance(self) -> None:
        if not self.moving:
            self._move(rebalance(self.assignment, self._owning(), self.loads))

    def _move(self, moves: list[Move]) -> None:
        self.assignment = self.assignment.moved(moves, self.arrived).settled(self.arrived)
        for move in moves:
            # One that is on its way already is not with its owner yet: it waits where it is.
            self.moving.setdefault(move.partition, (move.source, math.inf))
        self.moves += len(moves)

    def _finish_moves(self) -> None:
        for partition, (source, until_s) in list(self.moving.items()):
            if until_s == math.inf:
                holder = self.workers.get(source)
                if holder is None or holder.hand != partition:
                    until_s = self.now_s + self.stage.hand_over_s
                    self.moving[partition] = (source, until_s)
            if until_s <= self.now_s:
                del self.moving[partition]
                self._offer(partition)


def _arrivals(stage: Stage) -> Iterator[tuple[int, int]]:
    """Number and partition of each event."""
    first = 0
    while True:
        numbers = np.arange(first, first + _CHUNK)
        partitions = partition_of(stage.key_of(numbers), stage.partitions)
        yield from zip(numbers.tolist(), partitions.tolist(), strict=True)
        first += _CHUNK
