from typing_extensions import disjoint_base

from headrace.ringbuffer.segment import Segment
from headrace.ringbuffer.waiting import WaitStrategy

__test__: dict[str, str]  # Cython's

@disjoint_base
class Handle:
    def __init__(self, segment: Segment, wait: WaitStrategy | None) -> None: ...
    @property
    def wait(self) -> WaitStrategy: ...
