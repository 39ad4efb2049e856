"""Consuming a ring from Python.

A `Consumer` is one thread's hold on a named place in the ring. What it polls it sees as one
contiguous read-only view, which stays true until it is released; then producers may write there.
"""

import warnings

cimport cython
cimport numpy as cnp
from libc.stdint cimport INT64_MAX, int64_t

from headrace.ringbuffer.atomics cimport fence_seq_cst
from headrace.ringbuffer.barrier cimport (
    FAULT_FENCED,
    ConsumerCore,
    is_fenced_consumer,
    poll_batch,
    release_batch,
    slots_of_events,
)
from headrace.ringbuffer.futex cimport fence_heavy
from headrace.ringbuffer.handle cimport Handle
from headrace.ringbuffer.layout cimport HR_DATA_PARKED
from headrace.ringbuffer.parking cimport has_ended, prepare_to_park
from headrace.ringbuffer.segment cimport Segment
from headrace.ringbuffer.sequencer cimport Geometry, slot_address
from headrace.ringbuffer.atomics cimport load_acquire_i64
from headrace.ringbuffer.views cimport ViewPool
from headrace.ringbuffer.waiting cimport (
    DAMAGED,
    ENDED,
    FENCED,
    NOT_YET,
    READY,
    Outcome,
    Wait,
    wait_with_signals,
)

from headrace.ringbuffer import membership
from headrace.ringbuffer.errors import (
    Fenced,
    RingClosed,
    RingFormatError,
    StaleView,
    UsageError,
)

import numpy as np

cnp.import_array()


class StaleViewWarning(RuntimeWarning):
    """A batch was still referenced after it had been released."""


cdef inline int64_t published_end(const Geometry *at) noexcept nogil:
    if at.availability == NULL:
        return load_acquire_i64(&at.header.cursor.value)
    return load_acquire_i64(&at.header.claimed.value)


cdef Outcome attempt_poll(void *core_, int64_t wanted) noexcept nogil:
    cdef ConsumerCore *core = <ConsumerCore *>core_
    cdef int64_t count = poll_batch(core, wanted)
    if count > 0:
        return READY
    if count < 0:
        return FENCED if count == FAULT_FENCED else DAMAGED
    if has_ended(&core.at.header.parking) and core.batch_end >= published_end(&core.at):
        return ENDED
    return NOT_YET


@cython.final
@cython.no_gc_clear  # its end still needs the segment
cdef class Consumer(Handle):
    """One thread's hold on a place in the ring; made by `Ring.consumer(name)`.

    Not thread-safe: one thread consumes under one name. Dropped without `close()` it leaves its
    place in the ring, which goes on gating the producers, to a successor of the same name;
    `close()`, or leaving it as a context manager, gives the place up.

    `name`: its place's. `ended`: everything was consumed, and nothing more will come. `strict`:
    a batch that is still referenced after its release raises StaleView instead of warning.
    """

    def __init__(self, Segment segment not None, name, after=None, wait=None, strict=False):
        Handle.__init__(self, segment, wait)
        self.index, self.core.epoch = membership.take_consumer_entry(segment, name, after)
        self.born = self.generation[0]
        self.core.at = segment.at
        self.core.entry = &segment.at.header.consumers[self.index]
        self.core.next = load_acquire_i64(&self.core.entry.sequence.value)
        self.core.batch_end = self.core.available = self.core.next
        self.batch_begin = self.core.next
        self.pool = ViewPool(segment.dtype, segment.mapping, False, <Py_ssize_t>segment.at.slots)
        if segment.at.times != NULL:
            self.times_pool = ViewPool(
                np.dtype("<i8"), segment.mapping, False, <Py_ssize_t>segment.at.times)
        self.nothing = self.pool.make(segment.at.slots, 0)
        self.spare_begin = self.current_begin = INT64_MAX
        self.name = name
        self.strict = strict

    def __dealloc__(self):
        if self.segment is not None and self.born != -1 and self.born == self.generation[0]:
            membership.abandon_entry(self.segment, self.index)

    cdef int64_t fetch(self, int64_t limit, object timeout, bint forever) except -1:
        """Move batch_end on; the number of events that it moved by."""
        cdef int64_t count
        count = poll_batch(&self.core, limit)
        if count > 0:
            self.batch_begin = self.core.batch_end - count
            return count
        if count == FAULT_FENCED:
            self.refuse_fenced()
        if count == 0 and not forever and timeout is not None and timeout == 0:
            if not has_ended(&self.core.at.header.parking):
                if self.core.batch_end < published_end(&self.core.at):
                    self.bury_now_and_then()
                return 0
        return self.wait_for_data(limit, None if forever else timeout)

    cdef int64_t wait_for_data(self, int64_t limit, object timeout) except -1:
        cdef Wait wait
        cdef Outcome outcome
        self.batch_begin = self.core.batch_end
        if self.ended:
            return 0
        wait.attempt = attempt_poll
        wait.core = &self.core
        wait.wanted = limit
        wait.bit = HR_DATA_PARKED
        self.begin_wait(&wait, timeout)
        self.waiting = True
        try:
            outcome = wait_with_signals(&wait, self.burier)
        finally:
            self.waiting = False
            if self.closed:
                self.leave()
        if self.closed:
            raise RingClosed(f"consumer {self.name!r} was closed while it waited")
        if outcome == ENDED:
            return self.last_look(limit)
        if outcome == FENCED:
            self.refuse_fenced()
        if outcome == DAMAGED:
            raise RingFormatError(
                f"consumer {self.name!r} at sequence {self.core.next:,}: the sequences in shared "
                "memory are damaged (further ahead than the ring is long); make the ring anew")
        if outcome != READY:
            return 0
        self.batch_begin = self.core.batch_end - self.core.polled
        return self.core.polled

    cdef int refuse_fenced(self) except -1:
        raise Fenced(
            f"consumer {self.name!r} was declared dead (Ring.declare_dead) while it was paused: its "
            "place is a successor's, what it has polled may be newer events by now, and what it "
            "was releasing may not count; close it, and take the place again when it is free: "
            f"ring.consumer({self.name!r})")

    cdef int64_t last_look(self, int64_t limit) except -1:
        """The ring was ended and drained; a commit that raced with the end must not be lost.

        Once this fence is over, either a late publisher's cursor is seen here, or that publisher
        sees the end after its commit, and says so to its caller.
        """
        cdef int64_t count
        if not fence_heavy():
            fence_seq_cst()
        count = poll_batch(&self.core, limit)
        if count == FAULT_FENCED:
            self.refuse_fenced()
        if count == 0 and self.core.batch_end >= published_end(&self.core.at):
            self.ended = True
        count = max(count, 0)
        self.batch_begin = self.core.batch_end - count
        return count

    cdef object hand_out(self, int64_t count):
        cdef object view
        cdef int64_t before = self.spare_begin
        if count == 0:
            return self.nothing
        view = self.pool.view(slot_address(&self.core.at, self.batch_begin), count)
        self.spare_begin = self.current_begin
        self.current_begin = self.batch_begin
        if self.pool.kept:
            self.pool.kept = 0
            if before < self.core.next:
                self._tell_kept_view()
        return view

    def _tell_kept_view(self):
        """The view before the last one is still held, although its slots were released."""
        message = (
            f"a batch of consumer {self.name!r} is still referenced although it was released: its "
            "slots are being written again; keep batch.copy() instead")
        try:
            if self.strict:
                raise StaleView(message)
            warnings.warn(message, StaleViewWarning, stacklevel=2)
        except BaseException:
            self.core.batch_end = self.batch_begin  # the next poll hands the same events out
            raise

    def poll(self, limit=None, timeout=0):
        """The next batch: a read-only contiguous ndarray view, of length 0 if there is none.

        `limit` bounds its length (None: the ring's capacity). `timeout` in seconds: 0 looks once,
        None waits for ever by the wait strategy; a wait also ends, with length 0 and `ended` true,
        when the ring was ended and all is consumed. Batches add up until `release`. Raises
        RingClosed, RingFormatError, Fenced, and in strict mode StaleView.
        """
        cdef int64_t most = self.core.at.capacity
        self.check_usable()
        if limit is not None:
            most = limit
            if most < 1:
                raise UsageError(f"limit must be at least 1, not {limit}")
        return self.hand_out(self.fetch(most, timeout, False))

    def release(self, count=None):
        """Let go of the oldest `count` events that were polled (None: of all), in order.

        Their views are not to be used any more. Once it returns, a successor starts behind them.
        Raises UsageError if there are not so many; Fenced, if the consumer was declared dead: then
        a successor may see them again.
        """
        cdef int64_t out = self.core.batch_end - self.core.next
        cdef int64_t most = out
        self.check_usable()
        if count is not None:
            most = count
            if most < 0 or most > out:
                raise UsageError(f"cannot release {count} events: {out} are polled")
            most = slots_of_events(&self.core, most)
            if most > out:
                raise UsageError(f"cannot release {count} events: fewer are polled")
        if most:
            if not release_batch(&self.core, most):
                self.refuse_fenced()
        elif is_fenced_consumer(&self.core):
            self.refuse_fenced()

    def rewind(self):
        """Take back all that was polled and not released: the next poll hands it out again.

        Raises RingClosed, Fenced.
        """
        self.check_usable()
        if is_fenced_consumer(&self.core):
            self.refuse_fenced()
        self.core.batch_end = self.core.available = self.core.next
        self.core.polled = 0
        self.ended = False

    def __iter__(self):
        return self

    def __next__(self):
        cdef int64_t count
        self.check_usable()
        if self.core.batch_end != self.core.next:
            if not release_batch(&self.core, self.core.batch_end - self.core.next):
                self.refuse_fenced()
        count = self.fetch(self.core.at.capacity, None, True)
        while count == 0:
            if self.ended:
                raise StopIteration
            count = self.fetch(self.core.at.capacity, None, True)
        return self.hand_out(count)

    def aiter(self, limit=None):
        """Iterate over batches in asyncio: `async for batch in consumer.aiter():`.

        Each batch is released on the next turn; an idle loop sleeps. Raises as `poll`.
        """
        from headrace.ringbuffer import aio
        return aio.batches(self, limit)

    def _park_token(self):
        """Announce a sleeper for data: (address of the futex word, value, what keeps it mapped)."""
        self.check_usable()
        cdef unsigned int word = prepare_to_park(&self.core.at.header.parking, HR_DATA_PARKED)
        return <size_t>&self.core.at.header.parking.data_word, word, self.segment.mapping

    def _look_around(self):
        if self.core.batch_end < published_end(&self.core.at):
            self.burier()

    @property
    def sequence(self):
        """Everything below is released: the sequence of the oldest event not let go of."""
        return self.core.next

    @property
    def batch_sequence(self):
        """The sequence of the first event of the batch handed out last."""
        return self.batch_begin

    @property
    def times(self):
        """Ingest times of the batch handed out last: int64 nanoseconds since 1970, a view.

        Raises UsageError if the ring has none (Ring.create(..., timestamps=True)).
        """
        self.check_usable()
        if self.times_pool is None:
            raise UsageError("this ring has no ingest times; create it with timestamps=True")
        return self.times_pool.view(
            <char *>(self.core.at.times + (self.batch_begin & self.core.at.index_mask)),
            self.core.batch_end - self.batch_begin)

    def close(self):
        """Leave the ring: the place and what was not consumed are given up. Twice is allowed."""
        self.give_up(False)

    def detach(self):
        """Stop consuming, but leave the place to a successor of the same name."""
        self.give_up(True)

    cdef int give_up(self, bint keeps_place) except -1:
        if self.born == self.generation[0]:
            self.keeps_place = keeps_place
            self.shut()
            if not self.waiting:  # else the waiting thread, which still looks at the entry, leaves
                self.leave()
        self.born = -1
        return 0

    cdef int leave(self) except -1:
        if self.keeps_place:
            membership.abandon_entry(self.segment, self.index)
        else:
            membership.leave_entry(self.segment, self.index, self.core.epoch)
        return 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __reduce__(self):
        raise TypeError("a consumer cannot be pickled; pass the ring, and make one there")
