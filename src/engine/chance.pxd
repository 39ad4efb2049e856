"""Chance that follows from a seed: what `headrace.simulation.chance` defines, in C."""

from libc.stdint cimport uint64_t


cdef inline uint64_t mix(uint64_t one, uint64_t other) noexcept nogil:
    cdef uint64_t z = one * 0x9E3779B97F4A7C15ULL + other + 0x9E3779B97F4A7C15ULL
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL
    return z ^ (z >> 31)


cdef inline double as_float(uint64_t drawn) noexcept nogil:
    return <double>(drawn >> 11) * 1.1102230246251565e-16  # 2**-53
