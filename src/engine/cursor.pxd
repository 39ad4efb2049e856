"""The event as a step sees it: a read-only cursor that is moved from record to record."""

cimport cython
from libc.stdint cimport int64_t

from headrace.engine.fields cimport FieldTable


@cython.final
cdef class EventCursor:
    cdef FieldTable table
    cdef dict places            # name -> index in the table
    cdef const char *record     # NULL: its call is over
    cdef int64_t at_sequence
    cdef int64_t at_time_ns

    cdef object _other(self, name)
