"""Stepping over events by native functions, without the GIL."""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int64_t

from headrace.engine.batch cimport Batch
from headrace.engine.outputs cimport Outputs

ctypedef int64_t (*native_step)(
    void *state, const void *event, int64_t sequence, int64_t time_ns, void *outputs
) noexcept nogil
ctypedef int64_t (*native_step_batch)(
    void *state, const void *events, int64_t count, int64_t first_sequence,
    const int64_t *times_ns, void *outputs, int64_t *outputs_of
) noexcept nogil


@cython.final
cdef class NativeSteps:
    cdef native_step step
    cdef native_step_batch step_batch
    cdef object machine
    cdef int64_t outputs_max
    cdef int64_t done           # events of the batch under way that are stepped over
    cdef cnp.ndarray made       # payloads as the functions write them
    cdef cnp.ndarray made_of    # outputs_of
    cdef cnp.ndarray packed     # events and times that did not follow each other in memory
    cdef cnp.ndarray packed_times
    cdef cnp.ndarray no_times
    cdef cnp.ndarray places     # of selected events
    cdef char *packed_at        # where the arrays lie, for those without the GIL
    cdef char *packed_times_at
    cdef char *no_times_at
    cdef int64_t *places_at
    cdef int64_t alignment

    cdef int fold(
        self, cnp.ndarray state, const Batch *batch, int64_t begin, int64_t end, Outputs outputs
    ) except -1
    cdef int64_t end_of_selection(self, const Batch *batch, int64_t begin, int64_t end) noexcept
    cdef int make_room(self, const Batch *batch) except -1
    cdef void pack(self, const Batch *batch, int64_t begin, int64_t end, Batch *part) noexcept nogil
    cdef int fold_events(
        self, void *state, const Batch *whole, int64_t begin, int64_t upto, Outputs outputs
    ) except -1
    cdef int fold_batch(
        self, void *state, const Batch *whole, int64_t begin, int64_t upto, Outputs outputs
    ) except -1
    cdef int _stopped(
        self, const Batch *part, int64_t count, int64_t stepped, int64_t put, bint without
    ) except -1
