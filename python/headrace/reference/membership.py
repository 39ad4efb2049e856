"""Joining, leaving, declaring dead and burying in the model, while producers and consumers run.

Changes of entries are made under the registration lock, which is free again when its holder is
killed; producers and consumers read without it. A producer's first epoch, like a consumer's, is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.reference.barrier import ConsumerCore
from headrace.reference.memory import (
    Operation,
    compare_exchange_acq_rel,
    fence_heavy,
    fence_seq_cst,
    fetch_add_seq_cst,
    fetch_and_seq_cst,
    fetch_or_seq_cst,
    load_acquire,
    load_relaxed,
    store_release,
)
from headrace.reference.parking import DATA_PARKED, SPACE_PARKED, wake_parked
from headrace.reference.sequencer import (
    Geometry,
    availability_flag,
    availability_word,
    published_prefix,
)

# What a consumer's entry is.
FREE, TAKEN, JOINING, FENCED, HEIR, RETIRED, LEAVING = range(7)


def try_lock() -> Operation[bool]:
    swapped = yield compare_exchange_acq_rel("registration_lock", 0, 1)
    return bool(swapped)


def unlock() -> Operation[None]:
    yield store_release("registration_lock", 0)


def join_ring(at: Geometry, index: int) -> Operation[int]:
    """Let entry `index` gate the producers, from what is published at this moment on."""
    # The entry keeps its old sequence until the new one is known, which is never lower: gating
    # on it meanwhile makes producers wait, and nothing worse.
    yield fetch_or_seq_cst("active_mask", 1 << index)
    yield fence_seq_cst()  # pairs with the fence in gating_sequence
    if not at.multi:
        start = yield load_acquire("cursor")
    else:
        claimed = yield load_acquire("claimed")
        # No claim is made further than a lap ahead of what is published.
        start = yield from published_prefix(at, max(0, claimed - at.capacity), claimed)
    yield store_release(f"consumer[{index}].sequence", start)
    return int(start)


def has_place(state: int) -> bool:
    """Whether an entry in that state may gate, and have others behind it."""
    return state not in (FREE, RETIRED)


def count_dependents(entries: Sequence[int]) -> Operation[None]:
    masks = []
    for index in entries:
        mask = yield load_relaxed(f"consumer[{index}].after")
        state = yield load_relaxed(f"consumer[{index}].state")
        masks.append(mask if has_place(state) else 0)
    for index in entries:
        count = sum(mask >> index & 1 for mask in masks)
        yield store_release(f"consumer[{index}].dependents", count)


def take_entry(core: ConsumerCore, after: int, entries: Sequence[int]) -> Operation[bool]:
    """Register under the core's index behind the consumers in `after`; False: it is taken.

    `entries`: all indices that this ring uses. Holds the registration lock already.
    """
    state = yield load_relaxed(f"consumer[{core.index}].state")
    if state != FREE:
        return False
    yield store_release(f"consumer[{core.index}].after", after)
    yield store_release(f"consumer[{core.index}].state", JOINING)
    yield from join_ring(core.at, core.index)
    yield store_release(f"consumer[{core.index}].state", TAKEN)
    yield from count_dependents(entries)
    yield from stand_in_entry(core)
    return True


def stand_in_entry(core: ConsumerCore) -> Operation[None]:
    """Go on from where the entry stands. Holds the registration lock already."""
    core.epoch = yield load_relaxed(f"consumer[{core.index}].epoch")
    start = yield load_acquire(f"consumer[{core.index}].sequence")
    core.next = core.batch_end = core.available = start


def resume_entry(core: ConsumerCore) -> Operation[None]:
    """Succeed an owner that is gone: all that it had not released is seen again.

    Holds the registration lock already.
    """
    epoch = yield load_relaxed(f"consumer[{core.index}].epoch")
    yield store_release(f"consumer[{core.index}].epoch", epoch + 1)
    yield from stand_in_entry(core)


def leave_entry(index: int, entries: Sequence[int]) -> Operation[None]:
    """Take a consumer out: it gates no more, and those after it close the gap.

    Holds the registration lock already.
    """
    yield store_release(f"consumer[{index}].state", LEAVING)
    own = yield load_relaxed(f"consumer[{index}].after")
    behind = yield load_relaxed(f"consumer[{index}].dependents")
    for other in entries:  # those in front are to wake those behind from now on
        if own >> other & 1:
            count = yield load_relaxed(f"consumer[{other}].dependents")
            yield store_release(f"consumer[{other}].dependents", count + behind)
    for other in entries:
        state = yield load_relaxed(f"consumer[{other}].state")
        after = yield load_relaxed(f"consumer[{other}].after")
        if has_place(state) and after >> index & 1:
            yield store_release(f"consumer[{other}].after", (after & ~(1 << index)) | own)
    yield fetch_and_seq_cst("active_mask", ~(1 << index))
    yield store_release(f"consumer[{index}].state", FREE)
    yield from count_dependents(entries)
    yield from wake_parked(DATA_PARKED | SPACE_PARKED)


def fence_entry(index: int, heir: int, entries: Sequence[int]) -> Operation[None]:
    """Declare the owner of entry `index` dead, and make the free entry `heir` its place.

    Holds the registration lock already.
    """
    yield store_release(f"consumer[{index}].state", FENCED)
    yield from hand_over(index, heir, entries)


def hand_over(index: int, heir: int, entries: Sequence[int]) -> Operation[None]:
    """Move what a fenced entry is to the ring; each step may have been done before."""
    epoch = yield load_relaxed(f"consumer[{index}].epoch")
    yield store_release(f"consumer[{index}].epoch", epoch + 1)
    state = yield load_relaxed(f"consumer[{heir}].state")
    if state != HEIR:
        after = yield load_relaxed(f"consumer[{index}].after")
        dependents = yield load_relaxed(f"consumer[{index}].dependents")
        sequence = yield load_acquire(f"consumer[{index}].sequence")
        yield store_release(f"consumer[{heir}].after", after)
        yield store_release(f"consumer[{heir}].dependents", dependents)
        yield store_release(f"consumer[{heir}].sequence", sequence)
        yield store_release(f"consumer[{heir}].state", HEIR)
    yield fetch_or_seq_cst("active_mask", 1 << heir)
    # Pairs with the place of the missing fence in release_batch; and, as join_ring's, with the one
    # in gating_sequence.
    yield fence_heavy()
    sequence = yield load_acquire(f"consumer[{index}].sequence")
    yield store_release(f"consumer[{heir}].sequence", sequence)
    for other in entries:
        state = yield load_relaxed(f"consumer[{other}].state")
        after = yield load_relaxed(f"consumer[{other}].after")
        if has_place(state) and after >> index & 1:
            moved = (after & ~(1 << index)) | (1 << heir)
            yield store_release(f"consumer[{other}].after", moved)
    yield fetch_and_seq_cst("active_mask", ~(1 << index))
    yield store_release(f"consumer[{index}].state", RETIRED)
    yield store_release(f"consumer[{heir}].state", TAKEN)
    yield from count_dependents(entries)
    yield from wake_parked(DATA_PARKED | SPACE_PARKED)


def repair(entries: Sequence[int], heirs: Mapping[int, int]) -> Operation[None]:
    """Finish what somebody began who was killed while holding the lock, which is held again.

    `heirs`: fenced entry -> its heir (the ring itself tells by the name). A join that was not
    finished has never been, and a leave that was begun is over. An heir without the fenced one
    that it follows: that one was retired already.
    """
    for index in entries:
        state = yield load_relaxed(f"consumer[{index}].state")
        if state in (JOINING, LEAVING):
            yield from leave_entry(index, entries)
        elif state == FENCED:
            yield from hand_over(index, heirs[index], entries)
    for index in entries:
        state = yield load_relaxed(f"consumer[{index}].state")
        if state == HEIR:
            yield store_release(f"consumer[{index}].state", TAKEN)
    yield from count_dependents(entries)


def declare_producer_dead(index: int) -> Operation[bool]:
    """Fence a producer: True, it claims nothing any more; False, it has a claim and must be ended.

    Holds the registration lock already.
    """
    epoch = yield load_relaxed(f"producer[{index}].epoch")
    yield store_release(f"producer[{index}].epoch", epoch + 1)
    # Pairs with the place of the missing fence in try_claim_multi: either the intent is seen here,
    # or the producer sees that it must not claim.
    yield fence_heavy()
    begin = yield load_acquire(f"producer[{index}].intent_begin")
    end = yield load_acquire(f"producer[{index}].intent_end")
    return bool(begin >= end)


def bury_dead(at: Geometry, producers: Sequence[int]) -> Operation[int]:
    """Turn slots that dead producers claimed and never published into tombstones; how many.

    A claimed slot belongs to one producer, whose intent covers it from before the claim until it
    is published. So a slot that was claimed before the intents of the living were read, and is
    unpublished after, and lies in none of them, has lost its producer. `producer[i].alive` is what
    the operating system says. Needs no lock: nobody can claim such a slot again, so any number of
    buriers may come to it, however late.
    """
    # Acquire: pairs with the swap in try_claim_multi, which comes after the intent.
    claimed = yield load_acquire("claimed")
    first = yield from published_prefix(at, max(0, claimed - at.capacity), claimed)
    if first == claimed:
        return 0
    living = []
    for index in producers:
        # Begin first: a newer one means that what the older one covered is published.
        begin = yield load_acquire(f"producer[{index}].intent_begin")
        end = yield load_acquire(f"producer[{index}].intent_end")
        alive = yield load_acquire(f"producer[{index}].alive")
        if alive and begin < end:
            living.append((begin, end))
    lost = []
    for sequence in range(first, claimed):
        published = yield from published_prefix(at, sequence, sequence + 1)
        if published == sequence and not any(begin <= sequence < end for begin, end in living):
            lost.append(sequence)
    if lost:
        yield fetch_add_seq_cst("tombstones", len(lost))  # first: see abort_claim
        for sequence in lost:
            yield from bury(at, sequence)
        yield from wake_parked(DATA_PARKED | SPACE_PARKED)
    return len(lost)


def bury(at: Geometry, sequence: int) -> Operation[None]:
    """Nothing if somebody else has done it, be it laps ago."""
    word, flag = availability_word(at, sequence), availability_flag(at, sequence)
    before = yield load_acquire(word)
    if flag > before:
        # Release: as in mark_multi.
        yield compare_exchange_acq_rel(word, before, flag + 1)
