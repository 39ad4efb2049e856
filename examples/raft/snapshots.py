"""Snapshots stand for the beginning of the log, so that it does not grow for ever."""

from __future__ import annotations

import headrace as hr

from .log import entry_key
from .messages import Snapshot
from .state import Effects, State, snapshot_key
from .store import restored

ENTRIES_MAX = 5  # that are carried out and still in the log


def compact(state: State) -> Effects:
    """Take a snapshot, if enough entries are carried out."""
    applied = state.store.applied
    if applied - state.log.base < ENTRIES_MAX:
        return []
    return keep(state, state.store.snapshot(state.log.term(applied)))


def install(state: State, snapshot: Snapshot) -> Effects:
    """Take over what another node sent: it stands for entries that we lack."""
    state.installed += 1
    state.store = restored(snapshot)
    state.commit = snapshot.index
    return keep(state, snapshot)


def keep(state: State, snapshot: Snapshot) -> Effects:
    """Write a snapshot. The timer is set once it is safe: only then may entries be removed."""
    state.snapshot = snapshot
    state.log.compact(snapshot)
    return [hr.persist(snapshot_key(snapshot.index), snapshot), hr.timer("sweep", 0)]


def sweep(state: State) -> Effects:
    """Remove from the disk what the snapshot stands for, and the one before it."""
    old, state.swept = state.swept, state.snapshot.index
    keys = [snapshot_key(old), *(entry_key(at) for at in range(old + 1, state.swept + 1))]
    return [hr.persist(key, None, sync=False) for key in keys]
