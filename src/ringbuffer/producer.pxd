"""Publishing to a ring: the C-level face of `Producer`, for cimport."""

cimport cython
from libc.stdint cimport int64_t

from headrace.ringbuffer.handle cimport Handle
from headrace.ringbuffer.sequencer cimport ProducerCore


@cython.final
cdef class Producer(Handle):
    # For native code: sequencer.pxd works on it without the GIL, one thread at a time.
    cdef ProducerCore core
    cdef object checked_dtype       # the last dtype object found equal to the ring's

    cdef int check_may_claim(self, int64_t count) except -1
    cdef int refuse_fenced(self) except -1
    cdef int take(self, int64_t count, object timeout) except -1
    cdef int leave(self) except -1
    cdef int wait_for_room(self, int64_t count, object timeout, object told) except -1
    cdef int give(self) except -1
    cdef void stamp(self) noexcept nogil
    cdef object as_events(self, object events)
    cdef void copy_in(self, const char *data, int64_t count) noexcept


@cython.final
cdef class Claim:
    cdef Producer producer
    cdef int64_t count
    cdef object timeout
