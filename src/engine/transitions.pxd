"""What each node does about each input: local states, inputs and outcomes as numbers."""

from libc.stdint cimport int64_t, uint32_t

from headrace.engine.statetable cimport StateTable
from headrace.engine.words cimport Words

cdef enum Status:
    NEW = 0  # before its start
    UP = 1
    DOWN = 2

cdef enum Flag:
    CRASHED = 1  # the node goes down in the middle of the step
    FAILED = 2   # the handler raises


cdef class Transitions:
    cdef readonly int64_t endpoints
    cdef object outcomes_of
    # by local state
    cdef Words statuses
    cdef Words timer_ends
    cdef Words timers
    # by input
    cdef Words tos
    cdef Words sources
    cdef Words orders           # in which the messages of a state stand; equal: one can be taken
    # by timer's name
    cdef Words timer_inputs     # of the first endpoint; those of the others follow
    cdef Words timer_budgets
    # by (local state, input)
    cdef StateTable known
    cdef Words outcome_ends
    # by outcome
    cdef Words locals_after
    cdef Words flags
    cdef Words send_ends
    cdef Words sends

    cdef int64_t find(self, uint32_t local, uint32_t given) except -1
    cdef int64_t size_bytes(self) noexcept


cdef inline int64_t start_of(Words *ends, int64_t number) noexcept nogil:
    return ends.items[number - 1] if number else 0
