"""Holding a lock, or failing in time, with no moment in which an interrupt leaves it held.

In Python an interrupt can come between taking the lock and the `with` statement's knowing of it;
here nothing is looked at in between.
"""

cimport cython

from headrace.ringbuffer.errors import WaitTimeout


@cython.final
cdef class Hold:
    """A lock held for the length of a `with` block.

    Blocks for `seconds` at most, then raises WaitTimeout with `reason`.
    """

    cdef object lock
    cdef double seconds
    cdef str reason

    def __init__(self, lock, double seconds, str reason):
        self.lock = lock
        self.seconds = seconds
        self.reason = reason

    def __enter__(self):
        if not self.lock.acquire(True, self.seconds):
            raise WaitTimeout(self.reason)

    def __exit__(self, kind, error, traceback):
        self.lock.release()
