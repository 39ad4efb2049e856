"""The rings on this machine: listing them, and removing those whose owners are dead."""

from __future__ import annotations

import os
from dataclasses import dataclass

from headrace.ringbuffer import files, liveness
from headrace.ringbuffer.errors import HeadraceError, UsageError
from headrace.ringbuffer.ring import ConsumerInfo, ProducerInfo, _attach


@dataclass(frozen=True)
class RingInfo:
    """A ring as seen from outside, at one moment; `damaged` says why it could not be read."""

    name: str
    bytes: int
    capacity: int
    item_size: int
    dtype_text: str
    producers: str
    cursor: int
    ended: bool
    owner_pid: int
    owner_alive: bool
    consumers: tuple[ConsumerInfo, ...]
    producer_handles: tuple[ProducerInfo, ...]
    damaged: str | None


def list_rings() -> list[RingInfo]:
    """All named rings on this machine, damaged ones included; attaches to each for a moment."""
    return [info for name in files.list_names() if (info := _look_at(name)) is not None]


def _look_at(name: str) -> RingInfo | None:
    try:
        ring = _attach(name, 0.0)
    except FileNotFoundError:
        return None  # removed since it was listed
    except HeadraceError as error:
        size = _file_bytes(name)
        return RingInfo(name, size, 0, 0, "", "", 0, False, 0, False, (), (), str(error))
    segment = ring.segment
    return RingInfo(
        name=name,
        bytes=segment.segment_bytes,
        capacity=ring.capacity,
        item_size=ring.dtype.itemsize,
        dtype_text=str(ring.dtype),
        producers=ring.producers,
        cursor=ring.cursor,
        ended=ring.ended,
        owner_pid=segment.owner_pid,
        owner_alive=liveness.is_alive(segment.owner_pid, segment.owner_start),
        consumers=ring.consumers,
        producer_handles=ring.producer_handles,
        damaged=None,
    )


def _file_bytes(name: str) -> int:
    try:
        fd = files.open_file(name)
    except HeadraceError:
        return 0
    try:
        return os.fstat(fd).st_size
    finally:
        os.close(fd)


def remove_ring(name: str) -> None:
    """Remove the ring `name`, whose owner must be dead (or whose header must be unreadable).

    Processes that are attached keep it until they let go. Raises RingNotFound; UsageError while
    the owner lives.
    """
    os.close(files.open_file(name))
    info = _look_at(name)
    if info is not None and info.owner_alive:
        raise UsageError(
            f"ring {name!r} belongs to process {info.owner_pid}, which lives; stop that first"
        )
    files.unlink_file(name)
