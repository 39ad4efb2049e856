"""Different strings of words, each with a number, from 0 in the order in which they came."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from headrace.engine.words cimport Words


cdef class StateTable:
    cdef Words words            # all strings, one behind the other
    cdef int64_t *ends          # of each string in `words`; the string before it ends where it begins
    cdef int64_t ends_room
    cdef uint64_t *slots        # upper half of the hash, then number + 1; 0: empty
    cdef int64_t mask
    cdef readonly int64_t count

    cdef int64_t add(self, const uint32_t *string, int64_t length) except -1
    cdef int64_t find(self, const uint32_t *string, int64_t length) noexcept nogil
    cdef int grow(self) except -1
    cdef int64_t size_bytes(self) noexcept nogil


cdef inline const uint32_t *string_at(StateTable table, int64_t number) noexcept nogil:
    return table.words.items + (table.ends[number - 1] if number else 0)


cdef inline int64_t length_at(StateTable table, int64_t number) noexcept nogil:
    return table.ends[number] - (table.ends[number - 1] if number else 0)
