"""Machines for the engine with a journal: a dict of records, every kind of step, a pipeline."""

from __future__ import annotations

import ctypes
import functools
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import headrace as hr

EVENT = np.dtype([("kind", "<i4"), ("key", "<i4"), ("value", "<i8")])
STATE = np.dtype([("sums", "<i8", 4), ("seen", "<i8")])
BAD = 0  # events of this kind fail, once all is done
BAD_BEHIND = -1  # and these in the second machine
SOURCE = r"""
#include <headrace/step.h>
typedef struct { int32_t kind, key; int64_t value; } event_t;
typedef struct { int64_t sums[4], seen; } state_t;
int64_t one(void *s, const void *e, int64_t sequence, int64_t time, void *out) {
    state_t *state = s; const event_t *event = e; event_t *output = out;
    state->sums[event->key] += event->value;
    state->seen++;
    if (event->kind == 0) return -1 - event->key;
    for (int32_t i = 0; i < event->kind % 3; i++)
        output[i] = (event_t){i, event->key, state->sums[event->key]};
    return event->kind > 0 ? event->kind % 3 : 0;
}
"""


@dataclass
class Account:
    """A part of a state: what became of one key."""

    total: int
    seen: list[int]  # sequences, of the last few
    time_ns: int = 0


def book(state, event):  # type: ignore[no-untyped-def]
    """Depends on all that a step is told, and works in place before it fails."""
    account = state.setdefault(event.key, Account(0, []))
    account.total += event.value
    account.seen = [*account.seen[-3:], event.sequence]
    account.time_ns = event.time_ns
    if event.kind == BAD:
        raise ValueError(event.key)
    made = (event.time_ns % 1000, event.key, account.total)
    return state, [made] * (max(0, event.kind) % 3)


def fixed(state, kind, key, value):  # type: ignore[no-untyped-def]
    state["sums"][key] += value
    state["seen"] += 1
    if kind == BAD:
        raise ValueError(key)
    return state, [(n, key, int(state["sums"][key])) for n in range(max(0, kind) % 3)]


def fixed_batch(state, events):  # type: ignore[no-untyped-def]
    made, of = [], []
    for index, event in enumerate(events.tolist()):
        _, outputs = fixed(state, *event)
        made += outputs
        of += [index] * len(outputs)
    return state, (np.array(made, EVENT), np.array(of, np.int64))


def split(state, kind, key, value, time_ns):  # type: ignore[no-untyped-def]
    """Up to two events for the machine behind it."""
    state[key] = (state.get(key, (0, 0))[0] + value, time_ns)
    if kind == BAD:
        raise KeyError(key)
    return state, [(kind, key + n, value + n) for n in range(2 if kind < 0 else kind % 3)]


def behind(state, kind, key, value, sequence):  # type: ignore[no-untyped-def]
    state.append((key, sequence))
    del state[:-5]
    if kind == BAD_BEHIND and key % 2:
        raise OverflowError(value)
    return state, (kind, key, value + len(state)) if value % 2 else None


@functools.cache
def machines() -> dict[str, Any]:
    """By name."""
    with tempfile.TemporaryDirectory(prefix="headrace-native-") as folder:
        source, library = Path(folder, "step.c"), Path(folder, "step.so")
        source.write_text(SOURCE)
        command = ["cc", "-O2", "-shared", "-fPIC", f"-I{hr.get_include()}", "-o"]
        subprocess.run([*command, library, source], check=True)
        native = hr.Native(step=ctypes.CDLL(str(library)).one, outputs_max=2)
    make: dict[str, Any] = {"event": EVENT, "output": EVENT}
    kinds = {"step_batch": fixed_batch, "native": native}
    return {
        "dict": hr.machine(**make, initial=dict, name="book")(book),
        "kinds": hr.machine(
            **make, initial=lambda: np.zeros((), STATE), name="fixed", **kinds
        )(fixed),
        "pipeline": hr.machine(**make, initial=dict, name="split")(split)
        >> hr.machine(**make, initial=list, name="behind")(behind),
    }
