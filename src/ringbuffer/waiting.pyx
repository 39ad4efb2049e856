"""Wait strategies: what to do while nothing is available.

Every strategy is the same walk: spin, then yield, then park on a futex in the shared header; they
differ in how long each leg is. No leg holds the GIL, each sees the end of the ring, its closing by
another thread, and the deadline; and each comes up at least every 100 ms to let Python handle
Ctrl-C, and every 20 ms where it may be a dead producer's claim that is waited for.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport INT64_MAX, int64_t, uint32_t

from headrace.ringbuffer.atomics cimport cpu_pause, load_acquire_i32
from headrace.ringbuffer.futex cimport futex_wait, monotonic_ns
from headrace.ringbuffer.layout cimport HR_DATA_PARKED
from headrace.ringbuffer.parking cimport prepare_to_park

from headrace.ringbuffer.errors import UsageError

cdef extern from "sched.h" nogil:
    int sched_yield()

cdef enum:
    SPINS_BETWEEN_CLOCKS = 512
    YIELDS_BETWEEN_CLOCKS = 16
    NAP_NS_MAX = 100_000_000
    BURIAL_NAP_NS_MAX = 20_000_000


cdef inline Outcome look_at_clock(Wait *wait, int64_t come_up_ns) noexcept nogil:
    cdef int64_t now = monotonic_ns()
    if load_acquire_i32(wait.closed):
        return CLOSED
    if now >= wait.deadline_ns:
        return TIMED_OUT
    return LOOK_AROUND if now >= come_up_ns else NOT_YET


cdef Outcome spin(Wait *wait, int64_t come_up_ns) noexcept nogil:
    cdef int64_t count = 0
    cdef Outcome outcome
    while wait.plan.spins < 0 or count < wait.plan.spins:
        outcome = wait.attempt(wait.core, wait.wanted)
        if outcome != NOT_YET:
            return outcome
        cpu_pause()
        count += 1
        if count % SPINS_BETWEEN_CLOCKS == 0:
            outcome = look_at_clock(wait, come_up_ns)
            if outcome != NOT_YET:
                return outcome
    return NOT_YET


cdef Outcome yield_core(Wait *wait, int64_t come_up_ns) noexcept nogil:
    cdef int64_t count = 0
    cdef Outcome outcome
    while wait.plan.yields < 0 or count < wait.plan.yields:
        outcome = wait.attempt(wait.core, wait.wanted)
        if outcome != NOT_YET:
            return outcome
        sched_yield()
        count += 1
        if count % YIELDS_BETWEEN_CLOCKS == 0:
            outcome = look_at_clock(wait, come_up_ns)
            if outcome != NOT_YET:
                return outcome
    return NOT_YET


cdef Outcome park(Wait *wait) noexcept nogil:
    """Sleep until woken, or until it is time to come up."""
    cdef uint32_t *word = &wait.parking.data_word
    cdef uint32_t seen
    cdef int64_t nap
    cdef Outcome outcome
    if wait.bit != HR_DATA_PARKED:
        word = &wait.parking.space_word
    seen = prepare_to_park(wait.parking, wait.bit)
    outcome = wait.attempt(wait.core, wait.wanted)
    if outcome == NOT_YET:
        outcome = look_at_clock(wait, INT64_MAX)
    if outcome != NOT_YET:
        return outcome
    nap = wait.deadline_ns - monotonic_ns()
    if nap > wait.nap_ns_max:
        nap = wait.nap_ns_max
    if nap <= 0:
        return TIMED_OUT
    if futex_wait(word, seen, nap) == 0:
        outcome = wait.attempt(wait.core, wait.wanted)
        return LOOK_AROUND if outcome == NOT_YET else outcome
    return LOOK_AROUND  # a signal, or the nap was over


cdef Outcome wait_on(Wait *wait) noexcept nogil:
    """Wait until the attempt succeeds, the deadline is over, or it is time to look around."""
    cdef int64_t come_up_ns = monotonic_ns() + wait.nap_ns_max
    cdef Outcome outcome
    if not wait.parked_before:
        outcome = spin(wait, come_up_ns)
        if outcome == NOT_YET:
            outcome = yield_core(wait, come_up_ns)
        if outcome != NOT_YET:
            return outcome
        wait.parked_before = True
    return park(wait)


cdef Outcome wait_with_signals(Wait *wait, object burier) except? DAMAGED:
    """Wait without the GIL; raises what a signal handler raises (KeyboardInterrupt).

    `burier`, unless None, is called now and then, and before giving up: a claim whose producer died
    may be what is waited for.
    """
    cdef Outcome outcome
    wait.nap_ns_max = NAP_NS_MAX if burier is None else BURIAL_NAP_NS_MAX
    while True:
        with nogil:
            outcome = wait_on(wait)
        if outcome == TIMED_OUT and burier is not None and burier():
            outcome = wait.attempt(wait.core, wait.wanted)
            return TIMED_OUT if outcome == NOT_YET else outcome
        if outcome != LOOK_AROUND:
            return outcome
        PyErr_CheckSignals()
        if burier is not None:
            burier()


cdef int64_t deadline_after(object timeout) except -1:
    """The monotonic time `timeout` seconds from now; None: never."""
    cdef double seconds
    if timeout is None:
        return INT64_MAX
    try:
        seconds = timeout
    except TypeError:
        raise UsageError(f"timeout must be a number of seconds or None, not {timeout!r}") from None
    if seconds != seconds:
        raise UsageError("timeout must be a number of seconds or None, not NaN")
    if seconds > 1e9:
        return INT64_MAX
    if seconds < 0:
        seconds = 0
    return monotonic_ns() + <int64_t>(seconds * 1e9)


cdef int64_t _count(object value, str what) except -2:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageError(f"{what} must be an integer of 0 or more, not {value!r}")
    return min(value, 1 << 62)


cdef class WaitStrategy:
    """How to wait for data or room. Immutable; any number of handles may share one."""

    def __repr__(self):
        return f"{type(self).__name__}()"

    def __eq__(self, other):
        cdef WaitStrategy theirs
        if not isinstance(other, WaitStrategy):
            return NotImplemented
        theirs = other
        return self.plan.spins == theirs.plan.spins and self.plan.yields == theirs.plan.yields

    def __hash__(self):
        return hash((self.plan.spins, self.plan.yields))

    def __reduce__(self):
        return type(self), ()


cdef class BusySpin(WaitStrategy):
    """Spin for ever: the shortest latency, for a thread with a core to itself.

    With more spinning threads than cores everything gets slower, up to 100 times.
    """

    def __cinit__(self):
        self.plan = WaitPlan(-1, 0)


cdef class Yield(WaitStrategy):
    """Spin a little, then let others run between looks; uses all the time nobody else wants."""

    def __cinit__(self, spins=100):
        self.plan = WaitPlan(_count(spins, "spins"), -1)

    def __reduce__(self):
        return Yield, (self.plan.spins,)


cdef class Backoff(WaitStrategy):
    """Spin, then yield, then park: quick while busy, free while idle. The default."""

    def __cinit__(self, spins=2000, yields=20):
        self.plan = WaitPlan(_count(spins, "spins"), _count(yields, "yields"))

    def __reduce__(self):
        return Backoff, (self.plan.spins, self.plan.yields)


cdef class Block(WaitStrategy):
    """Park at once: a futex wait, some 40 us to wake up; never takes a core from others."""

    def __cinit__(self):
        self.plan = WaitPlan(0, 0)
