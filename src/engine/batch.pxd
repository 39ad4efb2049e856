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
    int64_t first_sequence
    int64_t count


cdef inline int64_t time_of(const Batch *batch, int64_t index) noexcept nogil:
    cdef int64_t value = 0
    if batch.times != NULL:
        memcpy(&value, batch.times + index * batch.times_stride, 8)
    return value


cdef inline int64_t origin_of(const Batch *batch, int64_t index) noexcept nogil:
    cdef int64_t value = batch.first_sequence + index
    if batch.origins != NULL:
        memcpy(&value, batch.origins + index * batch.origins_stride, 8)
    return value
