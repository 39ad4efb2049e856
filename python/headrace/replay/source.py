"""A journal to be stepped over again: its inputs, its snapshots, and what is noted about them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from headrace.compose import Topology, as_topology
from headrace.errors import StepError, UsageError
from headrace.journal.folder import list_snapshots, no_journal
from headrace.journal.index import Index
from headrace.journal.layout import BadHeader
from headrace.journal.notes import Called, Digest, Opened
from headrace.journal.poison import read_poison
from headrace.journal.reader import Reader
from headrace.journal.settings import Journal
from headrace.journal.snapshots import Snapshot, read_snapshot
from headrace.machine import Machine
from headrace.ports import Disk, LocalDisk
from headrace.replay.fold import Fold, name_of, version_of
from headrace.replay.net_fold import fold_of


class FailedSteps:
    """How many steps raised, and what the first of them did."""

    def __init__(self) -> None:
        self.count = 0
        self.first: StepError | None = None

    def add(self, error: StepError) -> None:
        """One more."""
        self.count += 1
        self.first = self.first or error

    def __str__(self) -> str:
        return f"{self.count:,}, which changed nothing; the first: {self.first}"


class Source:
    """A journal, opened to be read; nothing in it is changed, and an engine may go on writing it.

    Raises JournalNotFound, JournalDamaged, JournalMismatch, UsageError.
    """

    def __init__(self, path: Any, machine: Machine | Topology) -> None:
        self.disk: Disk
        if isinstance(path, Journal):
            self.disk, self.folder = path.disk, path.path
        elif isinstance(path, (str, os.PathLike)):
            self.disk, self.folder = LocalDisk(), os.fspath(path)
        else:
            raise UsageError(f"path must be a folder or a headrace.Journal, not {path!r}")
        self.machine = machine
        self.reader = Reader(self.disk, self.folder)
        if not self.reader.names:
            raise no_journal(self.disk, self.folder)
        self.journal_id = self.reader.segment(*self.reader.names[-1]).header.journal_id
        event = as_topology(machine).event
        identity = self.reader.identity
        # By what name it goes does not matter: other machines may be tried on a journal.
        identity.check_events(self.folder, event, name_of(machine))
        self.index = Index(self.reader)
        self.called: set[int] = set()
        self.writer = identity.machine, identity.version  # who wrote last
        self.digests: dict[int, list[Digest]] = {}
        self.refresh()
        # Whether the end is where the journal ends, or where it is damaged.
        for _ in self.reader.frames(self.index.end_place):
            pass

    def refresh(self) -> None:
        """Read the notes anew, as far as the journal goes now."""
        self.reader.refresh()
        for note in self.index.notes():
            if isinstance(note, Called):
                self.called.add(note.sequence)
            elif isinstance(note, Opened):
                self.writer = note.machine, note.version
            elif isinstance(note, Digest):
                known = self.digests.setdefault(note.sequence, [])
                if note not in known:
                    known.append(note)

    @property
    def other_writer(self) -> str | None:
        """Who wrote the journal last, if by name or version it was another machine."""
        have = name_of(self.machine), version_of(self.machine)
        if self.writer == have:
            return None
        return f"{self.writer[0]} (version {self.writer[1]}), not by {have[0]} (version {have[1]})"

    def fold(
        self,
        step: str | None = None,
        machine: Machine | Topology | None = None,
        on_failure: Callable[[StepError], None] = lambda error: None,
    ) -> Fold:
        """A fold that passes failed steps over, as the engine did or could have done.

        `on_failure` is told of each. `machine`: another one. Raises JournalMismatch.
        """

        def pass_over(error: StepError, event: Any) -> bool:
            on_failure(error)
            return True

        if machine is not None:
            event, name = as_topology(machine).event, name_of(machine)
            self.reader.identity.check_events(self.folder, event, name)
        fold = fold_of(machine or self.machine, step, pass_over)
        fold.refuse(read_poison(self.disk, self.folder, self.journal_id.hex()))
        return fold

    def snapshot_sequences(self) -> list[int]:
        """Where there are snapshots, in order."""
        return list_snapshots(self.disk, self.folder)

    def snapshot(self, sequence: int) -> Snapshot | None:
        """A snapshot, unless it is damaged."""
        try:
            return read_snapshot(self.disk, self.folder, sequence, self.journal_id)
        except (BadHeader, OSError):
            return None
