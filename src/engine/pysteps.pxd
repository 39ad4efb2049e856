"""Stepping over events one by one in Python."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from headrace.engine.batch cimport Batch
from headrace.engine.cursor cimport EventCursor
from headrace.engine.fields cimport FieldTable
from headrace.engine.outputs cimport Outputs


cdef enum:
    PARAMETERS_MAX = 64


# A call that is being put together.
ctypedef struct Call:
    # [0] is scratch for the callee (the offset flag), [1] the state, then the fields.
    PyObject *arguments[PARAMETERS_MAX + 2]
    int loaded                  # fields that are owned


@cython.final
cdef class PythonSteps:
    cdef object step
    cdef FieldTable wanted      # the fields that the step names; None: it takes the event
    cdef FieldTable table       # all fields, for the cursor
    cdef EventCursor cursor
    cdef object state
    cdef bint timed             # the step names time_ns
    cdef int64_t done           # events of the batch under way that are stepped over

    cdef int fold(self, const Batch *batch, int64_t begin, int64_t end, Outputs outputs) except -1
    cdef int fold_fields(
        self, const Batch *batch, int64_t begin, int64_t end, Outputs outputs) except -1
    cdef int call_each(
        self, Call *call, const Batch *batch, int64_t begin, int64_t end, Outputs outputs) except -1
    cdef int fold_cursor(
        self, const Batch *batch, int64_t begin, int64_t end, Outputs outputs) except -1
    cdef int take_result(
        self, object result, const Batch *batch, int64_t index, Outputs outputs) except -1
