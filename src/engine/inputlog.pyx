"""The inputs since the last checkpoint, kept to be folded again after a failure.

Private copies, packed, in memory that is used again after each checkpoint.
"""

cimport cython
from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from headrace.engine.batch cimport Batch, event_of, time_of
from headrace.ringbuffer.copying cimport copy_bytes

cdef enum:
    BYTES_MAX = 64 << 20
    ROOM_AT_FIRST = 1024
    RUNS_AT_FIRST = 16


cdef int _resize(void **memory, size_t size) except -1:
    cdef void *grown = realloc(memory[0], size)
    if grown == NULL:
        raise MemoryError
    memory[0] = grown
    return 0


@cython.final
cdef class InputLog:
    """A log of events of `item_bytes`; `timed`: with their ingest times."""

    def __cinit__(self, int64_t item_bytes, bint timed):
        self.item_bytes = item_bytes
        self.timed = timed
        self.count_max = max(1, BYTES_MAX // (item_bytes + 8 * timed))

    def __dealloc__(self):
        free(self.events)
        free(self.times)
        free(self.runs)

    cdef void clear(self) noexcept:
        self.count = self.run_count = 0

    cdef int grow(self, int64_t more) except -1:
        cdef int64_t room = max(2 * self.room, self.count + more, ROOM_AT_FIRST)
        room = min(room, max(self.count_max, self.count + more))
        _resize(<void **>&self.events, room * self.item_bytes)
        if self.timed:
            _resize(<void **>&self.times, room * 8)
        self.room = room
        return 0

    cdef int append(self, const Batch *batch, int64_t end) except -1:
        """Keep events [0, end) of a batch."""
        cdef int64_t index
        cdef char *to
        if end == 0:
            return 0
        if self.count + end > self.room:
            self.grow(end)
        to = self.events + self.count * self.item_bytes
        if batch.select == NULL and batch.stride == self.item_bytes:
            copy_bytes(to, batch.events, end * self.item_bytes)
        else:
            for index in range(end):
                memcpy(to + index * self.item_bytes, event_of(batch, index), self.item_bytes)
        if self.timed:
            self._append_times(batch, end)
        self._append_runs(batch, end)
        self.count += end
        return 0

    cdef int _append_runs(self, const Batch *batch, int64_t end) except -1:
        """What follows without a gap is one run."""
        cdef int64_t begin = 0, index
        if batch.select == NULL:
            return self._append_run(batch.first_sequence, end)
        for index in range(1, end + 1):
            if index == end or batch.select[index] != batch.select[index - 1] + 1:
                self._append_run(batch.first_sequence + batch.select[begin], index - begin)
                begin = index
        return 0

    cdef void _append_times(self, const Batch *batch, int64_t end) noexcept:
        cdef int64_t *times = self.times + self.count
        cdef int64_t index
        if batch.times == NULL:
            memset(times, 0, end * 8)
        elif batch.select == NULL and batch.times_stride == 8:
            memcpy(times, batch.times, end * 8)
        else:
            for index in range(end):
                times[index] = time_of(batch, index)

    cdef int _append_run(self, int64_t first_sequence, int64_t count) except -1:
        cdef Run *last
        if self.run_count:
            last = &self.runs[self.run_count - 1]
            if last.first_sequence + last.count == first_sequence:
                last.count += count
                return 0
        if self.run_count == self.run_room:
            self.run_room = max(2 * self.run_room, RUNS_AT_FIRST)
            _resize(<void **>&self.runs, self.run_room * sizeof(Run))
        self.runs[self.run_count] = Run(first_sequence, count)
        self.run_count += 1
        return 0

    cdef int64_t fill(self, Batch *batch, int64_t run, int64_t begin) noexcept:
        """Make a batch of a run whose events begin at `begin` in the log; where they end."""
        memset(batch, 0, sizeof(Batch))
        batch.events = self.events + begin * self.item_bytes
        batch.stride = batch.item_bytes = self.item_bytes
        if self.timed:
            batch.times = <const char *>(self.times + begin)
            batch.times_stride = 8
        batch.first_sequence = self.runs[run].first_sequence
        batch.count = self.runs[run].count
        return begin + batch.count
