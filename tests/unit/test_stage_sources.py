"""What a stage reads: a shard's share of a ring is read in place, and is the same in every form."""

from __future__ import annotations

import numpy as np
import pytest

import headrace as hr
from headrace.compose.layout import Share
from headrace.events import record_dtype
from headrace.keys import partition_of
from headrace.runtime.sources import RingSource

EVENT = np.dtype([("key", "<i8"), ("value", "<i8")])
COUNT = 100


@hr.machine(event=EVENT, initial=int)
def count(state, value):  # type: ignore[no-untyped-def]
    return state + value, None


def filled(records: bool) -> tuple[hr.Ring, np.ndarray]:
    """A ring of bare events with their times, or of records, and its events."""
    dtype = record_dtype(EVENT) if records else EVENT
    ring = hr.Ring.create(dtype, 256, timestamps=not records)
    made = np.zeros(COUNT, dtype)
    made["key"], made["value"] = np.arange(COUNT) * 7919 % 31, np.arange(COUNT)
    return ring, made


@pytest.mark.parametrize("records", [False, True])
@pytest.mark.parametrize("by", ["key", None])
def test_shares_of_one_ring_are_read_in_place(records: bool, by: str | None) -> None:
    ring, made = filled(records)
    fields = None if by is None else (by,)
    with ring:
        sources = [
            RingSource(ring, count, f"count.{index}", None, (Share(fields, index, 2),))
            for index in range(2)
        ]
        all_of_it = ring.consumer("all")
        ring.producer().publish(made)
        slots = all_of_it.poll()
        seen = []
        for source in sources:
            batch = source.poll(COUNT)
            assert batch is not None
            events, _, _, select = batch.part(0, COUNT)
            assert np.shares_memory(events, slots), "the slots themselves, for each of the shards"
            assert events["value"].tolist() == made["value"].tolist()
            assert batch.count == len(select)
            seen.append(select.tolist())
            del events
            batch.let_go()
            source.release()
        del slots
        own = partition_of(made["key"], 2) if by else np.arange(COUNT) % 2
        assert seen == [np.flatnonzero(own == index).tolist() for index in range(2)]
