"""The segments' files: names, room, locks. POSIX shared memory, or an anonymous file."""

from __future__ import annotations

import _posixshmem
import contextlib
import errno
import fcntl
import os
import re
import sys
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass

from headrace.ringbuffer.errors import (
    BoardExists,
    BoardNotFound,
    CapacityError,
    EnvironmentFailure,
    RingExists,
    RingNotFound,
    UsageError,
)


@dataclass(frozen=True)
class Kind:
    """What segments of one kind are called, in file names and in messages."""

    word: str
    prefix: str
    attach: str
    smaller: str  # what to do where there is no room
    listed_by: str
    exists: type[UsageError]
    missing: type[UsageError]


RING = Kind(
    "ring",
    "headrace.",
    "Ring.attach",
    "use a smaller capacity or smaller events",
    "headrace rings",
    RingExists,
    RingNotFound,
)
BOARD = Kind(
    "board",
    "headrace-board.",  # no ring's: a ring's name follows a dot
    "Board.attach",
    "describe fewer stages",
    "headrace top",
    BoardExists,
    BoardNotFound,
)
# Of multiprocessing's finalizers: after its queues were flushed and its own children have ended.
AFTER_ALL_ELSE = -1000
_FOLDER = "/dev/shm"  # where Linux shows POSIX shared memory as files
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_LOCK_SECONDS_MAX = 10.0


def check_name(name: str, kind: Kind = RING) -> str:
    """Return `name` if a segment can be called so, else raise `UsageError`."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a {kind.word}: 1 to 100 letters, digits, '_', '-' and '.', "
            "the first one a letter, a digit or '_'"
        )
    return name


def create_file(name: str | None, size: int, kind: Kind = RING) -> int:
    """Open a new, zeroed segment of `size` bytes whose memory is reserved; a file descriptor."""
    _check_room(name, size, kind)
    if name is None:
        fd = os.memfd_create(kind.prefix) if hasattr(os, "memfd_create") else _unnamed_file()
    else:
        try:
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
            fd = _posixshmem.shm_open("/" + kind.prefix + name, flags, mode=0o600)
        except FileExistsError:
            raise kind.exists(
                f"a {kind.word} named {name!r} exists; attach with {kind.attach}({name!r}), or if "
                "its owner is gone remove it: headrace rings --clean"
            ) from None
    try:
        os.ftruncate(fd, size)
        if hasattr(os, "posix_fallocate"):
            # Full memory must show here, as an error, not later as a bus error.
            os.posix_fallocate(fd, 0, size)
    except OSError as error:
        os.close(fd)
        if name is not None:
            _posixshmem.shm_unlink("/" + kind.prefix + name)
        raise EnvironmentFailure(
            f"no room for {size:,} bytes of shared memory: {error.strerror}; use a smaller "
            f"{kind.word} or a larger /dev/shm"
        ) from None
    return fd


def _unnamed_file() -> int:
    name = f"/{RING.prefix}{os.getpid()}.{time.monotonic_ns():x}"
    fd: int = _posixshmem.shm_open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode=0o600)
    _posixshmem.shm_unlink(name)
    return fd


def _check_room(name: str | None, size: int, kind: Kind) -> None:
    """Refuse what cannot fit before the kernel tries page by page."""
    room = sys.maxsize
    with contextlib.suppress(OSError, ValueError):
        with open("/proc/meminfo", "rb") as file:
            for line in file:
                if line.startswith(b"MemAvailable:"):
                    room = int(line.split()[1]) * 1024
        if name is not None:
            disk = os.statvfs(_FOLDER)
            room = min(room, disk.f_bavail * disk.f_frsize)
    if size > room or size >= 1 << 46:
        raise CapacityError(
            f"the {kind.word} would take {size:,} bytes of memory and {room:,} are free; "
            f"{kind.smaller}"
        )


def open_file(name: str, kind: Kind = RING, *, read_only: bool = False) -> int:
    """Open the segment of an existing ring or board; a file descriptor."""
    flags = os.O_RDONLY if read_only else os.O_RDWR
    try:
        path = "/" + kind.prefix + check_name(name, kind)
        fd: int = _posixshmem.shm_open(path, flags, mode=0o600)
    except FileNotFoundError:
        raise kind.missing(
            f"no {kind.word} is named {name!r} on this machine; {kind.listed_by} lists those that "
            "are"
        ) from None
    except PermissionError as error:
        raise EnvironmentFailure(f"{kind.word} {name!r} belongs to another user: {error}") from None
    except OSError as error:
        raise EnvironmentFailure(
            f"{kind.word} {name!r} cannot be opened: {error.strerror}"
        ) from None
    return fd


def unlink_file(name: str, inode: int | None = None, kind: Kind = RING) -> bool:
    """Remove the name of a segment; with `inode`, only if it still names that very segment."""
    path = "/" + kind.prefix + name
    try:
        fd = _posixshmem.shm_open(path, os.O_RDWR, mode=0o600)
    except FileNotFoundError:
        return False
    try:
        if inode is not None and os.fstat(fd).st_ino != inode:
            return False
        _posixshmem.shm_unlink(path)
    except FileNotFoundError:
        return False
    finally:
        os.close(fd)
    return True


def unlink_at_the_end(
    owner: object, name: str, inode: int, kind: Kind = RING
) -> weakref.finalize[..., object]:
    """Remove the name when `owner` goes, or this process ends; call the result to do it now.

    A forked child's copy of `owner` removes nothing.
    """
    unlinker = weakref.finalize(owner, _unlink_own, name, inode, os.getpid(), kind)
    # Children of multiprocessing end by os._exit, so that only its own finalizers are called.
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(owner, unlinker, exitpriority=AFTER_ALL_ELSE)
    return unlinker


def _unlink_own(name: str, inode: int, pid: int, kind: Kind) -> None:
    if os.getpid() == pid:
        unlink_file(name, inode, kind)


def list_names(kind: Kind = RING) -> list[str]:
    """The names of all rings (or boards) here, where the system can list them (Linux)."""
    try:
        found = os.listdir(_FOLDER)
    except OSError:
        return []
    names = (file[len(kind.prefix) :] for file in found if file.startswith(kind.prefix))
    return sorted(name for name in names if _NAME.fullmatch(name))


@contextlib.contextmanager
def exclusive(fd: int, seconds_max: float | None = None) -> Iterator[None]:
    """Hold the segment's registration lock; the kernel lets go of it when the holder dies.

    A description of its own for each holder, since threads and forked children share the others.
    """
    try:
        own = os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        own = os.dup(fd)
    try:
        seconds_max = _LOCK_SECONDS_MAX if seconds_max is None else seconds_max
        deadline = time.monotonic() + seconds_max
        while True:
            try:
                fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):
                    break  # no such locks here (macOS): the caller's thread lock has to do
                if time.monotonic() > deadline:
                    raise EnvironmentFailure(
                        "another process has held the ring's registration lock for "
                        f"{seconds_max:g} s; is one of its processes stopped?"
                    ) from None
                time.sleep(0.0005)
        yield
        with contextlib.suppress(OSError):
            fcntl.flock(own, fcntl.LOCK_UN)
    finally:
        os.close(own)
