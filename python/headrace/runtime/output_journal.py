"""The journal of outputs: the records of an engine's last machine, in files like the inputs'."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from headrace.errors import JournalDamaged, ReplayParted
from headrace.events import record_dtype
from headrace.journal.failing import failing
from headrace.journal.folder import OUTPUTS, holds_a_journal, join
from headrace.journal.identity import Identity, own_version
from headrace.journal.reader import Reader
from headrace.journal.recovery import Tail, shorten
from headrace.journal.segment import Frame, Position
from headrace.journal.settings import Journal
from headrace.journal.writer import Writer
from headrace.machine import Machine
from headrace.ports import Disk

Records = np.ndarray[Any, Any]


class OutputJournal:
    """The journal of the last machine's outputs, in a folder of the inputs' one.

    Outputs follow from the inputs, so nothing waits for it; but no snapshot is made before the
    outputs of its inputs are in here.
    """

    def __init__(self, settings: Journal, machine: Machine) -> None:
        assert machine.output is not None
        self._settings = settings
        self.folder = join(settings.path, OUTPUTS)
        self._dtype = record_dtype(machine.output)
        self._name = machine.name
        self._frames: list[Frame] = []
        self._tail: Tail | None = None
        self.writer: Writer

    def open(self, made: int) -> None:
        """Find out what is there; `made`: how many outputs the snapshot knows of."""
        disk = self._settings.disk
        with failing(self.folder):
            disk.make_folder(self.folder)
        if holds_a_journal(disk, self.folder):
            tail = self._tail = Tail(disk, self.folder, begins_anywhere=True)
            assert tail.reader is not None
            tail.reader.identity.check_fits(self.folder, self._dtype, self._name)
            for frame in tail.frames():
                if frame.header.end > made:
                    self._frames.append(frame)
            with failing(self.folder):
                tail.cut()
            assert tail.end is not None
            have = tail.end.sequence
            if have < made:
                raise JournalDamaged(
                    f"outputs {have:,} to {made - 1:,} are missing; move the folder away to go on "
                    "without the outputs so far",
                    file=self.folder,
                    offset=0,
                    sequence=have,
                )
            self.writer = self._writer(tail.end, tail.journal_id)
        else:
            self.writer = self._writer(None, None, made)

    def _writer(
        self, at: Position | None, journal_id: bytes | None, first_sequence: int = 0
    ) -> Writer:
        return Writer(
            self._settings.disk,
            self.folder,
            Identity(self._dtype, self._name, "", own_version()),
            level="os",
            segment_bytes=self._settings.segment_bytes,
            at=at,
            journal_id=journal_id,
            first_sequence=first_sequence,
        )

    def cut_to(self, made: int) -> None:
        """Cut off what is here beyond the outputs that there are, now that all are made again.

        These were made of inputs that the journal has lost, which not every level prevents. Those
        before a snapshot would not be made again, and are safe meanwhile.
        """
        if self.writer.sequence <= made:
            return
        assert self._tail is not None
        first = next(frame for frame in self._frames if frame.header.end > made)
        with failing(self.folder):
            self.writer.close()
            left = max(0, made - first.first_sequence)
            end = shorten(self._settings.disk, self.folder, first, left)
            self.writer = self._writer(end, self._tail.journal_id)
        self._frames = []

    def made_again(self, records: Records, end: int) -> None:
        """Write outputs that are not there yet, and compare those that are.

        `end`: how many outputs there are with these. Raises ReplayParted.
        """
        first = end - len(records)
        for frame in self._frames:
            begin, stop = max(first, frame.first_sequence), min(end, frame.header.end)
            if begin >= stop:
                continue
            was = frame.events[begin - frame.first_sequence : stop - frame.first_sequence]
            now = records[begin - first : stop - first]
            if was.tobytes() != now.tobytes():
                index = next(i for i in range(len(was)) if was[i].tobytes() != now[i].tobytes())
                at = int(was[index]["input_sequence"])
                raise ReplayParted(
                    f"{frame.place}: output {begin + index:,}, of input {at:,}, was {was[index]}, "
                    f"and is {now[index]} now: the machine is not the one that made it, or not "
                    "deterministic (headrace replay --verify tells more)",
                    at,
                    at,
                )
        self._frames = [frame for frame in self._frames if frame.header.end > end]
        new = records[max(0, self.writer.sequence - first) :]
        if len(new):
            self.writer.append(new, np.ascontiguousarray(new["input_time_ns"]))


def begins_behind(disk: Disk, folder: str, after: tuple[int, int]) -> bool:
    """Whether outputs behind an id may have been made before the journal of them was begun."""
    reader = Reader(disk, join(folder, OUTPUTS))
    if not reader.first_sequence:
        return False
    first = next((frame.events[0] for frame in reader.frames() if frame.count), None)
    return first is None or after < (int(first["input_sequence"]), int(first["output_index"]))


def read_outputs(
    disk: Disk, folder: str, after: tuple[int, int] | None = None
) -> Iterator[Records]:
    """All outputs behind an id (input sequence, index), as arrays of records, from the journal.

    Raises JournalNotFound, JournalDamaged.
    """
    for frame in Reader(disk, join(folder, OUTPUTS)).frames():
        records = frame.events
        if after is not None:
            sequence, index = after
            inputs = records["input_sequence"]
            new = (inputs > sequence) | ((inputs == sequence) & (records["output_index"] > index))
            records = records[new]
        if len(records):
            yield records
