"""Reading a journal past what is damaged: what is intact, stretch by stretch, and what is not.

`Reader` stops at the first thing that is wrong. A scan looks for the next frame whose own checksums
match and goes on there, so that it can be told what is affected and what is still whole. A
stretch is what an engine could live on: whole segments that follow on each other, and of the last
one what is before its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from headrace.errors import JournalDamaged
from headrace.journal.folder import (
    join,
    list_snapshots,
    no_journal,
    segment_name,
    segments_in,
    snapshot_name,
)
from headrace.journal.layout import BadHeader
from headrace.journal.mending import Headers, Mended
from headrace.journal.notes import Sealed
from headrace.journal.segment import Frame, Position, Segment
from headrace.journal.snapshots import read_snapshot
from headrace.ports import Disk

Name = tuple[int, int]  # number and first sequence of a segment


@dataclass
class SegmentFound:
    """What is in one segment, as far as it can be read."""

    name: Name
    file: str
    bytes: int = 0
    frames: int = 0
    inputs: int = 0
    used: int = 0  # bytes of the header and the frames
    end: int = 0  # behind the last input in it
    times: tuple[int, int] | None = None  # of its first and last input, ns since 1970
    header: str = ""  # what is wrong with its header
    mended: Mended | None = None  # the header as it must have been


@dataclass(frozen=True)
class Break:
    """A place at which a journal does not go on as it should."""

    position: Position  # where the next frame should begin
    file: str
    reason: str
    index: int  # of the segment; or of the one that it should be
    resumed: int | None  # the next input that can be read behind it; None: there is none
    sure: bool = False  # it is damage: a whole segment, which is safe before it has its name
    torn: bool = False  # nobody had been told that what is missing is safe
    synced: int = -1  # all before this had been

    @property
    def missing(self) -> tuple[int, int] | None:
        """The inputs [begin, end) that cannot be read, as far as anything tells."""
        end = self.synced if self.resumed is None else self.resumed
        return (self.position.sequence, end) if end > self.position.sequence else None


@dataclass
class Stretch:
    """Segments [first, last] of the journal's, unbroken up to `end`."""

    first: int
    last: int
    begin: int  # the first input in it
    end: Position


@dataclass
class SnapshotFound:
    """One snapshot's file."""

    sequence: int
    file: str
    bytes: int
    bad: str = ""  # what is wrong with it
    made: int = 0  # outputs before it


@dataclass
class Scan:
    """All that is in a journal's folder. Made by `scan`."""

    disk: Disk
    folder: str
    segments: list[SegmentFound] = field(default_factory=list)
    snapshots: list[SnapshotFound] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    unused: list[tuple[str, int, int]] = field(default_factory=list)  # file, offset, bytes
    opened: Segment | None = None  # one whose header says what the journal is of
    sealed: bool = False  # an engine was closed here, and none has been opened since

    @property
    def damages(self) -> list[Break]:
        """The breaks that are no tear."""
        return [each for each in self.breaks if not each.torn]

    @property
    def tear(self) -> Break | None:
        """The torn tail, if there is one."""
        return next((each for each in self.breaks if each.torn), None)

    @property
    def end(self) -> Position:
        """Where the last frame that can be read ends."""
        if not self.stretches:
            return Position(0, 0, 0, 0)
        return self.stretches[-1].end

    def covering(self, stretch: Stretch) -> list[int]:
        """The good snapshots from which an engine could go on with a stretch."""
        return [
            each.sequence
            for each in self.snapshots
            if not each.bad and stretch.begin <= each.sequence <= stretch.end.sequence
        ]


def scan(
    disk: Disk, folder: str, on_frame: Callable[[Frame], object] = lambda frame: None
) -> Scan:
    """Read all segments and snapshots of a folder. Raises JournalNotFound, OSError.

    `on_frame` is called with every intact frame, in order.
    """
    try:
        names = segments_in(disk.names(folder))
    except (FileNotFoundError, NotADirectoryError):
        names = []
    sequences = list_snapshots(disk, folder)
    if not names and not sequences:
        raise no_journal(disk, folder)
    found = Scan(disk, folder)
    headers = Headers(disk, folder, names)
    found.opened = headers.model
    _read_snapshots(found, sequences, headers.journal_id)
    walk = _Walk(found, headers, on_frame)
    walk.run(names)
    if walk.dropped:  # for newer snapshots than were there
        found.snapshots.clear()
        _read_snapshots(found, list_snapshots(disk, folder), headers.journal_id)
    return found


def _read_snapshots(found: Scan, sequences: list[int], journal_id: bytes | None) -> None:
    for sequence in sequences:
        path = join(found.folder, snapshot_name(sequence))
        each = SnapshotFound(sequence, path, 0)
        found.snapshots.append(each)
        try:
            file = found.disk.open(path)
            each.bytes = file.size
            file.close()
            snapshot = read_snapshot(found.disk, found.folder, sequence, journal_id)
            each.made = snapshot.stages[-1].made
        except FileNotFoundError:
            found.snapshots.pop()  # an engine has dropped it meanwhile
        except (BadHeader, OSError) as error:
            each.bad = str(error)


class _Walk:
    """Goes through the segments, from one break to the next."""

    def __init__(
        self, found: Scan, headers: Headers, on_frame: Callable[[Frame], object]
    ) -> None:
        self._on_frame = on_frame
        self.found = found
        self.headers = headers
        self.at: Position | None = None  # where the frames so far end; None: nowhere yet
        self.index = -1
        self.dropped = False
        self.stretch: Stretch | None = None  # which what is read belongs to
        self.last_frame: Frame | None = None
        self._last_end: Position | None = None
        self._stop_reason = ""  # why the frames of the last segment end, if not at zeros
        self._claims: list[tuple[int, int]] = []  # how many breaks there had been, synced up to

    def run(self, names: list[Name]) -> None:
        for name in names:
            try:
                self._segment(name)
            except FileNotFoundError:
                self._forget()
        if self.at is not None and self.found.segments:
            self._judge_end()
        self._judge()
        last = self.last_frame
        if last is not None and self._last_end == self.at:
            self.found.sealed = any(isinstance(note, Sealed) for note in last.notes)

    def _segment(self, name: Name) -> None:
        found = SegmentFound(name, join(self.found.folder, segment_name(*name)), end=name[1])
        segment = self._open(found)
        self.index = len(self.found.segments)
        self.found.segments.append(found)
        if segment is None:
            self._break(0, found.header, resumed=None, sure=True)
            self.at, self._stop_reason = None, ""
            return
        found.bytes = len(segment.data)
        if found.header and not (found.mended is not None and found.mended.exact):
            self._guess(segment, found)
        else:
            self._join(segment, found)
            self._claim(segment.header.synced_sequence)
        self._frames(segment, found)

    def _forget(self) -> None:
        """An engine has dropped a segment meanwhile, and so all that were before it."""
        self.dropped = True
        self.at, self.stretch, self._stop_reason = None, None, ""
        for each in (self.found.segments, self.found.breaks, self.found.stretches):
            each.clear()
        self.found.unused.clear()
        self._claims.clear()

    def _open(self, found: SegmentFound) -> Segment | None:
        try:
            segment = Segment(self.found.disk, self.found.folder, *found.name)
            if segment.header.journal_id != self.headers.journal_id:
                found.header = "it belongs to another journal"
                return None
            if segment.identity.event == self.headers.event:
                return segment
            found.header = (
                f"it says that its events are {segment.identity.event}, and others of this "
                f"journal that they are {self.headers.event}"
            )
        except JournalDamaged as error:
            found.header = str(error).split(": ", 1)[-1]
        except FileNotFoundError:
            raise
        except OSError as error:
            found.header = f"it cannot be read: {error.strerror or error}"
            return None
        previous = None if self.at is None else self.at.previous
        found.mended = self.headers.mend(found.name, previous)
        if found.mended is None:
            return None
        return Segment(self.found.disk, self.found.folder, *found.name, found.mended.data)

    def _guess(self, segment: Segment, found: SegmentFound) -> None:
        """Go on in a segment whose header is lost, at the first frame that is whole in itself."""
        self._break(0, found.header, resumed=None, sure=True)
        self.at = self._next_intact(segment, Position(found.name[0], 0, found.name[1], 0))
        if self.at is not None:
            self._resume(self.at.sequence)
        else:
            self.at = segment.start

    def _join(self, segment: Segment, found: SegmentFound) -> None:
        """Go on in a segment, whether it follows on what was read before or not."""
        number, first = found.name
        at, reason = self.at, self._stop_reason
        if at is None:
            self._resume(first)
        elif (at.number, at.sequence, at.previous) == (
            number - 1,
            first,
            segment.header.previous,
        ):
            if reason:
                before = self.found.segments[-2]
                self.found.unused.append((before.file, at.offset, before.bytes - at.offset))
        else:
            gap = number - at.number - 1
            if gap:
                missing = f"{at.number + 1}" + (f" to {number - 1}" if gap > 1 else "")
                reason = f"segment {missing} is missing"
            reason = reason or f"segment {number} begins at input {first:,}"
            self._break(at.offset, reason, resumed=first, back=True, sure=bool(gap))
        self.at = segment.start
        if self.stretch is None:
            self.stretch = Stretch(self.index, self.index, first, segment.start)
            self.found.stretches.append(self.stretch)
        self.stretch.last, self.stretch.end = self.index, segment.start

    def _resume(self, sequence: int) -> None:
        """Behind the last break, reading goes on with this input."""
        if self.found.breaks and self.found.breaks[-1].resumed is None:
            self.found.breaks[-1] = replace(self.found.breaks[-1], resumed=sequence)

    def _frames(self, segment: Segment, found: SegmentFound) -> None:
        """All frames of a segment that can be read."""
        assert self.at is not None
        found.used = self.at.offset
        while True:
            frame = segment.frame_at(self.at)
            if isinstance(frame, Frame):
                self._count(frame, found)
                self.at = frame.behind
                if self.stretch is not None:
                    self.stretch.end = self.at
                continue
            garbage = frame or segment.used_behind(self.at.offset) > 0
            later = self._next_intact(segment, self.at) if garbage else None
            if garbage and isinstance(segment.frame_at(self.at), Frame):
                continue  # it was being written, and so was what is behind it
            self._stop_reason = (frame or "zeros where a frame was") if garbage else ""
            if later is None:
                return
            self._break(self.at.offset, self._stop_reason, resumed=later.sequence)
            self.at = later

    def _count(self, frame: Frame, found: SegmentFound) -> None:
        found.frames += 1
        found.inputs += frame.count
        found.used = frame.behind.offset
        found.end = frame.header.end
        if frame.count or frame.header.notes_bytes:  # an empty one fills a block
            self.last_frame = frame
        self._last_end = frame.behind
        self._claim(frame.header.synced_sequence)
        self._on_frame(frame)
        if frame.count:
            first, last = int(frame.times[0]), int(frame.times[-1])
            found.times = (found.times[0] if found.times else first, last)

    def _next_intact(self, segment: Segment, at: Position) -> Position | None:
        """Where the next frame begins that is whole in itself and can come behind a place."""
        for offset, header in segment.headers_from(at.offset):
            self._claims.append((len(self.found.breaks) + 1, header.synced_sequence))
            if header.first_sequence < at.sequence:
                continue
            place = Position(at.number, offset, header.first_sequence, header.previous)
            if isinstance(segment.frame_at(place), Frame):
                return place
        return None

    def _claim(self, synced: int) -> None:
        self._claims.append((len(self.found.breaks), synced))

    def _break(
        self,
        offset: int,
        reason: str,
        resumed: int | None,
        *,
        back: bool = False,
        sure: bool = False,
    ) -> None:
        """Note a break in this segment, or (`back`) at the end of the one before."""
        segment = self.found.segments[-2 if back else -1]
        sequence = segment.name[1] if offset == 0 or self.at is None else self.at.sequence
        previous = 0 if self.at is None else self.at.previous
        place = Position(segment.name[0], offset, sequence, previous)
        index = self.index - 1 if back else self.index
        self.found.breaks.append(Break(place, segment.file, reason, index, resumed, sure))
        self.stretch = None

    def _judge_end(self) -> None:
        """Whether the place where all frames end is the plain end."""
        assert self.at is not None
        known = max((s.sequence for s in self.found.snapshots if not s.bad), default=0)
        said = [synced for count, synced in self._claims if count >= len(self.found.breaks)]
        if self._stop_reason or max([known, *said]) > self.at.sequence:
            reason = self._stop_reason or "the frames end here"
            self._break(self.at.offset, reason, resumed=None)

    def _judge(self) -> None:
        """Tell the tear from the damages; what is behind a tear belongs to it."""
        known = max((s.sequence for s in self.found.snapshots if not s.bad), default=-1)
        for index, each in enumerate(self.found.breaks):
            said = [synced for count, synced in self._claims if count > index]
            synced = max([known, *said])
            torn = synced <= each.position.sequence and not each.sure
            self.found.breaks[index] = replace(each, torn=torn, synced=synced)
            if torn:
                del self.found.breaks[index + 1 :]
                kept = [s for s in self.found.stretches if s.first <= each.index]
                self.found.stretches[:] = kept
                return
