"""faster-fifo: a block of records is one bytes object; many are fetched at a time."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import cycle, islice
from typing import Any

from bench.measure import Unavailable
from bench.peers.records import AREA_RECORDS, RECORD_BYTES, Area, blocks

SECONDS = 10.0
QUEUE_BYTES = 4 << 20


def prepare(batch: int, stack: ExitStack) -> Any:
    """Make the queue."""
    try:
        from faster_fifo import Queue
    except ImportError:
        raise Unavailable("no faster-fifo: pip install faster-fifo") from None
    # The blocks are bytes already: pickling them, the default, would only cost time.
    return Queue(QUEUE_BYTES, loads=bytes, dumps=bytes)


class Sender:
    """Puts one block a call."""

    def __init__(self, queue: Any, batch: int) -> None:
        self._queue, self._blocks, self._batch = queue, blocks(batch), batch

    def transfer(self, count: int) -> None:
        from queue import Full

        put = self._queue.put
        for block in islice(cycle(self._blocks), count // self._batch):
            while True:
                try:
                    put(block, True, SECONDS)
                    break
                except Full:
                    continue

    def close(self) -> None:
        pass


class Receiver:
    """Gets all blocks that are there and copies them out."""

    def __init__(self, queue: Any, batch: int) -> None:
        self._queue, self._batch, self.area = queue, batch, Area()
        queue.reallocate_msg_buffer(QUEUE_BYTES)

    def transfer(self, count: int) -> tuple[int, int]:
        get_many, view, position = self._queue.get_many, self.area.view, 0
        left = count // self._batch
        while left > 0:
            for block in get_many(True, SECONDS):
                if position == AREA_RECORDS * RECORD_BYTES:
                    position = self.area.wrap(AREA_RECORDS)
                end = position + len(block)
                view[position:end] = block
                position = end
                left -= 1
        return count - left * self._batch, position // RECORD_BYTES

    def close(self) -> None:
        pass
