"""A machine started again: its newest snapshot, and a million inputs of the journal behind it."""

from __future__ import annotations

import os
from functools import cache

import headrace as hr
from bench import journaling, machines
from bench.measure import Sample
from bench.stepping import timed
from headrace.journal.reader import Reader
from headrace.ports import LocalDisk
from headrace.replay import PassedOver
from headrace.runtime.recorder import CONSUMER
from headrace.runtime.restoring import Restored

TAIL = journaling.SNAPSHOT_EVERY
LONG = journaling.LONG


def _sample(seconds: float, found: object, wanted: object) -> Sample:
    return Sample(TAIL, seconds, {"ms": seconds * 1e3}, str(found), str(wanted))


def restored(count: int) -> Sample:
    """What a worker does that takes a dead one's place."""
    path = journaling.long_journal()
    machine = machines.keyed_sum("native")
    with hr.Ring.create(machines.PAYMENT, 16, timestamps=True, first_sequence=LONG) as ring:
        ring.consumer(CONSUMER)

        def work() -> Restored:
            made = Restored(machine, machine.name, None, LONG, PassedOver())
            made.from_journal(path, ring)
            return made

        seconds, made = timed(work)
    found = made.origin, machines.sums_digest(made.stepper.state)
    origin = f"the snapshot before {LONG - TAIL:,} and the journal"
    return _sample(seconds, found, (origin, journaling.long_answer(LONG)))


@cache
def _tail() -> list[tuple[str, int, int]]:
    """File, offset and length of the frames behind the last snapshot."""
    frames = Reader(LocalDisk(), journaling.long_journal()).frames()
    return [
        (frame.file, frame.offset, frame.header.frame_bytes)
        for frame in frames
        if frame.header.end > LONG - TAIL and frame.count
    ]


def read(count: int) -> Sample:
    """The same bytes read into memory that is there already."""
    parts = _tail()
    room = memoryview(bytearray(sum(size for _, _, size in parts)))
    files = {path: os.open(path, os.O_RDONLY) for path in {part[0] for part in parts}}
    try:

        def work() -> int:
            at = 0
            for path, offset, size in parts:
                at += os.preadv(files[path], [room[at : at + size]], offset)
            return at

        seconds, found = timed(work)
    finally:
        for fd in files.values():
            os.close(fd)
    return _sample(seconds, found, len(room))
