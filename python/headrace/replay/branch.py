"""What might have been: another future from some place of a history on, beside the real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace.compose import Topology
from headrace.errors import UsageError
from headrace.events import as_events
from headrace.machine import Machine
from headrace.replay.changes import Change, changes
from headrace.replay.fold import Fold

if TYPE_CHECKING:
    from headrace.replay.history import History

Records = np.ndarray[Any, Any]
Edit = None | str | Mapping[str, Any] | Records | list[Any] | tuple[Any, ...] | Callable[..., Any]

DROP = "drop"


@dataclass(frozen=True)
class Branch:
    """Two futures from one place on: the one that was, and the one that an edit leads to."""

    at: int  # both are the same before this input
    end: int  # both go on to before this input of the history
    was: Any  # the state at the end, as it was
    state: Any  # and as it would have been
    was_outputs: Records  # since `at`, as they were
    outputs: Records  # and as they would have been
    parted: int | None  # the first input behind which the states differ; None: they never do

    @property
    def changes(self) -> list[Change]:
        """How the states at the end differ: from what was to what would have been."""
        return changes(self.was, self.state)

    @property
    def outputs_only_there(self) -> Records:
        """Outputs that were, and would not have been: without their ids, which shift."""
        return _only_in(self.was_outputs, self.outputs)

    @property
    def outputs_only_here(self) -> Records:
        """Outputs that would have been, and were not."""
        return _only_in(self.outputs, self.was_outputs)

    def __str__(self) -> str:
        if self.parted is None:
            told = "the states never differ"
        else:
            count = len(self.changes)
            told = f"the states differ behind input {self.parted:,}"
            if count:
                told += f"; at the end in {count:,} place{'' if count == 1 else 's'}"
            else:
                told += ", and are the same again at the end"
        gone, new = len(self.outputs_only_there), len(self.outputs_only_here)
        return (
            f"from input {self.at:,} to {self.end:,}: {told}; {gone:,} "
            f"output{'' if gone == 1 else 's'} gone, {new:,} new"
        )


def edited(event: Records, edit: Edit) -> Records:
    """What takes the place of an input: none, one or several events. Raises UsageError, DtypeError.

    `event`: an array of length 1.
    """
    dtype = event.dtype
    if edit is None:
        return event
    if isinstance(edit, str):
        if edit != DROP:
            raise UsageError(f"edit must be 'drop', fields, events or a function, not {edit!r}")
        return event[:0]
    if callable(edit):
        made = edit(event.copy())
        return event[:0] if made is None else as_events(dtype, made)
    if isinstance(edit, Mapping):
        unknown = set(edit) - set(dtype.names or ())
        if unknown:
            raise UsageError(f"an input has no field {min(unknown)!r}; it has {dtype.names}")
        values = {name: event[name][0] for name in dtype.names or ()}
        return as_events(dtype, {**values, **edit})
    return np.concatenate([as_events(dtype, edit), event])


def make_branch(
    history: History,
    at: int,
    edit: Edit,
    machine: Machine | Topology | None,
    end: int,
) -> Branch:
    """The two futures from input `at` to before input `end`."""
    was, here = history.fold_at(at), history.fold_at(at, machine)
    was_outputs, outputs = [], []
    parted: int | None = None
    for events, times in history.events(at, end):
        for index in range(len(events)):
            one, time = events[index : index + 1], times[index : index + 1]
            replaced = edited(one, edit) if was.sequence == at else one
            was_outputs.append(was.run(one, time))
            outputs.append(here.run(replaced, np.repeat(time, len(replaced))))
            if parted is None and changes(was.live_state, here.live_state):
                parted = was.sequence - 1
    return Branch(
        at, end, was.state, here.state, _joined(was_outputs, was), _joined(outputs, here), parted
    )


def _joined(parts: list[Records], fold: Fold) -> Records:
    parts = [part for part in parts if len(part)]
    return np.concatenate(parts) if parts else fold.no_outputs()


def _only_in(these: Records, others: Records) -> Records:
    """Records whose payload is not, or not that often, among the others."""
    left: dict[bytes, int] = {}
    for record in _payloads(others):
        left[record] = left.get(record, 0) + 1
    keep = []
    for index, record in enumerate(_payloads(these)):
        if left.get(record, 0):
            left[record] -= 1
        else:
            keep.append(index)
    return these[keep]


def _payloads(records: Records) -> list[bytes]:
    header = 32  # ids and times
    width = records.dtype.itemsize
    data = records.tobytes()
    return [data[at + header : at + width] for at in range(0, len(data), width or 1)]
