"""Wait strategies: what to do while nothing is available. One mechanism, three numbers."""

from libc.stdint cimport int32_t, int64_t, uint32_t

from headrace.ringbuffer.layout cimport hr_parking


# Spin `spins` times, then yield the core `yields` times, then park; a negative number has no end.
ctypedef struct WaitPlan:
    int64_t spins
    int64_t yields

# What an attempt and a wait can come to. NOT_YET is only an attempt's answer, the last two only
# a wait's.
cpdef enum Outcome:
    NOT_YET = 0
    READY = 1
    ENDED = 2
    DAMAGED = 3
    CLOSED = 4
    TIMED_OUT = 5
    LOOK_AROUND = 6     # time to look at signals, then to wait on
    FENCED = 7          # an attempt's, and so a wait's: declared dead

# Try to get what is waited for; called again and again, from any place that may not block.
ctypedef Outcome (*Attempt)(void *core, int64_t wanted) noexcept nogil

ctypedef struct Wait:
    Attempt attempt
    void *core
    int64_t wanted
    WaitPlan plan
    hr_parking *parking
    uint32_t bit            # HR_DATA_PARKED or HR_SPACE_PARKED
    const int32_t *closed       # set by another thread of this process
    int64_t deadline_ns     # monotonic; INT64_MAX: none
    int64_t nap_ns_max      # the longest it does not look around
    bint parked_before      # after LOOK_AROUND: do not spin again

cdef Outcome wait_on(Wait *wait) noexcept nogil
cdef Outcome wait_with_signals(Wait *wait, object burier) except? DAMAGED
cdef int64_t deadline_after(object timeout) except -1

cdef class WaitStrategy:
    cdef WaitPlan plan
