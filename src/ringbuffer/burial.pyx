"""The producers' entries in the header: taking and giving one, declaring dead, burying the dead.

A producer's entry holds its intent, [begin, end): what it is claiming, or has claimed and not yet
published. By it the slots of the dead are told from those of the living, and a paused producer that
may still write from one that may not.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t

from headrace.ringbuffer.atomics cimport (
    compare_exchange_acq_rel_i32,
    fetch_add_seq_cst_u64,
    load_acquire_i32,
    load_acquire_i64,
    load_acquire_u32,
    store_release_i32,
    store_release_i64,
    store_release_u32,
)
from headrace.ringbuffer.crashing cimport (
    BURY_ALL,
    BURY_COUNTED,
    BURY_ONE,
    PRODUCER_DROPPED,
    PRODUCER_EPOCH_MOVED,
    PRODUCER_FENCED,
    PRODUCER_OWNED,
    PRODUCER_STARTED,
    PRODUCER_WIPED,
    crash_point,
)
from headrace.ringbuffer.entries cimport needs_repair, repair
from headrace.ringbuffer.futex cimport fence_heavy
from headrace.ringbuffer.layout cimport (
    HR_DATA_PARKED,
    HR_PRODUCERS_MAX,
    HR_SPACE_PARKED,
    hr_header,
    hr_producer_entry,
)
from headrace.ringbuffer.parking cimport wake_parked
from headrace.ringbuffer.segment cimport Segment
from headrace.ringbuffer.sequencer cimport availability_flag, published_prefix

import os

from headrace.ringbuffer import files, liveness
from headrace.ringbuffer.errors import EnvironmentFailure, ProducerError, UsageError

_REPAIR_SECONDS_MAX = 0.01  # to wait for the lock: whoever holds it is registering


def take_producer_entry(Segment segment):
    """Register this process as a producer: the entry's index and epoch. Raises ProducerError.

    An entry whose owner was declared dead is not used before that is gone, for it may still write
    its intent there, and take it back.
    """
    cdef hr_producer_entry *entry
    cdef bint multi = segment.at.availability != NULL
    cdef int index
    pid, start = liveness.myself()
    with files.exclusive(segment.mapping.fd):
        for index in range(HR_PRODUCERS_MAX if multi else 1):
            entry = &segment.at.header.producers[index]
            if liveness.is_alive(entry.owner_pid, entry.owner_start):
                if not multi:
                    raise ProducerError(
                        f"{segment.title} is for a single producer and process {entry.owner_pid} "
                        "holds it; close that one, or create the ring with producers='multi'")
                continue
            # What a dead owner left here is no intent of a living one.
            store_release_i64(&entry.intent_end, 0)
            store_release_i64(&entry.intent_begin, 0)
            entry.fenced = 0
            crash_point(PRODUCER_WIPED)
            store_release_i32(&entry.owner_pid, 0)
            entry.owner_start = start
            crash_point(PRODUCER_STARTED)
            store_release_u32(&entry.epoch, entry.epoch + 1)
            store_release_i32(&entry.owner_pid, pid)
            crash_point(PRODUCER_OWNED)
            return index, entry.epoch
    raise ProducerError(
        f"{segment.title} has {HR_PRODUCERS_MAX} producers, which is the limit; close some")


def drop_producer_entry(Segment segment, int index):
    """Give a producer's entry back; by its owner, who writes to it no more."""
    store_release_i32(&segment.at.header.producers[index].owner_pid, 0)
    crash_point(PRODUCER_DROPPED)


def look_for_dead(Segment segment):
    """What whoever waits does now and then: undo or finish what dead processes left half done.

    How much there was. Takes milliseconds at most.
    """
    cdef int repaired = 0
    if needs_repair(segment):
        try:
            with files.exclusive(segment.mapping.fd, _REPAIR_SECONDS_MAX):
                repaired = needs_repair(segment)
                repair(segment)
        except EnvironmentFailure:
            pass  # it is no corpse that holds the lock
    return repaired + bury_dead(segment)


def bury_dead(Segment segment):
    """Turn slots that dead producers claimed and never published into tombstones; how many.

    A claimed slot belongs to one producer, whose intent covers it from before the claim until it
    is published. So a slot that was claimed before the intents of the living were read, and is
    unpublished after, and lies in none of them, has lost its producer. Nobody can claim it again,
    so any number of processes may bury it, whenever they come to it: what they swap is the word of
    that slot as it was before that lap. No lock is needed, and none that a paused process holds is
    in the way.
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
    living = _intents_of_the_living(segment)
    lost = [sequence for sequence in range(first, claimed)
            if not _is_published(segment, sequence)
            and not any(begin <= sequence < end for begin, end in living)]
    if not lost:
        return 0
    fetch_add_seq_cst_u64(&header.tombstones, len(lost))  # first: see abort_claim
    crash_point(BURY_COUNTED)
    for sequence in lost:
        _bury(segment, sequence)
        crash_point(BURY_ONE)
    crash_point(BURY_ALL)
    wake_parked(&header.parking, HR_DATA_PARKED | HR_SPACE_PARKED)
    return len(lost)


cdef void _bury(Segment segment, int64_t sequence) noexcept:
    """Nothing if somebody else has done it, be it laps ago."""
    cdef int32_t *word = &segment.at.availability[sequence & segment.at.index_mask]
    cdef int32_t flag = availability_flag(&segment.at, sequence)
    cdef int32_t before = load_acquire_i32(word)
    if flag - before > 0:
        # Release: as in mark_multi.
        compare_exchange_acq_rel_i32(word, before, flag + 1)


cdef bint _is_published(Segment segment, int64_t sequence):
    return published_prefix(&segment.at, sequence, sequence + 1) > sequence


cdef object _intent(hr_producer_entry *entry):
    """(begin, end) of what the producer may be writing to, or None."""
    # Begin first: a newer one (acquire) means that what the older one covered is published.
    cdef int64_t begin = load_acquire_i64(&entry.intent_begin)
    cdef int64_t end = load_acquire_i64(&entry.intent_end)
    return (begin, end) if begin < end else None


cdef list _intents_of_the_living(Segment segment):
    """The owner is read after its intent, and its start time after its pid: see
    take_producer_entry, which wipes the intent first and states the pid last."""
    cdef hr_producer_entry *entry
    cdef int index
    cdef int32_t pid
    alive = {}
    intents = []
    for index in range(HR_PRODUCERS_MAX):
        entry = &segment.at.header.producers[index]
        intent = _intent(entry)
        if intent is None:
            continue
        pid = load_acquire_i32(&entry.owner_pid)
        owner = pid, entry.owner_start
        if owner not in alive:
            alive[owner] = liveness.is_alive(*owner)
        if alive[owner]:
            intents.append(intent)
    return intents


def declare_producer_dead(Segment segment, pid, double seconds_max):
    """Fence the producers of process `pid`, or end it where that is not enough.

    See Ring.declare_producer_dead.
    """
    cdef hr_header *header = segment.at.header
    cdef hr_producer_entry *entry
    cdef int index
    _refuse_pid(segment, pid)
    start = liveness.start_time(pid)
    with files.exclusive(segment.mapping.fd):
        found = [index for index in range(HR_PRODUCERS_MAX)
                 if header.producers[index].owner_pid == pid
                 and liveness.is_alive(pid, header.producers[index].owner_start)]
        for index in found if segment.at.availability != NULL else []:
            entry = &header.producers[index]
            store_release_u32(&entry.epoch, entry.epoch + 1)
            crash_point(PRODUCER_EPOCH_MOVED)
            entry.fenced = 1
        crash_point(PRODUCER_FENCED)
    # Heavy: pairs with try_claim_multi, which looks at the epoch after it has written its intent.
    # Either the intent is seen here, or the producer sees that it must not claim. A single producer
    # says nowhere that it has claimed, and without this fence nobody can be sure.
    is_sure = fence_heavy() and segment.at.availability != NULL
    claims = [intent for one in found
              if (intent := _intent(&header.producers[<int>one])) is not None]
    if found and (claims or not is_sure):
        try:
            liveness.end_for_good(pid, start or 0, seconds_max)
        except EnvironmentFailure as error:
            error.add_note(
                f"it may still write to and publish {claims}, and claims nothing after that"
                if claims else "the ring's single producer goes on when it wakes up")
            raise
    bury_dead(segment)


def _refuse_pid(Segment segment, pid):
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        raise UsageError(f"pid must be that of a producer's process, not {pid!r}")
    pids = sorted({described[0] for described in describe_producers(segment)})
    if pid not in pids:
        raise UsageError(
            f"process {pid} has no producer on {segment.title}; those that have: {pids or 'none'}")
    if pid == os.getpid():
        raise UsageError(
            f"process {pid} is this very one, which is not dead; close its producers instead")


def describe_producers(Segment segment):
    """(owner pid, its state, what it is claiming, whether declared dead), by entry."""
    cdef hr_producer_entry *entry
    cdef int index
    described = []
    for index in range(HR_PRODUCERS_MAX):
        entry = &segment.at.header.producers[index]
        pid = load_acquire_i32(&entry.owner_pid)
        if pid:
            state = liveness.state_of(pid, entry.owner_start)
            described.append((pid, state, _intent(entry), bool(entry.fenced)))
    return described
