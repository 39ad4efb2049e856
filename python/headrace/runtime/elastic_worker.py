"""One worker of an elastic stage: it reads all of the stage's stream, and steps what it owns.

What it owns, and what is on its way to it or from it, its seats say (`headrace.elastic.handover`);
they are moved by messages, which it hears between two batches, and by what it reads. It waits for
nobody: not for room for its outputs, which it keeps until there is some, nor for the state of a
partition that comes to it, whose events it holds back. So it can always hand over, and no two
workers can wait for each other.

It lets go of an event once all is done that it has to do with it, and what that made is out. Where
outputs are brought in order with those of other workers, they leave in order: none from the oldest
event on that is held back. Elsewhere they leave at once; then a partition's new owner waits until
whoever reads the old one's outputs is through with them, for the order of each key.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace.compose.layout import StageLayout
from headrace.compose.rows import positioned
from headrace.elastic.handover import (
    Outcome,
    Phase,
    Seat,
    Send,
    State,
    advance,
    receive,
)
from headrace.errors import StepError
from headrace.replay import poison_error
from headrace.replay.partitioned import Partitioned, in_order, in_sequence
from headrace.replay.spans import Array, Span
from headrace.runtime.again import Again
from headrace.runtime.elastic_links import Letter, Links
from headrace.runtime.pace import Pace
from headrace.runtime.sources import Batch, Source

if TYPE_CHECKING:
    from headrace.engine.gauges import StageGauge

_SHARE_KEPT = 0.9
_SHARE_MIN = 0.001
_IDLE_SECONDS = 0.02  # between two looks for messages, while nothing comes
_BUSY_SECONDS = 0.0005  # the same, while it waits for more than events


class ElasticWorker:
    """A worker that has some partitions; reads once it has a source. Run by one thread.

    `lock` is held while states move. Raises what steps, the source and the links raise.
    """

    source: Source

    def __init__(
        self,
        stage: StageLayout,
        partitioned: Partitioned,
        made: int,
        batch_size_max: int,
        owned: tuple[int, ...],
        links: Links,
    ) -> None:
        assert stage.slot is not None
        self.number = stage.slot.index
        self.partitioned = partitioned
        self.made = made  # output records so far, with those that are kept
        self.read = 0
        self.gauge: StageGauge | None = None  # where it is seen from outside
        self.halted_at: int | None = None  # the event whose failure has ended all
        self.stepped = 0  # events
        self._told = 0, made  # events and outputs, with those the gauge knows of
        self.busy_s = 0.0  # in which it did so
        self.lock = threading.Lock()
        self.letters: queue.SimpleQueue[Letter | None] = queue.SimpleQueue()
        self._stage, self._slot = stage, stage.slot
        self._links = links
        self._pace = Pace(batch_size_max)  # what is to be handed over waits for a batch's end
        self._batch_size_max = batch_size_max
        self._share = 1.0  # what part of the events that it reads are its own, about
        self._seats = {at: Seat(Phase.OWNING) for at in owned}
        self._moving: set[int] = set()  # partitions whose seats are on their way
        self._has = np.zeros(self._slot.node.partitions, bool)  # with a seat
        self._has[list(owned)] = True
        self._held: dict[int, list[tuple[Span, Array]]] = {}  # of those: events not stepped yet
        self._late: list[Letter] = []  # states for which it is too early
        self._fresh: list[Array] = []  # records made since the last look
        self._outputs: Array | None = None  # what is kept, in order
        self._again: Again | None = None  # what a predecessor has left
        self._careful_until = 0  # events before are taken one at a time
        self._poison: Mapping[int, int] = {}  # events that killed their worker, and how often

    def begin(self, source: Source) -> None:
        """Read from a source on."""
        self.source = source
        self.read = source.sequence

    def succeed(
        self, again: Again | None, poison: Mapping[int, int], careful_until: int
    ) -> None:
        """Before it begins: first do what a dead worker has left, whose place it takes.

        `poison`: events that killed their worker, and how often. Events before `careful_until` are
        taken one at a time, so that it is known at which of them it dies.
        """
        self._again = again
        self._poison, self._careful_until = poison, careful_until
        if again is not None:
            self._has[list(again.partitions)] = True

    # -- its loop --------------------------------------------------------------------------------

    def turn(self) -> bool:
        """Hear what was said, put out what can be, read on; False: there is nothing more to read.

        Waits a little if there is nothing to do.
        """
        self._hear()
        full = self._put_out()
        self._let_go()
        ended = self.halted_at is not None or self.source.ended
        if ended and not full and (self.halted_at is not None or not self._waits):
            return False
        if ended or full or not (self.source.reads_ahead or self.source.sequence == self.read):
            self.wait(_BUSY_SECONDS)
            return True
        patience = _BUSY_SECONDS if self._moving or self._late else _IDLE_SECONDS
        if self.gauge is not None:
            self.gauge.waiting()
        batch = self.source.poll(self._size, patience)
        if self.gauge is not None:
            self.gauge.running()
        if batch is not None:
            try:
                self._step_over(self._span_of(batch), batch.select)
            finally:
                batch.let_go()
        return True

    @property
    def at_rest(self) -> bool:
        """Whether it has nothing, holds nothing, and all that it made is out."""
        idle = self._again is None and not (self._seats or self._late or self._fresh)
        return idle and self._outputs is None

    @property
    def behind(self) -> bool:
        """Whether it has to catch up with what a predecessor has left."""
        return self._again is not None or self.read < self._careful_until

    @property
    def _size(self) -> int:
        """How many events it takes at once, so that as many are its own as its pace says."""
        if self.read < self._careful_until:
            return 1
        return max(1, min(self._batch_size_max, int(self._pace.size / self._share)))

    @property
    def _waits(self) -> bool:
        return bool(self._moving or self._late) or self._outputs is not None

    def wait(self, seconds: float = _BUSY_SECONDS) -> None:
        """Wait for a message."""
        try:
            letter = self.letters.get(timeout=seconds)
        except queue.Empty:
            return
        self._take(letter)

    def _hear(self) -> None:
        late, self._late = self._late, []
        for letter in late:
            self._take(letter)
        while not self.letters.empty():
            self._take(self.letters.get())

    # -- messages --------------------------------------------------------------------------------

    def _take(self, letter: Letter | None) -> None:
        if letter is None:  # only to be woken
            return
        message = letter.message
        if isinstance(message, State) and not self._slot.ordered and not self._links.was_read(
            letter.sender, letter.made
        ):
            self._late.append(letter)
            return
        at = letter.partition
        seat = self._seats.get(at, Seat())
        if at not in self._moving:  # then it is not kept up to date
            seat = replace(seat, read=self.read, at=self.read)
        outcome = receive(seat, message)
        stepper = self._links.unpack(letter)
        with self.lock:
            if outcome[0].phase is Phase.READY and stepper is not None:
                self.partitioned.steppers[at] = stepper
            sends = self._settle(at, outcome)
        self._send(at, sends)

    def _settle(self, at: int, outcome: Outcome) -> tuple[Send, ...]:
        """Do what a seat has come to; the lock is held. What is to be sent then."""
        seat, steps, sends = outcome
        if steps.first < steps.end:
            self._step_held(at, steps.first, steps.end)
        self._moving.discard(at)
        if seat.phase is Phase.PASSING:
            self._seats.pop(at, None)
            self._held.pop(at, None)
            self.partitioned.steppers.pop(at, None)
        else:
            self._seats[at] = seat
            # Who reads behind the old owner may have a state that is ahead of what it has read.
            if seat.phase is not Phase.OWNING or seat.at > seat.read:
                self._moving.add(at)
            if seat.phase is Phase.OWNING:
                self._held.pop(at, None)
        self._has[at] = at in self._seats
        return sends

    def _send(self, at: int, sends: tuple[Send, ...]) -> None:
        for to, message in sends:
            stepper = None
            if isinstance(message, State):
                stepper = self.partitioned.steppers.get(at)  # None: no event has come yet
            self._links.send(to, Letter(at, message, stepper, self.number, self.made))

    # -- steps -----------------------------------------------------------------------------------

    def _span_of(self, batch: Batch) -> Span:
        events, times, origins, _ = batch.part(0, batch.length)
        outer = batch.positions(slice(None)) if self._stage.depth_in else None
        return Span(events, times, batch.first, origins, outer)

    def _step_over(self, span: Span, select: Any) -> None:
        begun, begin_ns, stepped = self._now()
        stepping_ns = self.partitioned.stepping_ns
        end = span.first + span.length
        parts = self.partitioned.shared_out(span.events, select, self._has)
        moving = [(at, places) for at, places in parts if at in self._moving]
        own = [(at, places) for at, places in parts if at not in self._moving]
        kept = span.copied() if moving else span
        sends = []
        behind = self.behind
        with self.lock:
            if self._again is None:
                self._step(span, own)
            else:
                self._step_again(span, own, self._again)
            self.read = end
            for at, places in moving:
                self._held.setdefault(at, []).append((kept, places))
            for at in sorted(self._moving):
                sends.append((at, self._settle(at, advance(self._seats[at], end))))
        for at, each in sends:
            self._send(at, each)
        if behind and not self.behind:
            self._links.caught_up()
        spent = time.perf_counter_ns() - begun
        self.busy_s += spent / 1e9
        count = self.stepped - stepped
        if count:
            self._pace.took(count, self.partitioned.stepping_ns - stepping_ns)
        share = _SHARE_KEPT * self._share + (1 - _SHARE_KEPT) * count / span.length
        self._share = max(share, _SHARE_MIN)
        told_stepped, told_made = self._told
        if self.gauge is not None and self.stepped > told_stepped:
            places = np.concatenate([places for _, places in own]) if own else np.arange(0)
            self.gauge.stepped(
                self.stepped - told_stepped, self.made - told_made, begin_ns, time.time_ns(),
                span.times_at(places),
            )  # fmt: skip
            self._told = self.stepped, self.made
        span.let_go()

    def _now(self) -> tuple[int, int, int]:
        return time.perf_counter_ns(), time.time_ns(), self.stepped

    def _step_held(self, at: int, first: int, end: int) -> None:
        """Step over a partition's events of [first, end) that were held back, and forget them."""
        left = []
        for span, places in self._held.get(at, []):
            self._step(span, [(at, span.within(places, first, end))])
            later = span.within(places, end, span.first + span.length)
            if len(later):
                left.append((span, later))
        self._held[at] = left

    def _step_again(self, span: Span, parts: list[tuple[int, Array]], again: Again) -> None:
        """Step over events of which others, or a predecessor, may have put out what they make."""
        for at, places in parts:
            left = again.places(at, span, places)
            if len(left):
                self._step(span, [(at, left)], again)
        if span.first + span.length >= again.end:
            for at in again.given_away:
                self.partitioned.steppers.pop(at, None)
                self._has[at] = False
            self._again = None

    def _step(
        self, span: Span, parts: list[tuple[int, Array]], again: Again | None = None
    ) -> None:
        def decide(failure: StepError, at: int) -> bool:
            if again is not None and not again.is_own(parts[0][0], failure.sequence):
                return True  # whoever put out what it made has told of it
            failure.stage = self._stage.state_name
            if self.gauge is not None:
                self.gauge.errors()
            self.lock.release()  # who is asked may look at the state
            try:
                return self._links.on_failure(failure, span.event(at))
            finally:
                self.lock.acquire()

        if self.halted_at is not None or not parts:
            return
        deaths = self._poison.get(span.first, 0) if span.length == 1 else 0
        if deaths and any(len(places) for _, places in parts):
            machine, name = self._stage.machine, self._stage.state_name
            refused = poison_error(machine, name, span.first, span.event(0), deaths)
            refused.origin, refused.time_ns = span.origin(0), span.time_ns(0)
            if not decide(refused, 0):
                self.halted_at = refused.sequence
            return
        records, failure = self.partitioned.step_over(span, parts, decide)
        self.stepped += sum(len(places) for _, places in parts)
        if failure is not None:
            self.halted_at = failure.sequence
        if again is not None and records is not None:
            records = again.new(parts[0][0], records)
        if records is not None and len(records):
            self.made += len(records)
            outer = span.outer(records["input_sequence"] - span.first)
            output = self._stage.machine.output
            self._fresh.append(positioned(records, output, self._stage.depth, outer))

    # -- outputs ---------------------------------------------------------------------------------

    def _put_out(self) -> bool:
        """Put out what may leave; whether some of it has found no room."""
        if self._fresh:
            parts = self._fresh if self._outputs is None else [self._outputs, *self._fresh]
            self._outputs = in_order(parts) if self._slot.ordered else in_sequence(parts)
            self._fresh = []
        if self._outputs is None:
            return False
        may = len(self._outputs)
        if self._slot.ordered:
            inputs = self._outputs["input_sequence"]
            may = int(np.searchsorted(inputs, self._limit, side="left"))
        out = self._links.emit(self._outputs[:may]) if may else 0
        self._outputs = self._outputs[out:] if out < len(self._outputs) else None
        return out < may

    @property
    def _limit(self) -> int:
        """All is done that it has to do with events before this sequence."""
        ends = [self._seats[at].releasable for at in self._moving]
        if self.halted_at is not None:
            ends.append(self.halted_at)
        return min([self.read, *ends])

    def _let_go(self) -> None:
        end = self._limit
        if self._outputs is not None:
            end = min(end, int(self._outputs["input_sequence"].min()))
        if end > self.source.sequence:
            self.source.release_to(end)
            self._links.moved()
