"""Streams of a topology as arrays: shared out, given positions, brought together again.

`Rows` are records taken apart: what a machine wrote, when and of which input, and the positions of
the splits around them (see headrace.compose.layout), which never go back within one stream.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headrace.compose.layout import Merge, Pair, Read, Share, Source
from headrace.compose.topology import PRESENT, paired_fields
from headrace.engine.sharing import places_of_shard
from headrace.events import POSITIONS, payload, record_dtype, ring_dtype
from headrace.keys import partition_of

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Rows:
    """Events with their input times and origins, int64, and positions, int64 (n, depth)."""

    events: Array
    times: Array
    origins: Array
    positions: Array
    records: Array | None = None  # as they were in their ring, if nothing was brought together

    def __len__(self) -> int:
        return len(self.events)

    def part(self, which: Any) -> Rows:
        """The rows at some places."""
        return Rows(
            self.events[which],
            self.times[which],
            self.origins[which],
            self.positions[which],
            None if self.records is None else self.records[which],
        )


def rows_of(records: Array, output: Any) -> Rows:
    """Rows of records of a ring, copied: they outlive the release of their slots."""
    records = records.copy()
    fields = records.dtype.names or ()
    positions = (
        records[POSITIONS] if POSITIONS in fields else np.empty((len(records), 0), np.int64)
    )
    return Rows(
        payload(records, output), records["input_time_ns"], records["origin"], positions, records
    )


def joined(parts: list[Rows]) -> Rows:
    """Rows one behind the other; of different depths, by the positions that all have."""
    if len(parts) == 1:
        return parts[0]
    depth = min(part.positions.shape[1] for part in parts)
    return Rows(
        np.concatenate([part.events for part in parts]),
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.origins for part in parts]),
        np.concatenate([part.positions[:, :depth] for part in parts]),
        _joined_records([part.records for part in parts]),
    )


def _joined_records(parts: list[Array | None]) -> Array | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or any(part.dtype != known[0].dtype for part in known):
        return None
    return np.concatenate(known)


def brought_together(source: Source, rows: dict[int, Rows]) -> Rows:
    """The stream of a source, of rows by ring: all there are up to some position."""
    if isinstance(source, Read):
        return rows[source.ring]
    parts = [brought_together(part, rows) for part in source.parts]
    if isinstance(source, Merge):
        return _merged(parts, source.level)
    return _paired(parts, source)


def _merged(parts: list[Rows], level: int) -> Rows:
    whole = joined(
        [
            replace(part, positions=part.positions[:, : level + 1], records=None)
            for part in parts
        ]
    )
    return whole.part(np.argsort(whole.positions[:, level], kind="stable"))


def within(positions: Array, last: tuple[int, int] = (-1, -1)) -> Array:
    """The number of each row among those of its position; `last`: position and number before.

    Rows of one position stand together; the positions themselves may go back.
    """
    count = len(positions)
    begins = np.flatnonzero(np.diff(positions, prepend=positions[:1] - 1))
    lengths = np.diff(begins, append=count)
    numbers: Array = np.arange(count) - np.repeat(begins, lengths)
    if count and positions[0] == last[0]:
        numbers[: lengths[0]] += last[1] + 1
    return numbers


def _paired(parts: list[Rows], pair: Pair) -> Rows:
    """The k-th row of a position of each part together: one pair."""
    level = pair.level
    places = [part.positions[:, level] for part in parts]
    numbers = [within(place) for place in places]
    # What there is a pair for, ascending: (position, number).
    all_places, all_numbers = np.concatenate(places), np.concatenate(numbers)
    order = np.lexsort((all_numbers, all_places))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(all_places[order]) != 0) | (np.diff(all_numbers[order]) != 0)
    pair_of = np.empty(len(order), np.int64)
    pair_of[order] = np.cumsum(new) - 1
    count = int(new.sum())
    made = Rows(
        np.zeros(count, pair.fanout.output),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty((count, level + 1), np.int64),
    )
    begin = 0
    for index, (part, branch) in enumerate(zip(parts, pair.fanout.paired, strict=True)):
        to = pair_of[begin : begin + len(part)]
        begin += len(part)
        made.times[to], made.origins[to] = part.times, part.origins
        made.positions[to] = part.positions[:, : level + 1]
        made.events[PRESENT][to] |= np.uint64(1 << index)
        for here, _, there in paired_fields(branch):
            made.events[here][to] = part.events if there is None else part.events[there]
    return made


def as_records(rows: Rows, output: Any, level: int, last: tuple[int, int]) -> Array:
    """Output records of rows: their ids are position and number within it, as of one machine."""
    records = np.empty(len(rows), record_dtype(output))
    positions = rows.positions[:, level]
    records["input_sequence"] = positions
    records["output_index"] = within(positions, last)
    records["input_time_ns"] = rows.times
    records["origin"] = rows.origins
    payload(records, output)[...] = rows.events
    return records


def shared_out(events: Array, first: int, shares: tuple[Share, ...]) -> Array | None:
    """The places (int64) of the events that are of all these shares; None: all are.

    `first`: the number of the first event in its stream.
    """
    select: Array | None = None
    for share in shares:
        if share.n == 1:
            continue
        if share.by is None:  # the outermost, always
            select = np.arange((share.index - first) % share.n, len(events), share.n)
            continue
        keys = _keys(events, share.by)
        mine = _places(keys if select is None else keys[select], share)
        select = mine if select is None else select[mine]
    return select


def _places(keys: Array, share: Share) -> Array:
    """The places of the keys of a share."""
    quick = places_of_shard(keys, share.n, share.index)
    return np.flatnonzero(partition_of(keys, share.n) == share.index) if quick is None else quick


def _keys(events: Array, by: tuple[str, ...]) -> Array:
    if events.dtype.names is None:
        return events
    keys: Array = events[by[0]] if len(by) == 1 else events[list(by)]
    return keys


def partitions_in(events: Array, by: tuple[str, ...], partitions: int) -> Array:
    """The partition (uint16) of each event."""
    return partition_of(_keys(events, by), partitions)


def positioned(records: Array, output: Any, depth: int, outer: Array | None) -> Array:
    """Records with `depth` positions: those of their inputs, `outer` (n, less), and their own."""
    made = np.empty(len(records), ring_dtype(output, depth))
    size = records.dtype.itemsize
    raw = made.view(np.uint8).reshape(len(made), made.dtype.itemsize)
    raw[:, :size] = records.view(np.uint8).reshape(len(made), size)
    positions = made[POSITIONS]
    known = 0 if outer is None else outer.shape[1]
    if outer is not None:
        positions[:, :known] = outer
    positions[:, known:] = records["input_sequence"][:, None]
    return made
