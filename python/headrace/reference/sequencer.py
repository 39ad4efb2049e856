"""Claiming and publishing in the model: the producers' half of the ring.

A producer may write [next, next + count) when every consumer has let go of what lay in those slots
a lap ago: next + count <= gating sequence + capacity. `limit` caches the right-hand side; a gating
sequence only moves forward, so a cached one is never too high.

One producer publishes by storing the shared cursor. Several move `claimed` by compare-and-swap and
publish each slot by its availability word: lap * 2, or lap * 2 + 1 for a tombstone, where
lap = sequence // slots_allocated + 1, so that zeroed memory is unpublished.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.reference.memory import (
    Operation,
    compare_exchange_acq_rel,
    fence_seq_cst,
    fetch_add_seq_cst,
    load_acquire,
    load_relaxed,
    store_relaxed,
    store_release,
)
from headrace.reference.parking import DATA_PARKED, wake_after_store


@dataclass(frozen=True)
class Geometry:
    """The shape of a ring: what is written once, at creation."""

    capacity: int
    multi: bool = False
    slots_allocated: int = 0

    def __post_init__(self) -> None:
        if self.slots_allocated == 0:
            object.__setattr__(self, "slots_allocated", self.capacity)

    @property
    def index_mask(self) -> int:
        return self.slots_allocated - 1


@dataclass
class ProducerCore:
    """What one producer knows by itself."""

    at: Geometry
    index: int = 0
    next: int = 0  # [next, claim_end) is claimed and not yet published
    claim_end: int = 0
    limit: int = 0  # may claim below this without looking at the consumers
    published_known: int = 0  # several producers, no consumers: all below is published
    epoch: int = 0  # of the entry when it was taken; another one there: declared dead


def slot_index(at: Geometry, sequence: int) -> int:
    return sequence & at.index_mask


def availability_word(at: Geometry, sequence: int) -> str:
    return f"availability[{sequence & at.index_mask}]"


def availability_flag(at: Geometry, sequence: int) -> int:
    return (sequence // at.slots_allocated + 1) * 2


def published_prefix(at: Geometry, known: int, end: int) -> Operation[int]:
    """The first sequence in [known, end) that is neither published nor a tombstone, else `end`."""
    while known < end:
        # Acquire: pairs with the release stores in mark_multi.
        flag = yield load_acquire(availability_word(at, known))
        if availability_flag(at, known) > flag:
            return known
        known += 1
    return end


def gating_sequence(at: Geometry, ungated: int) -> Operation[int]:
    """The slowest consumer's sequence, or `ungated` when there is none.

    A joiner sets its bit, fences, and starts at what is published by then. If the bits are the
    same before the sequences are read and after a fence, the joiner's fence comes after this one,
    and it starts at or after every sequence read here.
    """
    while True:
        active = yield load_acquire("active_mask")
        lowest = None if active else ungated
        rest = active
        while rest:
            index = (rest & -rest).bit_length() - 1
            # Acquire: pairs with release_batch; that consumer's reads of the slots are over.
            sequence = yield load_acquire(f"consumer[{index}].sequence")
            lowest = sequence if lowest is None or sequence < lowest else lowest
            rest &= rest - 1
        yield fence_seq_cst()  # pairs with the fence in join_ring
        again = yield load_relaxed("active_mask")
        if again == active:
            assert lowest is not None
            return lowest


def try_claim_single(core: ProducerCore, count: int) -> Operation[bool]:
    if core.next + count > core.limit:
        gate = yield from gating_sequence(core.at, core.next)
        core.limit = gate + core.at.capacity
        if core.next + count > core.limit:
            return False
    core.claim_end = core.next + count
    return True


def commit_single(core: ProducerCore) -> Operation[None]:
    # Release: pairs with the acquire of the cursor in available_end; the slots are written.
    yield store_release("cursor", core.claim_end)
    core.next = core.claim_end
    yield from wake_after_store(DATA_PARKED)


def room_multi(core: ProducerCore, claimed: int, count: int) -> Operation[bool]:
    if claimed + count <= core.limit:
        return True
    core.published_known = max(core.published_known, claimed - core.at.capacity)
    active = yield load_relaxed("active_mask")
    if active == 0:
        core.published_known = yield from published_prefix(core.at, core.published_known, claimed)
    gate = yield from gating_sequence(core.at, core.published_known)
    core.limit = min(gate, claimed) + core.at.capacity
    return claimed + count <= core.limit


def is_fenced_producer(core: ProducerCore) -> Operation[bool]:
    """Whether the producer was declared dead: it must neither claim nor publish any more."""
    epoch = yield load_relaxed(f"producer[{core.index}].epoch")
    return bool(epoch != core.epoch)


def try_claim_multi(core: ProducerCore, count: int) -> Operation[int]:
    """1: claimed; 0: no room, or declared dead; -1: another producer was faster, try again."""
    claimed = yield load_relaxed("claimed")
    has_room = yield from room_multi(core, claimed, count)
    if not has_room:
        return 0
    yield store_relaxed(f"producer[{core.index}].intent_begin", claimed)
    yield store_release(f"producer[{core.index}].intent_end", claimed + count)
    # No fence here: `fence_heavy` in declare_producer_dead is one for both sides.
    fenced = yield from is_fenced_producer(core)
    if fenced:
        yield store_relaxed(f"producer[{core.index}].intent_begin", claimed + count)
        return 0
    # Acquire-release: publishes the intent before the claim, orders our writes after it.
    swapped = yield compare_exchange_acq_rel("claimed", claimed, claimed + count)
    if not swapped:
        yield store_relaxed(f"producer[{core.index}].intent_begin", claimed + count)  # none
        return -1
    core.next = claimed
    core.claim_end = claimed + count
    return 1


def mark_multi(core: ProducerCore, tombstone: int) -> Operation[None]:
    sequence = core.next
    while sequence < core.claim_end:
        flag = availability_flag(core.at, sequence) + tombstone
        # Release: pairs with the acquire loads in published_prefix, live_end and is_tombstone.
        yield store_release(availability_word(core.at, sequence), flag)
        sequence += 1
    core.next = core.claim_end
    yield store_release(f"producer[{core.index}].intent_begin", core.claim_end)
    yield from wake_after_store(DATA_PARKED)


def try_claim(core: ProducerCore, count: int) -> Operation[bool]:
    """Claim `count` slots if there is room now: [next, claim_end) is then the claim."""
    if not core.at.multi:
        return (yield from try_claim_single(core, count))
    while True:  # a failed swap means that another producer got on
        outcome = yield from try_claim_multi(core, count)
        if outcome >= 0:
            return outcome == 1


def commit(core: ProducerCore) -> Operation[None]:
    """Publish the open claim."""
    if core.at.multi:
        yield from mark_multi(core, 0)
    else:
        yield from commit_single(core)


def abort_claim(core: ProducerCore) -> Operation[None]:
    """Give a claim back: a single producer claims anew, several leave tombstones."""
    if not core.at.multi:
        core.claim_end = core.next
        return
    # Counted first, so that a reader that can see a tombstone knows that there are some.
    yield fetch_add_seq_cst("tombstones", core.claim_end - core.next)
    yield from mark_multi(core, 1)
