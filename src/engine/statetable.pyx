"""A set of states, each a string of words, exact: it keeps the strings, not only their hashes.

Open addressing with linear probing, half full at most. A slot holds the upper half of the hash, so
that a probe seldom looks at a string in vain.
"""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from headrace.engine.chance cimport mix
from headrace.engine.words cimport push, release_words, reserve

DEF SLOTS_FIRST = 1024
DEF COUNT_MAX = (1 << 32) - 2

cdef extern from *:
    """
    #define HEADRACE_HIGH 0xFFFFFFFF00000000ULL
    """
    const uint64_t HIGH "HEADRACE_HIGH"


cdef inline uint64_t hash_of(const uint32_t *string, int64_t length) noexcept nogil:
    cdef uint64_t hashed = <uint64_t>length
    cdef int64_t at = 0
    while at + 2 <= length:
        hashed = mix(hashed, <uint64_t>string[at] << 32 | string[at + 1])
        at += 2
    return mix(hashed, string[at]) if at < length else hashed


@cython.final
cdef class StateTable:
    """A set of strings of words. Not for several threads."""

    def __cinit__(self):
        self.slots = <uint64_t *>PyMem_Calloc(SLOTS_FIRST, sizeof(uint64_t))
        if self.slots == NULL:
            raise MemoryError
        self.mask = SLOTS_FIRST - 1

    def __dealloc__(self):
        release_words(&self.words)
        PyMem_Free(self.ends)
        PyMem_Free(self.slots)

    def __len__(self):
        return self.count

    def put(self, tuple string):
        """The number of a string, which is new if it was `len` before."""
        cdef uint32_t[64] words
        cdef int64_t at
        if len(string) > 64:
            raise ValueError("at most 64 words")
        for at in range(len(string)):
            words[at] = string[at]
        return self.add(words, len(string))

    def get(self, int64_t number):
        """The string of that number. Raises IndexError."""
        if not 0 <= number < self.count:
            raise IndexError(number)
        cdef const uint32_t *string = string_at(self, number)
        return tuple([string[at] for at in range(length_at(self, number))])

    cdef int64_t add(self, const uint32_t *string, int64_t length) except -1:
        """The number of a string; it was there before if that is less than `count` was."""
        cdef uint64_t hashed = hash_of(string, length)
        cdef uint64_t slot, high = hashed & HIGH
        cdef int64_t place = hashed & self.mask, number
        cdef void *moved
        while True:
            slot = self.slots[place]
            if slot == 0:
                break
            if slot & HIGH == high:
                number = <int64_t>(<uint32_t>slot) - 1
                if length_at(self, number) == length and not memcmp(
                        string_at(self, number), string, length * sizeof(uint32_t)):
                    return number
            place = (place + 1) & self.mask
        if self.count == self.ends_room:
            if self.count >= COUNT_MAX:
                raise MemoryError("no more than 2**32 states")
            self.ends_room = self.ends_room * 3 // 2 if self.ends_room else 256
            moved = PyMem_Realloc(self.ends, self.ends_room * sizeof(int64_t))
            if moved == NULL:
                raise MemoryError
            self.ends = <int64_t *>moved
        reserve(&self.words, length)
        memcpy(self.words.items + self.words.count, string, length * sizeof(uint32_t))
        self.words.count += length
        self.ends[self.count] = self.words.count
        self.count += 1
        self.slots[place] = high | <uint64_t>self.count
        if 2 * self.count > self.mask:
            self.grow()
        return self.count - 1

    cdef int64_t find(self, const uint32_t *string, int64_t length) noexcept nogil:
        """The number of a string, or -1."""
        cdef uint64_t hashed = hash_of(string, length)
        cdef uint64_t slot
        cdef int64_t place = hashed & self.mask, number
        while True:
            slot = self.slots[place]
            if slot == 0:
                return -1
            number = <int64_t>(<uint32_t>slot) - 1
            if length_at(self, number) == length and not memcmp(
                    string_at(self, number), string, length * sizeof(uint32_t)):
                return number
            place = (place + 1) & self.mask

    cdef int grow(self) except -1:
        cdef int64_t count = (self.mask + 1) * 2, number, place
        cdef uint64_t hashed
        cdef uint64_t *slots = <uint64_t *>PyMem_Calloc(count, sizeof(uint64_t))
        if slots == NULL:
            raise MemoryError
        for number in range(self.count):
            hashed = hash_of(string_at(self, number), length_at(self, number))
            place = hashed & (count - 1)
            while slots[place]:
                place = (place + 1) & (count - 1)
            slots[place] = (hashed & HIGH) | <uint64_t>(number + 1)
        PyMem_Free(self.slots)
        self.slots = slots
        self.mask = count - 1
        return 0

    cdef int64_t size_bytes(self) noexcept nogil:
        return (self.words.room * 4 + self.ends_room * 8 + (self.mask + 1) * 8)
