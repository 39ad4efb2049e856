"""What a node asks the world around it to do, as values."""

cimport cython
from libc.stdint cimport int64_t


cdef class Effect:
    pass


@cython.final
cdef class Send(Effect):
    cdef readonly object to       # a name, or a tuple of names
    cdef readonly object message


@cython.final
cdef class Request(Effect):
    cdef readonly object to
    cdef readonly object number
    cdef readonly object request


@cython.final
cdef class Reply(Effect):
    cdef readonly object caller
    cdef readonly object reply


@cython.final
cdef class Timer(Effect):
    cdef readonly object name
    cdef readonly int64_t after_ns


@cython.final
cdef class Cancel(Effect):
    cdef readonly object name


@cython.final
cdef class Persist(Effect):
    cdef readonly object key
    cdef readonly object value
    cdef readonly bint sync


@cython.final
cdef class Postpone(Effect):
    pass
