"""Which partition each of many keys is in, by a hash that is the same everywhere and always.

The definition, a key at a time, is `headrace.reference.keys`; here whole columns are hashed at
once. A key's partition must never change: journals and snapshots of stages that are divided by key
are of partitions. A test holds some of them fixed.
"""

from __future__ import annotations

import operator

import numpy as np

from headrace.errors import DtypeError, UsageError
from headrace.events import Array, Dtype

PARTITIONS_DEFAULT = 256
PARTITIONS_MAX = 1 << 16  # their numbers are uint16

_SEED = np.uint64(0x6865616472616365)
_NAN_BITS = np.uint64(0x7FF8 << 48)
_WORD = 8  # bytes


def partition_of(keys: Array, partitions: int = PARTITIONS_DEFAULT) -> Array:
    """The partition (uint16, shape (n,)) of each of `keys` (shape (n, ...), a key per row).

    `keys` is a column of events, such as `events["symbol"]` or `events[["venue", "symbol"]]`:
    numbers, bools, 'S', 'U', 'V', datetimes, structured, and sub-arrays. Equal keys have equal
    partitions whatever their width and byte order: 5 as int16 and as uint64; 1.5 as float32 and as
    float64; -0.0 and 0.0; NaN and NaN; b"ab" as S2 and as S8. Keys of different kinds (1 and 1.0,
    "a" and b"a", datetimes of different units) need not. The hash is not keyed: who may choose the
    keys can choose them to be in one partition.

    Raises UsageError if `partitions` is not in 1 to 65,536 or `keys` is no array of at least one
    dimension, DtypeError if they hold Python objects. Changes nothing, does not block, and may be
    called from any thread.
    """
    count = check_partitions(partitions)
    if not isinstance(keys, np.ndarray) or not keys.ndim:
        raise UsageError(
            f"keys are an array with a key per row, such as events['symbol'], not {keys!r}"
        )
    hashed = hashes(keys)
    hashed >>= np.uint64(32)
    hashed *= np.uint64(count)
    hashed >>= np.uint64(32)
    return hashed.astype(np.uint16)


def check_partitions(partitions: int) -> int:
    """`partitions` as an int, or UsageError."""
    try:
        count = operator.index(partitions)
    except TypeError:
        count = 0
    if not 1 <= count <= PARTITIONS_MAX:
        raise UsageError(f"there can be 1 to {PARTITIONS_MAX:,} partitions, not {partitions!r}")
    return count


def hashes(keys: Array) -> Array:
    """The hash (uint64, shape (n,)) of each row of `keys`."""
    hashed = _of_elements(keys)
    while hashed.ndim > 1:  # a sub-array is a list of its elements, from the innermost axis on
        hashed = _folded(np.moveaxis(hashed, -1, 0))
    return hashed


def _of_elements(keys: Array) -> Array:
    """The hash of each element, in the shape of `keys`."""
    dtype = keys.dtype
    if dtype.names is not None:
        parts = np.empty((len(dtype.names), *keys.shape), np.uint64)
        for place, name in enumerate(dtype.names):
            field = keys[name].reshape(keys.size, *keys[name].shape[keys.ndim :])
            parts[place] = hashes(field).reshape(keys.shape)
        return _folded(parts)
    kind = dtype.kind
    if kind in "SU":
        return _of_strings(keys)
    if kind == "V":
        octets = np.ascontiguousarray(keys).reshape(keys.size, 1).view(np.uint8)
        return hashes(octets).reshape(keys.shape)
    return _folded(_words(keys))


def _words(keys: Array) -> Array:
    """The words of numbers: a first axis of one or two before the shape of `keys`."""
    kind = keys.dtype.kind
    native: Dtype = keys.dtype.newbyteorder("=")
    if kind in "bu":
        return keys.astype(np.uint64)[np.newaxis]
    if kind == "i":
        return keys.astype(np.int64).view(np.uint64)[np.newaxis]
    if kind in "mM":
        return keys.astype(native).view(np.uint64)[np.newaxis]
    if kind == "f":
        return _bits(keys)[np.newaxis]
    if kind == "c":
        return np.stack([_bits(keys.real), _bits(keys.imag)])
    raise DtypeError(
        f"keys of {keys.dtype} have no partition; a key is of a fixed size, such as int64 or S16"
    )


def _bits(numbers: Array) -> Array:
    with np.errstate(all="ignore"):  # a long double may be too large, a NaN a signalling one
        doubles = numbers.astype(np.float64)
        doubles += 0.0  # turns -0.0 into 0.0
    bits: Array = doubles.view(np.uint64)
    bits[np.isnan(doubles)] = _NAN_BITS
    return bits


def _of_strings(keys: Array) -> Array:
    """NULs at the end are no part of a string: words behind its last other byte are passed over."""
    count = keys.size
    little = keys.astype(keys.dtype.newbyteorder("<")).reshape(count, 1)
    width = keys.dtype.itemsize
    octets = np.zeros((count, -(-width // _WORD) * _WORD), np.uint8)
    if width:
        octets[:, :width] = little.view(np.uint8)
    words = octets.view("<u8").astype(np.uint64)
    used = np.logical_or.accumulate((words != 0)[:, ::-1], axis=1)[:, ::-1]
    hashed = np.full(count, _SEED)
    for place in range(words.shape[1]):
        np.copyto(hashed, _mixed(hashed ^ words[:, place]), where=used[:, place])
    return hashed.reshape(keys.shape)


def _folded(words: Array) -> Array:
    """The hash of what stands along the first axis."""
    hashed = np.full(words.shape[1:], _SEED)
    for word in words:
        hashed ^= word
        hashed = _mixed(hashed)
    return hashed


def _mixed(words: Array) -> Array:
    """SplitMix64's finaliser, in place."""
    words += np.uint64(0x9E3779B97F4A7C15)
    words ^= words >> np.uint64(30)
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words
