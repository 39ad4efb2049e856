"""A segment of shared memory, mapped so that slots (and ingest times) stand twice in a row."""

from libc.stdint cimport int64_t


cdef class Mapping:
    cdef char *head             # header, dtype text, availability
    cdef char *times            # 2 x times_bytes in a row, or NULL
    cdef char *slots            # 2 x slots_bytes in a row
    cdef size_t head_bytes, times_bytes, slots_bytes
    cdef readonly int fd

# How often this process has come out of a fork as the child; handles made before are refused.
cdef const int64_t *fork_generation() noexcept nogil
