"""Chance that is no chance: numbers that follow from a seed and from what they are for.

Each decision has a number of its own, `draw(seed, purpose, where, count)`, and none depends on how
many were drawn before for something else. So a script from which one message or one fault is taken
away leaves all other decisions as they were, which is what makes shrinking work.

The mixing is that of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
generators, 2014). `headrace.engine.world` has the same in C.
"""

from __future__ import annotations

MASK = (1 << 64) - 1
LINK, TIE, CHANCE, DISK, CRASH, PLAN = range(1, 7)  # what a number is for


def mix(one: int, other: int) -> int:
    """Two numbers of 64 bits made into one; each bit of it depends on every bit of both."""
    z = (one * 0x9E3779B97F4A7C15 + other + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def draw(seed: int, *numbers: int) -> int:
    """A number of 64 bits that follows from these."""
    drawn = seed & MASK
    for number in numbers:
        drawn = mix(drawn, number & MASK)
    return drawn


def as_float(drawn: int) -> float:
    """At least 0 and below 1."""
    return (drawn >> 11) * 2.0**-53


def threshold(probability: float) -> int:
    """What a number of 53 bits must be below, to come with this probability."""
    return round(probability * 2.0**53)
