"""Looking for an order: configurations, and which were visited."""

cimport cython
from libc.stdint cimport int32_t, uint64_t

from headrace.engine.histories cimport Numbers, Problem
from headrace.engine.sweeping cimport Sweep


@cython.final
cdef class Linearizer:
    cdef readonly Problem problem
    cdef readonly int done          # the configuration in which all is in the order; or -1
    cdef readonly int low_max       # the furthest
    cdef readonly int count         # of configurations visited, over all beginnings
    cdef Sweep sweep
    cdef int goal, horizon
    cdef int words, info_words

    # Configurations, by number: what is in the order, and the state it leads to.
    cdef Numbers low, state, parent, by
    cdef Numbers link               # another with the same `low`, open ones and state
    cdef uint64_t *sets             # `words` for those that are open, then `info_words`
    cdef Py_ssize_t _sets_room
    cdef Numbers waiting

    cdef int32_t *_heads            # by hash: the first of those linked
    cdef Py_ssize_t _heads_room, _groups
    cdef char *_changes             # by kind, as in Sweep: as far as it is known
    cdef char *_taken               # by kind: taken as soon as it answered right
    cdef bint _wrong                # one of those taken does change a state
    cdef Numbers _rank
    cdef Numbers _kind_seen, _kind_by, _input_seen
    cdef int _round
    cdef Numbers _children          # number of the operation and its state, pairs

    cdef int _begin(self) except -1
    cdef int _insert_first(self) except -1
    cdef int _set_room(self, Py_ssize_t count) except -1
    cdef int _check_one(self, int number, int state) except -1
    cdef int _expand(self, int at) except -1
    cdef bint _may_wait(self, int number, int at) noexcept
    cdef bint _is_in(self, int number, int at) noexcept
    cdef int _sort(self) except -1
    cdef int _visit(self, int number, int state, int parent) except -1
    cdef int _insert(self, int low, int state, int parent, int by) except -1
    cdef int _check_taken(self, int at) except -1
    cdef int _grow_heads(self) except -1
    cdef uint64_t _hash(self, int at) noexcept
