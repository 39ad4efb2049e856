"""A growing array of 32-bit words."""

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport int64_t, uint32_t

cdef enum:
    ROOM_FIRST = 256


cdef struct Words:
    uint32_t *items
    int64_t count
    int64_t room


cdef inline int reserve(Words *words, int64_t more) except -1:
    """Make room for so many more."""
    cdef int64_t room = words.room
    cdef void *moved
    if words.count + more <= room:
        return 0
    while room < words.count + more:
        room = room + room // 2 if room else ROOM_FIRST
    moved = PyMem_Realloc(words.items, room * sizeof(uint32_t))
    if moved == NULL:
        raise MemoryError
    words.items = <uint32_t *>moved
    words.room = room
    return 0


cdef inline int push(Words *words, uint32_t value) except -1:
    if words.count == words.room:
        reserve(words, 1)
    words.items[words.count] = value
    words.count += 1
    return 0


cdef inline void release_words(Words *words) noexcept:
    PyMem_Free(words.items)
    words.items = NULL
    words.count = words.room = 0
