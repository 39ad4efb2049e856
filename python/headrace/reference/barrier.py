"""Polling and releasing in the model: the consumers' half of the ring.

A consumer owns [next, batch_end), the batch it was handed, and knows that everything below
`available` may be read; only when the two meet does it look at shared memory. What it may read
ends at its barrier: the slowest of the consumers it comes after, or what is published.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.reference.memory import (
    Operation,
    fence_heavy,
    load_acquire,
    load_relaxed,
    store_release,
)
from headrace.reference.parking import DATA_PARKED, SPACE_PARKED, has_ended, wake_after_store
from headrace.reference.sequencer import Geometry, availability_flag, availability_word


@dataclass
class ConsumerCore:
    """What one consumer knows by itself."""

    at: Geometry
    index: int = 0
    next: int = 0  # all below is released
    batch_end: int = 0  # [next, batch_end) was handed out and is not released
    available: int = 0  # [batch_end, available) may be read, as far as known
    epoch: int = 0  # of the entry when it was taken; another one there: declared dead


FAULT_FENCED = -2  # what poll_batch returns to a consumer that was declared dead


def is_fenced_consumer(core: ConsumerCore) -> Operation[bool]:
    """Whether the consumer was declared dead, and its place given to a successor."""
    epoch = yield load_relaxed(f"consumer[{core.index}].epoch")
    return bool(epoch != core.epoch)


def dependencies_end(core: ConsumerCore, after: int) -> Operation[int]:
    """The slowest sequence among the consumers in `after`; -1 when they changed meanwhile.

    An entry may be given to a new consumer once those behind it have been moved off it. Seeing the
    new owner's sequence implies seeing that move, so `after` is read once more.
    """
    rest = after
    lowest = -1
    while rest:
        index = (rest & -rest).bit_length() - 1
        # Acquire: pairs with release_batch of the consumer in front; its work is visible.
        sequence = yield load_acquire(f"consumer[{index}].sequence")
        lowest = sequence if lowest < 0 or sequence < lowest else lowest
        rest &= rest - 1
    again = yield load_relaxed(f"consumer[{core.index}].after")
    return lowest if again == after else -1


def live_end(at: Geometry, known: int, end: int) -> Operation[int]:
    """The first sequence in [known, end) that is not published or is a tombstone, else `end`."""
    while known < end:
        # Acquire: pairs with the release stores in mark_multi.
        flag = yield load_acquire(availability_word(at, known))
        if flag != availability_flag(at, known):
            return known
        known += 1
    return end


def is_tombstone(at: Geometry, sequence: int) -> Operation[bool]:
    # Acquire: pairs with mark_multi; whoever comes after us may be told to skip it, too.
    flag = yield load_acquire(availability_word(at, sequence))
    return bool(flag == availability_flag(at, sequence) + 1)


def available_end(core: ConsumerCore) -> Operation[int]:
    """Where the readable events end, looking at the shared sequences; at most a lap ahead."""
    after = yield load_acquire(f"consumer[{core.index}].after")
    if after:
        end = yield from dependencies_end(core, after)
        if core.at.multi:
            tombstones = yield load_acquire("tombstones")
            if tombstones:
                end = yield from live_end(core.at, core.available, end)
        return end
    if core.at.multi:
        return (yield from live_end(core.at, core.available, core.next + core.at.capacity))
    # Acquire: pairs with commit_single; the slots below the cursor are written.
    cursor: int = yield load_acquire("cursor")
    return cursor


def skip_tombstones(core: ConsumerCore) -> Operation[None]:
    """Pass over tombstones at the front, while no batch is out."""
    after = yield load_acquire(f"consumer[{core.index}].after")
    end = core.next + core.at.capacity
    if after:
        end = yield from dependencies_end(core, after)
    begin = core.next
    while core.next < end:
        buried = yield from is_tombstone(core.at, core.next)
        if not buried:
            break
        core.next += 1
    if core.next != begin:
        core.batch_end = core.available = core.next
        yield from publish_release(core)


def poll_batch(core: ConsumerCore, limit: int) -> Operation[int]:
    """Hand out the next batch, [next, batch_end), at most `limit` long: its length; FAULT_FENCED.

    Nothing may be out already (next == batch_end). The epoch is looked at last: what is handed out
    no producer has written to by then.
    """
    if core.available == core.batch_end:
        end = yield from available_end(core)
        if end <= core.batch_end and core.at.multi:
            tombstones = yield load_acquire("tombstones")
            if tombstones:
                yield from skip_tombstones(core)
                end = yield from available_end(core)
        core.available = max(core.available, end)
    fenced = yield from is_fenced_consumer(core)
    if fenced:
        return FAULT_FENCED
    count = min(core.available - core.batch_end, limit)
    core.batch_end += count
    return count


def publish_release(core: ConsumerCore) -> Operation[None]:
    # Release: pairs with gating_sequence and dependencies_end; our reads of the slots are over.
    yield store_release(f"consumer[{core.index}].sequence", core.next)
    bits = SPACE_PARKED
    # Read after the store: a dependent that joins and parks in between must not be missed.
    dependents = yield load_relaxed(f"consumer[{core.index}].dependents")
    if dependents:
        bits |= DATA_PARKED
    yield from wake_after_store(bits)


def release_batch(core: ConsumerCore, count: int) -> Operation[bool]:
    """Let go of the first `count` events of the batch; whether that counts.

    No fence here: `fence_heavy` in hand_over is one for both sides.
    """
    core.next += count
    yield from publish_release(core)
    fenced = yield from is_fenced_consumer(core)
    if fenced:
        core.next -= count
    return not fenced


def published_end(at: Geometry) -> Operation[int]:
    """All below is published (single producer) or at least claimed (several)."""
    # Acquire: pairs with commit_single and try_claim_multi.
    end: int = yield load_acquire("claimed" if at.multi else "cursor")
    return end


def is_drained(core: ConsumerCore) -> Operation[bool]:
    """After a poll that found nothing: whether the ring has ended and all of it was handed out.

    Where the events end is read after the end was seen, for the last ones may have been published
    since the poll.
    """
    ended = yield from has_ended()
    if not ended:
        return False
    end = yield from published_end(core.at)
    return core.batch_end >= end


def last_look(core: ConsumerCore, limit: int) -> Operation[int]:
    """After `is_drained`: poll once more; 0: the end.

    A publisher that races with the end is either seen here, or sees the end after its commit and
    says so to its caller.
    """
    yield fence_heavy()  # pairs with the light fence between commit and the look at the flags
    return (yield from poll_batch(core, limit))
