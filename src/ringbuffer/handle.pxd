"""What producers and consumers have in common: a segment, a wait plan, an end."""

from libc.stdint cimport int32_t, int64_t

from headrace.ringbuffer.segment cimport Segment
from headrace.ringbuffer.views cimport ViewPool
from headrace.ringbuffer.waiting cimport Outcome, Wait, WaitPlan, WaitStrategy


cdef class Handle:
    cdef Segment segment
    cdef ViewPool pool
    cdef WaitPlan plan
    cdef readonly WaitStrategy wait
    cdef const int64_t *generation  # this process's count of forks
    cdef int64_t born               # that count when this handle was made; -1: closed
    cdef int32_t closed                 # the same, for a thread that waits without the GIL
    cdef int index                  # of the entry in the header
    cdef bint waiting               # a thread waits in here
    cdef object __weakref__

    cdef object burier              # looks for what dead processes have left half done
    cdef int64_t holes_seen         # looks in vain that may be due to the dead

    cdef int refuse(self) except -1
    cdef int begin_wait(self, Wait *wait, object timeout) except -1
    cdef void shut(self) noexcept
    cdef int bury_now_and_then(self) except -1
    cdef inline int check_usable(self) except -1:
        """Fails after close, after a fork, and while another thread waits on this handle."""
        if self.born != self.generation[0] or self.waiting:
            return self.refuse()
        return 0
