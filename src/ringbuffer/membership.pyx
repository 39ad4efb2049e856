"""Who takes part in a ring: producers' and consumers' entries in the header.

All changes are made under the segment's registration lock, which the kernel takes from a holder
that dies. Each is written so that a holder killed halfway leaves an entry that is free, or one
whose owner is gone; producers and consumers read the entries without the lock.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset, strncmp, strncpy

from headrace.ringbuffer.atomics cimport (
    fence_seq_cst,
    fetch_add_seq_cst_u64,
    fetch_and_seq_cst_u64,
    fetch_or_seq_cst_u64,
    load_acquire_i64,
    load_acquire_u64,
    store_release_i32,
    store_release_i64,
    store_release_u32,
    store_release_u64,
)
from headrace.ringbuffer.layout cimport (
    HR_CONSUMERS_MAX,
    HR_DATA_PARKED,
    HR_NAME_BYTES,
    HR_PRODUCERS_MAX,
    HR_SPACE_PARKED,
    hr_header,
)
from headrace.ringbuffer.parking cimport wake_parked
from headrace.ringbuffer.segment cimport Segment, consumer_name
from headrace.ringbuffer.sequencer cimport availability_flag, published_prefix

from headrace.ringbuffer import files, liveness
from headrace.ringbuffer.errors import (
    ConsumerError,
    CyclicDependency,
    DuplicateConsumer,
    EnvironmentFailure,
    ProducerError,
    UnknownConsumer,
    UsageError,
)

_BURIAL_SECONDS_MAX = 0.01  # to wait for the lock: whoever holds it is registering, or burying


def take_producer_entry(Segment segment):
    """Register this process as a producer; the entry's index. Raises ProducerError."""
    cdef hr_header *header = segment.at.header
    cdef bint multi = segment.at.availability != NULL
    cdef int index
    with files.exclusive(segment.mapping.fd):
        for index in range(HR_PRODUCERS_MAX if multi else 1):
            pid = header.producers[index].owner_pid
            if pid != 0 and liveness.is_alive(pid, header.producers[index].owner_start):
                if not multi:
                    raise ProducerError(
                        f"{_title(segment)} is for a single producer and process {pid} holds it; "
                        "close that one, or create the ring with producers='multi'")
                continue
            # What a dead owner left here is no intent of a living one.
            store_release_i64(&header.producers[index].intent_end, 0)
            store_release_i64(&header.producers[index].intent_begin, 0)
            header.producers[index].owner_start = liveness.myself()[1]
            store_release_i32(&header.producers[index].owner_pid, liveness.myself()[0])
            header.producers[index].epoch += 1
            return index
    raise ProducerError(
        f"{_title(segment)} has {HR_PRODUCERS_MAX} producers, which is the limit; close some")


def drop_producer_entry(Segment segment, int index):
    """Give a producer's entry back; by its owner."""
    store_release_i32(&segment.at.header.producers[index].owner_pid, 0)


def bury_dead(Segment segment):
    """Turn slots that dead producers claimed and never published into tombstones; how many.

    A claimed slot belongs to one producer, whose intent covers it from before the claim until it
    is published. So a slot that was claimed before the intents of the living were read, and is
    unpublished after, and lies in none of them, has lost its producer.
    """
    cdef hr_header *header = segment.at.header
    cdef int64_t claimed, first, sequence
    if segment.at.availability == NULL:
        return 0
    # Acquire: pairs with the swap in try_claim_multi, which comes after the intent.
    claimed = load_acquire_i64(&header.claimed.value)
    first = claimed - segment.at.capacity
    first = published_prefix(&segment.at, first if first > 0 else 0, claimed)
    if first == claimed:
        return 0
    try:
        with files.exclusive(segment.mapping.fd, _BURIAL_SECONDS_MAX):
            living = _intents_of_the_living(segment)
            lost = [sequence for sequence in range(first, claimed)
                    if not _is_published(segment, sequence)
                    and not any(begin <= sequence < end for begin, end in living)]
            if lost:
                fetch_add_seq_cst_u64(&header.tombstones, len(lost))  # first: see abort_claim
                for sequence in lost:
                    # Release: as in mark_multi.
                    store_release_i32(
                        &segment.at.availability[sequence & segment.at.index_mask],
                        availability_flag(&segment.at, sequence) + 1)
    except EnvironmentFailure:
        return 0  # somebody else is at it
    if lost:
        wake_parked(&header.parking, HR_DATA_PARKED | HR_SPACE_PARKED)
    return len(lost)


cdef bint _is_published(Segment segment, int64_t sequence):
    return published_prefix(&segment.at, sequence, sequence + 1) > sequence


cdef list _intents_of_the_living(Segment segment):
    cdef hr_header *header = segment.at.header
    cdef int64_t begin, end
    cdef int index
    alive = {}
    intents = []
    for index in range(HR_PRODUCERS_MAX):
        # Begin first: a newer one (acquire) means that what the older one covered is published.
        begin = load_acquire_i64(&header.producers[index].intent_begin)
        end = load_acquire_i64(&header.producers[index].intent_end)
        owner = header.producers[index].owner_pid, header.producers[index].owner_start
        if begin >= end or owner[0] == 0:
            continue
        if owner not in alive:
            alive[owner] = liveness.is_alive(*owner)
        if alive[owner]:
            intents.append((begin, end))
    return intents


def take_consumer_entry(Segment segment, name, after):
    """Register this process under `name`, new or as the successor of one that has gone.

    Returns the entry's index. Raises ConsumerError and its kin, UsageError for a bad name.
    """
    cdef hr_header *header = segment.at.header
    cdef bytes text = _name_bytes(name)
    cdef int index
    with files.exclusive(segment.mapping.fd):
        named = _registered(segment)
        wanted = _mask_of(segment, name, after, named)
        if name in named:
            index = named[name]
            _refuse_living_owner(segment, name, index)
            if after is not None and wanted != header.consumers[index].after:
                raise ConsumerError(
                    f"consumer {name!r} is resumed after another owner, and comes after "
                    f"{_names_of(named, header.consumers[index].after)}; leave `after` out, or "
                    f"evict it first: ring.evict({name!r})")
        else:
            index = _free_entry(segment, named)
            memset(header.consumers[index].name, 0, HR_NAME_BYTES)
            strncpy(header.consumers[index].name, text, HR_NAME_BYTES)
            store_release_u64(&header.consumers[index].after, wanted)
            header.consumers[index].dependents = 0
            store_release_u32(&header.consumers[index].registered, 1)
        header.consumers[index].owner_start = liveness.myself()[1]
        store_release_i32(&header.consumers[index].owner_pid, liveness.myself()[0])
        header.consumers[index].epoch += 1
        if not load_acquire_u64(&header.active_mask) >> index & 1:
            join_ring(segment, index)
        _count_dependents(segment)
    return index


cdef void join_ring(Segment segment, int index) noexcept:
    """Let entry `index` gate the producers, from what is published at this moment on."""
    cdef hr_header *header = segment.at.header
    cdef int64_t claimed, known, start
    fetch_or_seq_cst_u64(&header.active_mask, <uint64_t>1 << index)
    fence_seq_cst()  # pairs with the fence in gating_sequence (sequencer.pxd)
    if segment.at.availability == NULL:
        start = load_acquire_i64(&header.cursor.value)
    else:
        claimed = load_acquire_i64(&header.claimed.value)
        known = claimed - segment.at.capacity
        start = published_prefix(&segment.at, known if known > 0 else 0, claimed)
    store_release_i64(&header.consumers[index].sequence.value, start)


def leave_entry(Segment segment, int index):
    """Take a consumer out of the ring: it gates no more, and those after it close the gap."""
    cdef hr_header *header = segment.at.header
    cdef uint64_t bit = <uint64_t>1 << index
    cdef int other
    with files.exclusive(segment.mapping.fd):
        for other in range(HR_CONSUMERS_MAX):
            if header.consumers[other].registered and header.consumers[other].after & bit:
                store_release_u64(
                    &header.consumers[other].after,
                    (header.consumers[other].after & ~bit) | header.consumers[index].after)
        fetch_and_seq_cst_u64(&header.active_mask, ~bit)
        store_release_i32(&header.consumers[index].owner_pid, 0)
        store_release_u32(&header.consumers[index].registered, 0)
        _count_dependents(segment)
    wake_parked(&header.parking, HR_DATA_PARKED | HR_SPACE_PARKED)


def abandon_entry(Segment segment, int index):
    """Leave the consumer's place to a successor; by its owner."""
    store_release_i32(&segment.at.header.consumers[index].owner_pid, 0)


def evict_consumer(Segment segment, name):
    """Take out a consumer whose owner is gone. Raises UnknownConsumer, DuplicateConsumer."""
    index = entry_of(segment, name)
    _refuse_living_owner(segment, name, index)
    leave_entry(segment, index)


def entry_of(Segment segment, name):
    """The index of the consumer called `name`; raises UnknownConsumer."""
    named = _registered(segment)
    if name not in named:
        raise UnknownConsumer(
            f"{_title(segment)} has no consumer {name!r}; it has {sorted(named) or 'none'}")
    return named[name]


def released_of(Segment segment, name):
    """The released sequence of the consumer called `name`; raises UnknownConsumer."""
    cdef hr_header *header = segment.at.header
    cdef bytes text = _name_bytes(name)
    cdef const char *wanted = text
    cdef int index
    for index in range(HR_CONSUMERS_MAX):
        if header.consumers[index].registered and strncmp(
                header.consumers[index].name, wanted, HR_NAME_BYTES) == 0:
            return load_acquire_i64(&header.consumers[index].sequence.value)
    return load_acquire_i64(
        &header.consumers[<int>entry_of(segment, name)].sequence.value)  # names those there are


def describe_consumers(Segment segment):
    """(name, sequence, names it comes after, owner pid, whether that lives), by entry."""
    cdef hr_header *header = segment.at.header
    named = _registered(segment)
    return [
        (name, load_acquire_i64(&header.consumers[<int>index].sequence.value),
         tuple(_names_of(named, header.consumers[<int>index].after)),
         header.consumers[<int>index].owner_pid,
         liveness.is_alive(header.consumers[<int>index].owner_pid,
                           header.consumers[<int>index].owner_start))
        for name, index in named.items()
    ]


cdef dict _registered(Segment segment):
    cdef int index
    named = {}
    for index in range(HR_CONSUMERS_MAX):
        if segment.at.header.consumers[index].registered:
            name = consumer_name(segment.at.header.consumers[index].name)
            named[name if name is not None else f"(entry {index})"] = index
    return named


cdef object _mask_of(Segment segment, name, after, dict named):
    mask, one = 0, 1  # Python's integers: bit 63 is one of them
    if isinstance(after, str):
        raise ConsumerError(f"after must be a list of names: after=[{after!r}]")
    try:
        others = list(after or ())
    except TypeError:
        raise ConsumerError(f"after must be a list of names, not {after!r}") from None
    for other in others:
        if not isinstance(other, str):
            raise ConsumerError(f"after must be a list of names, and {other!r} is none")
        if other == name:
            raise CyclicDependency(f"consumer {name!r} cannot come after itself")
        if other not in named:
            raise UnknownConsumer(
                f"consumer {name!r} is to come after {other!r}, which {_title(segment)} does not "
                f"have (it has {sorted(named) or 'none'}); create that one first")
        mask |= one << named[other]
    if name in named and mask:
        _refuse_circle(segment, name, mask, named)
    return mask


cdef object _refuse_circle(Segment segment, name, mask, dict named):
    """`name` exists: none of those it is to come after may already come after it."""
    seen = 0
    while mask & ~seen:
        index = (mask & ~seen).bit_length() - 1
        seen |= 1 << index
        mask |= <object>segment.at.header.consumers[<int>index].after
    if mask >> <object>named[name] & 1:
        raise CyclicDependency(
            f"consumer {name!r} cannot come after {_names_of(named, mask)}: some of these come "
            f"after {name!r}")


cdef list _names_of(dict named, mask):
    return [name for name, index in named.items() if mask >> index & 1]


cdef object _refuse_living_owner(Segment segment, name, int index):
    pid = segment.at.header.consumers[index].owner_pid
    if pid and liveness.is_alive(pid, segment.at.header.consumers[index].owner_start):
        raise DuplicateConsumer(
            f"consumer {name!r} of {_title(segment)} is held by process {pid}, which lives; close "
            "that one first, or choose another name")


cdef int _free_entry(Segment segment, dict named) except -1:
    taken = set(named.values())
    for index in range(HR_CONSUMERS_MAX):
        if index not in taken:
            return index
    raise ConsumerError(
        f"{_title(segment)} has {HR_CONSUMERS_MAX} consumers, which is the limit; close some")


cdef void _count_dependents(Segment segment) noexcept:
    cdef hr_header *header = segment.at.header
    cdef int index, other
    cdef int count
    for index in range(HR_CONSUMERS_MAX):
        count = 0
        for other in range(HR_CONSUMERS_MAX):
            if header.consumers[other].registered:
                count += header.consumers[other].after >> index & 1
        store_release_u32(&header.consumers[index].dependents, count)


cdef bytes _name_bytes(name):
    if not isinstance(name, str) or not name or "\0" in name:
        raise UsageError(f"a consumer's name must be a string that is not empty, not {name!r}")
    try:
        text = name.encode()
    except UnicodeEncodeError:
        raise UsageError(f"consumer name {name!r} is no valid text (a lone surrogate)") from None
    if len(text) > HR_NAME_BYTES:
        raise UsageError(
            f"consumer name {name!r} has {len(text)} bytes; {HR_NAME_BYTES} is the limit")
    return text


def _title(Segment segment):
    return "the anonymous ring" if segment.name is None else f"ring {segment.name!r}"
