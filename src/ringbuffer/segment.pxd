"""One ring's segment in this process: where it lies, and whose it is."""

cimport numpy as cnp
from libc.stdint cimport int64_t

from headrace.ringbuffer.mapping cimport Mapping
from headrace.ringbuffer.sequencer cimport Geometry


cdef class Segment:
    cdef Geometry at
    cdef Mapping mapping
    cdef readonly cnp.dtype dtype
    cdef readonly object name       # str, or None for an anonymous ring
    cdef readonly int owner_pid
    cdef readonly int64_t owner_start
    cdef readonly int64_t created_ns
    cdef readonly size_t segment_bytes
    cdef object unlinker
    cdef object __weakref__


cdef object consumer_name(const char *field)
