"""Where the outputs of a stage go: into the next ring, and past that into the backlog."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.errors import UsageError, WaitTimeout
from headrace.ringbuffer import Ring
from headrace.runtime.backlog import Backlog
from headrace.runtime.progress import LOOK_SECONDS
from headrace.runtime.tail import Tail

Records = np.ndarray[Any, Any]


class Outlet:
    """The writing side of the ring between a stage and whoever is behind it."""

    def __init__(self, ring: Ring, backlog: Backlog | Tail | None) -> None:
        self._producer = ring.producer()
        self._backlog = backlog
        # Half a ring at a time, so that it starts to move as soon as it can.
        self._piece = max(1, ring.capacity // 2)

    def emit(self, records: Records, reader_is_gone: Callable[[], bool]) -> None:
        """Publish records, however long that takes, unless nobody will ever read them."""
        while len(records):
            records = records[self._producer.try_publish(records) :]
            if not len(records):
                return
            if self._backlog is not None and self._backlog.pump():
                continue
            try:
                piece = records[: self._piece]
                self._producer.publish(piece, timeout=LOOK_SECONDS)
                records = records[len(piece) :]
            except WaitTimeout:
                if reader_is_gone():
                    return

    def try_emit(self, records: Records) -> int:
        """Publish as many records as there is room for now; how many these are."""
        done = self._producer.try_publish(records)
        while done < len(records) and self._backlog is not None and self._backlog.pump():
            done += self._producer.try_publish(records[done:])
        return done

    def close(self) -> None:
        self._producer.close()


def evict_the_dead(ring: Ring) -> None:
    """Take out consumers whose owners are gone: their successors would find no ring any more."""
    for consumer in ring.consumers:
        if not consumer.alive:
            with contextlib.suppress(UsageError):
                ring.evict(consumer.name)


def who_is_waited_for(ring: Ring | None) -> str:
    """The consumer because of whom a ring is full, as the end of a message."""
    if ring is None or ring.remaining or not ring.consumers:
        return ""
    slowest = min(ring.consumers, key=lambda consumer: consumer.sequence)
    gone = "" if slowest.alive else ", whose owner is gone: output_ring.evict(name) lets it go"
    return f"; its outputs wait for consumer {slowest.name!r}{gone}"
