"""What can be said of a history by going through it once, without trying any order."""

cimport cython
from libc.stdint cimport int32_t, uint64_t

from headrace.engine.histories cimport Numbers, Problem


@cython.final
cdef class Sweep:
    cdef readonly Problem problem
    cdef readonly int bad_at        # the first operation that can be in no order; or -1
    cdef readonly bint complete
    cdef char *changes              # by kind: whether it changes a state in which it answers right
    cdef Numbers *into              # by state: operations that lead there from another one
    cdef Numbers *right_there       # by state: operations that answer right there
    cdef Numbers *right             # by operation: states in which it answers right
    cdef int states                 # how many `into` and `right_there` have room for

    cdef int _states_max, _words
    cdef Numbers _now, _waiting
    cdef Numbers _place             # by state, where it is in `_now`, or -1
    cdef char *_is_waiting          # by place in `_now`
    cdef uint64_t *_all             # by place: the slots of operations done in all orders that lead
    cdef uint64_t *_some            # here, and of those done in some
    cdef uint64_t *_seen
    cdef Py_ssize_t _seen_room, _seen_count

    cdef bint is_lost(
        self, int low, int state, int before, const uint64_t *done, const uint64_t *info, int end
    ) except -1
    cdef bint _has_source(
        self, int number, int low, const uint64_t *done, const uint64_t *info
    ) except -1
    cdef int _close(self, int low) except -1
    cdef int _from(self, int place, int low) except -1
    cdef int _note(self, int number, int state, int after) except -1
    cdef int _arrive(self, int state, int place, int slot) except -1
    cdef int _room_for(self, int state) except -1
    cdef bint _is_new(self, uint64_t key) except -1
