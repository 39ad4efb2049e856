"""Machines for the engine's tests."""

from __future__ import annotations

from typing import Any

import numpy as np

import headrace as hr

EVENT = np.dtype([("key", "<i4"), ("value", "<i8")])
OUT = np.dtype([("key", "<i4"), ("total", "<i8")])

Records = np.ndarray[Any, Any]


def events(count: int, first: int = 0) -> Records:
    """`count` events with values from `first` on."""
    made = np.zeros(count, EVENT)
    made["value"] = np.arange(first, first + count)
    made["key"] = made["value"] % 5
    return made


@hr.machine(event=EVENT, output=OUT, initial=dict)
def totals(state, key, value):  # type: ignore[no-untyped-def]
    """Totals by key, changed in place; raises for negative values, after it has done its work."""
    state[key] = state.get(key, 0) + value
    if value < 0:
        raise ValueError(f"negative: {value}")
    return state, (key, state[key])


@hr.machine(event=EVENT, initial=lambda: [0, 0])
def silent(state, event):  # type: ignore[no-untyped-def]
    """No outputs; takes the event itself."""
    state[0] += event.value
    state[1] = event.sequence
    return state, None


@hr.machine(event=OUT, output=OUT, initial=int, name="twice")
def twice(state, key, total):  # type: ignore[no-untyped-def]
    """Two outputs for even totals, none for odd ones."""
    return state + 1, [(key, total), (key, -total)] if total % 2 == 0 else None


@hr.machine(event=OUT, output=OUT, initial=list, name="last")
def last(state, event):  # type: ignore[no-untyped-def]
    """Remembers negative totals, and refuses what is over a thousand."""
    if event.total > 1000:
        state.append("never kept")
        raise OverflowError(event.total)
    if event.total < 0:
        state.append(event.total)
    return state, (event.key, len(state))


def read(engine: hr.Engine) -> Records:
    """All outputs that are unread, in one array."""
    parts = [records.copy() for records in engine.outputs()]
    ring = engine.output_ring
    assert ring is not None
    return np.concatenate([np.zeros(0, ring.dtype), *parts])
