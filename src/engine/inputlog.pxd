"""The inputs since the last checkpoint, kept to be folded again after a failure."""

cimport cython
from libc.stdint cimport int64_t

from headrace.engine.batch cimport Batch

# Events in a row, by sequence.
ctypedef struct Run:
    int64_t first_sequence
    int64_t count


@cython.final
cdef class InputLog:
    cdef char *events
    cdef int64_t *times         # NULL: the steps do not look at them
    cdef Run *runs
    cdef readonly int64_t count # events
    cdef readonly int64_t run_count
    cdef readonly int64_t count_max
    cdef int64_t room, run_room, item_bytes
    cdef bint timed

    cdef int append(self, const Batch *batch, int64_t end) except -1
    cdef void clear(self) noexcept
    cdef int64_t fill(self, Batch *batch, int64_t run, int64_t begin) noexcept
    cdef int grow(self, int64_t more) except -1
    cdef void _append_times(self, const Batch *batch, int64_t end) noexcept
    cdef int _append_runs(self, const Batch *batch, int64_t end) except -1
    cdef int _append_run(self, int64_t first_sequence, int64_t count) except -1
