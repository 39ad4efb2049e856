"""Mapping a segment into this process, and keeping it mapped while anything looks at it.

Views of slots have a `Mapping` as their base, so the memory goes away with the last view, and a
view kept too long shows old or newer events, never a segmentation fault.
"""

import os

from libc.errno cimport errno
from libc.stdint cimport int64_t
from libc.string cimport strerror
from posix.mman cimport (
    MAP_ANONYMOUS,
    MAP_FAILED,
    MAP_FIXED,
    MAP_PRIVATE,
    MAP_SHARED,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
    madvise,
    mmap,
    munmap,
)

from headrace.ringbuffer.errors import EnvironmentFailure

cdef extern from * nogil:
    """
    #include <sys/mman.h>
    #if defined(__linux__) && !defined(MADV_POPULATE_WRITE)
    #define MADV_POPULATE_WRITE 23
    #endif
    #ifndef MADV_POPULATE_WRITE
    #define MADV_POPULATE_WRITE MADV_WILLNEED
    #endif
    """
    int MADV_POPULATE_WRITE

cdef int64_t generation = 0


cdef const int64_t *fork_generation() noexcept nogil:
    return &generation


def _count_fork():
    global generation
    generation += 1


os.register_at_fork(after_in_child=_count_fork)


cdef object _map_failure(size_t size):
    return EnvironmentFailure(
        f"mapping {size:,} bytes of shared memory failed: {strerror(errno).decode()}; "
        "free memory, or raise the limits of this process (ulimit -v, vm.max_map_count)")


cdef char *_map_twice(int fd, size_t offset, size_t size) except NULL:
    """Map [offset, offset + size) of fd twice in a row."""
    cdef char *base = <char *>mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    cdef int half
    if base == <char *>MAP_FAILED:
        raise _map_failure(2 * size)
    for half in range(2):
        if mmap(base + half * size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                fd, <long>offset) == MAP_FAILED:
            error = _map_failure(size)
            munmap(base, 2 * size)
            raise error
    # Without this the first lap pays a page fault a page; a refusal costs only that.
    madvise(base, 2 * size, MADV_POPULATE_WRITE)
    return base


cdef class Mapping:
    """The mapped segment of one ring. Internal; owns the file descriptor it is given."""

    def __cinit__(self, int fd, size_t head_bytes, size_t times_bytes, size_t slots_bytes):
        self.fd = fd
        self.head_bytes = head_bytes
        self.times_bytes = times_bytes
        self.slots_bytes = slots_bytes
        self.head = <char *>mmap(NULL, head_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
        if self.head == <char *>MAP_FAILED:
            self.head = NULL
            raise _map_failure(head_bytes)
        if times_bytes:
            self.times = _map_twice(fd, head_bytes, times_bytes)
        if slots_bytes:
            self.slots = _map_twice(fd, head_bytes + times_bytes, slots_bytes)

    def __dealloc__(self):
        if self.head != NULL:
            munmap(self.head, self.head_bytes)
        if self.times != NULL:
            munmap(self.times, 2 * self.times_bytes)
        if self.slots != NULL:
            munmap(self.slots, 2 * self.slots_bytes)
        if self.fd >= 0:
            _close_quietly(self.fd)


cdef extern from "unistd.h" nogil:
    int c_close "close"(int fd)


cdef void _close_quietly(int fd) noexcept:
    c_close(fd)
