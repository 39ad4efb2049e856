"""The queue of a simulated world: events by time, and at one time by a tie-break.

A binary heap of keys, which are small, over a pool of events, which stay where they are.
"""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.ref cimport Py_INCREF, PyObject
from libc.stdint cimport int32_t, int64_t, uint64_t

from headrace.engine.errors import QueueFull

cdef extern from *:
    """
    #define HEADRACE_XDECREF(object) Py_XDECREF(object)
    """
    void release_reference "HEADRACE_XDECREF"(PyObject *object)

DEF ROOM_FIRST = 256


cdef inline bint comes_before(Key one, Key other) noexcept nogil:
    return one.time_ns < other.time_ns or (one.time_ns == other.time_ns and one.tie < other.tie)


@cython.final
cdef class EventQueue:
    """Events by time; at most `count_max` of them."""

    def __cinit__(self, int64_t count_max):
        self.count_max = count_max
        self.grow()

    def __dealloc__(self):
        cdef int64_t index
        for index in range(self.count):
            release_reference(self.events[self.heap[index].slot].payload)
        PyMem_Free(self.heap)
        PyMem_Free(self.events)
        PyMem_Free(self.free_slots)

    def __len__(self):
        return self.count

    def put(self, time_ns, tie, what, to, source, number, payload):
        """Add an event. Raises QueueFull."""
        self.push(time_ns, tie, what, to, source, number, payload)

    def take(self):
        """The first event: (time_ns, what, to, source, number, payload). Raises IndexError."""
        cdef Event event
        if not self.count:
            raise IndexError("the queue is empty")
        time_ns = self.next_ns()
        payload = self.pop(&event)
        return time_ns, event.what, event.to, event.source, event.number, payload

    cdef int grow(self) except -1:
        cdef int64_t room = self.room * 2 if self.room else ROOM_FIRST
        cdef int64_t slot
        cdef void *moved
        if self.count >= self.count_max:
            raise QueueFull(
                f"{self.count:,} events wait in the world, and that is its limit: something sends "
                "or sets timers without end")
        moved = PyMem_Realloc(self.heap, room * sizeof(Key))
        if moved == NULL:
            raise MemoryError
        self.heap = <Key *>moved
        moved = PyMem_Realloc(self.events, room * sizeof(Event))
        if moved == NULL:
            raise MemoryError
        self.events = <Event *>moved
        moved = PyMem_Realloc(self.free_slots, room * sizeof(int64_t))
        if moved == NULL:
            raise MemoryError
        self.free_slots = <int64_t *>moved
        # The free slots are a stack of room - count; all that there were are taken.
        for slot in range(self.room, room):
            self.free_slots[slot - self.room] = slot
        self.room = room
        return 0

    cdef int push(
        self, int64_t time_ns, uint64_t tie, int32_t what, int32_t to, int32_t source,
        int64_t number, object payload
    ) except -1:
        cdef Key key
        cdef Event *event
        cdef int64_t child, parent
        if self.count == self.room:
            self.grow()
        key.time_ns = time_ns
        key.tie = tie
        key.slot = self.free_slots[self.room - self.count - 1]
        event = &self.events[key.slot]
        event.what = what
        event.to = to
        event.source = source
        event.number = number
        Py_INCREF(payload)
        event.payload = <PyObject *>payload
        child = self.count
        self.count += 1
        while child:
            parent = (child - 1) >> 1
            if not comes_before(key, self.heap[parent]):
                break
            self.heap[child] = self.heap[parent]
            child = parent
        self.heap[child] = key
        return 0

    cdef object pop(self, Event *event):
        """Take the first event, its payload as the result; there must be one."""
        cdef int64_t slot = self.heap[0].slot
        cdef int64_t parent = 0
        cdef int64_t child = 1
        cdef Key last
        event[0] = self.events[slot]
        self.count -= 1
        self.free_slots[self.room - self.count - 1] = slot
        last = self.heap[self.count]
        while child < self.count:
            if child + 1 < self.count and comes_before(self.heap[child + 1], self.heap[child]):
                child += 1
            if not comes_before(self.heap[child], last):
                break
            self.heap[parent] = self.heap[child]
            parent = child
            child = 2 * parent + 1
        self.heap[parent] = last
        payload = <object>event.payload  # a second reference, and then the queue's own is let go
        release_reference(event.payload)
        return payload
