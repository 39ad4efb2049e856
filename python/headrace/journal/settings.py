"""How an engine is to keep its journal."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from headrace.errors import UsageError
from headrace.journal.layout import BLOCK_BYTES
from headrace.ports import Disk, LocalDisk

LEVELS = ("fsync", "os", "none")
SEGMENT_BYTES_MIN = 64 * 1024


@dataclass(frozen=True)
class Journal:
    """A journal: where it is, and how it is kept. `Engine(machine, journal=Journal("path"))`.

    `level`: when an input counts as safe, so that its answer and outputs may leave: "fsync" when
    it is on the disk, "os" when the operating system has it (survives the process, not the
    machine), "none" at once. `segment_bytes`: size of the files. `snapshot_every` inputs, and
    `snapshot_seconds`, a state is written (None: only by `Engine.snapshot`); the last
    `snapshots_kept` are kept (None: all). `keep`: "all" inputs, or only those behind the oldest
    kept snapshot ("snapshots"). `digest_every`: how many inputs may lie between two digests of
    the state, by which a replay is checked (None: as many as cost less than 1 % of the stepping).
    `outputs`: keep a journal of the outputs as well. `clients_max`: of how many clients the last
    answer is kept. `disk`: where all that is.

    Raises UsageError.
    """

    path: str
    level: str = "fsync"
    segment_bytes: int = 64 << 20
    snapshot_every: int | None = 1_000_000
    snapshot_seconds: float | None = None
    snapshots_kept: int | None = 32
    keep: str = "all"
    digest_every: int | None = None
    outputs: bool = False
    clients_max: int = 10_000
    disk: Disk = field(default_factory=LocalDisk, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", os.fspath(self.path).rstrip("/") or "/")
        if self.level not in LEVELS:
            raise UsageError(f"level must be one of {', '.join(LEVELS)}, not {self.level!r}")
        if self.keep not in ("all", "snapshots"):
            raise UsageError(f"keep must be 'all' or 'snapshots', not {self.keep!r}")
        self._check_count("segment_bytes", self.segment_bytes, SEGMENT_BYTES_MIN)
        if self.segment_bytes % BLOCK_BYTES:
            raise UsageError(
                f"segment_bytes must be a multiple of {BLOCK_BYTES:,}, not {self.segment_bytes:,}"
            )
        self._check_count("clients_max", self.clients_max, 0)
        for name in ("snapshot_every", "snapshots_kept", "digest_every"):
            if getattr(self, name) is not None:
                self._check_count(name, getattr(self, name), 1)
        seconds = self.snapshot_seconds
        if seconds is not None and not (isinstance(seconds, (int, float)) and seconds > 0):
            raise UsageError(f"snapshot_seconds must be a positive number, not {seconds!r}")

    @property
    def local_path(self) -> str | None:
        """The folder, if other processes find it there."""
        return self.path if isinstance(self.disk, LocalDisk) else None

    def _check_count(self, name: str, value: Any, least: int) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise UsageError(f"{name} must be an integer of {least:,} or more, not {value!r}")


def as_journal(journal: Any) -> Journal:
    """What a user gave as `journal=`: a path, or settings."""
    if isinstance(journal, Journal):
        return journal
    if isinstance(journal, (str, os.PathLike)):
        return Journal(os.fspath(journal))
    raise UsageError(f"journal must be a path or a headrace.Journal, not {journal!r}")
