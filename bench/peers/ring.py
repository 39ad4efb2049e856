"""This library: `publish` copies in, `for batch in consumer` and an assignment copy out."""

from __future__ import annotations

import os
from contextlib import ExitStack
from itertools import cycle, islice

import headrace as hr
from bench.peers.records import AREA_RECORDS, RECORD_BYTES, Area, source

CAPACITY = 16384


def prepare(batch: int, stack: ExitStack) -> str:
    """Make the ring; its name."""
    ring = hr.Ring.create(f"V{RECORD_BYTES}", CAPACITY, f"bench-{os.getpid()}-{batch}")
    stack.callback(ring.close)
    return str(ring.name)


class Sender:
    """Publishes `batch` records a call."""

    def __init__(self, name: str, batch: int) -> None:
        self._ring = hr.Ring.attach(name)
        self._producer = self._ring.producer()
        records = source()
        self._blocks = [records[at : at + batch] for at in range(0, len(records), batch)]

    def transfer(self, count: int) -> None:
        publish = self._producer.publish
        for block in islice(cycle(self._blocks), count // len(self._blocks[0])):
            publish(block)

    def close(self) -> None:
        self._producer.close()
        self._ring.close()


class Receiver:
    """Takes what is there and copies it out."""

    def __init__(self, name: str, batch: int) -> None:
        self._ring = hr.Ring.attach(name)
        self._consumer = self._ring.consumer("receiver")
        self.area = Area()

    def transfer(self, count: int) -> tuple[int, int]:
        area, records = self.area, self.area.records
        position, left = 0, count
        consumer = self._consumer
        for batch in consumer:
            size = len(batch)
            end = position + size
            if end > AREA_RECORDS:
                room = AREA_RECORDS - position
                records[position:] = batch[:room]
                position = area.wrap(AREA_RECORDS)
                records[: size - room] = batch[room:]
                position = size - room
            else:
                records[position:end] = batch
                position = end
            left -= size
            if left <= 0:
                break
        del batch
        consumer.release()
        return count - left, position

    def close(self) -> None:
        self._consumer.close()
        self._ring.close()
