"""The journal of outputs: the records of an engine's last machine, in files like the inputs'."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import numpy as np

from headrace.errors import JournalDamaged, ReplayParted
from headrace.events import record_dtype
from headrace.journal.failing import failing
from headrace.journal.folder import OUTPUTS, holds_a_journal, join
from headrace.journal.identity import Identity
from headrace.journal.reader import Reader
from headrace.journal.recovery import Tail, cut_from
from headrace.journal.segment import Frame
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
        self.writer: Writer

    def open(self, made: int) -> None:
        """Find out what is there; `made`: how many outputs the snapshot knows of."""
        with failing(self.folder):
            self._settings.disk.make_folder(self.folder)
            self._read(made)

    def _read(self, made: int) -> None:
        disk = self._settings.disk
        at = journal_id = None
        if holds_a_journal(disk, self.folder):
            tail = Tail(disk, self.folder)
            assert tail.reader is not None
            tail.reader.identity.check_fits(self.folder, self._dtype, self._name)
            self._frames = [
                frame for frame in tail.frames() if frame.header.end > made and frame.count
            ]
            tail.cut()
            at, journal_id = tail.end, tail.journal_id
        have = 0 if at is None else at.sequence
        if have < made:
            raise JournalDamaged(
                f"outputs {have:,} to {made - 1:,} are missing; move the folder away to go on "
                "without the outputs so far",
                file=self.folder,
                offset=0,
                sequence=have,
            )
        self.writer = Writer(
            disk,
            self.folder,
            Identity(self._dtype, self._name, "", version("headrace")),
            level="os",
            segment_bytes=self._settings.segment_bytes,
            at=at,
            journal_id=journal_id,
        )

    def cut_behind(self, made: int) -> None:
        """Recovery has made so many outputs; those behind them are of inputs that are lost."""
        if self.writer.sequence > made:
            self.writer.close()
            with failing(self.folder):
                cut_from(self._settings.disk, self.folder, made)
                self._read(made)

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
