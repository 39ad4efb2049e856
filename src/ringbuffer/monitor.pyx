"""`RingMonitor`: a ring's counters, read from outside without touching anything.

Only the head of the segment is mapped, and only for reading: no slot is looked at, no word written,
no lock taken, so that the producers and consumers notice nothing but a shared cache line.
"""

import os

from libc.errno cimport errno
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.string cimport strerror
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, mmap, munmap

from headrace.ringbuffer.atomics cimport load_acquire_i64, load_acquire_u64, lowest_bit
from headrace.ringbuffer.layout cimport HR_CONSUMERS_MAX, HR_FREE, HR_RETIRED, hr_header
from headrace.ringbuffer.segment cimport consumer_name

from headrace.ringbuffer import files
from headrace.ringbuffer.errors import EnvironmentFailure
from headrace.ringbuffer.segment import _read_header


cdef class RingMonitor:
    """Looks at the ring `name`, for as long as it exists; from any process of its user.

    `name`, `capacity`, `item_bytes` are the ring's. Raises RingNotFound, RingFormatError,
    UsageError, EnvironmentFailure. Not for use from several threads at once.
    """

    cdef const hr_header *header    # mapped read-only; what is in it may change to anything
    cdef size_t head_bytes
    cdef bint multi
    cdef readonly str name
    cdef readonly int64_t capacity
    cdef readonly int64_t item_bytes

    def __init__(self, name):
        cdef void *head
        if self.header != NULL:
            return
        fd = files.open_file(name, read_only=True)
        try:
            dtype, layout = _read_header(name, fd, 0.0)
            head = mmap(NULL, layout.head_bytes, PROT_READ, MAP_SHARED, fd, 0)
            if head == MAP_FAILED:
                raise EnvironmentFailure(
                    f"ring {name!r} cannot be mapped: {strerror(errno).decode()}")
        finally:
            os.close(fd)
        self.header = <const hr_header *>head
        self.head_bytes = layout.head_bytes
        self.multi = layout.availability_offset != 0
        self.name = name
        self.capacity = self.header.capacity
        self.item_bytes = dtype.itemsize

    def __dealloc__(self):
        if self.header != NULL:
            munmap(<void *>self.header, self.head_bytes)

    def published(self):
        """How many events were published; with several producers, how many were claimed."""
        if self.multi:
            return load_acquire_i64(&self.header.claimed.value)
        return load_acquire_i64(&self.header.cursor.value)

    def depth(self, name):
        """How many events consumer `name` may read and has not released; None: no such consumer.

        With several producers, events that are claimed and not yet published count as well.
        """
        cdef int64_t end = self.published()
        cdef int64_t other, sequence
        cdef uint64_t after
        cdef int index
        for index in range(HR_CONSUMERS_MAX):
            if (self.header.consumers[index].state not in (HR_FREE, HR_RETIRED)
                    and consumer_name(self.header.consumers[index].name) == name):
                break
        else:
            return None
        sequence = load_acquire_i64(&self.header.consumers[index].sequence.value)
        after = load_acquire_u64(&self.header.consumers[index].after)
        while after:
            other = load_acquire_i64(&self.header.consumers[lowest_bit(after)].sequence.value)
            end = other if other < end else end
            after &= after - 1
        return min(max(0, <object>end - <object>sequence), INT64_MAX)

    def __repr__(self):
        return f"<RingMonitor {self.name}>"
