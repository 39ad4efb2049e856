"""The faults that can be planned on a simulated disk."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest
from disk_tools import NEW, OLD, disk_with, keep_none, outcomes

from headrace.simulation import SimulatedDisk


def test_a_write_fails_after_a_part() -> None:
    disk = disk_with(512)
    disk.fail("write", at=1, part=3)
    file = disk.open("a", writable=True)
    file.write(500, [b"well"])
    with pytest.raises(OSError, match="Input/output") as caught:
        file.write(0, [NEW])
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, "a")
    assert file.read(0, 5) == b"nnnoo"
    file.write(0, [NEW])
    assert file.read(0, 999) == NEW


def test_after_a_failed_sync_another_says_that_all_is_well() -> None:
    disk = disk_with()
    file = disk.open("a", writable=True)
    file.write(0, [NEW])
    disk.fail("sync")
    with pytest.raises(OSError, match="Input/output"):
        file.sync()
    file.write(512, [NEW])
    file.sync()
    assert file.read(0, 9999) == NEW + NEW
    assert disk.after_kill().open("a").read(0, 9999) == NEW + NEW
    assert outcomes(disk, tears=False) == {OLD + NEW, NEW + NEW}
    file.write(0, [NEW])  # the same again: dirty again
    file.sync()
    assert outcomes(disk) == {NEW + NEW}


def test_a_sync_that_lies_leaves_all_as_it_was() -> None:
    disk = disk_with(512)
    disk.open("a", writable=True).write(0, [NEW])
    disk.lie("sync")
    disk.open("a", writable=True).sync()
    assert outcomes(disk, tears=False) == {OLD, NEW}
    disk.open("a", writable=True).sync()
    assert outcomes(disk) == {NEW}


@pytest.mark.parametrize("lies", [True, False])
def test_a_sync_of_a_folder_that_did_not_happen(lies: bool) -> None:
    disk = disk_with(512)
    disk.remove("a")
    if lies:
        disk.lie("sync_folder")
        disk.sync_folder("/")
    else:
        disk.fail("sync_folder")
        with pytest.raises(OSError, match="Input/output"):
            disk.sync_folder("/")
    assert outcomes(disk) == {OLD, None}


FAILING: dict[str, Callable[[SimulatedDisk], Any]] = {
    "create": lambda disk: disk.create("b", 10),
    "rename": lambda disk: disk.rename("a", "b"),
    "remove": lambda disk: disk.remove("a"),
    "make_folder": lambda disk: disk.make_folder("f"),
    "lock": lambda disk: disk.lock("lock", "me"),
    "open": lambda disk: disk.open("a"),
    "read": lambda disk: disk.open("a").read(0, 1),
    "sync_folder": lambda disk: disk.sync_folder("/"),
}


@pytest.mark.parametrize("kind", sorted(FAILING))
def test_what_fails_changes_nothing_and_fails_once(kind: str) -> None:
    disk = disk_with(512)
    disk.fail(kind, error=errno.EACCES)
    with pytest.raises(PermissionError):
        FAILING[kind](disk)
    assert (disk.names("/"), disk.pending) == (["a"], [])
    FAILING[kind](disk)


def test_a_fault_counts_what_it_is_for_only() -> None:
    disk = SimulatedDisk()
    disk.make_folder("f")
    disk.fail("create", at=1, path="f/*.x", times=None)
    for name in ("f/a.y", "a.x", "f/a.x", "f/b.y"):
        disk.create(name, 0)
    for _ in range(3):
        with pytest.raises(OSError, match="Input/output"):
            disk.create("f/b.x", 0)


def test_a_failed_create_may_leave_an_unfinished_file() -> None:
    disk = SimulatedDisk()
    disk.fail("create", error=errno.ENOSPC, part=7)
    with pytest.raises(OSError, match="No space"):
        disk.create("a", 100)
    assert disk.contents() == {"/a": bytes(7)}


def test_a_map_that_fails_and_one_that_is_wrong() -> None:
    disk = disk_with(512)
    disk.fail("read")
    disk.lie("read", at=1, bit=9)
    file = disk.open("a")
    with pytest.raises(OSError, match="Input/output"):
        file.map()
    assert file.map()[:3].tobytes() == b"omo"
    assert file.map()[:3].tobytes() == b"ooo"


def test_a_full_disk() -> None:
    disk = disk_with(512, capacity_bytes=1000)
    with pytest.raises(OSError, match="No space"):
        disk.create("b", 489)
    assert disk.names("/") == ["a"]
    disk.create("b", 400)
    file = disk.open("a", writable=True)
    file.write(0, [NEW])
    with pytest.raises(OSError, match="No space"):
        file.write(500, [b"x" * 200])
    assert file.read(0, 9999) == NEW[:500] + b"x" * 100
    with pytest.raises(OSError, match="No space"):
        disk.lock("lock", "me")
    disk.remove("b")
    file.write(600, [b"x" * 400])
    disk.unfinished, disk.capacity_bytes = True, 1010
    with pytest.raises(OSError, match="No space"):
        disk.create("b", 11)
    assert disk.contents()["/b"] == bytes(10)


def test_a_lost_write_is_seen_until_the_power_is_cut() -> None:
    disk = disk_with()
    disk.lie("write")
    file = disk.open("a", writable=True)
    file.write(0, [NEW])
    file.write(512, [NEW])
    file.sync()
    assert disk.after_kill().open("a").read(0, 9999) == NEW + NEW
    assert outcomes(disk) == {OLD + NEW}


def test_a_misdirected_write_lands_elsewhere() -> None:
    disk = disk_with()
    other = disk.create("b", 2048)
    other.sync()
    disk.sync_folder("/")
    disk.lie("write", to=("b", 512))
    file = disk.open("a", writable=True)
    file.write(0, [NEW])
    file.sync()
    assert disk.contents() == {"/a": NEW + OLD, "/b": bytes(2048)}
    after = disk.after_power_cut(keep_none)
    assert after.contents() == {"/a": OLD + OLD, "/b": bytes(512) + NEW + bytes(1024)}


def test_a_bit_is_turned_round_where_it_lies() -> None:
    disk = disk_with(512)
    data = disk.open("a").map()
    disk.flip("a", 8 * 3 + 1)
    assert data[:5].tobytes() == b"ooomo"
    assert disk.after_power_cut(keep_none).open("a").read(0, 5) == b"ooomo"


@pytest.mark.parametrize(
    "plan",
    [
        lambda disk: disk.fail("erase"),
        lambda disk: disk.fail("write", error=0),
        lambda disk: disk.fail("write", at=-1),
        lambda disk: disk.fail("sync", part=3),
        lambda disk: disk.fail("sync", times=0),
        lambda disk: disk.lie("rename"),
        lambda disk: disk.lie("read"),
        lambda disk: disk.lie("write", bit=3),
        lambda disk: disk.lie("sync", to=("a", 0)),
    ],
    ids=["kind", "error", "at", "part", "times", "lie", "no-bit", "bit", "to"],
)
def test_faults_that_cannot_be_are_refused(plan: Callable[[SimulatedDisk], None]) -> None:
    with pytest.raises(ValueError, match=r"must be|belongs|is not 0"):
        plan(SimulatedDisk())
