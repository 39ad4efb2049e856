"""A batch of events as the loops see it: addresses, strides and numbers."""

from libc.stdint cimport int64_t
from libc.string cimport memcpy

ctypedef struct Batch:
    const char *events
    Py_ssize_t stride
    Py_ssize_t item_bytes
    const char *times       # int64, maybe unaligned; NULL: all zero
    Py_ssize_t times_stride
    const char *origins     # int64; NULL: each event is its own origin
    Py_ssize_t origins_stride
    const int64_t *select   # which places are stepped over, ascending; NULL: all
    int64_t first_sequence  # of place 0
    int64_t count           # of what is stepped over


cdef inline int64_t place_of(const Batch *batch, int64_t index) noexcept nogil:
    """Where the `index`-th of the events to be stepped over lies."""
    return index if batch.select == NULL else batch.select[index]


cdef inline int64_t sequence_of(const Batch *batch, int64_t index) noexcept nogil:
    return batch.first_sequence + place_of(batch, index)


cdef inline const char *event_of(const Batch *batch, int64_t index) noexcept nogil:
    return batch.events + place_of(batch, index) * batch.stride


cdef inline int64_t time_of(const Batch *batch, int64_t index) noexcept nogil:
    cdef int64_t value = 0
    if batch.times != NULL:
        memcpy(&value, batch.times + place_of(batch, index) * batch.times_stride, 8)
    return value


cdef inline int64_t origin_of(const Batch *batch, int64_t index) noexcept nogil:
    cdef int64_t value = sequence_of(batch, index)
    if batch.origins != NULL:
        memcpy(&value, batch.origins + place_of(batch, index) * batch.origins_stride, 8)
    return value
