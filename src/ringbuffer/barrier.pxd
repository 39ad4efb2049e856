"""Polling and releasing: the consumers' half of the ring, without waiting and without Python.

A consumer owns [next, batch_end), the batch it was handed, and knows that everything below
`available` may be read; only when the two meet does it look at other cores' memory. What it may
read ends at its barrier: the slowest of the consumers it comes after, or, where it comes after
none, what the producers have published.

With several producers the published slots may have holes, so the availability words are walked
from where the last walk ended. A batch ends before a tombstone, and tombstones in front of a batch
are skipped; consumers that come after others need that walk only once tombstones exist.

A consumer that was declared dead finds another epoch in its entry than its own, and hands out and
counts nothing from then on. Until it looks, it may still store its sequence; nobody reads that any
more (hand_over in entries.pyx).
"""

from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint32_t, uint64_t

from headrace.ringbuffer.atomics cimport (
    fence_light,
    fence_seq_cst,
    load_acquire_i32,
    load_acquire_i64,
    load_acquire_u32,
    load_acquire_u64,
    load_relaxed_u32,
    load_relaxed_u64,
    lowest_bit,
    store_release_i64,
)
from headrace.ringbuffer.crashing cimport (
    POLL_LOOKED,
    POLL_SKIPPED,
    POLLED,
    RELEASE_WOKEN,
    RELEASED,
    RELEASING,
    crash_point,
)
from headrace.ringbuffer.layout cimport (
    HR_DATA_PARKED,
    HR_FENCE_REQUIRED,
    HR_SPACE_PARKED,
    hr_consumer_entry,
)
from headrace.ringbuffer.parking cimport wake_parked
from headrace.ringbuffer.sequencer cimport Geometry, availability_flag


ctypedef struct ConsumerCore:
    Geometry at
    hr_consumer_entry *entry
    int64_t next            # all below is released
    int64_t batch_end       # [next, batch_end) was handed out, and is not released yet
    int64_t polled          # events in the batch handed out last
    int64_t available       # [batch_end, available) may be read, as far as known
    uint32_t epoch          # of the entry when it was taken; another one there: declared dead


cdef enum PollFault:
    FAULT_DAMAGED = -1      # a sequence in shared memory is further ahead than the ring is long
    FAULT_FENCED = -2       # the consumer was declared dead


cdef inline bint is_fenced_consumer(const ConsumerCore *core) noexcept nogil:
    """Whether the consumer was declared dead, and its place given to a successor."""
    return load_relaxed_u32(&core.entry.epoch) != core.epoch


cdef inline int64_t dependencies_end(ConsumerCore *core, uint64_t after) noexcept nogil:
    """The slowest sequence among the consumers in `after`; -1 when they changed meanwhile.

    An entry may be given to a new consumer once those behind it have been moved off it. Seeing
    the new owner's sequence (acquire) implies seeing that move, so `after` is read once more.
    """
    cdef uint64_t rest = after
    cdef int64_t lowest = INT64_MAX
    cdef int64_t sequence
    while rest:
        # Acquire: pairs with release_batch of the consumer in front; its work is visible.
        sequence = load_acquire_i64(&core.at.header.consumers[lowest_bit(rest)].sequence.value)
        lowest = sequence if sequence < lowest else lowest
        rest &= rest - 1
    if load_relaxed_u64(&core.entry.after) != after:
        return -1
    return lowest


cdef inline int64_t live_end(const Geometry *at, int64_t known, int64_t end) noexcept nogil:
    """The first sequence in [known, end) that is not published or is a tombstone, else `end`."""
    while known < end:
        # Acquire: pairs with the release stores of availability in mark_multi.
        if load_acquire_i32(&at.availability[known & at.index_mask]) != availability_flag(
                at, known):
            return known
        known += 1
    return end


cdef inline bint is_tombstone(const Geometry *at, int64_t sequence) noexcept nogil:
    return load_acquire_i32(&at.availability[sequence & at.index_mask]) == (
        availability_flag(at, sequence) + 1)


cdef inline int64_t available_end(ConsumerCore *core) noexcept nogil:
    """Where the readable events end, looking at the shared sequences; at most a lap ahead."""
    cdef uint64_t after = load_acquire_u64(&core.entry.after)
    cdef int64_t end
    if after != 0:
        end = dependencies_end(core, after)
        if core.at.availability != NULL and load_acquire_u64(&core.at.header.tombstones) != 0:
            if end > core.next + core.at.capacity:
                end = core.next + core.at.capacity
            end = live_end(&core.at, core.available, end)
    elif core.at.availability == NULL:
        # Acquire: pairs with commit_single; the slots below the cursor are written.
        end = load_acquire_i64(&core.at.header.cursor.value)
    else:
        end = live_end(&core.at, core.available, core.next + core.at.capacity)
    return end


cdef inline void publish_release(ConsumerCore *core) noexcept nogil:
    crash_point(RELEASING)
    # Release: pairs with gating_sequence and dependencies_end; our reads of the slots are over.
    store_release_i64(&core.entry.sequence.value, core.next)
    crash_point(RELEASED)
    fence_light()  # pairs with prepare_to_park's heavy fence
    if load_relaxed_u32(&core.at.header.parking.flags) & (
            HR_SPACE_PARKED | HR_DATA_PARKED | HR_FENCE_REQUIRED):
        wake_released(core)
    crash_point(RELEASE_WOKEN)


cdef inline void wake_released(ConsumerCore *core) noexcept nogil:
    """Wake who waits for room; and who waits for data, if some of them come after this consumer.

    Whether there are any is read after the store: one that joins and parks in between must not be
    missed.
    """
    cdef uint32_t bits = HR_SPACE_PARKED
    if load_relaxed_u32(&core.at.header.parking.flags) & HR_FENCE_REQUIRED:
        fence_seq_cst()
    if load_relaxed_u32(&core.entry.dependents) != 0:
        bits |= HR_DATA_PARKED
    wake_parked(&core.at.header.parking, bits)


cdef inline void skip_tombstones(ConsumerCore *core) noexcept nogil:
    """Pass over tombstones behind what was handed out."""
    cdef uint64_t after = load_acquire_u64(&core.entry.after)
    cdef int64_t end = core.next + core.at.capacity
    cdef int64_t begin = core.batch_end
    if after != 0:
        end = dependencies_end(core, after)
    while core.batch_end < end and is_tombstone(&core.at, core.batch_end):
        core.batch_end += 1
    core.available = core.batch_end
    crash_point(POLL_SKIPPED)
    if core.batch_end != begin and core.next == begin:
        core.next = core.batch_end  # nothing is out, so nobody else will let go of them
        publish_release(core)


cdef inline int64_t nothing_polled(const ConsumerCore *core) noexcept nogil:
    return FAULT_FENCED if is_fenced_consumer(core) else 0


cdef inline int64_t poll_batch(ConsumerCore *core, int64_t limit) noexcept nogil:
    """Hand out the next batch, at most `limit` long: the number of events in it.

    The batch is [batch_end - count, batch_end) afterwards, and stays out until released, like
    those before it. Negative: a PollFault, and nothing was handed out. The epoch is looked at last:
    what is handed out no producer has written to by then.
    """
    cdef int64_t end
    if core.available == core.batch_end:
        end = available_end(core)
        if end <= core.batch_end:
            if core.at.availability == NULL or load_acquire_u64(&core.at.header.tombstones) == 0:
                return nothing_polled(core)
            skip_tombstones(core)
            end = available_end(core)
            if end <= core.batch_end:
                return nothing_polled(core)
        if end - core.next > core.at.capacity:
            return FAULT_FENCED if is_fenced_consumer(core) else FAULT_DAMAGED
        crash_point(POLL_LOOKED)
        core.available = end
    if is_fenced_consumer(core):
        return FAULT_FENCED
    end = core.available - core.batch_end
    if end > limit:
        end = limit
    core.batch_end += end
    core.polled = end
    crash_point(POLLED)
    return end


cdef inline bint release_batch(ConsumerCore *core, int64_t count) noexcept nogil:
    """Let go of `count` slots from `next` on; 0 <= count <= batch_end - next. Whether it counts.

    The epoch is read after the store and the light fence (or, where that is required, a full one),
    and who declares dead reads the sequence after moving the epoch and a heavy fence. So if this
    returns True, a successor starts behind what was released, and until then no producer has
    written to it. After False a successor may see it again, or may not; here nothing has changed.
    """
    core.next += count
    publish_release(core)
    if is_fenced_consumer(core):
        core.next -= count
        return False
    return True


cdef inline int64_t slots_of_events(ConsumerCore *core, int64_t count) noexcept nogil:
    """How many slots the oldest `count` polled events take, tombstones among and behind them too.

    More than are out, when there are not so many events.
    """
    cdef int64_t slot = core.next
    if core.at.availability == NULL or load_acquire_u64(&core.at.header.tombstones) == 0:
        return count
    while count > 0 and slot < core.batch_end:
        if not is_tombstone(&core.at, slot):
            count -= 1
        slot += 1
    while count == 0 and slot < core.batch_end and is_tombstone(&core.at, slot):
        slot += 1  # nobody else would let go of them
    return slot - core.next + count
