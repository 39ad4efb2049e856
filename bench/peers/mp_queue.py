"""multiprocessing.Queue: a block of records is one bytes object."""

from __future__ import annotations

import multiprocessing
from contextlib import ExitStack
from itertools import cycle, islice
from typing import Any

from bench.peers.records import AREA_RECORDS, RECORD_BYTES, Area, blocks

BLOCKS_MAX = 1024  # bounds the memory of what is under way
SECONDS = 10


def prepare(batch: int, stack: ExitStack) -> Any:
    """Make the queue."""
    return multiprocessing.get_context("spawn").Queue(BLOCKS_MAX)


class Sender:
    """Puts one block a call."""

    def __init__(self, queue: Any, batch: int) -> None:
        self._queue, self._blocks, self._batch = queue, blocks(batch), batch

    def transfer(self, count: int) -> None:
        put = self._queue.put
        for block in islice(cycle(self._blocks), count // self._batch):
            put(block, True, SECONDS)

    def close(self) -> None:
        self._queue.close()
        self._queue.cancel_join_thread()


class Receiver:
    """Gets one block a call and copies it out."""

    def __init__(self, queue: Any, batch: int) -> None:
        self._queue, self._batch, self.area = queue, batch, Area()

    def transfer(self, count: int) -> tuple[int, int]:
        get, view, position = self._queue.get, self.area.view, 0
        for _ in range(count // self._batch):
            block = get(True, SECONDS)
            if position == AREA_RECORDS * RECORD_BYTES:
                position = self.area.wrap(AREA_RECORDS)
            end = position + len(block)
            view[position:end] = block
            position = end
        return count, position // RECORD_BYTES

    def close(self) -> None:
        self._queue.close()
