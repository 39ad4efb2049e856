"""pyzmq, PUSH to PULL over ipc: a block of records is one message."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from itertools import cycle, islice
from typing import Any

from bench.measure import Unavailable
from bench.peers.records import AREA_RECORDS, RECORD_BYTES, Area, blocks

MESSAGES_MAX = 1024
MILLISECONDS = 10_000


def prepare(batch: int, stack: ExitStack) -> str:
    """A place for the socket."""
    try:
        import zmq
    except ImportError:
        raise Unavailable("no pyzmq: pip install pyzmq") from None
    assert zmq.has("ipc")
    return f"ipc://{stack.enter_context(tempfile.TemporaryDirectory())}/socket"


def _socket(kind: str) -> Any:
    import zmq

    socket = zmq.Context.instance().socket(getattr(zmq, kind))
    socket.set(zmq.LINGER, 0)
    socket.set_hwm(MESSAGES_MAX)
    socket.set(zmq.SNDTIMEO, MILLISECONDS)
    socket.set(zmq.RCVTIMEO, MILLISECONDS)
    return socket


class Sender:
    """Sends one block a call."""

    def __init__(self, address: str, batch: int) -> None:
        self._blocks, self._batch = blocks(batch), batch
        self._socket = _socket("PUSH")
        self._socket.connect(address)

    def transfer(self, count: int) -> None:
        send = self._socket.send
        for block in islice(cycle(self._blocks), count // self._batch):
            send(block)

    def close(self) -> None:
        self._socket.close()


class Receiver:
    """Receives one block a call and copies it out."""

    def __init__(self, address: str, batch: int) -> None:
        self._batch, self.area = batch, Area()
        self._socket = _socket("PULL")
        self._socket.bind(address)

    def transfer(self, count: int) -> tuple[int, int]:
        recv, view, position = self._socket.recv, self.area.view, 0
        for _ in range(count // self._batch):
            block = recv()
            if position == AREA_RECORDS * RECORD_BYTES:
                position = self.area.wrap(AREA_RECORDS)
            end = position + len(block)
            view[position:end] = block
            position = end
        return count, position // RECORD_BYTES

    def close(self) -> None:
        self._socket.close()
