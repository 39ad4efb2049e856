"""`Board`: a running topology as seen from outside, in a named segment of shared memory.

    [ header: magic, version, sizes, owner, checksum | JSON: stages, topology | slots, one a stage ]

What is in front of the slots is written once; its checksum covers the JSON too, and the magic is
written last. Whoever attaches checks it and computes all offsets anew. The slots are what
`headrace.engine.gauges` describes; anything may stand in them, a reader only shows it.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from headrace.engine.gauges import GAUGE_BYTES, StageGauge
from headrace.errors import BoardFormatError, EnvironmentFailure, UsageError
from headrace.ringbuffer import files, liveness
from headrace.ringbuffer.files import BOARD

MAGIC = b"HRBOARD\0"
VERSION = 1
BYTE_ORDER_MARK = 0x01020304
TEXT_BYTES_MAX = 1 << 20
STAGES_MAX = 4096
_PATIENCE_SECONDS = 1.0
# version, byte order, segment bytes, slots, slot bytes, text bytes, owner pid, start, created ns
_FIXED = struct.Struct("=IIQIIQqqq")
_HEADER = struct.Struct("=8s56sI")  # magic, the fixed part, its checksum
_TEXT_OFFSET = 128


class Board:
    """A running topology as seen from outside: what it is, and one `StageGauge` for each stage.

    Made by `Board.create` or `Board.attach`; usable from any thread, and as a context manager:
    leaving closes. `name` (None: anonymous), `stages` (their names), `topology` (as it was given),
    `owner_pid`, `owner_start`, `created_ns` (ns since 1970) do not change.
    """

    def __init__(self) -> None:
        raise UsageError("use Board.create(name, topology, stages) or Board.attach(name)")

    name: str | None
    stages: tuple[str, ...]
    topology: dict[str, Any]
    owner_pid: int
    owner_start: int
    created_ns: int
    _memory: mmap.mmap | None
    _read_only: bool
    _slots_offset: int
    _unlinker: Callable[[], object] | None

    @staticmethod
    def create(name: str | None, topology: dict[str, Any], stages: Sequence[str]) -> Board:
        """A new board, owned by this process; without a name for its threads and children only.

        `topology`: anything that JSON can hold; docs/top.md says what `headrace top` looks for.
        Raises BoardExists, UsageError, CapacityError, EnvironmentFailure.
        """
        names = _check_stages(stages)
        text = _to_json(topology, names)
        layout = _Layout(len(names), len(text))
        if name is None:
            memory = mmap.mmap(-1, layout.segment_bytes)
        else:
            files.check_name(name, BOARD)
            memory = _create_segment(name, layout.segment_bytes)
        fixed = _FIXED.pack(
            VERSION,
            BYTE_ORDER_MARK,
            layout.segment_bytes,
            len(names),
            GAUGE_BYTES,
            len(text),
            *liveness.myself(),
            time.time_ns(),
        )
        memory[_TEXT_OFFSET : _TEXT_OFFSET + len(text)] = text
        header = _HEADER.pack(MAGIC, fixed, zlib.crc32(text, zlib.crc32(fixed)))
        memory[8 : len(header)] = header[8:]
        memory[:8] = MAGIC  # last; whoever reads it too early finds that the checksum is wrong
        board = _adopt(name, memory, _Header(fixed, layout, topology, names), read_only=False)
        if name is not None:
            inode = _inode_of(name)
            board._unlinker = files.unlink_at_the_end(board, name, inode, BOARD)
        return board

    @staticmethod
    def attach(name: str, *, read_only: bool = False) -> Board:
        """The board that another process (or this one) created under `name`.

        `read_only`: mapped so that nothing can be written to it; its gauges can be read only.
        Raises BoardNotFound, BoardFormatError, UsageError, EnvironmentFailure.
        """
        return attach(name, _PATIENCE_SECONDS, read_only=read_only)

    def stage(self, index: int) -> StageGauge:
        """The gauge of a stage, by its place in `stages`; raises UsageError, IndexError.

        Each call makes a new one; a worker keeps its own.
        """
        if self._memory is None:
            raise UsageError(f"board {self.name!r} is closed in this process")
        if not 0 <= index < len(self.stages):
            raise IndexError(f"the board has {len(self.stages)} stages, and no stage {index}")
        offset = self._slots_offset + index * GAUGE_BYTES
        return StageGauge(self._memory, offset, self.stages[index], self._read_only)

    @property
    def segment_bytes(self) -> int:
        """How much memory it takes."""
        return self._slots_offset + len(self.stages) * GAUGE_BYTES

    def owner_alive(self) -> bool:
        """Whether the process that made the board still lives."""
        return liveness.is_alive(self.owner_pid, self.owner_start)

    def unlink(self) -> None:
        """Take the name away now, keeping the board for those attached; only the creator can.

        Any number of times, also after `close`.
        """
        if self._unlinker is not None:
            self._unlinker()
        elif self.name is not None:
            raise UsageError(
                f"board {self.name!r} was created by process {self.owner_pid}; only that one "
                "removes its name (headrace rings --clean, if it is gone)"
            )

    def close(self) -> None:
        """Let go of the board; its creator also takes the name away. Closing twice is allowed.

        Gauges that were made stay usable: memory is unmapped with the last one.
        """
        self._memory = None
        if self._unlinker is not None:
            self._unlinker()

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._memory is None else f"{len(self.stages)} stages"
        return f"<Board {self.name or '(anonymous)'}: {state}>"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.name is None:
            raise TypeError("an anonymous board cannot be sent to another process; give it a name")
        return Board.attach, (self.name,)


class _Layout:
    """Offsets and sizes in bytes; a function of the numbers of stages and of bytes of text."""

    def __init__(self, stages: int, text_bytes: int) -> None:
        self.slots_offset = -(-(_TEXT_OFFSET + text_bytes) // 128) * 128
        self.segment_bytes = self.slots_offset + stages * GAUGE_BYTES


@dataclass(frozen=True)
class _Header:
    """What stands in front of the slots."""

    fixed: bytes
    layout: _Layout
    topology: dict[str, Any]
    stages: tuple[str, ...]


def attach(name: str, patience_seconds: float, *, read_only: bool) -> Board:
    """`Board.attach`; waits that long for a board that is being created."""
    fd = files.open_file(name, BOARD, read_only=read_only)
    try:
        header = _read_header(name, fd, patience_seconds)
        access = mmap.PROT_READ if read_only else mmap.PROT_READ | mmap.PROT_WRITE
        memory = mmap.mmap(fd, header.layout.segment_bytes, mmap.MAP_SHARED, access)
    except OSError as error:
        if isinstance(error, EnvironmentFailure):
            raise
        raise EnvironmentFailure(f"board {name!r} cannot be mapped: {error.strerror}") from None
    finally:
        os.close(fd)
    return _adopt(name, memory, header, read_only=read_only)


def _adopt(name: str | None, memory: mmap.mmap, header: _Header, *, read_only: bool) -> Board:
    board = Board.__new__(Board)
    board.name = name
    board.stages = header.stages
    board.topology = header.topology
    board.owner_pid, board.owner_start, board.created_ns = _FIXED.unpack(header.fixed)[6:]
    board._memory = memory
    board._read_only = read_only
    board._slots_offset = header.layout.slots_offset
    board._unlinker = None
    return board


def _check_stages(stages: Sequence[str]) -> tuple[str, ...]:
    names = tuple(stages)
    if not 0 < len(names) <= STAGES_MAX:
        raise UsageError(f"a board has 1 to {STAGES_MAX} stages, not {len(names)}")
    seen = set()
    for name in names:
        if not isinstance(name, str) or not name:
            raise UsageError(f"{name!r} cannot name a stage: a text that is not empty")
        if name in seen:
            raise UsageError(f"two stages are named {name!r}")
        seen.add(name)
    return names


def _to_json(topology: dict[str, Any], stages: tuple[str, ...]) -> bytes:
    if not isinstance(topology, dict):
        raise UsageError(f"a topology is a dict, not {type(topology).__name__}")
    try:
        text = json.dumps({"stages": stages, "topology": topology}).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(f"the topology cannot be written as JSON: {error}") from None
    if len(text) > TEXT_BYTES_MAX:
        raise UsageError(f"the topology takes {len(text):,} bytes, more than {TEXT_BYTES_MAX:,}")
    return text


def _create_segment(name: str, size: int) -> mmap.mmap:
    fd = files.create_file(name, size, BOARD)
    try:
        return mmap.mmap(fd, size)
    except OSError as error:
        files.unlink_file(name, os.fstat(fd).st_ino, BOARD)
        raise EnvironmentFailure(f"board {name!r} cannot be mapped: {error.strerror}") from None
    finally:
        os.close(fd)


def _inode_of(name: str) -> int:
    fd = files.open_file(name, BOARD, read_only=True)
    try:
        return os.fstat(fd).st_ino
    finally:
        os.close(fd)


def _read_header(name: str, fd: int, patience_seconds: float) -> _Header:
    """Check all that stands in front of the slots; raises BoardFormatError."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return _look_at_header(name, fd)
        except _Unfinished as unfinished:
            if time.monotonic() > deadline:
                raise BoardFormatError(str(unfinished)) from None
        time.sleep(0.002)


class _Unfinished(Exception):
    """The board is not, or not yet, complete."""


def _look_at_header(name: str, fd: int) -> _Header:
    where = f"board {name!r}: "
    data = os.pread(fd, _HEADER.size, 0)
    size = os.fstat(fd).st_size
    if len(data) < _HEADER.size or not any(data[:8]):
        raise _Unfinished(
            f"{where}the segment was never finished ({size:,} bytes, no header); its creator may "
            "have died: headrace rings --clean --damaged"
        )
    magic, fixed, checksum = _HEADER.unpack(data)
    version, mark, segment_bytes, slots, slot_bytes, text_bytes, *_ = _FIXED.unpack(fixed)
    if magic != MAGIC:
        raise BoardFormatError(f"{where}not a headrace board (it starts with {magic!r})")
    if mark != BYTE_ORDER_MARK:
        raise BoardFormatError(f"{where}written with another byte order; boards stay on a machine")
    if version != VERSION or slot_bytes != GAUGE_BYTES:
        raise BoardFormatError(
            f"{where}version {version} with slots of {slot_bytes} bytes, but this headrace reads "
            f"version {VERSION} with {GAUGE_BYTES}; use the same headrace on both sides"
        )
    text = os.pread(fd, min(text_bytes, TEXT_BYTES_MAX), _TEXT_OFFSET)
    if zlib.crc32(text, zlib.crc32(fixed)) != checksum:
        raise _Unfinished(f"{where}the header is damaged: its checksum does not match")
    try:
        said = json.loads(text)
        stages, topology = _check_stages(said["stages"]), dict(said["topology"])
    except (ValueError, KeyError, TypeError, RecursionError, UsageError) as error:
        raise BoardFormatError(f"{where}the header is damaged: {error}") from None
    layout = _Layout(len(stages), len(text))
    if (slots, segment_bytes) != (len(stages), layout.segment_bytes):
        raise BoardFormatError(
            f"{where}the header is damaged: {slots} slots in {segment_bytes:,} bytes, instead of "
            f"{len(stages)} in {layout.segment_bytes:,}"
        )
    if size != segment_bytes:
        what = "truncated" if size < segment_bytes else "too long"
        raise BoardFormatError(f"{where}{what}: {size:,} bytes instead of {segment_bytes:,}")
    return _Header(fixed, layout, topology, stages)
