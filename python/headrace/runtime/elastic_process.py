"""A worker of an elastic stage in a process of its own; it sleeps while it is not needed.

The same worker as in a thread (`elastic_worker`), at the end of a pipe: what it says to others, and
to the pool, goes through the engine's process, states of partitions encoded as in a snapshot.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from headrace.compose.layout import Read, rings_of
from headrace.elastic.handover import State
from headrace.engine import Stepper
from headrace.errors import RingClosed, StateError
from headrace.journal.states import decode_state, encode_state, known_classes
from headrace.replay.partitioned import Partitioned
from headrace.ringbuffer import liveness
from headrace.runtime import messages
from headrace.runtime.again import Again
from headrace.runtime.elastic_letters import posted, unposted
from headrace.runtime.elastic_links import Letter, Links
from headrace.runtime.elastic_stage import ElasticStage
from headrace.runtime.settling import released
from headrace.runtime.sources import Source
from headrace.runtime.stage import Records
from headrace.runtime.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable


class ElasticProcess(Worker):
    """The place of one worker, its rings, and the pipe to the engine."""

    def _take_up(self) -> None:
        own, spec = self._own, self._spec
        slot, task = own.slot, spec.task
        assert slot is not None
        assert task is not None
        self._classes = known_classes(own.machine)
        self._pool = _Pool(self._send)
        partitioned = Partitioned(slot.node, spec.step)
        leaves = isinstance(own.source, Read)
        lag = self._lag() if spec.careful else 0
        self._first = self._source() if task.begun or not leaves else None
        self._origin = "the initial state"
        again = None
        if self._first is not None and task.owed:
            again = Again(task.owed, self._published, own.state_name, spec.passed_over)
            restored = self._restored(self._first.sequence)
            self._origin = restored.origin
            before: Any = restored.stepper
            needed = again.owned if again.end <= self._first.sequence else again.partitions
            partitioned.steppers = {
                at: before.steppers[at] for at in needed if at in before.steppers
            }
        owned = () if again is None else again.owned
        self._stage = ElasticStage(  # type: ignore[assignment]
            own,
            self._rings[rings_of(own.source)[0]],
            partitioned,
            0 if self._output is None else self._output.cursor,
            owned if task.begun else None,
            Links(
                self._send_letter,
                self._on_failure,
                self._put_out,
                lambda worker, made: True,  # all is in order
                _nothing,
                lambda: self._send(messages.CaughtUp()),
                self._unpack,
            ),
            open_source=self._open_source,
            leaves=leaves,
            on_crash=self._on_crash,
        )
        place = self._place
        place.pool = self._pool
        self._pool.place = place
        place.output_ring = self._output
        place.gauge = self._gauge
        read = place.worker.read if self._first is None else self._first.sequence
        if again is not None and again.end <= read:
            again = None
        place.worker.succeed(again, spec.poison, read + lag)
        if self._gauge is not None:
            self._gauge.begin(*liveness.myself())

    @property
    def _place(self) -> ElasticStage:
        place: ElasticStage = self._stage  # type: ignore[assignment]
        return place

    def _lag(self) -> int:
        """How many events there are at most, at one of which a predecessor may have died."""
        rings = [self._rings[ring] for ring in rings_of(self._own.source)]
        return sum(max(0, ring.cursor - released(ring, self._own)) for ring in rings)

    def _open_source(self) -> Source:
        first, self._first = self._first, None
        return self._source() if first is None else first

    def run(self) -> None:
        """Work until the stream has ended."""
        place = self._place
        if place.begun:
            self._send(messages.Started(place.worker.read, self._origin))
        threading.Thread(target=self._listen, name="headrace-pipe", daemon=True).start()
        place.work()
        if self._output is not None:
            with contextlib.suppress(RingClosed):  # by a user: no reason not to end
                self._output.end()
        if self._gauge is not None:
            self._gauge.ended()
        self._send(messages.Ended(self._state()))

    def _heard(self, message: messages.ToWorker) -> None:
        place = self._place
        if isinstance(message, messages.Post):
            place.put(unposted(message, message.to))
        elif isinstance(message, messages.GiveLoads):
            self._send(messages.Loads(place.loads()))
        elif isinstance(message, messages.Begin):
            place.begin()
        elif isinstance(message, messages.Retire):
            place.retire()
        elif isinstance(message, messages.Broken):
            self._pool.broken = True
        elif isinstance(message, messages.End):
            self._pool.answered(message.may)
        else:
            super()._heard(message)

    def _look_at_state(self) -> Any:
        return self._place.states()

    # What the worker calls.

    def _send_letter(self, to: int, letter: Letter) -> None:
        if isinstance(letter.message, State) and letter.stepper is not None:
            try:
                state = encode_state(letter.stepper.state, self._classes)
            except StateError as error:
                self._place.worker.halted_at = letter.message.at
                self._send(messages.CannotMove(letter.partition, str(error)))
                return
            letter = Letter(letter.partition, letter.message, state=state)
        self._send(posted(to, letter))

    def _unpack(self, letter: Letter) -> Stepper | None:
        if letter.state is None:
            return None
        assert isinstance(letter.message, State)
        stepper = Stepper(self._own.machine, self._spec.step)
        stepper.restore(decode_state(letter.state, self._classes), letter.message.at)
        return stepper

    def _put_out(self, records: Records) -> int:
        """Publish as many as there is room for; all, if nobody will ever read them."""
        assert self._outlet is not None
        if self._is_last and self._waits_for_journal:
            self._wait_safe(int(records["origin"].max()) + 1)
        done = self._outlet.try_emit(records)
        return done if done or not self._readers_gone else len(records)


class _Pool:
    """The pool, as it is seen from here."""

    def __init__(self, send: Callable[[messages.FromWorker], None]) -> None:
        self.broken = False
        self.place: ElasticStage | None = None
        self._send = send
        self._may = False
        self._told = threading.Semaphore(0)

    def joined(self, number: int) -> None:
        """The worker reads on from now on."""
        assert self.place is not None
        self._send(messages.Joined())
        if not self.place.worker.behind:
            self._send(messages.CaughtUp())

    def left(self, number: int) -> None:
        """The worker has left its place."""
        self._send(messages.Left())

    def may_end(self, number: int) -> bool:
        """Whether the worker, which has read all, may end."""
        self._send(messages.MayEnd())
        self._told.acquire()
        return self._may

    def answered(self, may: bool) -> None:
        """The engine has answered that."""
        self._may = may
        self._told.release()

    def break_off(self) -> None:
        """The worker has failed for good."""
        self._send(messages.BreakOff())


def _nothing() -> None:
    """Nobody waits in this process."""
