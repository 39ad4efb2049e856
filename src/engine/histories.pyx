"""A history in numbers, and the steps of its machine, each of them asked for once."""

cimport cython
from libc.stdlib cimport calloc, free

_STEPS_AT_FIRST = 1 << 12


cdef int fill(Numbers *numbers, list values) except -1:
    for value in values:
        push(numbers, value)
    return 0


cdef inline uint64_t mixed(uint64_t key) noexcept nogil:
    key ^= key >> 31
    key *= <uint64_t>0x9E3779B97F4A7C15
    return key ^ (key >> 29)


@cython.final
cdef class Problem:
    """What a search is given; the columns are lists with a number for each operation.

    `step(state, input)` gives the next state and the answer, as numbers; the state is -1 where the
    machine refuses. It is asked once for each state and input.
    """

    def __init__(self, object step, int initial, int count, int slots, dict columns):
        self.machine_step = step
        self.initial, self.count, self.slots = initial, count, slots
        self.total = len(columns["given"])
        fill(&self.given, columns["given"])
        fill(&self.expected, columns["expected"])
        fill(&self.kind, columns["kind"])
        fill(&self.after, columns["after"])
        fill(&self.followed, columns["followed"])
        fill(&self.slot, columns["slot"])
        fill(&self.call, columns["call"])
        fill(&self.return_, columns["return"])
        fill(&self.overlaps, columns["overlaps"])
        fill(&self.twin, columns["twin"])
        fill(&self.open_begin, columns["open_begin"])
        fill(&self.open_, columns["open"])
        fill(&self.info_open, columns["info_open"])
        self.kinds = max(columns["kind"], default=-1) + 1
        self.inputs = max(columns["given"], default=-1) + 1
        self._room = _STEPS_AT_FIRST
        self._keys = <uint64_t *>calloc(self._room, sizeof(uint64_t))
        self._results = <int32_t *>calloc(2 * self._room, sizeof(int32_t))
        if self._keys == NULL or self._results == NULL:
            raise MemoryError()

    def __dealloc__(self):
        for numbers in (
            <size_t>self.given.items, <size_t>self.expected.items, <size_t>self.kind.items,
            <size_t>self.after.items, <size_t>self.followed.items, <size_t>self.slot.items,
            <size_t>self.call.items, <size_t>self.return_.items, <size_t>self.overlaps.items,
            <size_t>self.twin.items, <size_t>self.open_begin.items, <size_t>self.open_.items,
            <size_t>self.info_open.items,
        ):
            free(<void *><size_t>numbers)
        free(self._keys)
        free(self._results)

    cdef const int32_t *step(self, int state, int given) except NULL:
        """The next state and the answer; a place that is good until the next step."""
        cdef uint64_t key = (<uint64_t>state << 32 | <uint64_t>given) + 1
        cdef Py_ssize_t mask = self._room - 1
        cdef Py_ssize_t at = mixed(key) & mask
        while self._keys[at] != key:
            if self._keys[at] == 0:
                after, answer = self.machine_step(state, given)
                self._keys[at] = key
                self._results[2 * at], self._results[2 * at + 1] = after, answer
                self._made += 1
                if 2 * self._made > self._room:
                    self._grow()
                    return self.step(state, given)
                break
            at = (at + 1) & mask
        return &self._results[2 * at]

    cdef bint is_open(self, int number, int low) noexcept:
        """Whether it was called before operation `low` returned; it is not before `low` itself."""
        return low < self.count and self.call.items[number] <= self.return_.items[low]

    cdef int _grow(self) except -1:
        cdef Py_ssize_t room = 2 * self._room, at, to
        cdef uint64_t *keys = <uint64_t *>calloc(room, sizeof(uint64_t))
        cdef int32_t *results = <int32_t *>calloc(2 * room, sizeof(int32_t))
        if keys == NULL or results == NULL:
            free(keys)
            free(results)
            raise MemoryError()
        for at in range(self._room):
            if self._keys[at] == 0:
                continue
            to = mixed(self._keys[at]) & (room - 1)
            while keys[to] != 0:
                to = (to + 1) & (room - 1)
            keys[to] = self._keys[at]
            results[2 * to] = self._results[2 * at]
            results[2 * to + 1] = self._results[2 * at + 1]
        free(self._keys)
        free(self._results)
        self._keys, self._results, self._room = keys, results, room
        return 0
