"""A simulated world: virtual time, nodes, and what the network does to their messages."""

from libc.stdint cimport int32_t, int64_t

from headrace.engine.effects cimport Effect, Persist
from headrace.engine.endpoint cimport Endpoint
from headrace.engine.wire cimport Wire


cdef class World(Wire):
    cdef list endpoints
    cdef dict indexes
    cdef object kit
    cdef readonly int64_t delivered
    cdef readonly int64_t taken
    cdef public object stepped  # told of each input that was taken, and of its effects
    cdef public object check    # told which node has taken an input

    cdef int arrive(
        self, Endpoint endpoint, int32_t what, int32_t source, int64_t number, object payload
    ) except -1
    cdef int take_postponed(self, Endpoint endpoint, object mode) except -1
    cdef int take(
        self, Endpoint endpoint, int32_t what, int32_t source, int64_t number, object payload
    ) except -1
    cdef int keep_or_carry_out(self, Endpoint endpoint, object effects) except -1
    cdef int release(self, Endpoint endpoint) except -1
    cdef int persist(self, Endpoint endpoint, Persist effect) except -1
    cdef int carry_out(self, Endpoint endpoint, Effect effect) except -1
    cdef int32_t index_of(self, Endpoint endpoint, object name) except -1
    cdef int set_timer(self, Endpoint endpoint, object name, int64_t local_ns) except -1
