"""What a simulated disk tries when it is asked for all that a power cut may leave."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from disk_tools import NEW, disk_with, only, outcomes

from headrace.simulation import PowerCut, SimulatedDisk
from headrace.simulation.disk_effects import Choice, NameEffect, SizeEffect


def busy_disk(seed: int = 0) -> SimulatedDisk:
    disk = SimulatedDisk(seed=seed)
    for name in "abc":
        disk.create(name, 8192).write(100, [name.encode() * 5000])
    disk.rename("a", "b")
    disk.sync_folder("/")
    disk.remove("c")
    return disk


def test_the_same_is_tried_each_time() -> None:
    runs = [[x.contents() for x in busy_disk().power_cuts(100)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0] != [x.contents() for x in busy_disk(seed=1).power_cuts(100)]
    assert runs[0] != [x.contents() for x in busy_disk().power_cuts(100, seed=1)]


def test_as_many_are_tried_as_may_be_and_none_twice() -> None:
    found = [tuple(x.contents().items()) for x in busy_disk().power_cuts(100)]
    assert len(found) == len(set(found)) == 100
    assert list(busy_disk().power_cuts(0)) == []
    assert len(list(SimulatedDisk().power_cuts(100))) == 1


@pytest.mark.parametrize("limit", [20, 50, 200])
def test_what_matters_is_among_what_is_tried(limit: int) -> None:
    disk = SimulatedDisk()
    file = disk.create("a", 4096)
    file.sync()
    disk.sync_folder("/")
    for n in range(8):
        file.write(512 * n, [bytes([n + 1]) * 512])
    found = outcomes(disk, limit)
    whole = b"".join(bytes([n + 1]) * 512 for n in range(8))
    assert {whole, bytes(4096)} <= found
    if limit == 200:
        for n in range(0, 4096, 512):
            assert whole[:n] + bytes(4096 - n) in found
            assert whole[:n] + bytes(512) + whole[n + 512 :] in found
            assert bytes(n) + whole[n : n + 512] + bytes(4096 - n - 512) in found
            assert whole[:n] + whole[n : n + 256] + bytes(4096 - n - 256) in found
    else:
        assert len(found) == limit


def test_a_new_disk_is_all_safe_and_says_where_it_comes_from() -> None:
    disk = disk_with()
    disk.crash_at = len(disk.operations) + 1
    disk.open("a", writable=True).write(0, [NEW, NEW])
    with pytest.raises(PowerCut):
        disk.remove("a")
    after = disk.after_power_cut(Choice(frozenset((0,)), garbage=frozenset((1,))))
    assert after.origin == (
        "a new disk; the power was cut at operation 5 "
        "(write /a [0, 1,024): 1 of 2 kept, sector 1 garbage)"
    )
    assert (after.pending, after.operations, after.crash_at) == ([], [], None)
    assert after.after_kill().origin == f"{after.origin}; a process was killed"
    assert [x.contents() for x in after.power_cuts(9)] == [after.contents()]


def test_names_alone_can_be_chosen() -> None:
    disk = SimulatedDisk()
    disk.create("a", 3).write(0, [b"abc"])
    assert disk.after_power_cut(only(NameEffect)).contents() == {"/a": b""}
    assert disk.after_power_cut(only(NameEffect, SizeEffect)).contents() == {"/a": bytes(3)}


def test_threads_may_write_while_others_look() -> None:
    disk = disk_with(8192)
    writer = disk.open("a", writable=True)

    def write() -> None:
        for n in range(200):
            writer.write(n % 16 * 512, [np.full(512, n, np.uint8)])
            if n % 10 == 0:
                writer.sync()

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        for after in disk.power_cuts(3, tears=False):
            assert all(len(set(part)) == 1 for part in sectors(after.contents()["/a"]))
    thread.join()
    assert len(disk.operations) == 4 + 220


def sectors(data: bytes) -> list[bytes]:
    return [data[n : n + 512] for n in range(0, len(data), 512)]
