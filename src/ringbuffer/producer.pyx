"""Publishing to a ring from Python.

A `Producer` is one thread's hold: claim slots, write, commit. While a claim is open its slots are
invisible to everyone else; a claim that is not committed (an exception in the block) leaves no
trace on a single-producer ring, and tombstones, which consumers skip, on a multi-producer one.
"""

import numpy as np

cimport cython
cimport numpy as cnp
from libc.stdint cimport INT64_MAX, int64_t

from headrace.ringbuffer.atomics cimport load_relaxed_u32
from headrace.ringbuffer.copying cimport copy_bytes
from headrace.ringbuffer.crashing cimport STAMPED, crash_point
from headrace.ringbuffer.futex cimport monotonic_ns, realtime_ns
from headrace.ringbuffer.handle cimport Handle
from headrace.ringbuffer.layout cimport HR_ENDED, HR_SPACE_PARKED
from headrace.ringbuffer.parking cimport has_ended, prepare_to_park
from headrace.ringbuffer.segment cimport Segment
from headrace.ringbuffer.sequencer cimport (
    ProducerCore,
    abort_claim,
    commit,
    is_fenced_producer,
    room,
    slot_address,
    try_claim,
)
from headrace.ringbuffer.views cimport ViewPool
from headrace.ringbuffer.waiting cimport (
    ENDED,
    FENCED,
    NOT_YET,
    READY,
    Outcome,
    Wait,
    deadline_after,
    wait_with_signals,
)

from headrace.ringbuffer import burial, membership
from headrace.ringbuffer.errors import (
    ClaimError,
    DtypeError,
    Fenced,
    RingClosed,
    RingEnded,
    WaitTimeout,
)
from headrace.ringbuffer.exact import make_events

cnp.import_array()

cdef enum:
    COPY_BYTES_WITH_GIL_MAX = 1 << 18


cdef Outcome attempt_claim(void *core, int64_t wanted) noexcept nogil:
    if has_ended(&(<ProducerCore *>core).at.header.parking):
        return ENDED
    if try_claim(<ProducerCore *>core, wanted):
        return READY
    return FENCED if is_fenced_producer(<ProducerCore *>core) else NOT_YET


@cython.final
@cython.no_gc_clear  # its end still needs the segment
cdef class Producer(Handle):
    """One thread's hold on the writing side of a ring; made by `Ring.producer()`.

    Not thread-safe: give each thread its own (on a multi-producer ring). After a fork the child
    makes a new one. Usable as a context manager, which closes it.
    """

    def __init__(self, Segment segment not None, wait=None):
        Handle.__init__(self, segment, wait)
        self.index, self.core.epoch = burial.take_producer_entry(segment)
        self.born = self.generation[0]
        cdef int64_t published = segment.published()
        self.core.at = segment.at
        self.core.entry = &segment.at.header.producers[self.index]
        self.core.next = self.core.claim_end = published
        self.core.limit = self.core.published_known = 0
        self.pool = ViewPool(segment.dtype, segment.mapping, True, <Py_ssize_t>segment.at.slots)
        self.checked_dtype = segment.dtype

    def __dealloc__(self):
        if self.segment is not None and self.born != -1 and self.born == self.generation[0]:
            self.leave()

    cdef int check_may_claim(self, int64_t count) except -1:
        self.check_usable()
        if self.core.claim_end != self.core.next:
            raise ClaimError("a claim is open already; commit() or abort() it first")
        if count < 1 or count > self.core.at.capacity:
            raise ClaimError(
                f"cannot claim {count:,} slots of a ring of {self.core.at.capacity:,}; "
                + ("claim at least 1" if count < 1 else
                   "publish(events) takes any length, or create a larger ring"))
        if load_relaxed_u32(&self.core.at.header.parking.flags) & HR_ENDED:
            raise RingEnded("the ring was ended; nothing more can be published to it")
        return 0

    cdef int refuse_fenced(self) except -1:
        raise Fenced(
            "this producer was declared dead (Ring.declare_producer_dead) while it was paused; it "
            "publishes nothing any more: close it, and make a new one: ring.producer()")

    cdef int take(self, int64_t count, object timeout) except -1:
        """Open a claim of `count` slots, waiting if need be."""
        self.check_may_claim(count)
        if try_claim(&self.core, count):
            return 0
        return self.wait_for_room(count, timeout, timeout)

    cdef int wait_for_room(self, int64_t count, object timeout, object told) except -1:
        """Wait for at most `timeout`; `told` is the one that the user gave, for the error."""
        cdef Wait wait
        cdef Outcome outcome
        wait.attempt = attempt_claim
        wait.core = &self.core
        wait.wanted = count
        wait.bit = HR_SPACE_PARKED
        self.begin_wait(&wait, timeout)
        self.waiting = True
        try:
            outcome = wait_with_signals(&wait, self.burier)
        finally:
            self.waiting = False
            if self.closed:
                self.leave()
        if self.closed:
            raise RingClosed("the ring was closed while this producer waited for room")
        if outcome == READY:
            return 0
        if outcome == FENCED:
            self.refuse_fenced()
        if outcome == ENDED:
            raise RingEnded("the ring was ended while this producer waited for room")
        raise WaitTimeout(
            f"no room for {count:,} events within {told:g} s"
            + membership.what_gates(self.segment))

    cdef void stamp(self) noexcept nogil:
        cdef int64_t now, first, index
        cdef int64_t *times
        if self.core.at.times != NULL:
            now = realtime_ns()
            first = self.core.next & self.core.at.index_mask
            times = self.core.at.times + first  # mapped twice: runs on past the wrap
            for index in range(self.core.claim_end - self.core.next):
                times[index] = now

    cdef int give(self) except -1:
        """Publish the open claim."""
        cdef int64_t first = self.core.next
        self.stamp()
        crash_point(STAMPED)
        commit(&self.core)
        if load_relaxed_u32(&self.core.at.header.parking.flags) & HR_ENDED:
            raise RingEnded(
                f"the ring was ended while the claim of sequences [{first}, {self.core.next}) was "
                "open: they are stored, but consumers may have stopped before them")
        return 0

    def claim(self, int64_t count=1, timeout=None):
        """A block that claims `count` slots, hands them out as one view, and publishes them.

        `with producer.claim(n) as slots:` gives a writable ndarray of shape (n,) and the ring's
        dtype, whose content is whatever lay there a lap ago. Leaving the block publishes all of
        it at once; an exception publishes nothing. Waits for room by the wait strategy, at most
        `timeout` seconds (None: for ever). Raises ClaimError, WaitTimeout, RingEnded, RingClosed,
        Fenced.
        """
        cdef Claim claim = Claim.__new__(Claim)
        claim.producer = self
        claim.count = count
        claim.timeout = timeout
        return claim

    def next(self, int64_t count=1, timeout=None):
        """Claim `count` slots and return the view of them; publish with `commit()`.

        The raw form of `claim`, for loops in which a `with` block costs too much: whoever does not
        call `commit()` or `abort()` keeps the ring from getting on.
        """
        self.take(count, timeout)
        return self.pool.view(slot_address(&self.core.at, self.core.next), count)

    def commit(self):
        """Publish the claim that `next` opened. Raises ClaimError if there is none."""
        self.check_usable()
        if self.core.claim_end == self.core.next:
            raise ClaimError("no claim is open; next(n) opens one")
        self.pool.freeze()
        self.give()

    def abort(self):
        """Give up the claim that `next` opened; nothing of it is ever seen."""
        self.check_usable()
        if self.core.claim_end == self.core.next:
            raise ClaimError("no claim is open; next(n) opens one")
        self.pool.freeze()
        abort_claim(&self.core)

    def publish(self, events, timeout=None):
        """Copy `events` into the ring and publish them; the sequence of the first.

        `events`: an ndarray of the ring's dtype, or a list of tuples (plain dtype: of values), or
        one of these. Values that do not fit their fields are refused; only floats are rounded.
        Up to `capacity` events appear at once or, after WaitTimeout, not at all; a longer array
        goes in piece by piece, and WaitTimeout says in `.published` how much of it went in.
        Blocks by the wait strategy, `timeout` seconds at most. Raises DtypeError, WaitTimeout,
        RingEnded, RingClosed, Fenced.
        """
        cdef cnp.ndarray array = self.as_events(events)
        cdef const char *data = <const char *>cnp.PyArray_DATA(array)
        cdef int64_t left = cnp.PyArray_SIZE(array)
        cdef int64_t piece = self.core.at.capacity
        cdef int64_t first = -1
        if left > piece:
            return self._publish_pieces(array, timeout)
        if left == 0:
            self.check_usable()
            return self.core.next
        self.take(left, timeout)
        first = self.core.next
        self.copy_in(data, left)
        self.give()
        return first

    def _publish_pieces(self, cnp.ndarray array, timeout):
        """Half a ring at a time, so that consumers work on one half while the other is filled."""
        cdef const char *data = <const char *>cnp.PyArray_DATA(array)
        cdef int64_t length = cnp.PyArray_SIZE(array)
        cdef int64_t done = 0
        cdef int64_t piece, first = -1
        cdef int64_t deadline = deadline_after(timeout)
        while done < length:
            piece = min(length - done, max(1, self.core.at.capacity // 2))
            left = None if deadline == INT64_MAX else (deadline - monotonic_ns()) / 1e9
            try:
                self.check_may_claim(piece)
                if not try_claim(&self.core, piece):
                    self.wait_for_room(piece, left, timeout)
            except (Fenced, WaitTimeout, RingEnded, RingClosed) as error:
                error.published = done
                error.add_note(f"{done:,} of {length:,} events were published")
                raise
            if done == 0:
                first = self.core.next
            self.copy_in(data + done * self.core.at.item_bytes, piece)
            done += piece
            self.give()
        return first

    def try_publish(self, events):
        """Publish as many of `events` as there is room for now; how many. Never blocks.

        Raises DtypeError, RingEnded, RingClosed, Fenced.
        """
        cdef cnp.ndarray array = self.as_events(events)
        cdef int64_t count = cnp.PyArray_SIZE(array)
        if count == 0:
            self.check_usable()
            return 0
        self.check_may_claim(1)
        while count > 0:
            count = min(count, room(&self.core))
            if count == 0:
                if is_fenced_producer(&self.core):
                    self.refuse_fenced()
                self.bury_now_and_then()
                break
            try:
                self.take(count, 0)
            except WaitTimeout:  # another producer took the room meanwhile
                continue
            self.copy_in(<const char *>cnp.PyArray_DATA(array), count)
            self.give()
            break
        return count

    async def apublish(self, events, timeout=None):
        """Publish like `publish`, without blocking the event loop. For asyncio.

        Raises WaitTimeout (with `.published`), DtypeError, RingEnded, RingClosed, Fenced.
        """
        from headrace.ringbuffer import aio
        return await aio.publish(self, events, timeout)

    def _as_events(self, events):
        return self.as_events(events)

    def _park_token(self):
        """Announce a sleeper for room: (address of the futex word, value, what keeps it mapped)."""
        self.check_usable()
        cdef unsigned int word = prepare_to_park(&self.core.at.header.parking, HR_SPACE_PARKED)
        return <size_t>&self.core.at.header.parking.space_word, word, self.segment.mapping

    cdef object as_events(self, object events):
        cdef cnp.ndarray array
        if not cnp.PyArray_Check(events):
            events = self._convert(events)
        array = events
        if array.dtype is not self.checked_dtype:
            if array.dtype != self.segment.dtype:
                raise DtypeError(
                    f"events have dtype {array.dtype}, the ring has {self.segment.dtype}; "
                    "convert them with events.astype(ring.dtype)")
            self.checked_dtype = array.dtype
        if cnp.PyArray_NDIM(array) > 1:
            raise DtypeError(f"events have shape {np.shape(array)}; one dimension is expected")
        if not cnp.PyArray_IS_C_CONTIGUOUS(array):
            array = np.ascontiguousarray(array)
        return array

    def _convert(self, events):
        try:
            return make_events(self.segment.dtype, events)
        except (TypeError, ValueError, OverflowError) as error:
            raise DtypeError(
                f"{type(events).__name__} cannot become events of {self.segment.dtype}: {error}"
            ) from None

    cdef void copy_in(self, const char *data, int64_t count) noexcept:
        cdef char *to = slot_address(&self.core.at, self.core.next)
        cdef size_t size = count * self.core.at.item_bytes
        if size <= COPY_BYTES_WITH_GIL_MAX:
            copy_bytes(to, data, size)
        else:
            with nogil:
                copy_bytes(to, data, size)

    @property
    def sequence(self):
        """The sequence that this producer's next claim begins at, or later (several producers)."""
        if self.core.at.availability != NULL:
            return self.segment.published()
        return self.core.next

    def close(self):
        """Give the hold up; an open claim is aborted. Closing twice is allowed.

        A thread that waits on it gets RingClosed.
        """
        if self.born == self.generation[0]:
            self.shut()
            if not self.waiting:  # else the waiting thread, which may have a claim, leaves
                self.leave()
        self.born = -1

    cdef int leave(self) except -1:
        """Abort what is claimed, and give the entry back."""
        if self.core.claim_end != self.core.next:
            abort_claim(&self.core)
        burial.drop_producer_entry(self.segment, self.index)
        return 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __reduce__(self):
        raise TypeError("a producer cannot be pickled; pass the ring, and make one there")


@cython.final
@cython.freelist(8)
@cython.no_gc  # a claim refers to its producer, which never refers to a claim
cdef class Claim:
    """The block that `Producer.claim` returns: slots on entering, published on leaving."""

    def __enter__(self):
        cdef Producer producer = self.producer
        if producer is None:
            raise ClaimError("a claim is made by Producer.claim(count)")
        producer.take(self.count, self.timeout)
        return producer.pool.view(
            slot_address(&producer.core.at, producer.core.next), self.count)

    def __exit__(self, kind, value, traceback):
        cdef Producer producer = self.producer
        producer.check_usable()
        if producer.core.claim_end == producer.core.next:
            return None  # committed or aborted in the block
        producer.pool.freeze()
        if kind is None:
            producer.give()
        else:
            abort_claim(&producer.core)
        return None
