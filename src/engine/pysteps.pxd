"""Stepping over events one by one in Python."""

cimport cython
from libc.stdint cimport int64_t

from headrace.engine.batch cimport Batch
from headrace.engine.cursor cimport EventCursor
from headrace.engine.fields cimport FieldTable
from headrace.engine.outputs cimport Outputs


cdef enum:
    PARAMETERS_MAX = 64


@cython.final
cdef class PythonSteps:
    cdef object step
    cdef FieldTable wanted      # the fields that the step names; None: it takes the event
    cdef FieldTable table       # all fields, for the cursor
    cdef EventCursor cursor
    cdef object state
    cdef int64_t done           # events of the batch under way that are stepped over

    cdef int fold(self, const Batch *batch, int64_t begin, int64_t end, Outputs outputs) except -1
    cdef int fold_fields(
        self, const Batch *batch, int64_t begin, int64_t end, Outputs outputs) except -1
    cdef int fold_cursor(
        self, const Batch *batch, int64_t begin, int64_t end, Outputs outputs) except -1
    cdef int take_result(
        self, object result, const Batch *batch, int64_t index, Outputs outputs) except -1
