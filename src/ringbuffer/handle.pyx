"""What producers and consumers have in common: a segment, a wait plan, an end."""

cimport cython

from headrace.ringbuffer.layout cimport HR_DATA_PARKED, HR_SPACE_PARKED
from headrace.ringbuffer.mapping cimport fork_generation
from headrace.ringbuffer.parking cimport prepare_to_park, wake_parked
from headrace.ringbuffer.waiting cimport Wait, WaitStrategy, deadline_after

import functools

from headrace.ringbuffer import burial
from headrace.ringbuffer.errors import ForkedHandle, RingClosed, UsageError
from headrace.ringbuffer.waiting import Backoff

cdef WaitStrategy DEFAULT_WAIT = Backoff()

cdef enum:
    HOLES_BETWEEN_BURIALS = 256     # a look for the dead reads /proc, so it is not taken often


@cython.no_gc_clear  # its end still needs the segment
cdef class Handle:
    """Internal: a producer's or a consumer's hold on a ring, closed until it has its entry."""

    def __cinit__(self):
        self.generation = fork_generation()
        self.born = -1

    def __init__(self, Segment segment not None, wait):
        if wait is not None and not isinstance(wait, WaitStrategy):
            raise UsageError(
                f"wait must be a strategy such as headrace.wait.Backoff(), not {wait!r}")
        self.segment = segment
        self.wait = DEFAULT_WAIT if wait is None else wait
        self.plan = self.wait.plan
        self.burier = functools.partial(burial.look_for_dead, segment)

    cdef int refuse(self) except -1:
        what = type(self).__name__.lower()
        if self.born == -1:
            raise RingClosed(f"this {what} is closed; make a new one: ring.{what}(...)")
        if self.born != self.generation[0]:
            raise ForkedHandle(
                f"this {what} was made before a fork and belongs to the parent process; in the "
                f"child, make its own: ring.{what}(...)")
        raise UsageError(
            f"another thread is waiting on this {what}; give each thread its own")

    cdef int begin_wait(self, Wait *wait, object timeout) except -1:
        wait.plan = self.plan
        wait.parking = &self.segment.at.header.parking
        wait.closed = &self.closed
        wait.deadline_ns = deadline_after(timeout)
        wait.parked_before = False
        return 0

    cdef int bury_now_and_then(self) except -1:
        """Called when a look that may not wait was in vain because of an unpublished claim."""
        self.holes_seen += 1
        if self.holes_seen % HOLES_BETWEEN_BURIALS == 0:
            self.burier()
        return 0

    cdef void shut(self) noexcept:
        """Send a waiting thread home; nothing it gets from now on counts."""
        self.closed = 1
        # The waiting thread may be about to park: raise the bits as if it were parked already.
        prepare_to_park(&self.segment.at.header.parking, HR_DATA_PARKED)
        prepare_to_park(&self.segment.at.header.parking, HR_SPACE_PARKED)
        wake_parked(&self.segment.at.header.parking, HR_DATA_PARKED | HR_SPACE_PARKED)
