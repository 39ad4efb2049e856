"""The same random calls to a real and to a simulated disk, compared after each one."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from disk_outcomes import outcome
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from headrace.ports import Disk, File, LocalDisk, Lock
from headrace.simulation import SimulatedDisk

FOLDERS = ("", "f/", "f/g/")
PATHS = st.sampled_from([f"{folder}{name}" for folder in FOLDERS for name in "ab"] + ["a/b"])
ANY_FOLDER = st.sampled_from(["", "/f", "/f/g", "/a", "/a/b", "/b/a"])
SIZES = st.sampled_from([0, 1, 100, 512, 1000, 4096, 5000])
PART = st.binary(max_size=700) | st.integers(0, 100).map(lambda n: np.arange(n, dtype="<i4"))


class DiskAgainstDisk(RuleBasedStateMachine):
    """Random calls to a real and a simulated disk: results, errors, names and contents agree."""

    @initialize()
    def start(self) -> None:
        self.stack = contextlib.ExitStack()
        self.root = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="disk-"))
        self.disks: list[Disk] = [LocalDisk(), SimulatedDisk()]
        self.disks[1].make_folder(self.root)
        self.files: list[list[File]] = []
        self.locks: list[list[Lock]] = []

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            for file, _ in self.files:
                file.close()
            for lock, _ in self.locks:
                lock.release()
            self.stack.close()

    def both(self, call: Callable[[Disk], Any]) -> list[Any]:
        """What both say: the same, or something of which there is one of each."""
        found = [outcome(lambda disk=disk: call(disk)) for disk in self.disks]
        plain = [
            str(x) if isinstance(x, (str, bytes, list, int, type(None))) else "" for x in found
        ]
        assert plain[0] == plain[1]
        self.compare()
        return found

    def compare(self) -> None:
        for local, simulated in self.files:
            assert outcome(lambda f=local: f.size) == outcome(lambda f=simulated: f.size)
        folders = [self.root]
        while folders:
            folder = folders.pop()
            names = [disk.names(folder) for disk in self.disks]
            assert names[0] == names[1]
            for path in (f"{folder}/{name}" for name in names[0]):
                if Path(path).is_dir():
                    folders.append(path)
                else:
                    contents = [disk.open(path).read(0, 1 << 20) for disk in self.disks]
                    assert contents[0] == contents[1]

    @rule(path=PATHS, size=SIZES)
    def create(self, path: str, size: int) -> None:
        self.keep(self.both(lambda disk: disk.create(f"{self.root}/{path}", size)))

    @rule(path=PATHS, writable=st.booleans())
    def open(self, path: str, writable: bool) -> None:
        self.keep(self.both(lambda disk: disk.open(f"{self.root}/{path}", writable=writable)))

    def keep(self, found: list[Any]) -> None:
        if not isinstance(found[0], str):
            self.files.append(found)

    @rule(old=PATHS, new=PATHS)
    def rename(self, old: str, new: str) -> None:
        if Path(self.root, old).is_dir():
            return  # only files are promised to be renamed
        self.both(lambda disk: disk.rename(f"{self.root}/{old}", f"{self.root}/{new}"))

    @rule(path=PATHS)
    def remove(self, path: str) -> None:
        self.both(lambda disk: disk.remove(f"{self.root}/{path}"))

    @rule(path=ANY_FOLDER)
    def look(self, path: str) -> None:
        self.both(lambda disk: disk.exists(self.root + path))
        self.both(lambda disk: disk.names(self.root + path))

    @rule(path=ANY_FOLDER)
    def make_folder(self, path: str) -> None:
        self.both(lambda disk: disk.make_folder(self.root + path))

    @rule(path=ANY_FOLDER)
    def sync_folder(self, path: str) -> None:
        self.both(lambda disk: disk.sync_folder(self.root + path))

    @rule(path=PATHS, text=st.text("xyz", min_size=1, max_size=9))
    def lock(self, path: str, text: str) -> None:
        found = self.both(lambda disk: disk.lock(f"{self.root}/{path}", text))
        if not isinstance(found[0], str):
            self.locks.append(found)

    @precondition(lambda self: self.locks)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        for lock in data.draw(st.sampled_from(self.locks)):
            lock.release()

    @precondition(lambda self: self.files)
    @rule(data=st.data(), offset=st.integers(0, 3000), parts=st.lists(PART, max_size=3))
    def write(self, data: st.DataObject, offset: int, parts: list[Any]) -> None:
        files = data.draw(st.sampled_from(self.files))
        self.both(lambda disk: files[self.disks.index(disk)].write(offset, parts))

    @precondition(lambda self: self.files)
    @rule(data=st.data(), offset=st.integers(0, 6000), size=st.integers(0, 6000))
    def read(self, data: st.DataObject, offset: int, size: int) -> None:
        files = data.draw(st.sampled_from(self.files))
        self.both(lambda disk: files[self.disks.index(disk)].read(offset, size))
        self.both(lambda disk: files[self.disks.index(disk)].map().tobytes())

    @precondition(lambda self: self.files)
    @rule(data=st.data(), closed=st.booleans())
    def sync(self, data: st.DataObject, closed: bool) -> None:
        files = data.draw(st.sampled_from(self.files))
        self.both(lambda disk: files[self.disks.index(disk)].sync())
        if closed:
            self.both(lambda disk: files[self.disks.index(disk)].close())


DiskAgainstDisk.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestDiskAgainstDisk = DiskAgainstDisk.TestCase
