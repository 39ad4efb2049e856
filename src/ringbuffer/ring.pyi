from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Never

import numpy as np
from numpy.typing import DTypeLike
from typing_extensions import disjoint_base

from headrace.ringbuffer.consumer import Consumer
from headrace.ringbuffer.producer import Producer
from headrace.ringbuffer.segment import Segment
from headrace.ringbuffer.waiting import WaitStrategy

__test__: dict[str, str]  # Cython's

@dataclass(frozen=True)
class ConsumerInfo:
    name: str
    sequence: int
    depth: int
    after: tuple[str, ...]
    pid: int
    alive: bool
    state: str

@dataclass(frozen=True)
class ProducerInfo:
    pid: int
    alive: bool
    state: str
    claim: tuple[int, int] | None
    fenced: bool

@disjoint_base
class Ring:
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...
    @property
    def segment(self) -> Segment: ...
    @staticmethod
    def create(
        dtype: DTypeLike,
        capacity: int,
        name: str | None = None,
        producers: Literal["single", "multi"] = "single",
        *,
        timestamps: bool = False,
        first_sequence: int = 0,
    ) -> Ring: ...
    @staticmethod
    def attach(name: str) -> Ring: ...
    def producer(self, wait: WaitStrategy | None = None) -> Producer: ...
    def consumer(
        self,
        name: str,
        after: Iterable[str] | None = None,
        wait: WaitStrategy | None = None,
        *,
        strict: bool = False,
    ) -> Consumer: ...
    def end(self) -> None: ...
    def evict(self, name: str) -> None: ...
    def declare_dead(self, name: str) -> int: ...
    def declare_producer_dead(self, pid: int, timeout: float = 5.0) -> None: ...
    def close(self) -> None: ...
    def unlink(self) -> None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def capacity(self) -> int: ...
    @property
    def producers(self) -> str: ...
    @property
    def timestamps(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def cursor(self) -> int: ...
    @property
    def remaining(self) -> int: ...
    def depth(self, name: str) -> int: ...
    def newest(self) -> np.ndarray[Any, Any] | None: ...
    def released(self, name: str) -> int: ...
    @property
    def consumers(self) -> tuple[ConsumerInfo, ...]: ...
    @property
    def producer_handles(self) -> tuple[ProducerInfo, ...]: ...
    def __enter__(self) -> Ring: ...
    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        value: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, tuple[str]]: ...

def _attach(name: str, patience_seconds: float = 1.0) -> Ring: ...
