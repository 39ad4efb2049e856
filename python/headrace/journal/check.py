"""What is in a journal's folder, whether it is whole, and what is to be said about it.

Nothing is written. Works beside an engine that writes: what it is about to write is not damage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headrace.errors import JournalNotFound
from headrace.journal.folder import KEPT, LOCK, OUTPUTS, POISON, SPARE, is_own, join
from headrace.journal.layout import BLOCK_BYTES
from headrace.journal.scan import Break, Scan, scan
from headrace.ports import Disk

WHOLE, HARMLESS, DAMAGED = 0, 1, 2
DAMAGE, TEAR, SNAPSHOT, NOTE = "damage", "torn tail", "snapshot", "note"
_LEVELS = {DAMAGE: DAMAGED, TEAR: HARMLESS, SNAPSHOT: HARMLESS, NOTE: WHOLE}


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be; `kind`: DAMAGE, TEAR, SNAPSHOT or NOTE."""

    kind: str
    file: str
    offset: int
    reason: str
    inputs: tuple[int, int] | None = None  # [begin, end) that cannot be read, as far as known
    remedy: str = ""  # what is, or can be, done about it


@dataclass(frozen=True)
class Check:
    """What was found in a journal's folder, and in its journal of outputs."""

    scan: Scan
    findings: list[Finding]
    outputs: Check | None  # the journal of outputs, whose inputs are output records

    @property
    def level(self) -> int:
        """WHOLE; HARMLESS: nothing that was safe is missing; or DAMAGED."""
        own = max((_LEVELS[each.kind] for each in self.findings), default=WHOLE)
        return max(own, self.outputs.level if self.outputs else WHOLE)


def check(disk: Disk, folder: str) -> Check:
    """Read everything there is in a folder. Raises JournalNotFound, OSError."""
    found = scan(disk, folder)
    outputs = None
    below = join(folder, OUTPUTS)
    if disk.exists(below):
        try:
            made = scan(disk, below)
            told = [*_findings(made, of_outputs=True), *_missing_outputs(found, made)]
            outputs = Check(made, told, None)
        except (JournalNotFound, NotADirectoryError):
            pass
    own = sorted(_findings(found), key=lambda each: (each.file, each.offset))
    return Check(found, [*own, *_strangers(found)], outputs)


def _findings(found: Scan, *, of_outputs: bool = False) -> Iterator[Finding]:
    for segment in found.segments:
        if segment.mended is not None and segment.mended.exact:
            yield Finding(
                DAMAGE,
                segment.file,
                0,
                segment.header,
                (segment.name[1], segment.end) if segment.end > segment.name[1] else None,
                "repair: the header can be put together again, to the bit",
            )
    for each in found.breaks:
        yield _of_break(found, each)
    for stretch in found.stretches[: 0 if of_outputs else 1]:
        if stretch.begin and not found.damages and not found.covering(stretch):
            yield Finding(
                DAMAGE,
                found.segments[stretch.first].file,
                0,
                "the journal begins here, and no good snapshot stands for what was before",
                (0, stretch.begin),
                "nothing can be done: the inputs behind can be read, but no engine can go on",
            )
    for snapshot in found.snapshots:
        if snapshot.bad:
            yield Finding(
                SNAPSHOT,
                snapshot.file,
                0,
                snapshot.bad,
                None,
                "an engine passes it over for the one before; repair moves it to kept/",
            )
    for file, offset, _ in found.unused:
        yield Finding(
            NOTE, file, offset, "something stands behind the last frame; nothing is missing", None
        )


def _of_break(found: Scan, each: Break) -> Finding:
    place = each.position
    if each.torn:
        return Finding(
            TEAR,
            each.file,
            place.offset,
            f"{each.reason}; it was never synced, so nobody was told that it is safe",
            None,
            f"an engine cuts it off when it opens, and goes on at input {place.sequence:,}",
        )
    remedy = "headrace journal repair tells what can be done"
    return Finding(DAMAGE, each.file, place.offset, each.reason, each.missing, remedy)


def _missing_outputs(found: Scan, outputs: Scan) -> Iterator[Finding]:
    """Outputs that a snapshot knows of: they are not made again."""
    good = [each for each in found.snapshots if not each.bad]
    have = outputs.end.sequence
    if good and good[-1].made > have and not outputs.damages:
        yield Finding(
            DAMAGE,
            outputs.segments[-1].file if outputs.segments else outputs.folder,
            outputs.end.offset,
            f"the outputs end here, and the snapshot before input {good[-1].sequence:,} knows of "
            "more",
            (have, good[-1].made),
            "headrace journal repair tells what can be done",
        )


def _strangers(found: Scan) -> Iterator[Finding]:
    """What is in the folder and is neither segment nor snapshot."""
    for name in found.disk.names(found.folder):
        path = join(found.folder, name)
        if is_own(name) or name in (LOCK, KEPT, OUTPUTS, POISON):
            continue
        if name == SPARE:
            if spare_is_used(found.disk, found.folder):
                yield Finding(
                    NOTE, path, 0, "a segment that was begun and has no name yet", None, _LEFT
                )
        elif is_leftover(name):
            yield Finding(NOTE, path, 0, "a file that was being made", None, _LEFT)
        else:
            yield Finding(NOTE, path, 0, "no file of a journal", None, "it is left alone")


_LEFT = "harmless; an engine is making it, or died over it: repair moves it to kept/"


def is_leftover(name: str) -> bool:
    """Whether a file was being made when its maker died."""
    return name.endswith(".new") and (is_own(name[:-4]) or name == SPARE + ".new")


def spare_is_used(disk: Disk, folder: str) -> bool:
    """Whether there is a spare segment that is not zeros."""
    if not disk.exists(join(folder, SPARE)):
        return False
    file = disk.open(join(folder, SPARE))
    try:
        return any(file.read(0, BLOCK_BYTES))
    finally:
        file.close()
