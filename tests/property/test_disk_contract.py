"""What `headrace.ports.Disk` promises while the power is on, of the real disk and the simulated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from disk_outcomes import outcome

from headrace.ports import Disk, LocalDisk
from headrace.simulation import SimulatedDisk

DISKS: dict[str, Callable[[], Disk]] = {"local": LocalDisk, "simulated": SimulatedDisk}


@pytest.fixture(params=sorted(DISKS))
def disk(request: pytest.FixtureRequest) -> Disk:
    return DISKS[request.param]()


@pytest.fixture
def root(disk: Disk, tmp_path: Path) -> str:
    disk.make_folder(str(tmp_path))
    return str(tmp_path)


# -- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 5000, (1 << 20) + 1])
def test_a_new_file_is_of_zeros(disk: Disk, root: str, size: int) -> None:
    file = disk.create(f"{root}/a", size)
    assert file.size == size
    assert file.read(0, size + 1) == bytes(size)
    assert disk.open(f"{root}/a").map().tobytes() == bytes(size)


def test_parts_are_written_one_behind_the_other(disk: Disk, root: str) -> None:
    file = disk.create(f"{root}/a", 10)
    numbers = np.array([1, 2], "<u2")
    records = np.array([(3, 4)], [("x", "u1"), ("y", "u1")])
    file.write(2, [b"ab", numbers, b"", bytearray(b"c"), memoryview(b"d"), records])
    assert file.read(0, 100) == b"\0\0ab\1\0\2\0cd\3\4"


def test_many_parts_are_written(disk: Disk, root: str) -> None:
    file = disk.create(f"{root}/a", 0)
    file.write(0, [bytes([n % 256]) for n in range(1000)])
    assert file.read(0, 2000) == bytes(n % 256 for n in range(1000))


def test_what_cannot_be_read_as_bytes_is_not_written_in_part(disk: Disk, root: str) -> None:
    file = disk.create(f"{root}/a", 3)
    with pytest.raises(ValueError, match="buffer"):
        file.write(0, [b"x", np.zeros(3, [("t", "M8[ns]")])])
    assert file.read(0, 99) == bytes(3)


def test_writing_behind_the_end_leaves_zeros_between(disk: Disk, root: str) -> None:
    file = disk.create(f"{root}/a", 2)
    file.write(5, [b"z"])
    assert (file.size, file.read(0, 9)) == (6, b"\0\0\0\0\0z")


@pytest.mark.parametrize("parts", [[], [b""], [b"", np.empty(0, "<i8")]], ids=["no", "1", "2"])
def test_writing_nothing_changes_nothing(disk: Disk, root: str, parts: list[Any]) -> None:
    file = disk.create(f"{root}/a", 2)
    file.write(100, parts)
    assert file.size == 2


def test_a_read_is_short_at_the_end(disk: Disk, root: str) -> None:
    file = disk.create(f"{root}/a", 0)
    file.write(0, [b"abcdef"])
    assert file.read(4, 100) == b"ef"
    assert file.read(6, 1) == b""
    assert file.read(60, 1) == b""
    assert file.read(2, 0) == b""


def test_a_map_is_read_only_and_outlives_the_file(disk: Disk, root: str) -> None:
    file = disk.create(f"{root}/a", 0)
    file.write(0, [b"abc"])
    data = file.map()
    assert (data.dtype, data.tobytes()) == (np.uint8, b"abc")
    with pytest.raises(ValueError, match="read-only"):
        data[0] = 1
    file.close()
    disk.remove(f"{root}/a")
    assert data.tobytes() == b"abc"


def test_a_map_shows_later_writes(disk: Disk, root: str) -> None:
    file = disk.create(f"{root}/a", 4096)
    data = disk.open(f"{root}/a").map()
    file.write(100, [b"abc"])
    assert data[99:104].tobytes() == b"\0abc\0"


def test_all_who_have_a_file_open_see_the_same(disk: Disk, root: str) -> None:
    file = disk.create(f"{root}/a", 3)
    reader = disk.open(f"{root}/a")
    writer = disk.open(f"{root}/a", writable=True)
    writer.write(1, [b"xyz"])
    writer.sync()
    assert file.read(0, 9) == reader.read(0, 9) == b"\0xyz"
    assert file.size == reader.size == 4


def test_a_file_opened_to_read_cannot_be_written(disk: Disk, root: str) -> None:
    disk.create(f"{root}/a", 3)
    file = disk.open(f"{root}/a")
    assert outcome(lambda: file.write(0, [b"x"])) == "OSError EBADF"
    assert file.read(0, 3) == bytes(3)


def test_a_closed_file_does_nothing(disk: Disk, root: str) -> None:
    file = disk.create(f"{root}/a", 3)
    file.close()
    file.close()
    calls: list[Callable[[], Any]] = [
        lambda: file.write(0, [b"x"]),
        lambda: file.read(0, 1),
        lambda: file.size,
        file.sync,
        file.map,
    ]
    assert [outcome(call) for call in calls] == ["OSError EBADF"] * len(calls)
    assert disk.open(f"{root}/a").read(0, 9) == bytes(3)


# -- names ---------------------------------------------------------------------------------------


def test_a_name_is_given_once(disk: Disk, root: str) -> None:
    disk.create(f"{root}/a", 1).write(0, [b"x"])
    with pytest.raises(FileExistsError):
        disk.create(f"{root}/a", 5)
    assert disk.open(f"{root}/a").read(0, 9) == b"x"


def test_a_rename_takes_the_place_of_another(disk: Disk, root: str) -> None:
    old = disk.create(f"{root}/b", 1)
    file = disk.create(f"{root}/a", 0)
    file.write(0, [b"new"])
    disk.rename(f"{root}/a", f"{root}/b")
    assert disk.names(root) == ["b"]
    assert disk.open(f"{root}/b").read(0, 9) == b"new"
    assert old.read(0, 9) == b"\0"
    file.write(0, [b"N"])
    assert disk.open(f"{root}/b").read(0, 9) == b"New"


def test_a_file_moves_between_folders(disk: Disk, root: str) -> None:
    disk.make_folder(f"{root}/f/g")
    disk.create(f"{root}/a", 3)
    disk.rename(f"{root}/a", f"{root}/f/g/b")
    assert (disk.names(root), disk.names(f"{root}/f/g")) == (["f"], ["b"])


def test_a_rename_to_itself_changes_nothing(disk: Disk, root: str) -> None:
    disk.create(f"{root}/a", 3)
    disk.rename(f"{root}/a", f"{root}/a")
    assert disk.names(root) == ["a"]


def test_a_removed_file_is_there_for_those_who_have_it_open(disk: Disk, root: str) -> None:
    file = disk.create(f"{root}/a", 3)
    disk.remove(f"{root}/a")
    assert not disk.exists(f"{root}/a")
    assert disk.names(root) == []
    file.write(0, [b"x"])
    file.sync()
    assert file.read(0, 9) == b"x\0\0"
    assert disk.create(f"{root}/a", 1).read(0, 9) == b"\0"


def test_names_are_sorted_and_of_one_folder(disk: Disk, root: str) -> None:
    disk.make_folder(f"{root}/c/d")
    for name in ("b", "a", "c/x"):
        disk.create(f"{root}/{name}", 0)
    assert disk.names(root) == ["a", "b", "c"]
    assert disk.names(f"{root}/c") == ["d", "x"]
    assert disk.names(f"{root}/c/d") == []
    assert all(disk.exists(f"{root}/{name}") for name in ("a", "c", "c/d", "c/x"))
    assert not any(disk.exists(f"{root}/{name}") for name in ("x", "a/x", "q/x"))


def test_a_folder_may_be_there_already(disk: Disk, root: str) -> None:
    disk.make_folder(f"{root}/f")
    disk.create(f"{root}/f/a", 0)
    disk.make_folder(f"{root}/f")
    disk.sync_folder(f"{root}/f")
    assert disk.names(f"{root}/f") == ["a"]


ERRORS: dict[str, tuple[Callable[[Disk, str], Any], str]] = {
    "open-missing": (lambda d, r: d.open(f"{r}/x"), "ENOENT"),
    "open-in-missing": (lambda d, r: d.open(f"{r}/x/y"), "ENOENT"),
    "open-in-file": (lambda d, r: d.open(f"{r}/file/x"), "ENOTDIR"),
    "open-folder-to-write": (lambda d, r: d.open(f"{r}/folder", writable=True), "EISDIR"),
    "create-in-missing": (lambda d, r: d.create(f"{r}/x/y", 0), "ENOENT"),
    "create-in-file": (lambda d, r: d.create(f"{r}/file/x", 0), "ENOTDIR"),
    "create-over-folder": (lambda d, r: d.create(f"{r}/folder", 0), "EEXIST"),
    "rename-missing": (lambda d, r: d.rename(f"{r}/x", f"{r}/y"), "ENOENT"),
    "rename-to-missing": (lambda d, r: d.rename(f"{r}/file", f"{r}/x/y"), "ENOENT"),
    "rename-to-file": (lambda d, r: d.rename(f"{r}/file", f"{r}/file/y"), "ENOTDIR"),
    "rename-over-folder": (lambda d, r: d.rename(f"{r}/file", f"{r}/folder"), "EISDIR"),
    "rename-over-own-folder": (lambda d, r: d.rename(f"{r}/folder/in", f"{r}/folder"), "ENOENT"),
    "rename-over-all": (lambda d, r: d.rename(f"{r}/file", r), "ENOTEMPTY"),
    "remove-missing": (lambda d, r: d.remove(f"{r}/x"), "ENOENT"),
    "remove-folder": (lambda d, r: d.remove(f"{r}/folder"), "EISDIR"),
    "names-of-missing": (lambda d, r: d.names(f"{r}/x"), "ENOENT"),
    "names-of-file": (lambda d, r: d.names(f"{r}/file"), "ENOTDIR"),
    "sync-missing": (lambda d, r: d.sync_folder(f"{r}/x"), "ENOENT"),
    "sync-file": (lambda d, r: d.sync_folder(f"{r}/file"), "ENOTDIR"),
    "folder-over-file": (lambda d, r: d.make_folder(f"{r}/file"), "EEXIST"),
    "folder-in-file": (lambda d, r: d.make_folder(f"{r}/file/x"), "ENOTDIR"),
    "lock-in-missing": (lambda d, r: d.lock(f"{r}/x/y", "me"), "ENOENT"),
    "lock-folder": (lambda d, r: d.lock(f"{r}/folder", "me"), "EISDIR"),
    "write-before-begin": (lambda d, r: d.create(f"{r}/x", 0).write(-1, [b"x"]), "EINVAL"),
}


@pytest.mark.parametrize("case", sorted(ERRORS))
def test_what_cannot_be_is_refused_and_changes_nothing(disk: Disk, root: str, case: str) -> None:
    disk.create(f"{root}/file", 3).write(0, [b"abc"])
    disk.make_folder(f"{root}/folder")
    call, wanted = ERRORS[case]
    assert outcome(lambda: call(disk, root)) == f"OSError {wanted}"
    assert disk.open(f"{root}/file").read(0, 9) == b"abc"
    assert set(disk.names(root)) - {"x"} == {"file", "folder"}
    assert disk.names(f"{root}/folder") == []


# -- locks ---------------------------------------------------------------------------------------


def test_a_lock_is_held_by_one_until_it_is_released(disk: Disk, root: str) -> None:
    lock = disk.lock(f"{root}/lock", "the first, with a long name")
    assert not isinstance(lock, str)
    assert disk.lock(f"{root}/lock", "the second") == "the first, with a long name"
    lock.release()
    lock.release()
    other = disk.lock(f"{root}/lock", "the third")
    assert not isinstance(other, str)
    assert disk.lock(f"{root}/lock", "") == "the third"
    lock.release()
    assert disk.lock(f"{root}/lock", "") == "the third"
    other.release()


def test_a_holder_may_leave_no_name(disk: Disk, root: str) -> None:
    lock = disk.lock(f"{root}/lock", "")
    found = disk.lock(f"{root}/lock", "me")
    assert isinstance(found, str)
    assert found
    assert not isinstance(lock, str)
