"""The queue of a simulated world: events by time, and at one time by a tie-break."""

cimport cython
from cpython.ref cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint64_t

# What decides the order, and where the event lies. Ties of one queue are all different.
ctypedef struct Key:
    int64_t time_ns
    uint64_t tie
    int64_t slot

ctypedef struct Event:
    int32_t what
    int32_t to
    int32_t source
    int64_t number
    PyObject *payload   # a reference is held

@cython.final
cdef class EventQueue:
    cdef Key *heap
    cdef Event *events
    cdef int64_t *free_slots
    cdef int64_t room
    cdef readonly int64_t count
    cdef int64_t count_max

    cdef int push(
        self, int64_t time_ns, uint64_t tie, int32_t what, int32_t to, int32_t source,
        int64_t number, object payload) except -1
    cdef object pop(self, Event *event)
    cdef int grow(self) except -1

    cdef inline int64_t next_ns(self) noexcept:
        """When the first comes; there must be one."""
        return self.heap[0].time_ns
