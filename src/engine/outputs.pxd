"""Output records as they are made: a growing buffer, used again for each batch."""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from headrace.engine.fields cimport FieldTable

# An output record: this header, then the machine's own fields.
ctypedef struct RecordHeader:
    int64_t input_sequence
    int64_t output_index
    int64_t input_time_ns
    int64_t origin


@cython.final
cdef class Outputs:
    cdef readonly cnp.dtype dtype   # of the whole record
    cdef readonly cnp.dtype payload # of the machine's own part
    cdef FieldTable table           # of that part
    cdef cnp.ndarray buffer
    cdef char *base
    cdef int64_t item_bytes
    cdef int64_t room
    cdef readonly int64_t count

    cdef int reserve(self, int64_t more) except -1
    cdef int grow(self, int64_t more) except -1
    cdef int append(
        self, int64_t sequence, int64_t time_ns, int64_t origin, object outputs) except -1
    cdef int append_one(
        self, int64_t sequence, int64_t index, int64_t time_ns, int64_t origin, object value
    ) except -1
    cdef object taken(self)

    cdef inline char *begin(
        self, int64_t sequence, int64_t index, int64_t time_ns, int64_t origin
    ) noexcept nogil:
        """Write the header of the next record; where its payload goes. Room must be there."""
        cdef char *record = self.base + self.count * self.item_bytes
        # Word by word: records need not be aligned, and what is stored by words and loaded by
        # pairs of them, as a copy of the header would be, has to wait for the stores.
        memcpy(record, &sequence, 8)
        memcpy(record + 8, &index, 8)
        memcpy(record + 16, &time_ns, 8)
        memcpy(record + 24, &origin, 8)
        return record + sizeof(RecordHeader)
