"""The workers of an elastic stage together: who owns which partition, and how many they are.

A thread measures what waits and how long steps take, asks the controller how many workers there
should be, adds and retires some, and moves partitions between them. How one goes from worker to
worker is the coordinator's part of `headrace.elastic.handover`; what the workers answer is taken
in their own threads, so that no hand-over waits for this one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from headrace.compose.layout import Slot
from headrace.elastic import PID, Assignment, Measurement, Move, Tenure, rebalance, retire
from headrace.elastic.handover import (
    COORDINATOR,
    Holding,
    Partition,
    Send,
    Taken,
    answered,
    hand_over,
    replaced,
)
from headrace.elastic.succession import Past, duties
from headrace.errors import UsageError
from headrace.runtime.deadline import NEVER
from headrace.runtime.elastic_links import Letter
from headrace.runtime.elastic_remote import RemoteElastic
from headrace.runtime.pool_load import Load, Place
from headrace.runtime.task import Task

log = logging.getLogger("headrace.runtime")


class Status(Enum):
    """Of the place of a worker."""

    IDLE = "nobody is there"
    STARTING = "a worker is about to join"
    RUNNING = "its worker may own partitions"
    RETIRING = "its worker gives its partitions away"
    LEAVING = "its worker finishes what it holds"
    ENDED = "its worker has ended, for there is nothing more to read"


class Pool:
    """Workers of one stage. `lag(stage)`: events that one has not let go of. Used by any thread.

    `shared`: the stage is inside a shard, so that only a share of its stream is its own.
    """

    def __init__(
        self,
        slot: Slot,
        stages: list[Any],  # each a Place
        lag: Callable[[Any], int],
        shared: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        node = slot.node
        self.name = slot.group
        self.node = node
        self.stages: list[Place] = stages
        self.moves = 0  # hand-overs done
        self.wanted = node.min
        self.measured: Measurement | None = None  # last
        self.controller = _controller(node.controller)
        self._clock = clock
        self._lock = threading.RLock()
        self._status = [Status.RUNNING if at < node.min else Status.IDLE for at in range(node.max)]
        owners = Assignment.over(range(node.min), node.partitions).owners
        self._partitions = [Partition(owner) for owner in owners]
        self._on_way: set[int] = set()
        self._past: list[Past] = []  # at least what a successor may have to step again
        self._replaces = any(isinstance(stage, RemoteElastic) for stage in stages)
        self._down = set(range(node.max)) if self._replaces else set()  # no process is there
        self._behind: set[int] = set()  # that have to catch up with what predecessors left
        self._broken = False
        self._load = Load(stages, node, lag, shared)
        self._closing = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"headrace-{self.name}-pool", daemon=True
        )

    def start(self) -> None:
        """Begin to measure, and to act on it."""
        self._thread.start()

    def close(self) -> None:
        """End that."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def owners(self) -> tuple[int, ...]:
        """The worker that owns each partition."""
        return tuple(self._owner(at) for at in range(self.node.partitions))

    @property
    def workers(self) -> tuple[int, ...]:
        """The numbers of the workers that are there."""
        present = (Status.RUNNING, Status.RETIRING, Status.LEAVING)
        return tuple(at for at, status in enumerate(self._status) if status in present)

    @property
    def moving(self) -> int:
        """How many partitions are on their way."""
        return len(self._on_way)

    def state(self, over: Callable[[], bool] = NEVER.over) -> dict[int, Any]:
        """Copies of the states of all partitions that events came to.

        Raises StateError, and WaitTimeout where a worker is paused and the time is `over`.
        """
        found: dict[int, Any] = {}
        wanted = set(range(self.node.partitions))
        while wanted:
            with self._lock:
                owners = {at: self._owner_now(at) for at in wanted}
            # Nothing is held up meanwhile: a worker may be paused, and not answer for long.
            told = {
                number: self.stages[number].states(over)
                for number in sorted({owner for owner, _ in owners.values()})
            }
            with self._lock:
                same = {at for at, owner in owners.items() if owner == self._owner_now(at)}
            for at in same:  # who owned it all the time had its state
                states = told[owners[at][0]]
                found |= {at: states[at]} if at in states else {}
            wanted -= same
        return {at: found[at] for at in sorted(found)}

    def _owner_now(self, partition: int) -> tuple[int, int]:
        """The owner, and by its epoch whether a hand-over has begun since."""
        return self._owner(partition), self._partitions[partition].epoch

    def _owner(self, partition: int) -> int:
        owner = self._partitions[partition].owner
        assert owner is not None  # threads do not die alone
        return owner

    # -- what workers say ------------------------------------------------------------------------

    def send(self, to: int, letter: Letter) -> None:
        """Bring a letter to a worker, or here."""
        if to != COORDINATOR:
            with self._lock:
                self._put(to, letter)
            return
        with self._lock:
            self._answered(letter)

    def _answered(self, letter: Letter) -> None:
        """A worker has answered; the lock is held."""
        at, message = letter.partition, letter.message
        assert isinstance(message, Holding | Taken)
        before = self._partitions[at]
        self._partitions[at], sends = answered(before, message)
        if self._partitions[at].owner != before.owner:
            assert before.owner is not None
            self._keep_past(Past(at, before.owner, before.since, self._partitions[at].since))
            self._on_way.discard(at)
            self.moves += 1
        self._dispatch(at, sends)

    def _keep_past(self, past: Past) -> None:
        """A tenure is over; those are forgotten that nobody can have to step again."""
        if not self._replaces:
            return
        self._past.append(past)
        if len(self._past) > 2 * self.node.partitions:
            done = [stage.done for stage in self.stages]
            self._past = [each for each in self._past if each.until > done[each.worker]]

    def _dispatch(self, at: int, sends: Iterable[Send]) -> None:
        for to, message in sends:
            self._put(to, Letter(at, message))

    def _put(self, to: int, letter: Letter) -> None:
        if to not in self._down:
            self.stages[to].put(letter)

    def joined(self, number: int) -> None:
        """A worker reads on from now on."""
        with self._lock:
            if self._status[number] is Status.STARTING:
                self._status[number] = Status.RUNNING
                self._load.joined(number)

    def left(self, number: int) -> None:
        """A worker has left its place."""
        with self._lock:
            self._status[number] = Status.IDLE

    def may_end(self, number: int) -> bool:
        """Whether a worker that has read all may end: then it is given nothing any more."""
        with self._lock:
            involved = {
                who
                for at in self._on_way
                for who in (self._partitions[at].owner, self._partitions[at].target)
            }
            if number in involved and not self._broken:
                return False
            self._status[number] = Status.ENDED
            return True

    def break_off(self) -> None:
        """A worker has failed for good: nobody is to wait for it."""
        with self._lock:
            if not self._broken:
                self._broken = True
                for stage in self.stages:
                    stage.break_off()

    @property
    def broken(self) -> bool:
        """Whether a worker has failed for good."""
        return self._broken

    # -- workers that die, and their successors --------------------------------------------------

    def died(self, number: int) -> None:
        """A worker is dead: hand-overs to it and from it are given up, and none begins."""
        with self._lock:
            self._down.add(number)
            self._behind.add(number)
            for at in sorted(self._on_way):
                before = self._partitions[at]
                self._partitions[at], sends = replaced(before, number)
                if self._partitions[at].target is None:
                    self._on_way.discard(at)
                self._dispatch(at, sends)

    def task(self, number: int) -> Task:
        """What a worker begins with that takes a place; nothing of that changes until `up`."""
        self.died(number)
        with self._lock:
            # Where it never leaves its rings, it may still owe what it had made before it retired.
            begun = self._status[number] not in (Status.IDLE, Status.STARTING)
            begun |= not self.stages[number].leaves
            return Task(begun, duties(number, self._partitions, self._past) if begun else ())

    def up(self, number: int) -> None:
        """The process is there; it hears what was decided meanwhile."""
        with self._lock:
            self._down.discard(number)
            stage = self.stages[number]
            if self._status[number] is Status.STARTING:
                stage.begin()
            elif self._status[number] is Status.LEAVING:
                stage.retire()
            if self._broken:
                stage.break_off()

    def caught_up(self, number: int) -> None:
        """A worker is through with what its predecessor had left; it may take part in moves."""
        with self._lock:
            self._behind.discard(number)

    # -- what is done with them ------------------------------------------------------------------

    def move(self, moves: Iterable[tuple[int, int]]) -> int:
        """Begin to hand over partitions, each to a worker; how many of them.

        Those are passed over that are on their way or there already, or whose new owner is not
        there to take them.
        """
        begun = 0
        with self._lock:
            if self._broken:
                return 0
            for at, target in moves:
                owner = self._owner(at)
                alive = Status.ENDED not in (self._status[owner], self._status[target])
                alive &= not {owner, target} & self._behind
                taking = self._status[target] is Status.RUNNING and owner != target
                if not (alive and taking) or at in self._on_way:
                    continue
                self._partitions[at], sends = hand_over(self._partitions[at], target)
                self._on_way.add(at)
                self._dispatch(at, sends)
                begun += 1
        return begun

    def want(self, count: int) -> None:
        """Have so many workers, within min and max: add some, or begin to retire the last ones."""
        node = self.node
        with self._lock:
            count = self.wanted = min(max(count, node.min), node.max)
            staying = [
                at
                for at, status in enumerate(self._status)
                if status in (Status.STARTING, Status.RUNNING)
            ]
            for at, status in enumerate(self._status):
                if len(staying) >= count:
                    break
                if status is Status.RETIRING:  # it has not gone yet
                    self._status[at] = Status.RUNNING
                    staying.append(at)
                elif status is Status.IDLE:
                    self._status[at] = Status.STARTING
                    staying.append(at)
                    if at not in self._down:
                        self.stages[at].begin()
            for at in reversed(sorted(staying)[count:]):
                if self._status[at] is Status.RUNNING:
                    self._status[at] = Status.RETIRING

    def tick(self) -> None:
        """Measure, decide, and act once."""
        with self._lock:
            if self._broken or Status.ENDED in self._status:
                return
            self.measured = self._measure()
            self.want(self.controller.decide(self.measured))
            self._let_retire()
            if not self._on_way:
                self._balance()

    def _measure(self) -> Measurement:
        self._load.add_steps(self._owner)
        done, busy_s, depth, arrived = self._load.look(self.workers)
        return Measurement(
            self._clock(), depth, arrived, done, busy_s, self.wanted, self.node.min, self.node.max
        )

    def _let_retire(self) -> None:
        """Take the next step with workers that are to go."""
        running = [at for at, status in enumerate(self._status) if status is Status.RUNNING]
        for number, status in enumerate(self._status):
            if status is not Status.RETIRING or not running:
                continue
            assignment = self._assignment()
            if assignment.owned(number):
                moves = retire(assignment, number, running, self._load.by_partition)
                self.move((move.partition, move.target) for move in moves)
            elif not any(self._partitions[at].target == number for at in self._on_way):
                self._status[number] = Status.LEAVING
                if number not in self._down:
                    self.stages[number].retire()

    def _balance(self) -> None:
        running = [at for at, status in enumerate(self._status) if status is Status.RUNNING]
        choose: Callable[..., Iterable[Move]] = getattr(self.controller, "moves", rebalance)
        moves = choose(self._assignment(), running, self._load.by_partition.copy())
        self.move((move.partition, move.target) for move in moves)

    def _assignment(self) -> Assignment:
        return Assignment(0, tuple((Tenure(0, owner),) for owner in self.owners))

    def _run(self) -> None:
        while not self._closing.wait(self.node.period):
            try:
                self.tick()
            except Exception:  # a controller's: the stage goes on with the workers that it has
                log.exception(
                    "the controller of stage %s failed; its workers stay as they are", self.name,
                    extra={"stage": self.name},
                )  # fmt: skip
                return


def _controller(given: Any) -> Any:
    """The controller of a stage: made, if a way to make it is given."""
    if given is None:
        return PID()
    if isinstance(given, type) or not hasattr(given, "decide"):
        made = given()
        if not hasattr(made, "decide"):
            raise UsageError(f"controller {given!r} made {made!r}, which has no method decide")
        return made
    return given
