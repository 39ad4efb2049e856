"""What is on its way in a simulated world: virtual time, the queue, and the network."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from headrace.engine.eventqueue cimport EventQueue
from headrace.engine.links cimport Links


cdef class Wire:
    cdef readonly tuple names
    cdef int32_t count
    cdef EventQueue queue
    cdef uint64_t tie_seed
    cdef uint64_t pushed
    cdef Links links
    cdef list waiting           # what was sent on clogged links
    cdef readonly int64_t now_ns
    cdef readonly uint64_t digest
    cdef int64_t numbers[32]    # how often each thing happened
    cdef public object note     # told of all that happens
    cdef public object corrupt

    cdef int push(
        self, int64_t time_ns, int32_t what, int32_t to, int32_t source, int64_t number,
        object payload) except -1
    cdef int transmit(
        self, int32_t what, int32_t source, int32_t to, int64_t number, object payload) except -1
    cdef int depart(
        self, int64_t link, int64_t delay_ns, int32_t what, int32_t to, int32_t source,
        int64_t number, object payload) except -1
    cdef int tell(
        self, int32_t what, int32_t to, int32_t source, int64_t number, object payload) except -1
