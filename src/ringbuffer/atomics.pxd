"""The atomic operations of the ring, and the only place where a memory order is written.

The order is part of each function's name. Every call site says in a comment which other call it
pairs with; `docs/memory-order.md` lists the pairs. All are the compiler's own builtins (GCC and
Clang), so a plain load or store stays one instruction.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef extern from * nogil:
    """
    #include <stdint.h>
    #ifndef HEADRACE_ATOMICS
    #define HEADRACE_ATOMICS
    #define HR_DEFINE_ATOMICS(T, S)                                                              \\
    static inline T hr_load_acquire_##S(const T *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); } \\
    static inline T hr_load_relaxed_##S(const T *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); } \\
    static inline void hr_store_release_##S(T *p, T v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); } \\
    static inline void hr_store_relaxed_##S(T *p, T v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); } \\
    static inline T hr_fetch_add_seq_cst_##S(T *p, T v) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); } \\
    static inline T hr_fetch_or_seq_cst_##S(T *p, T v) { return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST); } \\
    static inline T hr_fetch_and_seq_cst_##S(T *p, T v) { return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST); } \\
    static inline int hr_compare_exchange_acq_rel_##S(T *p, T expected, T desired) {             \\
        return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_ACQ_REL,           \\
                                           __ATOMIC_RELAXED); }
    HR_DEFINE_ATOMICS(int32_t, i32)
    HR_DEFINE_ATOMICS(int64_t, i64)
    HR_DEFINE_ATOMICS(uint32_t, u32)
    HR_DEFINE_ATOMICS(uint64_t, u64)
    static inline void hr_fence_seq_cst(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
    /* The light half of the asymmetric fence: keeps the compiler from moving a load above a store;
       the processor's half is the membarrier that the other side calls before it parks. */
    static inline void hr_fence_light(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }
    static inline void hr_pause(void) {
    #if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
    #elif defined(__aarch64__)
        __asm__ __volatile__("isb" ::: "memory");
    #endif
    }
    static inline int hr_lowest_bit(uint64_t mask) { return __builtin_ctzll(mask); }
    #endif
    """
    int32_t load_acquire_i32 "hr_load_acquire_i32"(const int32_t *p) noexcept
    int64_t load_acquire_i64 "hr_load_acquire_i64"(const int64_t *p) noexcept
    uint32_t load_acquire_u32 "hr_load_acquire_u32"(const uint32_t *p) noexcept
    uint64_t load_acquire_u64 "hr_load_acquire_u64"(const uint64_t *p) noexcept
    int32_t load_relaxed_i32 "hr_load_relaxed_i32"(const int32_t *p) noexcept
    int64_t load_relaxed_i64 "hr_load_relaxed_i64"(const int64_t *p) noexcept
    uint32_t load_relaxed_u32 "hr_load_relaxed_u32"(const uint32_t *p) noexcept
    uint64_t load_relaxed_u64 "hr_load_relaxed_u64"(const uint64_t *p) noexcept
    void store_release_i32 "hr_store_release_i32"(int32_t *p, int32_t v) noexcept
    void store_release_i64 "hr_store_release_i64"(int64_t *p, int64_t v) noexcept
    void store_release_u32 "hr_store_release_u32"(uint32_t *p, uint32_t v) noexcept
    void store_release_u64 "hr_store_release_u64"(uint64_t *p, uint64_t v) noexcept
    void store_relaxed_i32 "hr_store_relaxed_i32"(int32_t *p, int32_t v) noexcept
    void store_relaxed_i64 "hr_store_relaxed_i64"(int64_t *p, int64_t v) noexcept
    void store_relaxed_u32 "hr_store_relaxed_u32"(uint32_t *p, uint32_t v) noexcept
    uint32_t fetch_add_seq_cst_u32 "hr_fetch_add_seq_cst_u32"(uint32_t *p, uint32_t v) noexcept
    uint64_t fetch_add_seq_cst_u64 "hr_fetch_add_seq_cst_u64"(uint64_t *p, uint64_t v) noexcept
    uint32_t fetch_or_seq_cst_u32 "hr_fetch_or_seq_cst_u32"(uint32_t *p, uint32_t v) noexcept
    uint32_t fetch_and_seq_cst_u32 "hr_fetch_and_seq_cst_u32"(uint32_t *p, uint32_t v) noexcept
    uint64_t fetch_or_seq_cst_u64 "hr_fetch_or_seq_cst_u64"(uint64_t *p, uint64_t v) noexcept
    uint64_t fetch_and_seq_cst_u64 "hr_fetch_and_seq_cst_u64"(uint64_t *p, uint64_t v) noexcept
    bint compare_exchange_acq_rel_i32 "hr_compare_exchange_acq_rel_i32"(
        int32_t *p, int32_t expected, int32_t desired) noexcept
    bint compare_exchange_acq_rel_i64 "hr_compare_exchange_acq_rel_i64"(
        int64_t *p, int64_t expected, int64_t desired) noexcept
    void fence_seq_cst "hr_fence_seq_cst"() noexcept
    void fence_light "hr_fence_light"() noexcept
    void cpu_pause "hr_pause"() noexcept
    int lowest_bit "hr_lowest_bit"(uint64_t mask) noexcept
