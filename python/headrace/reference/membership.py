"""Joining and leaving in the model, while producers and consumers run.

All changes are made under the registration lock; producers and consumers read without it.
"""

from __future__ import annotations

from collections.abc import Sequence

from headrace.reference.barrier import ConsumerCore
from headrace.reference.memory import (
    Operation,
    compare_exchange_acq_rel,
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


def count_dependents(entries: Sequence[int]) -> Operation[None]:
    masks = []
    for index in entries:
        mask = yield load_relaxed(f"consumer[{index}].after")
        registered = yield load_relaxed(f"consumer[{index}].registered")
        masks.append(mask if registered else 0)
    for index in entries:
        count = sum(mask >> index & 1 for mask in masks)
        yield store_release(f"consumer[{index}].dependents", count)


def take_entry(core: ConsumerCore, after: int, entries: Sequence[int]) -> Operation[bool]:
    """Register under the core's index behind the consumers in `after`; False: it is taken.

    `entries`: all indices that this ring uses. Holds the registration lock already.
    """
    registered = yield load_relaxed(f"consumer[{core.index}].registered")
    if registered:
        return False
    yield store_release(f"consumer[{core.index}].after", after)
    yield store_release(f"consumer[{core.index}].registered", 1)
    yield from join_ring(core.at, core.index)
    yield from count_dependents(entries)
    start = yield load_acquire(f"consumer[{core.index}].sequence")
    core.next = core.batch_end = core.available = start
    return True


def leave_entry(index: int, entries: Sequence[int]) -> Operation[None]:
    """Take a consumer out: it gates no more, and those after it close the gap.

    Holds the registration lock already.
    """
    own = yield load_relaxed(f"consumer[{index}].after")
    for other in entries:
        registered = yield load_relaxed(f"consumer[{other}].registered")
        after = yield load_relaxed(f"consumer[{other}].after")
        if registered and after >> index & 1:
            yield store_release(f"consumer[{other}].after", (after & ~(1 << index)) | own)
    yield fetch_and_seq_cst("active_mask", ~(1 << index))
    yield store_release(f"consumer[{index}].registered", 0)
    yield from count_dependents(entries)
    yield from wake_parked(DATA_PARKED | SPACE_PARKED)


def bury_dead(at: Geometry, producers: Sequence[int]) -> Operation[int]:
    """Turn slots that dead producers claimed and never published into tombstones; how many.

    A claimed slot belongs to one producer, whose intent covers it from before the claim until it
    is published. So a slot that was claimed before the intents of the living were read, and is
    unpublished after, and lies in none of them, has lost its producer. `producer[i].alive` is what
    the operating system says. Holds the registration lock already.
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
            # Release: as in mark_multi.
            flag = availability_flag(at, sequence) + 1
            yield store_release(availability_word(at, sequence), flag)
        yield from wake_parked(DATA_PARKED | SPACE_PARKED)
    return len(lost)
