"""What a simulated disk keeps and loses; what it promises with the power on is in the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from disk_tools import NEW, OLD, disk_with, keep_all, keep_none, only, outcomes

from headrace.simulation import PowerCut, SimulatedDisk
from headrace.simulation.disk_effects import Choice, SectorEffect, SizeEffect

# -- data ----------------------------------------------------------------------------------------


def test_what_is_synced_survives() -> None:
    disk = disk_with()
    disk.open("a", writable=True).write(0, [NEW])
    assert outcomes(disk, tears=False) == {OLD + OLD, NEW + OLD}
    disk.open("a", writable=True).sync()
    assert outcomes(disk) == {NEW + OLD}


def test_a_write_that_is_synced_makes_no_other_safe() -> None:
    disk = disk_with(1536)
    file = disk.open("a", writable=True)
    file.write(0, [NEW])
    file.write(1024, [NEW], sync=True)
    assert outcomes(disk, tears=False) == {OLD + OLD + NEW, NEW + OLD + NEW}
    file.sync()
    assert disk.pending == []


def test_sectors_survive_each_by_itself() -> None:
    disk = disk_with()
    disk.open("a", writable=True).write(0, [NEW, NEW])
    assert outcomes(disk, tears=False) == {OLD + OLD, NEW + OLD, OLD + NEW, NEW + NEW}


def test_a_sector_that_survives_holds_what_was_written_to_it_before() -> None:
    disk = disk_with(512)
    file = disk.open("a", writable=True)
    file.write(0, [b"1"])
    file.write(100, [b"2"])
    first, both = b"1" + OLD[1:], b"1" + OLD[1:100] + b"2" + OLD[101:]
    assert outcomes(disk, tears=False) == {OLD, first, both}


def test_a_sector_that_is_as_it_was_again() -> None:
    disk = disk_with(512)
    file = disk.open("a", writable=True)
    file.write(0, [NEW])
    file.write(0, [OLD])
    assert outcomes(disk, tears=False) == {OLD, NEW}
    file.sync()
    assert outcomes(disk) == {OLD}


def test_a_torn_sector_is_half_new_and_garbage_is_neither() -> None:
    disk = disk_with(512)
    disk.open("a", writable=True).write(0, [NEW])
    torn = disk.after_power_cut(Choice(torn=frozenset((0,))))
    garbage = disk.after_power_cut(Choice(garbage=frozenset((0,))))
    assert torn.contents()["/a"] == NEW[:256] + OLD[256:]
    assert garbage.contents()["/a"] not in (OLD, NEW)
    assert outcomes(disk) == {OLD, NEW, torn.contents()["/a"], garbage.contents()["/a"]}


def test_growth_and_bytes_are_lost_apart() -> None:
    disk = disk_with(512)
    disk.open("a", writable=True).write(512, [NEW, NEW])
    assert [type(effect) for effect in disk.pending] == [SizeEffect, SectorEffect, SectorEffect]
    assert disk.after_power_cut(only(SizeEffect)).contents()["/a"] == OLD + bytes(1024)
    assert disk.after_power_cut(only(SectorEffect)).contents()["/a"] == OLD
    halved = disk.after_power_cut(Choice(kept=frozenset((1, 2)), torn=frozenset((0,))))
    assert halved.contents()["/a"] == OLD + NEW


def test_a_growth_inside_a_sector() -> None:
    disk = disk_with(10)
    file = disk.open("a", writable=True)
    file.write(10, [b"1"])
    file.write(11, [b"2"])
    short, ten = [n for n, e in enumerate(disk.pending) if isinstance(e, SectorEffect)], OLD[:10]
    sizes = {n for n, e in enumerate(disk.pending) if isinstance(e, SizeEffect)}
    kept = disk.after_power_cut(Choice(frozenset({*sizes, short[0]})))
    assert kept.contents()["/a"] == ten + b"1\0"
    assert disk.after_power_cut(keep_all).contents()["/a"] == ten + b"12"
    file.sync()
    assert outcomes(disk) == {ten + b"12"}


def test_sectors_have_the_size_that_was_asked_for() -> None:
    disk = disk_with(1024, sector_bytes=1024)
    disk.open("a", writable=True).write(0, [NEW, NEW])
    assert outcomes(disk, tears=False) == {OLD + OLD, NEW + NEW}


# -- names ---------------------------------------------------------------------------------------


def test_a_new_file_may_be_missing_until_its_folder_is_synced() -> None:
    disk = SimulatedDisk()
    disk.make_folder("f/g")
    file = disk.create("f/g/a", 0)
    file.write(0, [NEW])
    file.sync()
    assert {tuple(after.contents()) for after in disk.power_cuts(50)} == {(), ("/f/g/a",)}
    disk.sync_folder("f")
    assert len(list(disk.power_cuts(50))) == 2
    disk.sync_folder("f/g")
    assert [after.contents() for after in disk.power_cuts(50)] == [{"/f/g/a": NEW}]


def test_a_rename_is_never_half_done() -> None:
    disk = disk_with(512)
    disk.create("b", 0)
    disk.sync_folder("/")
    disk.rename("a", "b")
    found = [after.contents() for after in disk.power_cuts(50)]
    assert found == [{"/b": OLD}, {"/a": OLD, "/b": b""}]


def test_a_rename_does_not_sync_the_bytes() -> None:
    disk = disk_with(512)
    disk.create("new", 512).write(0, [NEW])
    disk.rename("new", "a")
    disk.sync_folder("/")
    assert outcomes(disk, tears=False) >= {NEW, bytes(512), b""}
    assert OLD not in outcomes(disk)


def test_changes_of_one_name_survive_in_their_order() -> None:
    disk = disk_with(512)
    disk.rename("a", "b")
    file = disk.create("a", 512)
    file.write(0, [NEW])
    file.sync()
    disk.create("c", 0)
    found = [x.contents() for x in disk.power_cuts(200)]
    allowed = [{"/a": OLD}, {"/b": OLD}, {"/a": NEW, "/b": OLD}]
    for names in allowed:
        assert names in found
        assert {**names, "/c": b""} in found
    assert len(found) == 2 * len(allowed)


def test_a_file_that_moves_is_in_one_of_two_folders() -> None:
    disk = disk_with(512)
    disk.make_folder("f")
    disk.rename("a", "f/a")
    assert {tuple(x.contents()) for x in disk.power_cuts(50)} == {("/a",), ("/f/a",)}
    disk.sync_folder("/")
    assert [tuple(x.contents()) for x in disk.power_cuts(50)] == [("/f/a",)]


def test_syncing_a_folder_takes_along_what_a_change_builds_on() -> None:
    disk = SimulatedDisk()
    disk.make_folder("f")
    disk.create("a", 0)
    disk.rename("a", "f/a")
    disk.create("b", 0)
    disk.sync_folder("f")
    assert {tuple(x.contents()) for x in disk.power_cuts(50)} == {("/f/a",), ("/b", "/f/a")}


def test_a_removed_file_may_be_back() -> None:
    disk = disk_with(512)
    disk.remove("a")
    assert outcomes(disk) == {OLD, None}
    disk.sync_folder("/")
    assert outcomes(disk) == {None}


def test_a_folder_is_safe_at_once() -> None:
    disk = disk_with(512)
    disk.remove("a")
    disk.make_folder("a/b")
    assert disk.after_power_cut(keep_none).names("/") == ["a"]
    assert disk.after_power_cut(keep_all).names("/") == ["a"]
    assert disk.after_power_cut(keep_none).names("a") == ["b"]


# -- where it stops ------------------------------------------------------------------------------


def workload(disk: SimulatedDisk) -> None:
    disk.make_folder("f")
    lock = disk.lock("f/lock", "me")
    assert not isinstance(lock, str)
    file = disk.create("f/new", 1024)
    file.write(0, [NEW])
    file.sync()
    disk.rename("f/new", "f/a")
    disk.sync_folder("f")
    disk.remove("f/a")
    lock.release()
    file.close()


def test_the_power_goes_before_every_operation() -> None:
    whole = SimulatedDisk()
    workload(whole)
    kinds = ["make_folder", "lock", "create", "write", "sync", "rename", "sync_folder", "remove"]
    assert [operation.kind for operation in whole.operations] == kinds
    assert str(whole.operations[3]) == "write /f/new [0, 512)"
    for n in range(len(kinds)):
        disk = SimulatedDisk(crash_at=n)
        with pytest.raises(PowerCut, match=f"at operation {n}: {kinds[n]}"):
            workload(disk)
        assert list(map(str, disk.operations)) == list(map(str, whole.operations[:n]))


def test_all_ends_when_the_power_is_off() -> None:
    disk = disk_with()
    lock = disk.lock("lock", "me")
    assert not isinstance(lock, str)
    file = disk.open("a", writable=True)
    disk.crash_at = len(disk.operations)
    calls: list[Callable[[], Any]] = [
        lambda: file.write(0, [NEW]),
        file.sync,
        file.map,
        lambda: file.read(0, 1),
        lambda: file.size,
        lambda: disk.create("b", 0),
        lambda: disk.open("a"),
        lambda: disk.rename("a", "b"),
        lambda: disk.remove("a"),
        lambda: disk.exists("a"),
        lambda: disk.names("/"),
        lambda: disk.make_folder("/"),
        lambda: disk.sync_folder("/"),
        lambda: disk.lock("lock", "you"),
    ]
    for call in calls:
        with pytest.raises(PowerCut):
            call()
    file.close()
    lock.release()
    assert disk.contents()["/a"] == OLD + OLD


def test_nobody_handles_a_power_cut_by_mistake() -> None:
    assert not issubclass(PowerCut, Exception)


@pytest.mark.parametrize(("part", "left"), [(None, OLD), (0, OLD), (100, NEW[:100] + OLD[100:])])
def test_the_power_goes_in_the_middle_of_a_write(part: int | None, left: bytes) -> None:
    disk = disk_with(512)
    disk.crash_at, disk.crash_part = len(disk.operations), part
    with pytest.raises(PowerCut, match="operation 4: write"):
        disk.open("a", writable=True).write(0, [NEW])
    assert disk.after_kill().open("a").read(0, 999) == left
    assert disk.after_power_cut(keep_none).open("a").read(0, 999) == OLD


def test_the_power_goes_in_the_middle_of_a_create() -> None:
    disk = SimulatedDisk(crash_at=0, crash_part=100)
    with pytest.raises(PowerCut):
        disk.create("a", 1000)
    assert disk.after_kill().contents() == {"/a": bytes(100)}


def test_a_killed_process_loses_nothing_but_its_locks() -> None:
    disk = disk_with(512)
    lock = disk.lock("lock", "me")
    assert not isinstance(lock, str)
    file = disk.open("a", writable=True)
    file.write(0, [NEW])
    after = disk.after_kill()
    file.write(0, [OLD])
    assert after.open("a").read(0, 999) == NEW
    assert after.operations == []
    assert not isinstance(after.lock("lock", "you"), str)
    assert disk.lock("lock", "you") == "me"
    assert after.after_power_cut(keep_none).contents() == {"/a": OLD}


def test_numbers_of_files_are_not_used_again_after_a_power_cut() -> None:
    disk = disk_with(512)
    disk.create("b", 0)
    after = disk.after_power_cut(keep_none)
    after.create("c", 0).write(0, [NEW])
    assert after.contents() == {"/a": OLD, "/c": NEW}
    assert after.after_power_cut(keep_none).contents() == {"/a": OLD}
