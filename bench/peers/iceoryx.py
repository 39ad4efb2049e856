"""iceoryx2: a block of records is one sample, copied in and out by address."""

from __future__ import annotations

import ctypes
import os
import time
from contextlib import ExitStack
from itertools import cycle, islice
from typing import Any

from bench.measure import Unavailable
from bench.peers.records import AREA_RECORDS, RECORD_BYTES, Area, blocks

SECONDS = 10.0
SAMPLES_MAX = 64


def prepare(batch: int, stack: ExitStack) -> str:
    """A name for the service."""
    try:
        import iceoryx2
    except ImportError:
        raise Unavailable("no iceoryx2: pip install iceoryx2") from None
    assert iceoryx2.ServiceType.Ipc
    return f"bench-{os.getpid()}-{batch}"


def _service(name: str, batch: int) -> Any:
    import iceoryx2

    iceoryx2.set_log_level(iceoryx2.LogLevel.Error)

    class Block(ctypes.Structure):
        _fields_ = (("words", ctypes.c_uint64 * (8 * batch)),)

        @staticmethod
        def type_name() -> str:
            return f"Block{batch}"

    node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
    service = (
        node.service_builder(iceoryx2.ServiceName.new(name))
        .publish_subscribe(Block)
        .enable_safe_overflow(False)
        .subscriber_max_buffer_size(SAMPLES_MAX)
        .open_or_create()
    )
    return node, service


class Sender:
    """Loans a sample, copies a block into it, sends it."""

    def __init__(self, name: str, batch: int) -> None:
        import iceoryx2

        self._blocks, self._batch = blocks(batch), batch
        self._alive = _service(name, batch)
        wait = iceoryx2.BackpressureStrategy.RetryUntilDelivered
        self._publisher = self._alive[1].publisher_builder().backpressure_strategy(wait).create()

    def transfer(self, count: int) -> None:
        loan, memmove, size = self._publisher.loan_uninit, ctypes.memmove, self._batch * 64
        for block in islice(cycle(self._blocks), count // self._batch):
            sample = loan()
            memmove(sample.payload_ptr, block, size)
            sample.assume_init().send()

    def close(self) -> None:
        self._publisher.delete()


class Receiver:
    """Receives a sample and copies it out."""

    def __init__(self, name: str, batch: int) -> None:
        self._batch, self.area = batch, Area()
        self._alive = _service(name, batch)
        self._subscriber = self._alive[1].subscriber_builder().create()

    def transfer(self, count: int) -> tuple[int, int]:
        receive, memmove, size = self._subscriber.receive, ctypes.memmove, self._batch * 64
        begin = (ctypes.c_char * len(self.area.bytes)).from_buffer(self.area.bytes)
        address, position = ctypes.addressof(begin), 0
        for _ in range(count // self._batch):
            sample = receive()
            if sample is None:
                deadline = time.monotonic() + SECONDS
                while (sample := receive()) is None:
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"nothing came for {SECONDS} s")
            if position == AREA_RECORDS * RECORD_BYTES:
                position = self.area.wrap(AREA_RECORDS)
            memmove(address + position, sample.payload_ptr, size)
            position += size
            sample.delete()
        return count, position // RECORD_BYTES

    def close(self) -> None:
        self._subscriber.delete()
