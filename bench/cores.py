"""Which cores the benchmarks use: two of those that this process may run on."""

from __future__ import annotations

import os
from functools import cache

CORES_VARIABLE = "HEADRACE_BENCH_CORES"


@cache
def cores() -> tuple[int, ...]:
    """Two cores, or the only one there is; HEADRACE_BENCH_CORES=2,3 chooses others."""
    chosen = os.environ.get(CORES_VARIABLE)
    if chosen:
        return tuple(int(core) for core in chosen.split(","))[:2]
    if not hasattr(os, "sched_getaffinity"):
        return (0, 1)
    allowed = sorted(os.sched_getaffinity(0))
    return tuple(allowed[:2])


def pin(index: int) -> None:
    """Pin the calling thread to one of the two; without effect where that is not possible."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cores()[index % len(cores())]})
