"""The consumers' entries in the header, changed step by step; for who holds the registration lock.

Theory of operation. Producers and consumers read the entries without the lock, and whoever holds it
may be killed between any two steps; the kernel then lets go of the lock. So each change is a row of
steps of which every prefix is harmless to those who run, and which the next holder can finish:

    join     free -> joining -> taken    An entry that is still joining may gate from too old a
                                         sequence; `repair` takes it out again.
    leave    taken -> leaving -> free    Those behind close the gap first, then it gates no more.
    fence    taken -> fenced -> retired  `hand_over` below; `repair` finishes it.

Fencing. A process that is only paused may store its sequence at any later moment, so its entry is
never given to its successor. The successor's name, predecessors, dependents and sequence move to
another entry, the heir, and the old one is retired: it gates nothing, nobody comes after it, and it
is used again only when the process that may still write to it is truly gone. Its epoch has moved,
by which the old owner finds out.

An entry's sequence never goes back, whoever owns it: a joiner starts at or after all that was ever
released, and as heir is chosen one that stands no further than what it takes over. So who reads a
sequence by a mask that has changed meanwhile, and changed back, reads what is too low, never what
is too high.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.string cimport memset, strncmp, strncpy

from headrace.ringbuffer.atomics cimport (
    fence_seq_cst,
    fetch_and_seq_cst_u64,
    fetch_or_seq_cst_u32,
    fetch_or_seq_cst_u64,
    load_acquire_i64,
    load_acquire_u32,
    load_acquire_u64,
    store_release_i32,
    store_release_i64,
    store_release_u32,
    store_release_u64,
)
from headrace.ringbuffer.crashing cimport (
    FENCE_EPOCH_MOVED,
    FENCE_STATED,
    HEIR_ALL_MOVED,
    HEIR_ALONE,
    HEIR_GATING,
    HEIR_NAMED,
    HEIR_ONE_MOVED,
    HEIR_PLACED,
    HEIR_RETIRED,
    HEIR_STATED,
    HEIR_TAKEN,
    JOIN_GATING,
    JOIN_NAMED,
    JOIN_OWNED,
    JOIN_STARTED,
    JOIN_STATED,
    JOINED,
    LEAVE_ALL_MOVED,
    LEAVE_DISOWNED,
    LEAVE_ONE_MOVED,
    LEAVE_STATED,
    LEAVE_UNGATED,
    LEAVE_WAKERS,
    LEFT,
    HAS_CRASH_POINTS,
    RESUME_STARTED,
    crash_point,
)
from headrace.ringbuffer.futex cimport fence_heavy
from headrace.ringbuffer.layout cimport (
    HR_CONSUMERS_MAX,
    HR_DATA_PARKED,
    HR_FENCE_REQUIRED,
    HR_FENCED,
    HR_FREE,
    HR_HEIR,
    HR_JOINING,
    HR_LEAVING,
    HR_NAME_BYTES,
    HR_RETIRED,
    HR_SPACE_PARKED,
    HR_TAKEN,
    hr_consumer_entry,
    hr_header,
)
from headrace.ringbuffer.parking cimport wake_parked
from headrace.ringbuffer.segment cimport Segment, consumer_name
from headrace.ringbuffer.sequencer cimport published_prefix

from headrace.ringbuffer import liveness

CRASH_POINTS = bool(HAS_CRASH_POINTS)   # whether this is a build of crashing.pxd's


cdef inline bint has_place(uint32_t state) noexcept nogil:
    """Whether an entry in that state may gate, and have others behind it."""
    return state != HR_FREE and state != HR_RETIRED


cdef dict named_entries(Segment segment):
    """Index by name. Also without the lock; then an heir stands in for the one it follows."""
    cdef int index
    cdef uint32_t state
    named, heirs = {}, {}
    for index in range(HR_CONSUMERS_MAX):
        state = load_acquire_u32(&segment.at.header.consumers[index].state)
        if has_place(state):
            name = consumer_name(segment.at.header.consumers[index].name)
            into = heirs if state == HR_HEIR else named
            into[name if name is not None else f"(entry {index})"] = index
    for name, index in heirs.items():
        named.setdefault(name, index)
    return named


cdef int free_entry(Segment segment, int64_t sequence_max) except -2:
    """An entry that nobody owns or may still write to, and stands at `sequence_max` at most; -1.

    Of those there are the one that stands furthest, so that new ones are left for later heirs.
    """
    cdef hr_header *header = segment.at.header
    cdef int64_t sequence, best = -1
    cdef int index, found = -1
    for looks_at_owners in (False, True):  # that costs more
        for index in range(HR_CONSUMERS_MAX):
            sequence = load_acquire_i64(&header.consumers[index].sequence.value)
            if sequence <= sequence_max and sequence > best and _is_free(
                    segment, index, looks_at_owners):
                found, best = index, sequence
        if found >= 0:
            store_release_u32(&header.consumers[found].state, HR_FREE)
            break
    return found


cdef bint _is_free(Segment segment, int index, bint looks_at_owner) except -1:
    cdef hr_consumer_entry *entry = &segment.at.header.consumers[index]
    if entry.state == HR_FREE:
        return True
    return entry.state == HR_RETIRED and (
        entry.owner_pid == 0 or looks_at_owner and not _owner_lives(segment, index))


cdef bint _owner_lives(Segment segment, int index) except -1:
    return liveness.is_alive(segment.at.header.consumers[index].owner_pid,
                             segment.at.header.consumers[index].owner_start)


cdef void name_entry(Segment segment, int index, const char *name, uint64_t after) noexcept:
    """Write into a free entry who is to be in it; nobody looks at that before it is stated."""
    cdef hr_consumer_entry *entry = &segment.at.header.consumers[index]
    memset(entry.name, 0, HR_NAME_BYTES)
    strncpy(entry.name, name, HR_NAME_BYTES)
    store_release_u64(&entry.after, after)
    entry.dependents = 0
    store_release_i32(&entry.owner_pid, 0)


cdef int own_entry(Segment segment, int index) except -1:
    """Make this process the owner; the start time first, which with another's pid names nobody."""
    cdef hr_consumer_entry *entry = &segment.at.header.consumers[index]
    pid, start = liveness.myself()
    entry.owner_start = start
    crash_point(RESUME_STARTED)
    store_release_i32(&entry.owner_pid, pid)
    store_release_u32(&entry.epoch, entry.epoch + 1)
    crash_point(JOIN_OWNED)
    return 0


cdef void join_ring(Segment segment, int index) noexcept:
    """Let entry `index` gate the producers, from what is published at this moment on."""
    cdef hr_header *header = segment.at.header
    cdef int64_t claimed, known, start
    crash_point(JOIN_NAMED)
    store_release_u32(&header.consumers[index].state, HR_JOINING)
    crash_point(JOIN_STATED)
    fetch_or_seq_cst_u64(&header.active_mask, <uint64_t>1 << index)
    crash_point(JOIN_GATING)
    fence_seq_cst()  # pairs with the fence in gating_sequence (sequencer.pxd)
    if segment.at.availability == NULL:
        start = load_acquire_i64(&header.cursor.value)
    else:
        claimed = load_acquire_i64(&header.claimed.value)
        known = claimed - segment.at.capacity
        start = published_prefix(&segment.at, known if known > 0 else 0, claimed)
    store_release_i64(&header.consumers[index].sequence.value, start)
    crash_point(JOIN_STARTED)
    store_release_u32(&header.consumers[index].state, HR_TAKEN)
    crash_point(JOINED)


cdef void close_gap(Segment segment, int index) noexcept:
    """Take a consumer out of the ring: it gates no more, and those after it close the gap."""
    cdef hr_header *header = segment.at.header
    cdef hr_consumer_entry *entry = &header.consumers[index]
    cdef uint64_t bit = <uint64_t>1 << index
    cdef uint64_t after
    cdef int other
    store_release_u32(&entry.state, HR_LEAVING)
    crash_point(LEAVE_STATED)
    # Those in front are to wake those behind from the moment that these wait for them.
    for other in range(HR_CONSUMERS_MAX):
        if entry.after >> other & 1:
            store_release_u32(&header.consumers[other].dependents,
                              header.consumers[other].dependents + entry.dependents)
    crash_point(LEAVE_WAKERS)
    for other in range(HR_CONSUMERS_MAX):
        after = header.consumers[other].after
        if has_place(header.consumers[other].state) and after & bit:
            # Release: pairs with available_end; what this one did up to its last release is done.
            store_release_u64(&header.consumers[other].after, (after & ~bit) | entry.after)
            crash_point(LEAVE_ONE_MOVED)
    crash_point(LEAVE_ALL_MOVED)
    fetch_and_seq_cst_u64(&header.active_mask, ~bit)
    crash_point(LEAVE_UNGATED)
    store_release_i32(&entry.owner_pid, 0)
    crash_point(LEAVE_DISOWNED)
    store_release_u32(&entry.state, HR_FREE)
    crash_point(LEFT)
    count_dependents(segment)
    wake_parked(&header.parking, HR_DATA_PARKED | HR_SPACE_PARKED)


cdef int fence_entry(Segment segment, int index) except -2:
    """Declare the owner of a taken entry dead, who finds out at its next step; its heir's index.

    Raises nothing, and returns -1 without a change, where no entry is free to be the heir.
    """
    cdef hr_header *header = segment.at.header
    if free_entry(segment, load_acquire_i64(&header.consumers[index].sequence.value)) < 0:
        return -1
    store_release_u32(&header.consumers[index].state, HR_FENCED)
    crash_point(FENCE_STATED)
    return hand_over(segment, index)


cdef int _heir_of(Segment segment, int index) noexcept:
    cdef hr_header *header = segment.at.header
    cdef int other
    for other in range(HR_CONSUMERS_MAX):
        if header.consumers[other].state == HR_HEIR and strncmp(
                header.consumers[other].name, header.consumers[index].name, HR_NAME_BYTES) == 0:
            return other
    return -1


cdef int hand_over(Segment segment, int index) except -2:
    """Move what a fenced entry is to the ring into another one; its index, -1: none is free.

    May have been begun by somebody who was killed over it: each step can be done once more.
    """
    cdef hr_header *header = segment.at.header
    cdef int64_t sequence = load_acquire_i64(&header.consumers[index].sequence.value)
    cdef int heir = _heir_of(segment, index)
    # Once more, if it was done already: any other epoch than its own tells the owner.
    store_release_u32(&header.consumers[index].epoch, header.consumers[index].epoch + 1)
    crash_point(FENCE_EPOCH_MOVED)
    if heir < 0:
        if not _owner_lives(segment, index):  # then nobody can write to it: a place that was left
            store_release_i32(&header.consumers[index].owner_pid, 0)
            store_release_u32(&header.consumers[index].state, HR_TAKEN)
            return index
        heir = free_entry(segment, sequence)
        if heir < 0:
            return -1
        name_entry(segment, heir, header.consumers[index].name, header.consumers[index].after)
        header.consumers[heir].dependents = header.consumers[index].dependents
        store_release_i64(&header.consumers[heir].sequence.value, sequence)
        crash_point(HEIR_NAMED)
        store_release_u32(&header.consumers[heir].state, HR_HEIR)
    crash_point(HEIR_STATED)
    _move_place(segment, index, heir)
    return heir


cdef void _move_place(Segment segment, int index, int heir) noexcept:
    cdef hr_header *header = segment.at.header
    cdef uint64_t bit = <uint64_t>1 << index
    cdef uint64_t heirs_bit = <uint64_t>1 << heir
    cdef uint64_t after
    cdef int other
    fetch_or_seq_cst_u64(&header.active_mask, heirs_bit)
    crash_point(HEIR_GATING)
    # Heavy: pairs with release_batch, which looks at the epoch after its store: either the release
    # is seen here, or the owner finds out. It is also join_ring's: no producer that does not see
    # the heir's bit has seen a sequence of the fenced one that is not seen here.
    if not fence_heavy():
        fetch_or_seq_cst_u32(&header.parking.flags, HR_FENCE_REQUIRED)
    fence_seq_cst()
    store_release_i64(&header.consumers[heir].sequence.value,
                      load_acquire_i64(&header.consumers[index].sequence.value))
    crash_point(HEIR_PLACED)
    for other in range(HR_CONSUMERS_MAX):
        after = header.consumers[other].after
        if has_place(header.consumers[other].state) and after & bit:
            store_release_u64(&header.consumers[other].after, (after & ~bit) | heirs_bit)
            crash_point(HEIR_ONE_MOVED)
    crash_point(HEIR_ALL_MOVED)
    fetch_and_seq_cst_u64(&header.active_mask, ~bit)
    crash_point(HEIR_ALONE)
    store_release_u32(&header.consumers[index].state, HR_RETIRED)
    crash_point(HEIR_RETIRED)
    store_release_u32(&header.consumers[heir].state, HR_TAKEN)
    crash_point(HEIR_TAKEN)
    count_dependents(segment)
    wake_parked(&header.parking, HR_DATA_PARKED | HR_SPACE_PARKED)


cdef bint needs_repair(Segment segment) noexcept:
    """Whether there is an entry that only who holds the lock may leave so; without the lock."""
    cdef int index
    cdef uint32_t state
    for index in range(HR_CONSUMERS_MAX):
        state = load_acquire_u32(&segment.at.header.consumers[index].state)
        if state != HR_TAKEN and state != HR_FREE and state != HR_RETIRED:
            return True
    return False


cdef int repair(Segment segment) except -1:
    """Finish what somebody began who was killed while holding the lock; first thing to do with it.

    A join that was not finished has never been, and a leave that was begun is over. An heir without the fenced one that it follows:
    that one was retired already.
    """
    cdef hr_header *header = segment.at.header
    cdef int index
    for index in range(HR_CONSUMERS_MAX):
        if header.consumers[index].state in (HR_JOINING, HR_LEAVING):
            close_gap(segment, index)
        elif header.consumers[index].state == HR_FENCED:
            hand_over(segment, index)
    for index in range(HR_CONSUMERS_MAX):
        if header.consumers[index].state == HR_HEIR:
            store_release_u32(&header.consumers[index].state, HR_TAKEN)
    count_dependents(segment)
    return 0


cdef void count_dependents(Segment segment) noexcept:
    cdef hr_header *header = segment.at.header
    cdef int index, other
    cdef uint32_t count
    for index in range(HR_CONSUMERS_MAX):
        count = 0
        for other in range(HR_CONSUMERS_MAX):
            if has_place(header.consumers[other].state):
                count += header.consumers[other].after >> index & 1
        store_release_u32(&header.consumers[index].dependents, count)
