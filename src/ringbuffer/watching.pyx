"""One thread for a whole process that sleeps on many rings at once, for asyncio.

It futex-waits on up to 127 words together (futex_waitv, Linux 5.16); the 128th is its own, by
which it is told of new words. Where the call is missing it looks at the words every millisecond,
and not at all while there are none.
"""

from libc.errno cimport ENOSYS
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from headrace.ringbuffer.atomics cimport fetch_add_seq_cst_u32, load_acquire_u32
from headrace.ringbuffer.futex cimport futex_wake_all

cdef extern from * nogil:
    """
    #include <errno.h>
    #include <stdint.h>
    #include <time.h>
    #ifdef __linux__
    #include <unistd.h>
    #include <sys/syscall.h>
    #endif
    #ifndef SYS_futex_waitv
    #define SYS_futex_waitv 449      /* the same on every architecture */
    #endif
    #define HR_FUTEX_32 2            /* size flag, shared between processes */
    typedef struct { uint64_t val; uint64_t uaddr; uint32_t flags; uint32_t reserved; } hr_waiter;
    static int hr_futex_wait_any(hr_waiter *waiters, unsigned count, int64_t nap_ns) {
    #ifdef __linux__
        struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
        int64_t end = t.tv_sec * 1000000000LL + t.tv_nsec + nap_ns;
        t.tv_sec = end / 1000000000; t.tv_nsec = end % 1000000000;
        return syscall(SYS_futex_waitv, waiters, count, 0, &t, CLOCK_MONOTONIC) < 0 ? errno : 0;
    #else
        return ENOSYS;
    #endif
    }
    static void hr_nap(int64_t nap_ns) {
        struct timespec t = { nap_ns / 1000000000, nap_ns % 1000000000 };
        nanosleep(&t, 0); }
    """
    ctypedef struct hr_waiter:
        uint64_t val
        uint64_t uaddr
        uint32_t flags
        uint32_t reserved
    const uint32_t HR_FUTEX_32
    int futex_wait_any "hr_futex_wait_any"(hr_waiter *waiters, unsigned count, int64_t nap_ns)
    void nap "hr_nap"(int64_t nap_ns)

cdef enum:
    WORDS_MAX = 127
    NAP_NS = 100_000_000        # also how late a wake-up lost to a killed publisher can be
    LOOK_NS = 1_000_000

cdef uint32_t bell = 0          # the watcher's own word


def ring_bell():
    """Tell the watching thread to look at its list again."""
    fetch_add_seq_cst_u32(&bell, 1)
    futex_wake_all(&bell)


def wait_any(list watched):
    """Sleep until one of the (address, value, _) words has changed, or 100 ms; which ones have."""
    cdef hr_waiter waiters[WORDS_MAX + 1]
    cdef unsigned count = len(watched)
    cdef unsigned index
    cdef int outcome
    memset(waiters, 0, sizeof(waiters))
    for index in range(count):
        waiters[index].uaddr = watched[index][0]
        waiters[index].val = <uint32_t>watched[index][1]
        waiters[index].flags = HR_FUTEX_32
    waiters[count].uaddr = <uint64_t>&bell
    waiters[count].val = load_acquire_u32(&bell)
    waiters[count].flags = HR_FUTEX_32
    changed = _changed(watched)
    if changed:
        return changed
    with nogil:
        outcome = futex_wait_any(waiters, count + 1, NAP_NS)
        if outcome == ENOSYS:
            nap(LOOK_NS if count else NAP_NS)
    return _changed(watched)


cdef list _changed(list watched):
    cdef size_t address
    cdef uint32_t value
    changed = []
    for index, (address, value, _) in enumerate(watched):
        if load_acquire_u32(<uint32_t *>address) != value:
            changed.append(index)
    return changed
