"""Figures of a journal: counts, rates over time, sizes, digests, clients."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from headrace.journal.notes import Called, Digest, Opened, Sealed
from headrace.journal.scan import Scan, scan
from headrace.journal.segment import Frame
from headrace.ports import Disk

BUCKETS_MAX = 1 << 16


class Rates:
    """How many inputs came when, in spans of time that grow with the time there is."""

    def __init__(self) -> None:
        self.width_ns = 1_000_000
        self.counts: Counter[int] = Counter()

    def add(self, times: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        """Count inputs that came at these times."""
        spans, counts = np.unique(times // self.width_ns, return_counts=True)
        for span, count in zip(spans.tolist(), counts.tolist(), strict=True):
            self.counts[span] += count
        while len(self.counts) > BUCKETS_MAX:
            self.width_ns *= 2
            merged: Counter[int] = Counter()
            for span, count in self.counts.items():
                merged[span // 2] += count
            self.counts = merged

    def rows(self, count: int) -> list[tuple[int, float, int]]:
        """At most so many spans of equal length: begin in ns, length in s, inputs."""
        if not self.counts:
            return []
        first, last = min(self.counts), max(self.counts)
        step = -(-(last - first + 1) // count)
        sums: Counter[int] = Counter()
        for span, inputs in self.counts.items():
            sums[(span - first) // step] += inputs
        return [
            ((first + at * step) * self.width_ns, step * self.width_ns / 1e9, sums[at])
            for at in range((last - first) // step + 1)
        ]


@dataclass
class Stats:
    """What a journal holds, in figures. Made by `stats`."""

    scan: Scan
    frame_bytes: list[int] = field(default_factory=list)
    frame_inputs: list[int] = field(default_factory=list)
    payload_bytes: int = 0  # of the events alone
    times: tuple[int, int] | None = None  # of the first and the last input, ns since 1970
    rates: Rates = field(default_factory=Rates)
    opened: Counter[str] = field(default_factory=Counter)  # by machine and version
    sealed: int = 0
    digests: list[int] = field(default_factory=list)  # the inputs that they stand before
    calls: int = 0
    clients: Counter[str] = field(default_factory=Counter)  # calls of each, of those that say who

    @property
    def inputs(self) -> int:
        """How many there are."""
        return sum(self.frame_inputs)

    def add(self, frame: Frame) -> None:
        """Count a frame."""
        self.frame_bytes.append(frame.header.frame_bytes)
        self.frame_inputs.append(frame.count)
        self.payload_bytes += frame.events.nbytes
        if frame.count:
            first = self.times[0] if self.times else int(frame.times[0])
            self.times = first, int(frame.times[-1])
            self.rates.add(frame.times)
        for note in frame.notes:
            if isinstance(note, Called):
                self.calls += 1
                if note.client:
                    self.clients[note.client] += 1
            elif isinstance(note, Digest):
                self.digests.append(note.sequence)
            elif isinstance(note, Opened):
                self.opened[f"{note.machine} version {note.version}"] += 1
            elif isinstance(note, Sealed):
                self.sealed += 1


def stats(disk: Disk, folder: str) -> Stats:
    """Read a whole journal, as far as it can be read. Raises JournalNotFound, OSError."""
    found = Stats(Scan(disk, folder))
    found.scan = scan(disk, folder, found.add)
    return found
