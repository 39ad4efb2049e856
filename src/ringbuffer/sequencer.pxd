"""Claiming and publishing: the producers' half of the ring, without waiting and without Python.

Theory of operation. A producer may write [next, next + n) when every slot in it has been let go of
by every consumer a lap ago: next + n <= gating sequence + capacity. The gating sequence (the
slowest consumer) is expensive to find, since it lives in other cores' caches; so it is found only
when the cached `limit` = gating sequence + capacity is reached, which in a ring that keeps up is
once a lap. A gate only moves forward, so a cached one is never too high.

One producer: `next` is its own; publishing is one release store of the shared cursor.

Several producers: `claimed` in the header is moved by compare-and-swap, never by fetch-and-add, so
that a claim that has no room takes nothing. What is published may have holes, so each slot has an
availability word:

    availability[sequence mod slots_allocated] = lap * 2       published
                                               = lap * 2 + 1   tombstone: aborted, to be skipped
    lap = sequence / slots_allocated + 1                       so zeroed memory is unpublished

kept modulo 2**32; gating keeps producers less than a lap ahead, so no older lap can be taken for
this one. Before the swap a producer writes what it intends to claim into its own entry of the
header, and takes that back once it is published: a claimed slot that is neither published nor in
the intent of a living producer belongs to a dead one (bury_dead in burial.pyx).

A producer that was declared dead has another epoch in its entry than its own. It looks after it has
written its intent and before the swap; who declares it dead moves the epoch and then looks at the
intent. So either it claims nothing any more, or its claim is seen (declare_producer_dead).
"""

from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint32_t, uint64_t

from headrace.ringbuffer.atomics cimport (
    compare_exchange_acq_rel_i64,
    fence_light,
    fence_seq_cst,
    fetch_add_seq_cst_u64,
    load_acquire_i32,
    load_acquire_i64,
    load_acquire_u64,
    load_relaxed_i64,
    load_relaxed_u32,
    load_relaxed_u64,
    lowest_bit,
    store_relaxed_i64,
    store_release_i32,
    store_release_i64,
)
from headrace.ringbuffer.crashing cimport (
    ABORT_COUNTED,
    MULTI_ALL_MARKED,
    MULTI_CLAIMED,
    MULTI_INTENT_BEGIN,
    MULTI_INTENT_END,
    MULTI_INTENT_OVER,
    MULTI_LOOKED,
    MULTI_MARKED,
    MULTI_MARKING,
    MULTI_NOT_FENCED,
    MULTI_SWAP_FAILED,
    MULTI_WOKEN,
    SINGLE_CLAIMED,
    SINGLE_LOOKED,
    SINGLE_PUBLISHED,
    SINGLE_WOKEN,
    crash_point,
)
from headrace.ringbuffer.layout cimport (
    HR_DATA_PARKED,
    HR_PRODUCERS_MAX,
    hr_header,
    hr_producer_entry,
)
from headrace.ringbuffer.parking cimport wake_after_store


# Where a ring lies in this process. Copied from the checked header once, so that nothing that is
# scribbled into shared memory later can become an address.
ctypedef struct Geometry:
    hr_header *header
    char *slots
    int64_t *times          # NULL: none
    int32_t *availability   # NULL: single producer
    int64_t capacity
    int64_t index_mask      # slots_allocated - 1
    int64_t item_bytes
    int lap_shift           # log2(slots_allocated)


ctypedef struct ProducerCore:
    Geometry at
    hr_producer_entry *entry
    int64_t next            # [next, claim_end) is claimed and not yet published
    int64_t claim_end
    int64_t limit           # may claim below this without looking at the consumers
    int64_t published_known # multi, no consumers: all below is known to be published
    uint32_t epoch          # of the entry when it was taken; another one there: declared dead


cdef inline char *slot_address(const Geometry *at, int64_t sequence) noexcept nogil:
    return at.slots + (sequence & at.index_mask) * at.item_bytes


cdef inline int32_t availability_flag(const Geometry *at, int64_t sequence) noexcept nogil:
    return <int32_t>(((<uint64_t>sequence >> at.lap_shift) + 1) * 2)


cdef inline int64_t published_prefix(
    const Geometry *at, int64_t known, int64_t end
) noexcept nogil:
    """The first sequence in [known, end) that is neither published nor a tombstone, else `end`."""
    cdef int32_t behind
    while known < end:
        # Acquire: pairs with the release stores of availability in mark_multi.
        behind = availability_flag(at, known) - load_acquire_i32(
            &at.availability[known & at.index_mask])
        if behind > 0:
            return known
        known += 1
    return end


cdef inline int64_t gating_sequence(const Geometry *at, int64_t ungated) noexcept nogil:
    """The slowest consumer's sequence, or `ungated` when there is none.

    A consumer may join at any moment. It sets its bit, fences, and starts at what is published by
    then; here the sequences are read, then a fence, then the bits once more. If the bits are as
    before, the joiner's fence comes after this one, so it starts at or after every sequence read
    here, and the answer cannot be too high for it. INT64_MIN when the bits never came to rest.
    """
    cdef uint64_t active, rest
    cdef int64_t lowest, sequence
    cdef int attempt
    for attempt in range(64):
        active = load_acquire_u64(&at.header.active_mask)
        lowest = INT64_MAX if active else ungated
        rest = active
        while rest:
            # Acquire: pairs with release_batch; its reads of the slots are over.
            sequence = load_acquire_i64(&at.header.consumers[lowest_bit(rest)].sequence.value)
            lowest = sequence if sequence < lowest else lowest
            rest &= rest - 1
        fence_seq_cst()  # pairs with the fence in join_ring (membership.pyx)
        if load_relaxed_u64(&at.header.active_mask) == active:
            return lowest
    return -INT64_MAX


cdef inline bint try_claim_single(ProducerCore *core, int64_t count) noexcept nogil:
    cdef int64_t gate
    if core.next + count > core.limit:
        # Everything below `next` is published: a single producer has one claim at a time.
        gate = gating_sequence(&core.at, core.next)
        if gate > core.next:
            gate = core.next  # damaged memory must not let us lap the readers
        core.limit = gate + core.at.capacity
        if core.next + count > core.limit:
            return False
    crash_point(SINGLE_LOOKED)
    core.claim_end = core.next + count
    crash_point(SINGLE_CLAIMED)
    return True


cdef inline bint commit_single(ProducerCore *core) noexcept nogil:
    """Publish [next, claim_end)."""
    # Release: pairs with the acquire of the cursor in available_end; the slots are written.
    store_release_i64(&core.at.header.cursor.value, core.claim_end)
    core.next = core.claim_end
    crash_point(SINGLE_PUBLISHED)
    wake_after_store(&core.at.header.parking, HR_DATA_PARKED)
    crash_point(SINGLE_WOKEN)


cdef inline bint room_multi(ProducerCore *core, int64_t claimed, int64_t count) noexcept nogil:
    cdef int64_t gate
    if claimed + count <= core.limit:
        return True
    if core.published_known < claimed - core.at.capacity:
        core.published_known = claimed - core.at.capacity
    if load_relaxed_u64(&core.at.header.active_mask) == 0:
        core.published_known = published_prefix(&core.at, core.published_known, claimed)
    gate = gating_sequence(&core.at, core.published_known)
    if gate > claimed:
        gate = claimed
    core.limit = gate + core.at.capacity
    return claimed + count <= core.limit


cdef inline bint is_fenced_producer(const ProducerCore *core) noexcept nogil:
    """Whether the producer was declared dead: it must neither claim nor publish any more."""
    return load_relaxed_u32(&core.entry.epoch) != core.epoch


cdef inline int try_claim_multi(ProducerCore *core, int64_t count) noexcept nogil:
    """1: claimed; 0: no room, or declared dead; -1: another producer was faster, try again."""
    cdef int64_t claimed = load_relaxed_i64(&core.at.header.claimed.value)
    if not room_multi(core, claimed, count):
        return 0
    crash_point(MULTI_LOOKED)
    store_relaxed_i64(&core.entry.intent_begin, claimed)
    crash_point(MULTI_INTENT_BEGIN)
    store_release_i64(&core.entry.intent_end, claimed + count)
    crash_point(MULTI_INTENT_END)
    fence_light()  # pairs with the heavy fence in declare_producer_dead (burial.pyx)
    if is_fenced_producer(core):
        store_relaxed_i64(&core.entry.intent_begin, claimed + count)
        return 0
    crash_point(MULTI_NOT_FENCED)
    # Acquire-release: publishes the intent before the claim, orders our writes after it.
    if not compare_exchange_acq_rel_i64(
            &core.at.header.claimed.value, claimed, claimed + count):
        crash_point(MULTI_SWAP_FAILED)
        store_relaxed_i64(&core.entry.intent_begin, claimed + count)  # none: others own these slots
        return -1
    core.next = claimed
    core.claim_end = claimed + count
    crash_point(MULTI_CLAIMED)
    return 1


cdef inline void mark_multi(ProducerCore *core, int32_t tombstone) noexcept nogil:
    cdef int64_t sequence
    cdef int32_t *availability = core.at.availability
    cdef int64_t mask = core.at.index_mask
    for sequence in range(core.next, core.claim_end):
        crash_point(MULTI_MARKING)
        # Release: pairs with the acquire loads in published_prefix and live_end.
        store_release_i32(
            &availability[sequence & mask], availability_flag(&core.at, sequence) + tombstone)
        crash_point(MULTI_MARKED)
    core.next = core.claim_end
    crash_point(MULTI_ALL_MARKED)
    store_release_i64(&core.entry.intent_begin, core.claim_end)
    crash_point(MULTI_INTENT_OVER)
    wake_after_store(&core.at.header.parking, HR_DATA_PARKED)
    crash_point(MULTI_WOKEN)


cdef inline void commit_multi(ProducerCore *core) noexcept nogil:
    """Publish [next, claim_end), each slot by itself."""
    mark_multi(core, 0)


cdef inline void abort_claim(ProducerCore *core) noexcept nogil:
    """Give a claim back: a single producer claims anew, several leave tombstones."""
    if core.at.availability == NULL:
        core.claim_end = core.next
        return
    # Counted first, so that a reader that can see a tombstone knows that there are some.
    fetch_add_seq_cst_u64(&core.at.header.tombstones, <uint64_t>(core.claim_end - core.next))
    crash_point(ABORT_COUNTED)
    mark_multi(core, 1)


cdef inline bint try_claim(ProducerCore *core, int64_t count) noexcept nogil:
    """Claim `count` slots if there is room now; 0 < count <= capacity, no claim open."""
    cdef int outcome
    if core.at.availability == NULL:
        return try_claim_single(core, count)
    while True:  # a failed swap means that another producer got on: lock-free
        outcome = try_claim_multi(core, count)
        if outcome >= 0:
            return outcome


cdef inline void commit(ProducerCore *core) noexcept nogil:
    if core.at.availability == NULL:
        commit_single(core)
    else:
        commit_multi(core)


cdef inline int64_t room(ProducerCore *core) noexcept nogil:
    """How many slots could be claimed now; for several producers, a moment's impression."""
    cdef int64_t begin
    if core.at.availability == NULL:
        begin = core.next
        try_claim_single_look(core)
    else:
        begin = load_acquire_i64(&core.at.header.claimed.value)
        room_multi(core, begin, core.at.capacity)
    return core.limit - begin if core.limit > begin else 0


cdef inline void try_claim_single_look(ProducerCore *core) noexcept nogil:
    if try_claim_single(core, core.at.capacity):
        core.claim_end = core.next
