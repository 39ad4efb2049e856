"""A history in numbers, and what a machine does in it: what searches for an order work on.

Operations are numbered by their return; those that may never have taken effect come last. `low` is
the first that is not in the order yet. An operation is open while `low` is in [first, number]: it
was called before `low` returned. Operations that are open at the same `low` have different slots, so
a set of open operations is a set of slots, few words long, whatever happens far away.
"""

cimport cython
from libc.stdint cimport int32_t, uint64_t
from libc.stdlib cimport realloc

cdef struct Numbers:
    int32_t *items
    Py_ssize_t count
    Py_ssize_t room

cdef inline int push(Numbers *numbers, int32_t value) except -1:
    cdef Py_ssize_t room
    cdef int32_t *items
    if numbers.count == numbers.room:
        room = max(16, numbers.room * 2)
        items = <int32_t *>realloc(numbers.items, room * sizeof(int32_t))
        if items == NULL:
            raise MemoryError()
        numbers.items, numbers.room = items, room
    numbers.items[numbers.count] = value
    numbers.count += 1
    return 0

cdef inline bint has_bit(const uint64_t *words, int place) noexcept nogil:
    return (words[place >> 6] >> (place & 63)) & 1

cdef inline void set_bit(uint64_t *words, int place) noexcept nogil:
    words[place >> 6] |= <uint64_t>1 << (place & 63)

cdef inline void clear_bit(uint64_t *words, int place) noexcept nogil:
    words[place >> 6] &= ~(<uint64_t>1 << (place & 63))


@cython.final
cdef class Problem:
    cdef object machine_step
    cdef readonly int count         # of the operations that took effect
    cdef readonly int total         # with those that may have
    cdef readonly int slots
    cdef readonly int initial       # the state
    cdef Numbers given              # each operation's input
    cdef Numbers expected           # its answer; -2 if it counts for nothing
    cdef Numbers kind               # the same for the same input and answer
    cdef Numbers after              # of the same client, and must come before; or -1
    cdef Numbers followed           # whether one must come after it in that way
    cdef Numbers slot               # or, behind `count`, the bit among those that are info
    cdef Numbers call, return_      # in which order times come, not when
    cdef Numbers overlaps           # the first operation that returned when it was called, or later
    cdef Numbers twin               # of an info: the bit of one with the same input, or -1
    cdef Numbers open_begin, open_  # for each `low`, in their order
    cdef Numbers info_open          # for each `low`, how many
    cdef readonly int kinds, inputs

    cdef uint64_t *_keys            # steps made: state and input, plus 1
    cdef int32_t *_results          # the next state and the answer
    cdef Py_ssize_t _room, _made

    cdef const int32_t *step(self, int state, int given) except NULL
    cdef bint is_open(self, int number, int low) noexcept
    cdef int _grow(self) except -1
