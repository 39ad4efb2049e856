"""The boards on this machine: listing them, and removing those whose owners are dead."""

from __future__ import annotations

import os
from dataclasses import dataclass

from headrace.errors import BoardNotFound, HeadraceError, UsageError
from headrace.ringbuffer import files, liveness
from headrace.ringbuffer.files import BOARD

from .board import attach


@dataclass(frozen=True)
class BoardInfo:
    """A board as seen from outside, at one moment; `damaged` says why it could not be read."""

    name: str
    bytes: int
    stages: tuple[str, ...]
    owner_pid: int
    owner_alive: bool
    created_ns: int
    damaged: str | None


def list_boards() -> list[BoardInfo]:
    """All named boards on this machine, damaged ones included."""
    return [info for name in files.list_names(BOARD) if (info := _look_at(name)) is not None]


def remove_board(name: str) -> None:
    """Remove the board `name`, whose owner must be dead (or whose header must be unreadable).

    Raises BoardNotFound; UsageError while the owner lives.
    """
    os.close(files.open_file(name, BOARD, read_only=True))
    info = _look_at(name)
    if info is not None and info.owner_alive:
        raise UsageError(
            f"board {name!r} belongs to process {info.owner_pid}, which lives; stop that first"
        )
    files.unlink_file(name, kind=BOARD)


def _look_at(name: str) -> BoardInfo | None:
    try:
        board = attach(name, 0.0, read_only=True)
    except BoardNotFound:
        return None  # removed since it was listed
    except HeadraceError as error:
        return BoardInfo(name, _file_bytes(name), (), 0, False, 0, str(error))
    return BoardInfo(
        name=name,
        bytes=board.segment_bytes,
        stages=board.stages,
        owner_pid=board.owner_pid,
        owner_alive=liveness.is_alive(board.owner_pid, board.owner_start),
        created_ns=board.created_ns,
        damaged=None,
    )


def _file_bytes(name: str) -> int:
    try:
        fd = files.open_file(name, BOARD, read_only=True)
    except HeadraceError:
        return 0
    try:
        return os.fstat(fd).st_size
    finally:
        os.close(fd)
