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
    state.kept.append(snapshot.index)
    return [hr.persist(snapshot_key(snapshot.index), snapshot), hr.timer("sweep", 0)]


def sweep(state: State) -> Effects:
    """Remove from the disk what the snapshot stands for, and those before it.

    By the time the timer runs out there may be a newer snapshot, which is being written. What is
    removed here waits for that, as all effects do; but the timer comes again then.
    """
    old, state.swept = state.swept, state.snapshot.index
    entries = [entry_key(index) for index in range(old + 1, state.swept + 1)]
    snapshots = [snapshot_key(index) for index in state.kept if index < state.swept]
    state.kept = [state.swept]
    return [hr.persist(key, None, sync=False) for key in (*snapshots, *entries)]
