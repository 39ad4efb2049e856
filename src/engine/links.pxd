"""The links of a simulated network: what happens to each message on its way."""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint64_t

# `what`: CUT, LOST or CORRUPTED; 0: nothing.
ctypedef struct Fate:
    int32_t what
    bint is_doubled
    int64_t delay_ns
    int64_t double_ns
    uint64_t corruption

@cython.final
cdef class Links:
    cdef int64_t count
    cdef uint64_t *seeds        # by link: source * number of endpoints + to
    cdef uint64_t *sent
    cdef int64_t *last_ns
    cdef int32_t *blocked
    cdef int32_t *clogged
    cdef object delay
    cdef int64_t *delays_ns     # equally likely places of its distribution
    cdef set lost               # (link, number) of messages that are to be lost
    cdef uint64_t loss
    cdef uint64_t duplication
    cdef uint64_t corruption
    cdef bint ordered
    cdef bint checksums

    cdef Fate fate(self, int64_t link)
    cdef int64_t arrival_ns(self, int64_t link, int64_t time_ns) noexcept
