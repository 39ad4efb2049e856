"""What the real disk is asked for: that it writes all, and that it is told to keep it.

What a power cut would take cannot be seen while the power is on; so the calls are looked at.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.ports import LocalDisk

Calls = list[tuple[Any, ...]]
DSYNC = getattr(os, "RWF_DSYNC", 0)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Each sync, by the file or folder, and each write that was to be synced."""
    made: Calls = []

    def watch(name: str, told: Callable[..., Any]) -> None:
        real = getattr(os, name)

        def called(fd: int, *rest: Any) -> Any:
            if told(*rest):
                made.append((name, os.readlink(f"/proc/self/fd/{fd}")))
            return real(fd, *rest)

        monkeypatch.setattr(os, name, called)

    watch("fdatasync", lambda: True)
    watch("fsync", lambda: True)
    watch("pwritev", lambda parts, offset, flags=0: flags & DSYNC)
    return made


def test_a_sync_is_one(tmp_path: Path, calls: Calls) -> None:
    file = LocalDisk().create(str(tmp_path / "a"), 10)
    file.write(0, [b"x"])
    assert calls == []
    file.sync()
    assert calls == [("fdatasync", str(tmp_path / "a"))]


def test_a_write_with_sync_is_synced(tmp_path: Path, calls: Calls) -> None:
    file = LocalDisk().create(str(tmp_path / "a"), 10)
    file.write(0, [b"x"], sync=True)
    assert calls == [("pwritev" if DSYNC else "fdatasync", str(tmp_path / "a"))]


def test_a_sync_of_a_folder_is_one(tmp_path: Path, calls: Calls) -> None:
    LocalDisk().sync_folder(str(tmp_path))
    assert calls == [("fsync", str(tmp_path))]


def test_new_folders_are_safe(tmp_path: Path, calls: Calls) -> None:
    """Each is synced in the one that it is in; also where somebody has made it and then died."""
    LocalDisk().make_folder(str(tmp_path / "a" / "b"))
    wanted = [("fsync", str(tmp_path)), ("fsync", str(tmp_path / "a"))]
    assert [call for call in calls if call in wanted] == wanted
    calls.clear()
    LocalDisk().make_folder(str(tmp_path / "a" / "b"))
    assert calls == [("fsync", str(tmp_path / "a"))]


@pytest.mark.parametrize("sync", [False, True])
def test_short_writes_are_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: Calls, sync: bool
) -> None:
    """A system may write less than it is asked to, again and again."""
    watched, real = os.pwritev, os.pwrite

    def short(fd: int, parts: Any, *rest: Any) -> int:
        return watched(fd, [b"".join(parts)[:3]], *rest)

    monkeypatch.setattr(os, "pwritev", short)
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, data[:2], offset))
    file = LocalDisk().create(str(tmp_path / "a"), 12)
    file.write(2, [b"abc", b"", b"defg"], sync=sync)
    assert file.read(0, 99) == b"\0\0abcdefg\0\0\0"
    # What was written behind the first part is synced as well.
    assert calls[-1:] == ([("fdatasync", str(tmp_path / "a"))] if sync else [])


def test_a_disk_that_takes_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write behind a short one says what the matter is; one that says nothing is an error."""
    file = LocalDisk().create(str(tmp_path / "a"), 12)
    monkeypatch.setattr(os, "pwritev", lambda fd, parts, *rest: 1)

    def full(*call: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for pwrite, message in ((full, "No space left"), (lambda *call: 0, "nothing was written at 1")):
        monkeypatch.setattr(os, "pwrite", pwrite)
        with pytest.raises(OSError, match=message):
            file.write(0, [b"abc"])
