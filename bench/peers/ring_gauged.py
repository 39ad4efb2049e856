"""As `ring`, with a gauge of a board: the receiver counts each batch, as a stage does."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

import headrace as hr
from bench.peers import ring
from bench.peers.records import AREA_RECORDS, RECORD_BYTES, Area
from headrace.metrics import Board
from headrace.ringbuffer import liveness

Sender = ring.Sender


def board_name() -> str:
    """The board of this process, which `headrace top` attaches to."""
    return f"bench-top-{os.getpid()}"


def prepare(batch: int, stack: ExitStack) -> str:
    """Make the ring, and a board of one stage under the same name; that name."""
    name = board_name()
    made = hr.Ring.create(f"V{RECORD_BYTES}", ring.CAPACITY, name, timestamps=True)
    stack.callback(made.close)
    nodes = [{"stage": "receiver", "machine": "receiver", "step": "batch", "reads": [name]}]
    stack.callback(Board.create(name, {"nodes": nodes}, ["receiver"]).close)
    return name


class Receiver:
    """Takes what is there, copies it out, and counts it."""

    def __init__(self, name: str, batch: int) -> None:
        self._ring = hr.Ring.attach(name)
        self._consumer = self._ring.consumer("receiver")
        self._gauge = Board.attach(name).stage(0)
        self._gauge.begin(*liveness.myself())
        self.area = Area()

    def transfer(self, count: int) -> tuple[int, int]:
        area, records, gauge = self.area, self.area.records, self._gauge
        position, left = 0, count
        consumer = self._consumer
        gauge.running()
        for batch in consumer:
            begin_ns = time.time_ns()
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
            gauge.stepped(size, size, begin_ns, time.time_ns(), consumer.times)
            left -= size
            if left <= 0:
                break
        del batch
        consumer.release()
        gauge.waiting()
        return count - left, position

    def close(self) -> None:
        self._consumer.close()
        self._ring.close()
