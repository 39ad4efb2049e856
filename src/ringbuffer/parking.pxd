"""Sleeping and waking: who parks, who wakes, and why no wake-up is lost.

A sleeper                                   A publisher (or releaser)
  1. reads the futex word                     1. stores its sequence (release)
  2. sets its bit in `flags`                  2. light fence
  3. heavy fence                              3. reads `flags`
  4. looks at the sequence once more          4. if the bit is set: clears it, bumps the word,
  5. futex-waits while the word is as in 1       wakes everyone

Either the sleeper sees the sequence in 4, or the publisher sees the bit in 3: the store-buffer
pattern that needs a full fence on both sides. The publisher is the hot one, so its fence is only a
compiler barrier, and the sleeper's membarrier makes every running processor fence for it. Where
membarrier is refused, HR_FENCE_REQUIRED is set for good and publishers fence for themselves.

If the bit is set between the publisher's clear and its bump, the sleeper read the word before the
bump and does not sleep, or after it and its bit stands for the next publisher. A sleeper killed in
its sleep leaves at most one bit, which costs one needless wake-up.
"""

from libc.stdint cimport uint32_t

from headrace.ringbuffer.atomics cimport (
    fence_light,
    fence_seq_cst,
    fetch_add_seq_cst_u32,
    fetch_and_seq_cst_u32,
    fetch_or_seq_cst_u32,
    load_acquire_u32,
    load_relaxed_u32,
)
from headrace.ringbuffer.crashing cimport (
    PARK_ANNOUNCED,
    WAKE_BIT_CLEARED,
    WAKE_WORD_MOVED,
    crash_point,
)
from headrace.ringbuffer.futex cimport fence_heavy, futex_wake_all
from headrace.ringbuffer.layout cimport (
    HR_DATA_PARKED,
    HR_ENDED,
    HR_FENCE_REQUIRED,
    HR_SPACE_PARKED,
    hr_parking,
)


cdef inline void wake_parked(hr_parking *parking, uint32_t bits) noexcept nogil:
    cdef uint32_t parked
    if load_relaxed_u32(&parking.flags) & HR_FENCE_REQUIRED:
        fence_seq_cst()
    parked = load_relaxed_u32(&parking.flags) & bits
    if parked == 0:
        return
    fetch_and_seq_cst_u32(&parking.flags, ~parked)
    crash_point(WAKE_BIT_CLEARED)
    if parked & HR_DATA_PARKED:
        fetch_add_seq_cst_u32(&parking.data_word, 1)
        crash_point(WAKE_WORD_MOVED)
        futex_wake_all(&parking.data_word)
    if parked & HR_SPACE_PARKED:
        fetch_add_seq_cst_u32(&parking.space_word, 1)
        crash_point(WAKE_WORD_MOVED)
        futex_wake_all(&parking.space_word)


cdef inline void wake_after_store(hr_parking *parking, uint32_t bits) noexcept nogil:
    """Call right after the release store of a sequence; costs one load while nobody sleeps."""
    fence_light()  # pairs with prepare_to_park's heavy fence
    if load_relaxed_u32(&parking.flags) & (bits | HR_FENCE_REQUIRED):
        wake_parked(parking, bits)


cdef inline uint32_t prepare_to_park(hr_parking *parking, uint32_t bit) noexcept nogil:
    """Announce a sleeper; returns the futex word to sleep on, to be read before the last look."""
    cdef uint32_t word
    if bit == HR_DATA_PARKED:
        word = load_acquire_u32(&parking.data_word)
    else:
        word = load_acquire_u32(&parking.space_word)
    fetch_or_seq_cst_u32(&parking.flags, bit)
    crash_point(PARK_ANNOUNCED)
    if not fence_heavy():  # pairs with wake_after_store's light fence
        fetch_or_seq_cst_u32(&parking.flags, HR_FENCE_REQUIRED)
        fence_seq_cst()
    return word


cdef inline bint has_ended(hr_parking *parking) noexcept nogil:
    return (load_acquire_u32(&parking.flags) & HR_ENDED) != 0
