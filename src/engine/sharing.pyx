"""Which events of a batch are those of a shard: the places of their keys, without the GIL.

The definition is `headrace.reference.keys`; `headrace.keys` has whole columns of any keys, and this
the few kinds of key that most shards go by, in one pass and without arrays in between.
"""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int64_t

import numpy as np

cnp.import_array()

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #define HR_SEED 0x6865616472616365u

    static inline uint64_t hr_mixed(uint64_t word) {  /* SplitMix64's finaliser */
        word += 0x9E3779B97F4A7C15u;
        word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9u;
        word = (word ^ word >> 27) * 0x94D049BB133111EBu;
        return word ^ word >> 31; }

    /* Little-endian numbers; a compiler makes one load of each. */
    static inline uint64_t hr_u8(const char *at) { return (uint8_t)*at; }
    static inline uint64_t hr_u16(const char *at) { return hr_u8(at) | hr_u8(at + 1) << 8; }
    static inline uint64_t hr_u32(const char *at) { return hr_u16(at) | hr_u16(at + 2) << 16; }
    static inline uint64_t hr_u64(const char *at) { return hr_u32(at) | hr_u32(at + 4) << 32; }

    static inline uint64_t hr_last_word(const char *at, int64_t bytes) {
        uint64_t word = 0;
        int shift = 0;
        if (bytes & 4) word = hr_u32(at), at += 4, shift = 32;
        if (bytes & 2) word |= hr_u16(at) << shift, at += 2, shift += 16;
        if (bytes & 1) word |= hr_u8(at) << shift;
        return word; }

    /* NULs at the end are no part of a string, nor are words of nothing else. */
    static inline uint64_t hr_hash_of_bytes(const char *key, int64_t bytes) {
        uint64_t hashed = HR_SEED, last = hr_last_word(key + bytes / 8 * 8, bytes % 8);
        int64_t words = bytes / 8;
        if (!last)
            while (words && !hr_u64(key + 8 * (words - 1))) words--;
        for (; words; words--, key += 8) hashed = hr_mixed(hashed ^ hr_u64(key));
        return last ? hr_mixed(hashed ^ last) : hashed; }

    static inline uint64_t hr_hash_of_8_bytes(const char *key) {
        uint64_t word = hr_u64(key);
        return word ? hr_mixed(HR_SEED ^ word) : HR_SEED; }

    /* Each place is written, and kept if the next one does not overwrite it: no branch is to be
       foreseen. `expression`: the hash of the key at `key`. */
    #define HR_PLACES(expression) \\
        for (int64_t place = 0; place < count; place++, key += stride) { \\
            places[found] = place; \\
            found += (expression >> 32) * shards >> 32 == shard; }
    #define HR_PLACES_OF(type) { \\
        type number; \\
        HR_PLACES((memcpy(&number, key, sizeof number), \\
                   hr_mixed(HR_SEED ^ (uint64_t)(int64_t)number))) }

    static int64_t hr_places(char kind, int64_t bytes, const char *key, int64_t stride,
                             int64_t count, uint64_t shards, uint64_t shard, int64_t *places) {
        int64_t found = 0;
        if (kind == 'S' && bytes == 8) {
            HR_PLACES(hr_hash_of_8_bytes(key))
        } else if (kind == 'S') {
            HR_PLACES(hr_hash_of_bytes(key, bytes))
        } else if (kind == 'i') {
            if (bytes == 8) HR_PLACES_OF(int64_t)
            else if (bytes == 4) HR_PLACES_OF(int32_t)
            else if (bytes == 2) HR_PLACES_OF(int16_t)
            else HR_PLACES_OF(int8_t)
        } else {
            if (bytes == 8) HR_PLACES_OF(uint64_t)
            else if (bytes == 4) HR_PLACES_OF(uint32_t)
            else if (bytes == 2) HR_PLACES_OF(uint16_t)
            else HR_PLACES_OF(uint8_t)
        }
        return found; }
    """
    int64_t places "hr_places"(
        char kind, int64_t bytes, const char *key, int64_t stride, int64_t count,
        int64_t shards, int64_t shard, int64_t *places
    ) noexcept nogil


def places_of_shard(cnp.ndarray keys not None, int64_t shards, int64_t shard):
    """The places (int64, ascending) of the keys that are in partition `shard` of `shards`.

    `keys`: of shape (n,), of whole numbers, or 'S'; None: of other keys it does not know.
    """
    cdef object dtype = keys.dtype
    cdef cnp.ndarray made
    cdef int64_t count, found, bytes = dtype.itemsize
    cdef int64_t stride
    cdef int kind = ord(dtype.kind)
    cdef const char *first
    cdef int64_t *to
    if cnp.PyArray_NDIM(keys) != 1 or not dtype.isnative or kind not in b"iuS" or bytes == 0:
        return None
    count, stride = cnp.PyArray_DIM(keys, 0), cnp.PyArray_STRIDE(keys, 0)
    made = np.empty(count + 1, np.int64)  # what is no place is written behind the last one
    first, to = <const char *>cnp.PyArray_DATA(keys), <int64_t *>cnp.PyArray_DATA(made)
    with nogil:
        found = places(kind, bytes, first, stride, count, shards, shard, to)
    return made[:found]
