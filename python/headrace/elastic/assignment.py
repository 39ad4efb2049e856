"""Which worker owns which partition, and from which sequence on: an immutable, versioned table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from headrace.errors import UsageError
from headrace.events import Array
from headrace.keys import PARTITIONS_DEFAULT, check_partitions


class Move(NamedTuple):
    """Partition `partition` goes from one worker to another; workers are numbers from 0."""

    partition: int
    source: int
    target: int


class Tenure(NamedTuple):
    """`worker` steps a partition's events from sequence `since` on, until the next tenure."""

    since: int
    worker: int


@dataclass(frozen=True)
class Assignment:
    """The tenures of each partition, oldest first: a value, shared freely between threads.

    At every sequence from its first tenure on, a partition has exactly one owner. `version` counts
    the changes. `moved` gives the next table; `settled` forgets tenures that are over.
    """

    version: int
    tenures: tuple[tuple[Tenure, ...], ...]

    @classmethod
    def over(cls, workers: Iterable[int], partitions: int = PARTITIONS_DEFAULT) -> Assignment:
        """The first table: partitions dealt out to `workers` in turn, from sequence 0 on."""
        dealt = check_workers(workers)
        count = check_partitions(partitions)
        return cls(0, tuple((Tenure(0, dealt[at % len(dealt)]),) for at in range(count)))

    @property
    def partitions(self) -> int:
        """How many partitions there are."""
        return len(self.tenures)

    @cached_property
    def owners(self) -> tuple[int, ...]:
        """The newest owner of each partition."""
        return tuple(tenures[-1].worker for tenures in self.tenures)

    @cached_property
    def table(self) -> Array:
        """`owners` as a read-only array (int32): `table[partition_of(keys)]` is whose they are."""
        table = np.array(self.owners, np.int32)
        table.flags.writeable = False
        return table

    @property
    def workers(self) -> tuple[int, ...]:
        """Who owns something, in order."""
        return tuple(sorted(set(self.owners)))

    def owned(self, worker: int) -> tuple[int, ...]:
        """The partitions of a worker, in order; none if it is unknown."""
        return tuple(at for at, owner in enumerate(self.owners) if owner == worker)

    def owner_at(self, partition: int, sequence: int) -> int:
        """Who steps the event at `sequence`. UsageError: that tenure is forgotten."""
        for tenure in reversed(self.tenures[partition]):
            if tenure.since <= sequence:
                return tenure.worker
        raise UsageError(
            f"who owned partition {partition} at sequence {sequence} is forgotten; the oldest "
            f"tenure kept begins at {self.tenures[partition][0].since}"
        )

    def moved(self, moves: Iterable[Move], since: int) -> Assignment:
        """The table in which the moves hold from sequence `since` on; this one is as it was.

        UsageError: a partition moves twice, does not belong to its source, or was taken over by it
        after `since`.
        """
        tenures = list(self.tenures)
        seen: set[int] = set()
        for move in moves:
            before = tenures[move.partition][-1]
            if move.partition in seen or move.source != before.worker or since < before.since:
                raise UsageError(
                    f"partition {move.partition} cannot go from worker {move.source} to "
                    f"{move.target} at sequence {since}: it belongs to worker "
                    f"{before.worker} from sequence {before.since} on"
                )
            seen.add(move.partition)
            # Owned for no event at all: as if it had never been.
            kept = tenures[move.partition][: -1 if since == before.since else None]
            tenures[move.partition] = (*kept, Tenure(since, move.target))
        return Assignment(self.version + 1, tuple(tenures)) if seen else self

    def settled(self, sequence: int) -> Assignment:
        """The same table without the tenures that ended at or before `sequence`."""
        return Assignment(self.version, tuple(_from(one, sequence) for one in self.tenures))


def _from(tenures: tuple[Tenure, ...], sequence: int) -> tuple[Tenure, ...]:
    if len(tenures) == 1:
        return tenures
    over = sum(following.since <= sequence for following in tenures[1:])
    return tenures[over:]


def check_workers(workers: Iterable[int]) -> tuple[int, ...]:
    """Workers in order, each once; UsageError if there are none or a number is negative."""
    checked = tuple(sorted(set(workers)))
    if not checked or checked[0] < 0:
        raise UsageError(
            f"partitions need at least one worker, with a number from 0 on, not {list(checked)}"
        )
    return checked
