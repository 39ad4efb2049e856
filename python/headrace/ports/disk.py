"""The disk as the journal sees it: a few operations, each of which can be simulated.

What each promises after a power cut is all that the journal relies on:

- bytes of `write` may be there, or not, or in part and in any order, until `sync` has returned;
- a file that was made, renamed or removed may or may not be so until `sync_folder` has returned;
- `rename` is never half done.

Errors are OSError, as the operating system gives them. After a failed `write` or `sync` nothing is
known of what is on the disk, and nobody may try again on the same file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Buffer = Any  # bytes, or any C-contiguous buffer


class File(Protocol):
    """An open file. Writing and syncing belong to one thread; reading is anybody's."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def write(self, offset: int, parts: Sequence[Buffer]) -> None:
        """Write the parts one behind the other, all of them, or raise OSError."""

    def sync(self) -> None:
        """Return when everything written before is on the disk (fdatasync)."""

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes; fewer at the end of the file."""

    def map(self) -> Bytes:
        """The whole file as a read-only array of bytes, without copying where that can be."""

    def close(self) -> None:
        """Let go of it; what was not synced is not synced by this."""


class Lock(Protocol):
    """A lock that is held until `release`, or until its process ends."""

    def release(self) -> None:
        """Let others have it."""


class Disk(Protocol):
    """Folders and files by path."""

    def create(self, path: str, size: int, *, ready: bool = True) -> File:
        """A new file of `size` zero bytes, for which there is room.

        `ready`: written out and not merely reserved, so that a later sync has to write down
        nothing but the bytes that were written. Raises FileExistsError if there is one of that
        name. Nothing of it is synced.
        """

    def open(self, path: str, *, writable: bool = False) -> File:
        """An existing file."""

    def rename(self, old: str, new: str) -> None:
        """Give a file another name; a file that had that name is gone."""

    def remove(self, path: str) -> None:
        """Remove a file."""

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder of that name."""

    def names(self, folder: str) -> list[str]:
        """The names of the files and folders in a folder, sorted."""

    def make_folder(self, path: str) -> None:
        """Make a folder, and those above it; all of it is safe when this returns."""

    def sync_folder(self, path: str) -> None:
        """Return when the names in a folder are on the disk."""

    def lock(self, path: str, text: str) -> Lock | str:
        """Take the lock file of that name, and leave `text` in it; what its holder left, if any."""
