"""Which partition a key is in: the definition that `headrace.keys` is held to, one key at a time.

Every key becomes 64-bit words; each word is mixed in by the finaliser of SplitMix64 (Steele, Lea
and Flood, "Fast splittable pseudorandom number generators", 2014; the constants are Stafford's
variant 13). The top 32 bits of the result, as a fraction of 2**32, say how far along the partitions
the key lies.
"""

from __future__ import annotations

import struct

Scalar = bool | int | float | complex | bytes | str
Key = Scalar | tuple["Key", ...] | list["Key"]

MASK = (1 << 64) - 1
SEED = 0x6865616472616365  # b"headrace"
NAN_BITS = 0x7FF8 << 48


def mix(word: int) -> int:
    """A bijection of 64-bit words in which each bit of the input turns half of the output's."""
    word = (word + 0x9E3779B97F4A7C15) & MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def words_of(key: Key) -> list[int]:
    """The words that stand for a key; keys that are equal and of one kind have the same.

    Whole numbers (and bools, and counts of datetimes): the value modulo 2**64. Floats: the bits of
    the double, with one zero and one NaN. Strings: their bytes (of str: UTF-32), without NULs at
    the end, as little-endian words. Tuples and lists: the hash of each part.
    """
    if isinstance(key, tuple | list):
        return [hash_of(part) for part in key]
    if isinstance(key, str):
        key = key.encode("utf-32-le", "surrogatepass")
    if isinstance(key, bytes):
        text = key.rstrip(b"\0")
        return [int.from_bytes(text[at : at + 8], "little") for at in range(0, len(text), 8)]
    if isinstance(key, complex):
        return [*words_of(key.real), *words_of(key.imag)]
    if isinstance(key, float):
        if key != key:
            return [NAN_BITS]
        return list(struct.unpack("<Q", struct.pack("<d", key + 0.0)))  # -0.0 + 0.0 is 0.0
    return [int(key) & MASK]


def hash_of(key: Key) -> int:
    """64 bits that are the same in every process and on every platform."""
    hashed = SEED
    for word in words_of(key):
        hashed = mix(hashed ^ word)
    return hashed


def partition_of(key: Key, partitions: int) -> int:
    """The partition of a key, of `partitions` (1 to 65,536) that there are."""
    return ((hash_of(key) >> 32) * partitions) >> 32
