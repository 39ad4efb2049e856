"""What the workers of an elastic stage have to do, and how much each partition costs: measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from headrace.compose.elastic import Elastic
from headrace.runtime.elastic_remote import RemoteElastic
from headrace.runtime.elastic_stage import ElasticStage

Place = ElasticStage | RemoteElastic

_LOADS_KEPT = 0.98  # of the measured load of each partition, from one period to the next
_SHARE_KEPT = 0.7  # of what part of the events a worker reads are its own, likewise


class Load:
    """Looks at the places of a stage, one thread at a time. `lag`, `shared`: as of a pool.

    `by_partition`: nanoseconds of stepping, of late (float64).
    """

    def __init__(
        self, stages: list[Any], node: Elastic, lag: Callable[[Any], int], shared: bool
    ) -> None:
        self.by_partition = np.zeros(node.partitions)
        self._stages: list[Place] = stages
        self._lag = lag
        self._stepping = np.zeros(node.partitions)
        self._counted_by: dict[int, int] = {}  # by partition, the worker
        self._before = [stage.measured for stage in stages]  # read, stepped, busy
        self._shares = [1.0 / node.min] * node.max
        self._shared = shared
        self._end = max(stage.done for stage in stages)  # of the stream, at the last look

    def joined(self, number: int) -> None:
        """A worker reads from here on, and has not read what is before."""
        _, stepped, busy_s = self._before[number]
        self._before[number] = (self._stages[number].measured[0], stepped, busy_s)

    def look(self, workers: Iterable[int]) -> tuple[int, float, int, int]:
        """Events done since the last look, seconds of it, events that wait, and that came."""
        present = set(workers)
        done, busy_s, depth, end = 0, 0.0, 0.0, self._end
        for at, stage in enumerate(self._stages):
            now = stage.measured
            read, stepped, busy = (a - b for a, b in zip(now, self._before[at], strict=True))
            self._before[at] = now
            done += int(stepped)
            busy_s += busy
            if at not in present:
                continue
            if read > 0:
                share = _SHARE_KEPT * self._shares[at] + (1 - _SHARE_KEPT) * stepped / read
                self._shares[at] = min(share, 1.0)
            lag = self._lag(stage)
            depth += lag * self._shares[at]
            end = max(end, stage.done + lag)
        own = min(1.0, sum(self._shares[at] for at in present)) if self._shared else 1.0
        arrived, self._end = round(own * (end - self._end)), end
        return done, busy_s, round(depth), arrived

    def add_steps(self, owner: Callable[[int], int]) -> None:
        """Add what each partition has cost since the last time; `owner(partition)`: a worker."""
        self.by_partition *= _LOADS_KEPT
        for stage in self._stages:
            for at, spent in stage.loads().items():
                if owner(at) != stage.number:
                    continue
                # What a process counted that has the partition anew is another count.
                if stage.counts_move or self._counted_by.get(at, stage.number) == stage.number:
                    self.by_partition[at] += max(0.0, spent - self._stepping[at])
                self._counted_by[at] = stage.number
                self._stepping[at] = spent
