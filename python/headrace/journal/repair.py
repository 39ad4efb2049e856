"""Making a damaged journal one that an engine can go on with, and saying beforehand what it costs.

Nothing is deleted: whole files are moved to the folder `kept`, and what is written over is copied
there first. Each step leaves a journal that can be repaired, so a repair that is interrupted is
finished by the next one.

An engine lives on a stretch of the journal: segments that follow on each other without damage, from
the first input on or from a snapshot. The last such stretch has the newest state. What is behind
it has to go; what is before it is set aside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from headrace.errors import HeadraceError
from headrace.journal.check import Check, check, is_leftover, spare_is_used
from headrace.journal.folder import (
    KEPT,
    OUTPUTS,
    SPARE,
    holds_a_journal,
    join,
    list_snapshots,
    no_journal,
    take_lock,
)
from headrace.journal.reader import Reader
from headrace.journal.recovery import Tail, cut_file, free_name, keep_bytes, shorten
from headrace.journal.scan import Scan, Stretch
from headrace.ports import Disk


@dataclass(frozen=True)
class Step:
    """One thing that a repair does; `loses`: what is not in the journal any more behind it."""

    text: str
    run: Callable[[], None]
    loses: str = ""


class Repair:
    """What can be done about a journal's folder; it is locked until this is closed.

    `steps`: in order. `hopeless`: what nothing can be done about. `cut`: also where an engine can
    go on from a snapshot behind the damage, cut everything from the damage on. Raises
    JournalNotFound, JournalLocked, OSError.
    """

    def __init__(self, disk: Disk, folder: str, *, cut: bool = False) -> None:
        if not holds_a_journal(disk, folder) and not list_snapshots(disk, folder):
            raise no_journal(disk, folder)
        self._disk = disk
        self._folder = folder
        self._lock = take_lock(disk, folder)
        self.steps: list[Step] = []
        self.hopeless: list[str] = []
        try:
            self.check: Check = check(disk, folder)
            self._plan(cut)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others open the journal."""
        self._lock.release()

    def __enter__(self) -> Repair:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def losses(self) -> list[str]:
        """What is not in the journal any more afterwards; a copy is kept all the same."""
        return [step.loses for step in self.steps if step.loses]

    def run(self, tell: Callable[[str], None] = lambda text: None) -> None:
        """Do all steps. Raises OSError, JournalFailed."""
        if self.steps:
            self._disk.make_folder(join(self._folder, KEPT))
        for step in self.steps:
            step.run()
            tell(step.text)

    # Planning.

    def _plan(self, cut: bool) -> None:
        found = self.check.scan
        self._plan_headers(found)
        stretch = self._choose(found, cut)
        if stretch is not None:
            self._plan_stretch(found, stretch)
        self._plan_snapshots(found, stretch)
        if stretch is not None:
            self._plan_outputs(found, stretch)
        self._plan_leftovers(found)

    def _plan_headers(self, found: Scan) -> None:
        for segment in found.segments:
            if segment.mended is not None and segment.mended.exact:
                data = segment.mended.data
                self._do(
                    f"{self._name(segment.file)}: write its header anew, as it was "
                    f"({segment.header})",
                    partial(self._mend, segment.file, data),
                )

    def _choose(self, found: Scan, cut: bool) -> Stretch | None:
        """The stretch that an engine is to go on with; None: leave all as it is."""
        usable = [s for s in found.stretches if s.begin == 0 or found.covering(s)]
        if not usable:
            self.hopeless.append(
                "no part of it begins at the first input, or at a snapshot that is whole, so no "
                "engine can go on with it; `headrace journal show` reads what is intact"
            )
            return None
        newest = usable[-1]
        if found.damages and not cut and self._opens_up_to(found) > newest.end.sequence:
            last = found.damages[-1]
            self.hopeless.append(
                f"{self._name(last.file)}, byte {last.position.offset:,}: the damage lies before "
                "the newest snapshot, from which an engine goes on, and in the same segment as "
                "what is behind it. Nothing needs to be cut. Once there is a snapshot in a later "
                "segment, repair can move the damaged one aside; --cut cuts now, and loses what "
                "is behind the damage"
            )
            return None
        return newest

    def _opens_up_to(self, found: Scan) -> int:
        """Behind which input an engine would go on with it as it is; -1: it could not."""
        try:
            tail = Tail(found.disk, found.folder)
            for _ in tail.frames():
                pass
        except HeadraceError:
            return -1
        return -1 if tail.end is None else tail.end.sequence

    def _plan_stretch(self, found: Scan, stretch: Stretch, *, of_outputs: bool = False) -> None:
        first, end = found.segments[stretch.first], stretch.end
        covered = found.covering(stretch)
        past = f"the past before input {first.name[1]:,} cannot be looked at any more"
        if of_outputs:
            past = f"outputs before {first.name[1]:,} are not kept any more; a replay has them"
        for segment in found.segments[: stretch.first]:
            self._set_aside(
                segment.file,
                f"the damage is in it or behind it; the snapshot before input {covered[-1]:,} has "
                "the state: " if covered else "",
                past if segment is found.segments[0] else "",
            )
        last = found.segments[stretch.last]
        behind = found.segments[stretch.last + 1 :]
        broken = [each for each in found.breaks if each.position == end]
        lost = "" if of_outputs else self._lost(found, stretch)
        for segment in reversed(behind):
            self._set_aside(segment.file, "it is behind the place where the journal ends now: ")
        if broken or behind:
            what = "the torn tail" if broken and broken[0].torn else "what is behind the damage"
            self._do(
                f"{self._name(last.file)}: cut {what} from byte {end.offset:,} on; a copy goes to "
                "kept/",
                partial(self._cut, last.file, end.offset),
                lost,
            )

    def _lost(self, found: Scan, stretch: Stretch) -> str:
        """Which inputs are not in the journal any more when it ends with a stretch."""
        end = stretch.end.sequence
        last = max([segment.end for segment in found.segments[stretch.last :]], default=end)
        known = max(
            [last]
            + [each.missing[1] for each in found.damages if each.missing is not None]
            + [each.sequence for each in found.snapshots if not each.bad]
        )
        if known <= end:
            return ""
        holes = [each.missing for each in found.damages if each.missing and each.missing[0] >= end]
        unreadable = sum(b - a for a, b in holes)
        readable = known - end - unreadable
        told = f"inputs {end:,} to {known - 1:,}: {unreadable:,} cannot be read"
        return told + (f", {readable:,} are intact and copied to kept/" if readable > 0 else "")

    def _plan_snapshots(self, found: Scan, stretch: Stretch | None) -> None:
        for snapshot in found.snapshots:
            if snapshot.bad:
                why = f"{snapshot.bad}: "
            elif stretch is None:
                continue
            elif snapshot.sequence > stretch.end.sequence:
                why = "it knows of inputs that the journal has lost: "
            elif snapshot.sequence < stretch.begin:
                why = "the inputs behind it are not there: "
            else:
                continue
            self._set_aside(snapshot.file, why)

    def _plan_outputs(self, found: Scan, stretch: Stretch) -> None:
        made = self.check.outputs
        if made is None or not made.scan.segments:
            return
        outputs = made.scan
        self._plan_headers(outputs)
        kept = outputs.stretches[0] if outputs.stretches else None
        have = kept.end.sequence if kept is not None else 0
        covering = found.covering(stretch)
        start = [each for each in found.snapshots if each.sequence in covering]
        late = [each for each in start if each.made > have]
        if late and stretch.begin and len(late) == len(start):
            # From no snapshot that there is could they be made again.
            self._plan_no_outputs(outputs, start[-1].made)
            return
        if kept is None:
            self._plan_no_outputs(outputs, 0)
        elif outputs.breaks or kept.last + 1 < len(outputs.segments):
            self._plan_stretch(outputs, kept, of_outputs=True)
        for each in late:
            self._set_aside(
                each.file,
                f"outputs before it are lost, and are made again from an earlier state "
                f"({have:,} are left): ",
            )
        if kept is not None and any(each.position == stretch.end for each in found.breaks):
            end = stretch.end.sequence
            self._do(
                f"{OUTPUTS}/: cut the outputs of input {end:,} and of those behind it",
                partial(self._cut_outputs, end),
            )

    def _plan_no_outputs(self, outputs: Scan, made: int) -> None:
        """Go on without the outputs so far; those behind `made` are made again."""
        for segment in reversed(outputs.segments):
            last = segment is outputs.segments[0]
            loses = f"outputs before {made:,} are not kept any more" if last and made else ""
            self._set_aside(segment.file, "outputs that do not reach a snapshot: ", loses)

    def _plan_leftovers(self, found: Scan) -> None:
        for folder in (found.folder, join(found.folder, OUTPUTS)):
            if not self._disk.exists(folder):
                continue
            for name in self._disk.names(folder):
                if is_leftover(name):
                    self._set_aside(join(folder, name), "left over: ")
            if spare_is_used(self._disk, folder):
                self._set_aside(join(folder, SPARE), "a segment that was begun: ")

    def _do(self, text: str, run: Callable[[], None], loses: str = "") -> None:
        self.steps.append(Step(text, run, loses))

    def _set_aside(self, path: str, why: str, loses: str = "") -> None:
        self._do(f"{self._name(path)}: {why}move it to kept/", partial(self._move, path), loses)

    def _name(self, path: str) -> str:
        return path.removeprefix(self._folder + "/")

    # Doing.

    def _kept(self, path: str) -> str:
        """The folder for what was cut off or put aside, beside a file."""
        kept = join(path.rpartition("/")[0], KEPT)
        self._disk.make_folder(kept)
        return kept

    def _move(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        kept = self._kept(path)
        self._disk.rename(path, free_name(self._disk, kept, name))
        self._disk.sync_folder(kept)
        self._disk.sync_folder(folder)

    def _mend(self, path: str, data: bytes) -> None:
        disk, kept = self._disk, self._kept(path)
        file = disk.open(path, writable=True)
        try:
            name = f"{path.rsplit('/', 1)[-1]}-0.header"
            keep_bytes(disk, free_name(disk, kept, name), file.read(0, len(data)))
            disk.sync_folder(kept)
            file.write(0, [data])
            file.sync()
        finally:
            file.close()

    def _cut(self, path: str, offset: int) -> None:
        self._kept(path)
        cut_file(self._disk, path.rpartition("/")[0], path, offset)

    def _cut_outputs(self, end: int) -> None:
        """Cut the outputs of inputs from `end` on; those before them in a frame stay."""
        folder = join(self._folder, OUTPUTS)
        reader = Reader(self._disk, folder)
        for frame in reader.frames():
            late = np.flatnonzero(frame.events["input_sequence"] >= end)
            if len(late):
                shorten(self._disk, folder, frame, int(late[0]))
                return
