"""Sleeping and waking in the model.

A sleeper reads the futex word, sets its bit, fences heavily, looks once more, and sleeps while the
word is as it was. A publisher stores its sequence, then reads the bits, and wakes whoever set one.
Either the sleeper sees the sequence or the publisher sees the bit.
"""

from __future__ import annotations

from headrace.reference.memory import (
    Operation,
    fence_heavy,
    fetch_add_seq_cst,
    fetch_and_seq_cst,
    fetch_or_seq_cst,
    futex_resume,
    futex_sleep,
    futex_wake_all,
    load_acquire,
    load_relaxed,
)

DATA_PARKED = 1  # somebody sleeps until events are published
SPACE_PARKED = 2  # somebody sleeps until slots are released
ENDED = 8  # nothing more may be published

_WORDS = {DATA_PARKED: "data_word", SPACE_PARKED: "space_word"}


def wake_parked(bits: int) -> Operation[None]:
    flags = yield load_relaxed("flags")
    parked = flags & bits
    if parked == 0:
        return
    yield fetch_and_seq_cst("flags", ~parked)
    for bit, word in _WORDS.items():
        if parked & bit:
            yield fetch_add_seq_cst(word, 1)
            yield futex_wake_all(word)


def wake_after_store(bits: int) -> Operation[None]:
    """Follows the release store of a sequence; one load while nobody sleeps.

    No fence here: `fence_heavy` in prepare_to_park is one for both sides.
    """
    flags = yield load_relaxed("flags")
    if flags & bits:
        yield from wake_parked(bits)


def prepare_to_park(bit: int) -> Operation[int]:
    """Announce a sleeper; the futex word to sleep on, read before the last look."""
    word: int = yield load_acquire(_WORDS[bit])
    yield fetch_or_seq_cst("flags", bit)
    yield fence_heavy()  # pairs with the place of the missing fence in wake_after_store
    return word


def park(bit: int, word: int) -> Operation[None]:
    """Sleep until somebody wakes the sleepers for `bit`, unless that was since `word`."""
    asleep = yield futex_sleep(_WORDS[bit], word)
    if asleep:
        yield futex_resume(_WORDS[bit])


def end_ring() -> Operation[None]:
    """Say that nothing more will be published, and wake everyone to hear it."""
    yield fetch_or_seq_cst("flags", ENDED | DATA_PARKED | SPACE_PARKED)
    yield from wake_parked(DATA_PARKED | SPACE_PARKED)


def has_ended() -> Operation[bool]:
    # Acquire: pairs with end_ring; everything published before it is seen after it.
    flags = yield load_acquire("flags")
    return bool(flags & ENDED)
