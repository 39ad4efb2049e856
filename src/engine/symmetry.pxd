"""States that differ only by who is who."""

from libc.stdint cimport int64_t, uint32_t

from headrace.engine.transitions cimport Transitions
from headrace.engine.words cimport Words


cdef class Symmetry:
    cdef Transitions transitions
    cdef object image_of_local
    cdef object image_of_input
    cdef int64_t head           # words of a state before its messages
    cdef readonly int64_t count
    cdef uint32_t *places       # by renaming and endpoint: whose place it takes
    cdef Words *locals          # by renaming: of each local state, what it is then
    cdef Words *inputs
    cdef Words image
    cdef Words best

    cdef int canonical(self, Words *state) except -1
    cdef int make_image(self, int64_t renaming, const Words *state) except -1
    cdef uint32_t local_image(self, int64_t renaming, uint32_t local) except? 0xFFFFFFFE
    cdef uint32_t input_image(self, int64_t renaming, uint32_t given) except? 0xFFFFFFFE
