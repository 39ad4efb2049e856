"""What every operation on a simulated disk goes through, and its open files."""

from __future__ import annotations

import errno
import os
import posixpath
import sys
import threading
from collections.abc import Sequence

import numpy as np

from headrace.ports.disk import Buffer, Bytes
from headrace.simulation.disk_effects import Operation
from headrace.simulation.disk_faults import Fault, Faults
from headrace.simulation.store import FOLDER, Store


class PowerCut(BaseException):
    """The power is gone. No Exception, so that nobody takes it for an error to be handled."""


class DiskBase:
    """The state of a simulated disk, and the steps that operations are made of."""

    def __init__(
        self,
        *,
        crash_at: int | None = None,
        crash_part: int | None = None,
        capacity_bytes: int | None = None,
        unfinished: bool = False,
        sector_bytes: int = 512,
        seed: int = 0,
    ) -> None:
        self.crash_at = crash_at
        self.crash_part = crash_part
        self.capacity_bytes = capacity_bytes
        self.unfinished = unfinished
        self.operations: list[Operation] = []  # all that were begun, but for reading
        self.origin = "a new disk"  # what happened to it before, in words
        self._seed = seed
        self._store = Store(sector_bytes)
        self._locked: set[int] = set()
        self._faults = Faults()
        self._off = False
        self._mutex = threading.RLock()

    # Each of these is called with the mutex held.

    def _check_power(self) -> None:
        if self._off:
            raise PowerCut("the power is off")

    def _begin(self, kind: str, path: str, detail: str = "") -> tuple[Operation, Fault | None]:
        """Give an operation its number; what is to go wrong with it."""
        self._check_power()
        operation = Operation(kind, path, detail)
        if len(self.operations) == self.crash_at:
            self._off = True
            if self.crash_part is None or kind not in ("write", "create"):
                raise PowerCut(f"at operation {self.crash_at}: {operation}")
        self.operations.append(operation)
        fault = self._faults.take(kind, path)
        if self._off:
            fault = Fault(kind, error=errno.EIO, part=self.crash_part)
        return operation, fault

    def _failure(self, fault: Fault, path: str) -> BaseException:
        """What an operation with a fault that is no lie ends with."""
        if self._off:
            return PowerCut(f"in the middle of operation {self.crash_at}: {self.operations[-1]}")
        return error(fault.error, path)

    def _room(self) -> int:
        """How many bytes more there may be."""
        if self.capacity_bytes is None:
            return sys.maxsize
        return max(0, self.capacity_bytes - self._store.used_bytes)

    def _file(self, path: str) -> int:
        """The number of an existing file."""
        self._check_power()
        name = clean(path)
        number = self._store.names.get(name)
        if number is None:
            self._folder(posixpath.dirname(name), path)
            raise error(errno.ENOENT, path)
        if number == FOLDER:
            raise error(errno.EISDIR, path)
        return number

    def _folder(self, name: str, path: str) -> str:
        """`name`, which is a folder; `path` is what the caller asked for."""
        self._check_power()
        while name not in self._store.names:
            above = posixpath.dirname(name)
            if self._store.names.get(above) == FOLDER:
                raise error(errno.ENOENT, path)
            name = above
        if self._store.names[name] != FOLDER:
            raise error(errno.ENOTDIR, path)
        return name

    def _new_name(self, path: str) -> str:
        """The path of a file that is not there yet, in a folder that is."""
        self._check_power()
        name = clean(path)
        if name in self._store.names:
            raise error(errno.EEXIST, path)
        self._folder(posixpath.dirname(name), path)
        return name

    def _write(self, number: int, path: str, offset: int, data: bytes) -> None:
        where = f"[{offset:,}, {offset + len(data):,})"
        operation, fault = self._begin("write", clean(path), where)
        failure: BaseException | None = None
        lie = None
        if fault is not None and (fault.error or self._off):
            data, failure = data[: fault.part or 0], self._failure(fault, path)
        elif fault is not None:
            lie = fault
        fitting = len(self._store.contents[number].seen) + self._room() - offset
        if len(data) > fitting:
            data = data[: max(0, fitting)]
            failure = failure or error(errno.ENOSPC, path)
        if data:
            sectors = self._store.put(operation, number, offset, data, lands=lie is None)
            if lie is not None and lie.to is not None:
                target, at = self._file(lie.to[0]), lie.to[1] // self._store.sector_bytes
                self._store.misplace(number, sectors, target, at)
        if failure is not None:
            raise failure

    def _sync(self, number: int, path: str, part: tuple[int, int] | None = None) -> None:
        """Sync a file, or only the bytes [begin, end) of it."""
        _, fault = self._begin("sync", clean(path))
        if fault is None:
            self._store.flush(number, part)
        elif fault.error:
            self._store.fail_flush(number)
            raise self._failure(fault, path)

    def _read(self, path: str, data: bytearray) -> bytearray:
        """What reading gives instead of `data`."""
        fault = self._faults.take("read", clean(path))
        if fault is None:
            return data
        if fault.error:
            raise self._failure(fault, path)
        assert fault.bit is not None
        wrong = bytearray(data)
        if fault.bit // 8 < len(wrong):
            wrong[fault.bit // 8] ^= 1 << fault.bit % 8
        return wrong


class SimulatedFile:
    """An open file; see `headrace.ports.File`. A map shows later writes while the size stays."""

    def __init__(self, disk: DiskBase, number: int, path: str, writable: bool) -> None:
        self._disk = disk
        self._number = number
        self._path = path
        self._writable = writable
        self._closed = False

    @property
    def size(self) -> int:
        with self._disk._mutex:
            return len(self._seen())

    def write(self, offset: int, parts: Sequence[Buffer], *, sync: bool = False) -> None:
        data = b"".join(memoryview(part).tobytes() for part in parts)
        with self._disk._mutex:
            self._seen()
            if not self._writable:
                raise error(errno.EBADF, self._path)
            if offset < 0:
                raise error(errno.EINVAL, self._path)
            if data:
                self._disk._write(self._number, self._path, offset, data)
            if sync:  # these bytes, and no others
                self._disk._sync(self._number, self._path, (offset, offset + len(data)))

    def sync(self) -> None:
        with self._disk._mutex:
            self._seen()
            self._disk._sync(self._number, self._path)

    def read(self, offset: int, size: int) -> bytes:
        with self._disk._mutex:
            if offset < 0:
                raise error(errno.EINVAL, self._path)
            return bytes(self._disk._read(self._path, self._seen()[offset : offset + size]))

    def map(self) -> Bytes:
        with self._disk._mutex:
            data = self._disk._read(self._path, self._seen())
            return np.frombuffer(memoryview(data).toreadonly(), np.uint8)

    def close(self) -> None:
        self._closed = True

    def _seen(self) -> bytearray:
        self._disk._check_power()
        if self._closed:
            raise error(errno.EBADF, self._path)
        return self._disk._store.contents[self._number].seen


class SimulatedLock:
    """A lock; see `headrace.ports.Lock`."""

    def __init__(self, locked: set[int], number: int) -> None:
        self._locked = locked
        self._number: int | None = number

    def release(self) -> None:
        if self._number is not None:
            self._locked.discard(self._number)
            self._number = None


def clean(path: str) -> str:
    """One way to write each path."""
    return posixpath.normpath(f"/{path}".replace("//", "/"))


def error(number: int, path: str) -> OSError:
    """As the operating system raises it."""
    return OSError(number, os.strerror(number), path)
