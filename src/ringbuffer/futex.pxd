"""Sleeping on a word of shared memory, and the heavy half of the asymmetric fence.

Linux: futex(2), not the private kind, since sleepers sit in several processes; membarrier(2) with
MEMBARRIER_CMD_GLOBAL_EXPEDITED. Elsewhere sleeping is a bounded nap and the fence is refused, so
that publishers fence for themselves (see parking.pxd).
"""

from libc.stdint cimport int64_t, uint32_t

cdef extern from * nogil:
    """
    #include <stdint.h>
    #include <errno.h>
    #include <time.h>
    #include <sched.h>
    #ifndef HEADRACE_FUTEX
    #define HEADRACE_FUTEX
    static inline int64_t hr_monotonic_ns(void) {
        struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }
    static inline int64_t hr_realtime_ns(void) {
        struct timespec t; clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }
    #ifdef __linux__
    #include <unistd.h>
    #include <sys/syscall.h>
    #include <linux/futex.h>
    /* Returns 0 when woken or when the word changed, else errno (ETIMEDOUT, EINTR, ...). */
    static inline int hr_futex_wait(uint32_t *word, uint32_t expected, int64_t nap_ns) {
        struct timespec t = { nap_ns / 1000000000, nap_ns % 1000000000 };
        long r = syscall(SYS_futex, word, FUTEX_WAIT, expected, &t, (void *)0, 0);
        return r == 0 || errno == EAGAIN ? 0 : errno; }
    static inline void hr_futex_wake_all(uint32_t *word) {
        syscall(SYS_futex, word, FUTEX_WAKE, 0x7fffffff, (void *)0, (void *)0, 0); }
    /* linux/membarrier.h is missing on old headers; the numbers are kernel ABI. */
    #define HR_MEMBARRIER_GLOBAL_EXPEDITED 2
    #define HR_MEMBARRIER_REGISTER_GLOBAL_EXPEDITED 4
    static inline int hr_fence_heavy_register(void) {
        return syscall(SYS_membarrier, HR_MEMBARRIER_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0; }
    static inline int hr_fence_heavy(void) {
        return syscall(SYS_membarrier, HR_MEMBARRIER_GLOBAL_EXPEDITED, 0, 0) == 0; }
    #else
    static inline int hr_futex_wait(uint32_t *word, uint32_t expected, int64_t nap_ns) {
        int64_t nap = nap_ns < 200000 ? nap_ns : 200000;
        struct timespec t = { 0, nap };
        if (*(volatile uint32_t *)word != expected) return 0;
        nanosleep(&t, 0);
        return *(volatile uint32_t *)word != expected ? 0 : ETIMEDOUT; }
    static inline void hr_futex_wake_all(uint32_t *word) { (void)word; }
    static inline int hr_fence_heavy_register(void) { return 0; }
    static inline int hr_fence_heavy(void) { return 0; }
    #endif
    #endif
    """
    int64_t monotonic_ns "hr_monotonic_ns"() noexcept
    int64_t realtime_ns "hr_realtime_ns"() noexcept
    int futex_wait "hr_futex_wait"(uint32_t *word, uint32_t expected, int64_t nap_ns) noexcept
    void futex_wake_all "hr_futex_wake_all"(uint32_t *word) noexcept
    bint fence_heavy_register "hr_fence_heavy_register"() noexcept
    bint fence_heavy "hr_fence_heavy"() noexcept
