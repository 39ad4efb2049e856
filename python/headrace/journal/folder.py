"""The names in a journal's folder, and its lock.

    0000000003-00000000000000786432.segment   number of the segment, first sequence in it
    00000000000001048576.snapshot             a state: that before this sequence
    spare                                     the next segment, zeros so far
    lock                                      held by whoever writes
    NAME.new                                  one of these that is being made
    kept/                                     copies of what was cut off or put aside
    outputs/                                  the journal of outputs, a folder like this one
    poison/                                   dead letters: events that killed who stepped over them
"""

from __future__ import annotations

import itertools
import json
import os
import re
import socket
import sys

from headrace.errors import JournalDamaged, JournalLocked, JournalNotFound
from headrace.ports import Disk, Lock

SPARE = "spare"
LOCK = "lock"
KEPT = "kept"
UNFINISHED = ".new"  # behind the name of a file that is being made
OUTPUTS = "outputs"
POISON = "poison"
_SEGMENT = re.compile(r"(\d{10})-(\d{20})\.segment")
_SNAPSHOT = re.compile(r"(\d{20})\.snapshot")


def segment_name(number: int, first_sequence: int) -> str:
    return f"{number:010d}-{first_sequence:020d}.segment"


def snapshot_name(sequence: int) -> str:
    return f"{sequence:020d}.snapshot"


def join(*parts: str) -> str:
    return "/".join(parts)


def is_own(name: str) -> bool:
    """Whether a name is that of a segment or a snapshot."""
    return bool(_SEGMENT.fullmatch(name) or _SNAPSHOT.fullmatch(name))


def segments_in(names: list[str]) -> list[tuple[int, int]]:
    """Number and first sequence of each segment among some names, in order, gaps or not."""
    return sorted((int(m[1]), int(m[2])) for m in map(_SEGMENT.fullmatch, names) if m)


def list_segments(disk: Disk, folder: str) -> list[tuple[int, int]]:
    """Number and first sequence of each segment, in order, from the names alone.

    Raises JournalNotFound; JournalDamaged where the numbers have a gap.
    """
    try:
        names = disk.names(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise no_journal(disk, folder) from None
    found = segments_in(names)
    for (number, _), (behind, first) in itertools.pairwise(found):
        if behind != number + 1:
            missing = f"{number + 1}" if behind == number + 2 else f"{number + 1} to {behind - 1}"
            raise JournalDamaged(
                f"segment {missing} is missing, with the inputs before {first:,}",
                file=join(folder, segment_name(behind, first)),
                offset=0,
                sequence=first,
            )
    return found


def no_journal(disk: Disk, folder: str, kind: str = "journal") -> JournalNotFound:
    """Why there is no journal, as an error."""
    path, _, name = folder.rpartition("/")
    try:
        disk.names(folder)
        what = "the folder holds no segment of one"
    except FileNotFoundError:
        what = "there is no such folder"
    except NotADirectoryError:
        what = "it is a file, and a journal is a folder"
        if is_own(name) and path:
            what = f"it is a file of the journal {path}"
    return JournalNotFound(f"{folder}: there is no {kind}: {what}")


def list_snapshots(disk: Disk, folder: str) -> list[int]:
    """The sequences of the snapshots that there are, in order, good or not."""
    return sorted(int(m[1]) for m in map(_SNAPSHOT.fullmatch, _names(disk, folder)) if m)


def holds_a_journal(disk: Disk, folder: str) -> bool:
    """Whether there is at least one segment."""
    return any(map(_SEGMENT.fullmatch, _names(disk, folder)))


def _names(disk: Disk, folder: str) -> list[str]:
    """The names in a folder; none if there is no folder."""
    try:
        return disk.names(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def remove_unfinished(disk: Disk, folder: str) -> None:
    """Remove what a writer that has died was making, under names that nobody reads."""
    for name in disk.names(folder):
        made = name.removesuffix(UNFINISHED)
        ours = made == SPARE or _SEGMENT.fullmatch(made) or _SNAPSHOT.fullmatch(made)
        if ours and made != name:
            disk.remove(join(folder, name))


def take_lock(disk: Disk, folder: str) -> Lock:
    """Become the one writer of a folder. Raises JournalLocked, saying who is."""
    me = {"pid": os.getpid(), "host": socket.gethostname(), "command": " ".join(sys.argv)[:200]}
    lock = disk.lock(join(folder, LOCK), json.dumps(me))
    if isinstance(lock, str):
        raise JournalLocked(f"{folder}: another writer has it open: {_who(lock)}")
    return lock


def _who(text: str) -> str:
    try:
        holder = json.loads(text)
        return f"process {holder['pid']} on {holder['host']} ({holder['command']})"
    except (ValueError, KeyError, TypeError):
        return text
