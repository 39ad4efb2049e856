"""The consumers' entries in the header, changed step by step; for who holds the registration lock."""

from libc.stdint cimport int64_t, uint64_t

from headrace.ringbuffer.segment cimport Segment


cdef dict named_entries(Segment segment)
cdef int free_entry(Segment segment, int64_t sequence_max) except -2
cdef void name_entry(Segment segment, int index, const char *name, uint64_t after) noexcept
cdef int own_entry(Segment segment, int index) except -1
cdef void join_ring(Segment segment, int index) noexcept
cdef void close_gap(Segment segment, int index) noexcept
cdef int fence_entry(Segment segment, int index) except -2
cdef int hand_over(Segment segment, int index) except -2
cdef bint needs_repair(Segment segment) noexcept
cdef int repair(Segment segment) except -1
cdef void count_dependents(Segment segment) noexcept
