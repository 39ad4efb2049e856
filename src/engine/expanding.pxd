"""What comes next: all that can happen in a global state."""

from libc.stdint cimport int64_t, uint32_t

from headrace.engine.transitions cimport Transitions
from headrace.engine.words cimport Words

cdef enum:
    FREE = -1
    NEVER = -2
    NONE = 0xFFFFFFFFU  # no state; of labels: what need not happen
    LINK = 0x80000000U  # marks the label of a link

cdef enum Action:
    _START, _DELIVER, _DUPLICATE, _LOSE, _TIMER, _CRASH, _RESTART


cdef class Expansion:
    cdef Transitions transitions
    cdef int64_t endpoints, nodes, head
    cdef int64_t losses, duplications, crashes
    cdef bint ordered
    cdef bint is_over           # nothing more is wanted
    cdef bint is_cut            # something would have to happen that the budgets forbid
    cdef Words current          # the state that is expanded
    cdef Words built            # one that comes next

    cdef int emit(self, Action action, uint32_t given, int64_t outcome, uint32_t label) except -1
    cdef int fail(self, Action action, uint32_t given, int64_t outcome) except -1
    cdef int expand(self) except -1
    cdef int expand_message(self, int64_t place, uint32_t word, uint32_t order) except -1
    cdef int expand_timers(self, int64_t to, uint32_t local) except -1
    cdef bint can_pay(self, int64_t budget) noexcept
    cdef int step(self, Action action, int64_t to, uint32_t given, int64_t removed, int64_t budget,
                  uint32_t label) except -1
    cdef int build(self, int64_t to, int64_t outcome, int64_t removed, int64_t budget) except -1
    cdef int put(self, uint32_t word) except -1
