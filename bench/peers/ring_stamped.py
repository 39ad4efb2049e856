"""As `ring`, with an ingest time for each event: what `ring_gauged` is without its gauge."""

from __future__ import annotations

import os
from contextlib import ExitStack

import headrace as hr
from bench.peers import ring
from bench.peers.records import RECORD_BYTES

Sender = ring.Sender
Receiver = ring.Receiver


def prepare(batch: int, stack: ExitStack) -> str:
    """Make the ring; its name."""
    name = f"bench-stamped-{os.getpid()}-{batch}"
    made = hr.Ring.create(f"V{RECORD_BYTES}", ring.CAPACITY, name, timestamps=True)
    stack.callback(made.close)
    return name
