"""Consuming a ring: the C-level face of `Consumer`, for cimport."""

cimport cython
from libc.stdint cimport int64_t

from headrace.ringbuffer.barrier cimport ConsumerCore
from headrace.ringbuffer.handle cimport Handle
from headrace.ringbuffer.views cimport ViewPool
from headrace.ringbuffer.waiting cimport Outcome


@cython.final
cdef class Consumer(Handle):
    # For native code: barrier.pxd works on it without the GIL, one thread at a time.
    cdef ConsumerCore core
    cdef ViewPool times_pool
    cdef readonly object name
    cdef readonly bint strict
    cdef readonly bint ended        # everything was consumed and nothing more will come
    cdef int64_t batch_begin        # [batch_begin, batch_end) is the view handed out last
    cdef int64_t current_begin      # where the pool's two views begin
    cdef int64_t spare_begin
    cdef object nothing             # what a poll without events returns
    cdef bint keeps_place           # on leaving: for a successor of the same name

    cdef int64_t fetch(self, int64_t limit, object timeout, bint forever) except -1
    cdef int64_t wait_for_data(self, int64_t limit, object timeout) except -1
    cdef int refuse_fenced(self) except -1
    cdef int64_t last_look(self, int64_t limit) except -1
    cdef object hand_out(self, int64_t count)
    cdef int give_up(self, bint keeps_place) except -1
    cdef int leave(self) except -1
