"""A journal's writer and reader put through a life on a disk that may lose its power.

`Story` remembers what was given to the journal, and what it has promised; `Session` does with a
journal what an engine does: opens it, recovers, appends, syncs, makes snapshots, drops what they
stand for, seals. Each event says in which life it was written, so that one that was lost, and
whose place another one has taken, cannot be mistaken for that.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from journal_tools import EVENT, SEGMENT_BYTES

from headrace.errors import JournalError
from headrace.journal.folder import take_lock
from headrace.journal.identity import Identity
from headrace.journal.notes import Called, Opened, Sealed
from headrace.journal.recovery import Tail
from headrace.journal.snapshots import Snapshot, drop_old_snapshots, write_snapshot
from headrace.journal.writer import Writer, drop_segments_before
from headrace.simulation import PowerCut, SimulatedDisk

FOLDER = "/journal"
IDENTITY = Identity(EVENT, "sums", "1", "0")


@dataclass
class Story:
    """What was given to a journal, in the order of the sequences, and what it has promised."""

    given: Any = field(default_factory=lambda: np.empty(0, EVENT))
    acknowledged: int = 0  # survives the process
    safe: int = 0  # survives the machine
    life: int = 0

    def next_events(self, count: int) -> Any:
        """New events, given from now on."""
        made = np.zeros(count, EVENT)
        made["key"] = self.life
        made["amount"] = np.arange(len(self.given), len(self.given) + count)
        self.given = np.concatenate([self.given, made])
        return made

    def digest(self, end: int) -> str:
        """Stands for a state: that behind the first `end` inputs."""
        return hashlib.sha256(self.given[:end].tobytes()).hexdigest()

    def recovered(self, end: int) -> None:
        """The inputs from `end` on are lost, and others will come."""
        self.given = self.given[:end]
        self.acknowledged = self.safe = end
        self.life += 1


class Session:
    """A journal that was opened, recovered from and is written to; checked against the story."""

    def __init__(
        self, disk: SimulatedDisk, story: Story, level: str, at_least: int | None = None
    ) -> None:
        self.disk = disk
        self.story = story
        self.level = level
        disk.make_folder(FOLDER)
        self.lock = take_lock(disk, FOLDER)
        tail = Tail(disk, FOLDER)
        self._check(tail, story.acknowledged if at_least is None else at_least)
        tail.cut()
        self.tear = tail.recovery.tear
        self.writer = Writer(
            disk,
            FOLDER,
            IDENTITY,
            level=level,
            segment_bytes=SEGMENT_BYTES,
            at=tail.end,
            journal_id=None if tail.reader is None else tail.journal_id,
        )
        story.recovered(self.writer.sequence)
        self.places = [self.writer.position]
        self._write(0, [Opened(self.writer.sequence, "sums", "1", "0")])

    def _check(self, tail: Tail, at_least: int) -> None:
        """What is there begins like what was given, has all that is safe, and nothing twice."""
        given = self.story.given
        snapshot = tail.recovery.snapshot
        end = 0
        assert tail.recovery.bad_snapshots == []
        if snapshot is not None:
            end = snapshot.sequence
            assert end <= len(given)
            assert snapshot.digest == self.story.digest(end), "the snapshot of other inputs"
        for frame in tail.frames():
            if frame.count:
                assert frame.first_sequence <= end
                part = given[frame.first_sequence : frame.header.end]
                assert frame.events.tobytes() == part.tobytes(), "inputs that were not given"
                end = max(end, frame.header.end)
            for note in frame.notes:
                if isinstance(note, Called):
                    assert frame.first_sequence <= note.sequence < frame.header.end
        assert tail.end is None or tail.end.sequence == end
        assert end >= at_least, f"{end} inputs instead of {at_least}"

    def append(self, count: int, notes: bool = False) -> None:
        first = len(self.story.given)
        self._write(count, [Called(n) for n in (first, first + count - 1)] if notes else [])

    def _write(self, count: int, notes: list[Any]) -> None:
        self.places.append(self.writer.position)
        events = self.story.next_events(count)
        self.writer.append(events, np.arange(count), notes)
        if self.level == "fsync":
            self.writer.sync()
        if self.level != "none":
            self.story.acknowledged = len(self.story.given)
        self._note_safe()

    def _note_safe(self) -> None:
        self.story.safe = max(self.story.safe, self.writer.synced_sequence)
        self.story.acknowledged = max(self.story.safe, self.story.acknowledged)

    def sync(self) -> None:
        self.writer.sync()
        self._note_safe()

    def spare(self) -> None:
        self.writer.prepare_spare(ready=True)

    def snapshot(self, kept: int = 2) -> None:
        self.sync()
        sequence = self.writer.sequence
        place = next(each for each in reversed(self.places) if each.sequence <= sequence)
        numbers = (place.number, place.offset, place.sequence, place.previous)
        made = Snapshot(
            sequence, [], self.story.digest(sequence), [], numbers, "0", (-1, -1)
        )
        write_snapshot(self.disk, FOLDER, self.writer.journal_id, made)
        oldest = drop_old_snapshots(self.disk, FOLDER, kept)
        if oldest is not None:
            drop_segments_before(self.disk, FOLDER, oldest)

    def seal(self) -> None:
        self.writer.seal(Sealed(self.writer.sequence))
        self._note_safe()
        self.writer.close()
        self.lock.release()


Life = Callable[[SimulatedDisk, Story], None]


def lived(life: Life, disk: SimulatedDisk, story: Story) -> bool:
    """Whether it came to its end; False: the power was cut."""
    try:
        life(disk, story)
    except PowerCut:
        return False
    return True


def operations_of(life: Life, disk: SimulatedDisk, story: Story) -> list[Any]:
    """What a life does to a copy of a disk."""
    trial = disk.after_kill()
    assert lived(life, trial, copy.deepcopy(story))
    return trial.operations


def crashed(
    life: Life, disk: SimulatedDisk, story: Story, parts: tuple[int, ...] = (100,)
) -> Iterator[tuple[SimulatedDisk, Story]]:
    """A life that ends at each of its operations, and in the middle of writes."""
    operations = operations_of(life, disk, story)
    for at in range(len(operations) + 1):
        cuttable = at < len(operations) and operations[at].kind in ("write", "create")
        for part in [None, *(parts if cuttable else ())]:
            trial = disk.after_kill()
            trial.crash_at, trial.crash_part = at, part
            told = copy.deepcopy(story)
            lived(life, trial, told)
            yield trial, told


def remains(
    disk: SimulatedDisk, story: Story, limit: int, seed: int = 0
) -> Iterator[tuple[SimulatedDisk, int]]:
    """What may be left of a disk, and how many inputs must be."""
    yield disk.after_kill(), story.acknowledged
    cuts = disk.power_cuts(limit + 1, seed=seed)
    next(cuts)  # that nothing is lost is what a kill is
    for after in cuts:
        yield after, story.safe


def check_recovery(disk: SimulatedDisk, story: Story, level: str, at_least: int) -> None:
    """Recovery succeeds; what is written then is read then."""
    told = copy.deepcopy(story)
    trial = disk.after_kill()
    try:
        session = Session(trial, told, level, at_least)
        session.append(3)
        session.append(900, notes=True)
        session.snapshot()
        session.append(2)
        session.seal()
        assert Session(trial, told, level).tear is None
    except (AssertionError, JournalError, OSError) as error:
        error.add_note(disk.origin)
        raise


def check_crashing_recovery(
    disk: SimulatedDisk, story: Story, level: str, at_least: int, limit: int
) -> None:
    """Recovery, and writing on, that are cut short at each of their operations."""

    def recover(trial: SimulatedDisk, told: Story) -> None:
        session = Session(trial, told, level, at_least)
        session.append(1)

    for number, (trial, told) in enumerate(crashed(recover, disk, story)):
        opened = told.life > story.life
        for after, least in remains(trial, told, limit, number):
            # What was never opened again is as safe as it was, and not safer.
            check_recovery(after, told, level, least if opened else min(least, at_least))
