"""The ring: the C-level face of `Ring`, for cimport."""

from headrace.ringbuffer.segment cimport Segment


cdef class Ring:
    cdef readonly Segment segment
    cdef object handles
    cdef bint closed
    cdef object __weakref__

    cdef int check_open(self) except -1
