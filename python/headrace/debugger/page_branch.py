"""A branch as data: both futures side by side, where they are the same told shortly."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.debugger.page_states import StateTracker
from headrace.debugger.page_text import record_texts, visible
from headrace.events import HEADER_FIELDS
from headrace.replay import Branch

Records = np.ndarray[Any, Any]
Row = list[Any]

ROWS_MAX = 2_000  # of outputs
SAME_SHOWN = 2  # equal outputs before and behind each that differs
_HEADER = len(HEADER_FIELDS)


def branch_data(branch: Branch, names: Any) -> dict[str, Any]:
    """What the page shows of a branch. `names`: of the machines of a pipeline."""
    tracker = StateTracker(branch.was, names)
    edits = tracker.changes(branch.state)
    rows = _rows(branch)
    short = _without_sameness(rows)
    return {
        "at": branch.at,
        "end": branch.end,
        "parted": branch.parted,
        "told": str(branch),
        "shapes": tracker.shapes.table,
        "tree": tracker.tree,
        "edits": edits,
        "counts": [len(branch.was_outputs), len(branch.outputs)],
        "fields": [_fields(branch.was_outputs), _fields(branch.outputs)],
        "rows": short[:ROWS_MAX],
        "left_out": max(0, len(short) - ROWS_MAX),
    }


def _fields(records: Records) -> list[str]:
    return [visible(name) for name in (records.dtype.names or ())[_HEADER:]]


def _rows(branch: Branch) -> list[Row]:
    """Pairs of outputs, [was, is]; None where one future has nothing of the kind."""
    was, now = _cells(branch.was_outputs), _cells(branch.outputs)
    gone, new = _ids(branch.outputs_only_there), _ids(branch.outputs_only_here)
    rows: list[Row] = []
    i = j = 0
    while i < len(was) or j < len(now):
        left = was[i] if i < len(was) else None
        right = now[j] if j < len(now) else None
        left_alone = left is not None and tuple(left[0]) in gone
        right_alone = right is not None and tuple(right[0]) in new
        if left_alone != right_alone:  # one of the two stands alone
            left, right = (left, None) if left_alone else (None, right)
        rows.append([left, right, left_alone or right_alone])
        i += left is not None
        j += right is not None
    return rows


def _cells(records: Records) -> list[Row]:
    return [[list(_id(record)), record_texts(record)[_HEADER:]] for record in records]


def _ids(records: Records) -> set[tuple[int, int]]:
    return set(map(_id, records))


def _id(record: Any) -> tuple[int, int]:
    return int(record["input_sequence"]), int(record["output_index"])


def _without_sameness(rows: list[Row]) -> list[Row]:
    """Long runs of equal outputs become their number, in a row of its own."""
    differ = [index for index, row in enumerate(rows) if row[2]]
    keep: set[int] = set()
    for index in differ:
        keep.update(range(index - SAME_SHOWN, index + SAME_SHOWN + 1))
    if not differ:
        keep.update(range(SAME_SHOWN))
    short: list[Row] = []
    left_out = 0
    for index, row in enumerate(rows):
        if index in keep:
            if left_out:
                short.append([left_out])
            left_out = 0
            short.append(row)
        else:
            left_out += 1
    return [*short, [left_out]] if left_out else short
