"""A node or a client in a simulated world: its state, and how it is given an input."""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint64_t


@cython.final
cdef class Handler:
    cdef object function
    cdef object source          # file:line
    cdef int count
    cdef int places[16]         # where each of its arguments comes from
    cdef bint asks_chance
    cdef int64_t hits           # how often it was called


@cython.final
cdef class Endpoint:
    cdef int32_t index
    cdef object name
    cdef object kit
    cdef object record_type
    cdef object find            # mode, kind, key -> a handler as Python knows it
    cdef object mode_of         # None: it has no modes
    cdef object initial
    cdef tuple nodes
    cdef tuple peers
    cdef list handlers          # by kind, by key; for a node without modes
    cdef dict handlers_by_mode  # the same for each mode
    cdef object disk
    cdef object clock           # None: it is right
    cdef object state
    cdef bint is_up
    cdef bint is_paused
    cdef bint syncing
    cdef int64_t life           # counts starts
    cdef uint64_t chance_seed
    cdef uint64_t chances
    cdef dict timers            # name: (number, when on its own clock)
    cdef list postponed
    cdef list backlog           # while it is paused
    cdef list held              # effects that wait for the disk, from `held_from` on
    cdef Py_ssize_t held_from

    cdef int forget(self) except -1
    cdef int add_hits(self, object counter) except -1
    cdef Handler handler_of(self, object mode, int32_t what, object payload)
    cdef object call(
        self, Handler handler, object source, int64_t number, object payload, object durable,
        int64_t told_ns, double chance)
    cdef object input_of(
        self, int32_t what, object source, int64_t number, object payload, object durable,
        int64_t told_ns, double chance)
    cdef object checked(self, Handler handler, object effects)
