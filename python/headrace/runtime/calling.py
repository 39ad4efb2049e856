"""Publishing to an engine, and calling it: one input, and the answer to it, or its failure."""

from __future__ import annotations

import numpy as np

from headrace.errors import HeadraceError, InputFull, RingEnded, StepError, WaitTimeout
from headrace.journal.notes import Called
from headrace.runtime.answers import Answers, Entry
from headrace.runtime.calls import Call, Calls
from headrace.runtime.deadline import Deadline
from headrace.runtime.outlet import who_is_waited_for
from headrace.runtime.stage import Records
from headrace.runtime.waits import Waits


class Calling(Waits):
    """What `Engine` publishes and calls by; the attributes are the engine's."""

    _calls: Calls
    _answers: Answers
    _on_full: str
    _dropped: int

    def _publish(self, array: Records, deadline: Deadline, *, called: bool = False) -> int:
        """Put events into the ring; the sequence of the first. A `called` one is never dropped."""
        with self._hold(deadline):
            self._check_running()
            try:
                return self._line.producer.publish(array, 0)
            except RingEnded:  # by a stage that has halted meanwhile
                self._check_running()
                raise
            except WaitTimeout as full:
                if self._journaling is not None:
                    self._journaling.published()  # there is room only when it has moved on
                if self._on_full != "block":
                    return self._leave_out(array, getattr(full, "published", 0), called)
                return self._publish_rest(array, deadline, full)

    def _leave_out(self, array: Records, published: int, called: bool) -> int:
        """The ring is full, and nobody is to wait; the sequence of the first that is in it."""
        self._failures.check()
        published += self._line.producer.try_publish(array[published:])
        if self._on_full == "drop" and not called:
            self._dropped += len(array) - published
            self._line.count_dropped(len(array) - published)
            return self._line.producer.sequence - published
        full = InputFull(
            f"the input ring is full: {published:,} of {len(array):,} events are published"
            f"{who_is_waited_for(self._line.output_ring)}"
        )
        full.published = published
        raise full

    def _publish_rest(self, array: Records, deadline: Deadline, full: WaitTimeout) -> int:
        """What was begun, and did not find room for all of it."""
        first, done = -1, 0
        while True:
            moved = getattr(full, "published", 0)
            if moved and first < 0:
                first = self._line.producer.sequence - moved
            done += moved
            try:
                self._explain_standstill()
                if deadline.over():
                    raise WaitTimeout(
                        f"the ring stayed full for {deadline.timeout:g} s: {done:,} of "
                        f"{len(array):,} events are published"
                        f"{who_is_waited_for(self._line.output_ring)}"
                    ) from None
                self._check_running()
            except HeadraceError as told:
                told.published = done  # type: ignore[attr-defined]
                raise
            try:
                sequence = self._line.producer.publish(array[done:], min(deadline.left(), 0.1))
                return sequence if first < 0 else first
            except RingEnded:
                self._check_running()
                raise
            except WaitTimeout as error:
                full = error

    def _on_failure(self, error: StepError, event: Records) -> bool:
        """A step failed, says its stage's thread; whether to go on with the next event."""
        if error.deaths and self._journaling is not None:  # or it kills who reads the journal
            self._journaling.keep_poison(error, event)
        self._answers.fail(error.origin, error)
        call = self._calls.get(error.origin)
        if call is not None:
            call.error = error
            if error.deaths:  # it has cost some workers, so somebody should look at it
                self._failures.put_aside(error, event, error.deaths)
            return True
        if self._failures.put_aside(error, event, error.deaths):
            return True
        self._failures.halt(error)
        return False

    def _publish_call(
        self, array: Records, deadline: Deadline, client: str | None, number: int | None
    ) -> tuple[int, Call]:
        """Publish a call's event; its sequence. The lock on publishing is held."""
        sequence = self._line.producer.sequence
        call = self._calls.open(sequence)
        before = None
        if client and number:
            before = self._answers.begin(client, number, sequence)
        note = Called(sequence, client or "", number or 0)
        if self._journaling is not None:
            self._journaling.note(note)
        try:
            self._publish(array, deadline, called=True)
        except BaseException:
            if self._line.producer.sequence == sequence:  # it was not published
                self._calls.cancel(sequence)
                if client and number:
                    self._answers.take_back(client, before)
                if self._journaling is not None:
                    self._journaling.take_back(note)
            else:
                self._calls.leave(sequence)
            raise
        return sequence, call

    def _wait_for_answer(self, sequence: int, deadline: Deadline, timeout: float | None) -> None:
        end = sequence + 1
        # Safe first: meanwhile the machines are at it.
        if not (self._wait_durable(end, deadline) and self._wait_through(end, deadline)):
            raise WaitTimeout(
                f"no answer to input {sequence:,} within {timeout:g} s; it is published and "
                "will be stepped"
            )
        self._answers.settle(end)

    def _answer_again(self, entry: Entry, deadline: Deadline, timeout: float | None) -> Records:
        """What a call was answered that was made before."""
        self._wait_for_answer(entry.sequence, deadline, timeout)
        if entry.error is not None:
            raise StepError(
                entry.error,
                sequence=entry.sequence,
                event={},
                machine=self._line.stages[-1].machine.name,
            )
        return np.frombuffer(b"".join(entry.parts), self._line.output_dtype)
