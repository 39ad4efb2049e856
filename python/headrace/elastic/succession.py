"""What the successor of a dead worker has to do, which takes its place in the ring.

The dead one had let go of all events before some sequence R, so that what it had made of them is
out. Its outputs leave in the order of their inputs, so the newest one that is out tells which of
the later ones are out, too. The successor takes the states before event R (the fold of the journal)
and reads from R on, since nobody else has let go of these events for it. A partition that it owns,
or that its predecessor gave away behind R, it steps from R on: outputs of a tenure of its own it
puts out, if they are not out already; others were made, or will be, by who had the partition then.
Once it has come past all tenures that were over, and past what is out, it forgets what it does not
own, and is a worker like the others. Until then no partition is moved to it or from it: whoever
took one over before that could not know what of it is out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from headrace.elastic.handover import Partition
from headrace.events import Array


class Past(NamedTuple):
    """A tenure that is over: `worker` stepped the partition's events of [since, until)."""

    partition: int
    worker: int
    since: int
    until: int


@dataclass(frozen=True)
class Duty:
    """What a successor has to do with one partition.

    `tenures`: [since, until) each, whose outputs are its own. `since`: from there on it is the
    owner; None: it is not.
    """

    partition: int
    tenures: tuple[tuple[int, int], ...]
    since: int | None

    @property
    def end(self) -> int:
        """From this sequence on there is nothing left of the past."""
        if self.since is not None:
            return self.since
        return max(until for _, until in self.tenures)

    def own(self, sequences: Array) -> Array:
        """Which events' outputs are its own: a bool for each sequence (int64)."""
        own = np.zeros(len(sequences), bool)
        if self.since is not None:
            own |= sequences >= self.since
        for since, until in self.tenures:
            own |= (sequences >= since) & (sequences < until)
        return own


def caught_up_at(owed: Iterable[Duty], newest: int) -> int:
    """Where a successor is a worker like the others.

    `newest`: the input of the newest output that is out, -1 if there is none.
    """
    ends = [duty.end for duty in owed]
    return max(newest + 1, *ends) if ends else 0


def duties(worker: int, partitions: Sequence[Partition], past: Iterable[Past]) -> tuple[Duty, ...]:
    """What the successor of a worker has to do, by partition; `past`: at least what is owed."""
    tenures: dict[int, list[tuple[int, int]]] = {}
    for each in past:
        if each.worker == worker:
            tenures.setdefault(each.partition, []).append((each.since, each.until))
    found = []
    for at, partition in enumerate(partitions):
        since = partition.since if partition.owner == worker else None
        if since is not None or at in tenures:
            found.append(Duty(at, tuple(tenures.get(at, ())), since))
    return tuple(found)
