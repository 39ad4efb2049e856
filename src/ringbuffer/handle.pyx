"""What producers and consumers have in common: a segment, a wait plan, an end."""

from headrace.ringbuffer.layout cimport HR_DATA_PARKED, HR_SPACE_PARKED
from headrace.ringbuffer.mapping cimport fork_generation
from headrace.ringbuffer.parking cimport prepare_to_park, wake_parked
from headrace.ringbuffer.waiting cimport Wait, WaitStrategy, deadline_after

from headrace.ringbuffer.errors import ForkedHandle, RingClosed, UsageError
from headrace.ringbuffer.waiting import Backoff

cdef WaitStrategy DEFAULT_WAIT = Backoff()


cdef class Handle:
    """Internal: a producer's or a consumer's hold on a ring."""

    def __init__(self, Segment segment not None, wait, int index):
        if wait is not None and not isinstance(wait, WaitStrategy):
            raise UsageError(
                f"wait must be a strategy such as headrace.wait.Backoff(), not {wait!r}")
        self.segment = segment
        self.wait = DEFAULT_WAIT if wait is None else wait
        self.plan = self.wait.plan
        self.generation = fork_generation()
        self.born = self.generation[0]
        self.index = index

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

    cdef void retire(self) noexcept:
        """Refuse all further use, and send a waiting thread home."""
        self.born = -1
        self.closed = 1
        # The waiting thread may be about to park: raise the bits as if it were parked already.
        prepare_to_park(&self.segment.at.header.parking, HR_DATA_PARKED)
        prepare_to_park(&self.segment.at.header.parking, HR_SPACE_PARKED)
        wake_parked(&self.segment.at.header.parking, HR_DATA_PARKED | HR_SPACE_PARKED)
