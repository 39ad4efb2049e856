from enum import IntFlag

from typing_extensions import disjoint_base

__pyx_capi__: dict[str, object]  # Cython's, for cimport
__test__: dict[str, str]  # Cython's

class Outcome(IntFlag):
    NOT_YET = 0
    READY = 1
    ENDED = 2
    DAMAGED = 3
    CLOSED = 4
    TIMED_OUT = 5
    LOOK_AROUND = 6
    FENCED = 7

@disjoint_base
class WaitStrategy:
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

class BusySpin(WaitStrategy): ...

class Yield(WaitStrategy):
    def __new__(cls, spins: int = 100) -> Yield: ...

class Backoff(WaitStrategy):
    def __new__(cls, spins: int = 2000, yields: int = 20) -> Backoff: ...

class Block(WaitStrategy): ...
