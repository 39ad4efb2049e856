"""The file system of this machine."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import stat
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headrace.ports.disk import Buffer, Bytes

_ZEROS = bytes(1 << 20)
_LOCK_TEXT_BYTES = 4096
_DSYNC = getattr(os, "RWF_DSYNC", 0)


class LocalFile:
    """An open file; see `headrace.ports.File`."""

    def __init__(self, fd: int, path: str) -> None:
        self._fd = fd
        self._path = path

    @property
    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def write(self, offset: int, parts: Sequence[Buffer], *, sync: bool = False) -> None:
        size = sum(memoryview(part).nbytes for part in parts)
        if offset < 0:  # -1 would be taken for "where the file was left"
            raise OSError(errno.EINVAL, f"{self._path}: there is no offset {offset}")
        # Both at once where that can be: it is one way into the kernel, and one back.
        done = os.pwritev(self._fd, parts, offset, _DSYNC if sync else 0)
        if done < size:
            self._write_rest(offset + done, b"".join(bytes(part) for part in parts)[done:])
        if sync and (not _DSYNC or done < size):
            self.sync()

    def _write_rest(self, offset: int, data: bytes) -> None:
        """A short write is no error yet; the write behind it says what the matter is."""
        view = memoryview(data)
        while view:
            done = os.pwrite(self._fd, view, offset)
            if not done:
                raise OSError(f"{self._path}: nothing was written at {offset:,}")
            offset += done
            view = view[done:]

    def sync(self) -> None:
        if self._fd < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), self._path)
        _sync_data(self._fd)

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._fd, size, offset)

    def map(self) -> Bytes:
        size = self.size
        if not size:
            return np.empty(0, np.uint8)
        return np.frombuffer(mmap.mmap(self._fd, size, prot=mmap.PROT_READ), np.uint8)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            self.close()


class LocalLock:
    """A lock on a file; see `headrace.ports.Lock`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        _locks.add(self)

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


_locks: weakref.WeakSet[LocalLock] = weakref.WeakSet()


def _give_up_locks() -> None:
    """A forked child shares its parent's locks, and must not hold them when the parent is dead."""
    for lock in list(_locks):
        lock.release()


os.register_at_fork(after_in_child=_give_up_locks)


class LocalDisk:
    """The real disk; see `headrace.ports.Disk`. May be used from any thread and process."""

    def create(self, path: str, size: int, *, ready: bool = True) -> LocalFile:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            if ready or not _reserve(fd, size):
                for offset in range(0, size, len(_ZEROS)):
                    _write_zeros(fd, offset, min(len(_ZEROS), size - offset))
        except BaseException:
            os.close(fd)
            os.unlink(path)
            raise
        return LocalFile(fd, path)

    def open(self, path: str, *, writable: bool = False) -> LocalFile:
        flags = (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC
        fd = os.open(path, flags)
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            os.close(fd)
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return LocalFile(fd, path)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new)

    def remove(self, path: str) -> None:
        os.unlink(path)

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def names(self, folder: str) -> list[str]:
        return sorted(os.listdir(folder))

    def make_folder(self, path: str) -> None:
        folder = Path(path).absolute()
        if folder.is_dir():
            # Whoever made it may have died before it was safe. What cannot be read by us was not
            # made by us.
            with contextlib.suppress(PermissionError):
                self.sync_folder(str(folder.parent))
            return
        if not folder.parent.exists():
            self.make_folder(str(folder.parent))
        try:
            folder.mkdir()
        except FileExistsError:
            if not folder.is_dir():
                raise
        self.sync_folder(str(folder.parent))

    def sync_folder(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def lock(self, path: str, text: str) -> LocalLock | str:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            left = os.pread(fd, _LOCK_TEXT_BYTES, 0).decode(errors="replace").strip()
            os.close(fd)
            return left or "somebody who left no name"
        except BaseException:
            os.close(fd)
            raise
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, text.encode()[:_LOCK_TEXT_BYTES], 0)
        except BaseException:
            os.close(fd)
            raise
        return LocalLock(fd)


def _reserve(fd: int, size: int) -> bool:
    """Reserve room without writing; False: not on this system."""
    reserve = getattr(os, "posix_fallocate", None)
    if reserve is None:
        return False
    try:
        if size:
            reserve(fd, 0, size)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):
            return False
        raise
    return True


def _write_zeros(fd: int, offset: int, size: int) -> None:
    done = os.pwrite(fd, memoryview(_ZEROS)[:size], offset)
    if done < size:
        _write_zeros(fd, offset + done, size - done)


def _sync_data(fd: int) -> None:
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync leaves it in the drive's cache
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        return
    sync: Any = getattr(os, "fdatasync", os.fsync)
    sync(fd)
