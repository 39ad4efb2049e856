"""Who consumes a ring: registering under a name, leaving, declaring dead, and what is refused.

All changes are made under the segment's registration lock, which the kernel takes from a holder
that dies; the steps of each, and what becomes of a change that was cut short, are in entries.pyx.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint32_t
from libc.string cimport strncmp

from headrace.ringbuffer.atomics cimport (
    load_acquire_i64,
    load_acquire_u32,
    load_acquire_u64,
    store_release_i32,
)
from headrace.ringbuffer.entries cimport (
    close_gap,
    count_dependents,
    fence_entry,
    free_entry,
    join_ring,
    name_entry,
    named_entries,
    own_entry,
    repair,
)
from headrace.ringbuffer.layout cimport HR_CONSUMERS_MAX, HR_NAME_BYTES, HR_TAKEN, hr_header
from headrace.ringbuffer.segment cimport Segment

from headrace.ringbuffer import files, liveness
from headrace.ringbuffer.errors import (
    ConsumerError,
    CyclicDependency,
    DuplicateConsumer,
    UnknownConsumer,
    UsageError,
)


def take_consumer_entry(Segment segment, name, after):
    """Register this process under `name`, new or as the successor of one that has gone.

    Returns the entry's index, and its epoch, which stays until the owner is declared dead. Raises
    ConsumerError and its kin, UsageError for a bad name.
    """
    cdef hr_header *header = segment.at.header
    cdef bytes text = _name_bytes(name)
    cdef int index
    with files.exclusive(segment.mapping.fd):
        repair(segment)
        named = named_entries(segment)
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
            index = free_entry(segment, INT64_MAX)
            if index < 0:
                raise ConsumerError(
                    f"{segment.title} has {HR_CONSUMERS_MAX} consumers, which is the limit; close "
                    "some")
            name_entry(segment, index, text, wanted)
        own_entry(segment, index)
        if not load_acquire_u64(&header.active_mask) >> index & 1:
            join_ring(segment, index)
        count_dependents(segment)
        return index, header.consumers[index].epoch


def leave_entry(Segment segment, int index, uint32_t epoch):
    """Take a consumer out of the ring, by its owner: it gates no more, and a gap is closed.

    One that was declared dead only gives back its retired entry.
    """
    with files.exclusive(segment.mapping.fd):
        repair(segment)
        if load_acquire_u32(&segment.at.header.consumers[index].epoch) == epoch:
            close_gap(segment, index)
        else:
            abandon_entry(segment, index)


def abandon_entry(Segment segment, int index):
    """Leave the consumer's place to a successor; by its owner, who writes to the entry no more.

    Also right for one that was declared dead: its entry is not used while its owner stands in it.
    """
    store_release_i32(&segment.at.header.consumers[index].owner_pid, 0)


def evict_consumer(Segment segment, name):
    """Take out a consumer whose owner is gone. Raises UnknownConsumer, DuplicateConsumer."""
    with files.exclusive(segment.mapping.fd):
        repair(segment)
        index = entry_of(segment, name)
        _refuse_living_owner(segment, name, index)
        close_gap(segment, index)


def declare_consumer_dead(Segment segment, name):
    """Fence the owner of a consumer; where a successor takes up. See Ring.declare_dead."""
    cdef hr_header *header = segment.at.header
    cdef int index
    with files.exclusive(segment.mapping.fd):
        repair(segment)
        index = entry_of(segment, name)
        if liveness.is_alive(header.consumers[index].owner_pid,
                             header.consumers[index].owner_start):
            index = fence_entry(segment, index)
            if index < 0:
                raise ConsumerError(
                    f"consumer {name!r} of {segment.title} cannot be moved away from its owner: "
                    f"all {HR_CONSUMERS_MAX} entries are taken, or held by processes that were "
                    "declared dead and are not gone; close some, or end the process itself")
        return load_acquire_i64(&header.consumers[index].sequence.value)


def entry_of(Segment segment, name):
    """The index of the consumer called `name`; raises UnknownConsumer."""
    named = named_entries(segment)
    if name not in named:
        raise UnknownConsumer(
            f"{segment.title} has no consumer {name!r}; it has {sorted(named) or 'none'}")
    return named[name]


def released_of(Segment segment, name):
    """The released sequence of the consumer called `name`; raises UnknownConsumer."""
    cdef hr_header *header = segment.at.header
    cdef bytes text = _name_bytes(name)
    cdef const char *wanted = text
    cdef int index
    for index in range(HR_CONSUMERS_MAX):
        if load_acquire_u32(&header.consumers[index].state) == HR_TAKEN and strncmp(
                header.consumers[index].name, wanted, HR_NAME_BYTES) == 0:
            return load_acquire_i64(&header.consumers[index].sequence.value)
    index = entry_of(segment, name)  # in the midst of a change; or there is none
    return load_acquire_i64(&header.consumers[index].sequence.value)


def describe_consumers(Segment segment):
    """(name, sequence, names it comes after, owner pid, the state of that), by entry."""
    cdef hr_header *header = segment.at.header
    named = named_entries(segment)
    return [
        (name, load_acquire_i64(&header.consumers[<int>index].sequence.value),
         tuple(_names_of(named, header.consumers[<int>index].after)),
         header.consumers[<int>index].owner_pid,
         liveness.state_of(header.consumers[<int>index].owner_pid,
                           header.consumers[<int>index].owner_start))
        for name, index in named.items()
    ]


def what_gates(Segment segment):
    """Of an error: what keeps producers from claiming, and what can be done about it."""
    consumers = describe_consumers(segment)
    if not consumers:
        return ": claims of other producers are not published yet"
    name, sequence, _, pid, state = min(consumers, key=lambda consumer: consumer[1])
    text = f": consumer {name!r} stands at sequence {sequence:,}"
    if state == liveness.GONE:
        text += f", and its owner is gone; resume it, or ring.evict({name!r})"
    elif state == liveness.STOPPED:
        text += (f", and its owner, process {pid}, is stopped; let it go on, or "
                 f"ring.declare_dead({name!r})")
    return text


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
                f"consumer {name!r} is to come after {other!r}, which {segment.title} does not "
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
            f"consumer {name!r} of {segment.title} is held by process {pid}, which lives; close "
            "that one first, or choose another name; if it is stuck for good, "
            f"ring.declare_dead({name!r})")


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
