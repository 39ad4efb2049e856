from dataclasses import dataclass
from typing import Any, Never

import numpy as np
import numpy.typing as npt
from typing_extensions import disjoint_base

__test__: dict[str, str]  # Cython's

STATES: tuple[str, ...]
GAUGE_BYTES: int
CUTS_BITS: int
VALUE_BITS: int
LATENCY_SAMPLES_MAX: int
SERVICE_EVENTS_SPAN: int

@dataclass(frozen=True)
class StageReading:
    stage: str
    state: str
    pid: int
    start: int
    epoch: int
    events: int
    outputs: int
    batches: int
    batch_last: int
    busy_ns: int
    service_ns: float
    stepped_ns: int
    errors: int
    dead_letters: int
    dropped: int
    latencies: npt.NDArray[np.int64]
    batch_sizes: npt.NDArray[np.int64]
    @property
    def restarts(self) -> int: ...

@disjoint_base
class StageGauge:
    def __init__(self, memory: Any, offset: int, stage: str, read_only: bool = False) -> None: ...
    @property
    def stage(self) -> str: ...
    def begin(self, pid: int, start: int) -> None: ...
    def stepped(
        self,
        events: int,
        outputs: int,
        begin_ns: int,
        end_ns: int,
        times: npt.NDArray[np.int64] | None,
    ) -> None: ...
    def waiting(self) -> None: ...
    def running(self) -> None: ...
    def restarting(self) -> None: ...
    def dead(self) -> None: ...
    def ended(self) -> None: ...
    def errors(self, n: int = 1) -> None: ...
    def dead_letters(self, n: int = 1) -> None: ...
    def dropped(self, n: int = 1) -> None: ...
    def read(self) -> StageReading: ...
    def __reduce__(self) -> Never: ...

def bucket_index(value: int) -> int: ...
