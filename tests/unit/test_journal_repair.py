"""`journal.repair`: what is whole is kept, what is lost is named, and nothing is deleted."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journal_tools import new_writer, some_events, sums, write_some
from repair_tools import (
    FOLDER,
    checked,
    everything,
    harm,
    made_journal,
    opens,
    read,
    repaired,
    segments,
    settings,
    snapshots,
)

from headrace.errors import JournalDamaged, JournalLocked, JournalNotFound
from headrace.journal.check import DAMAGED, HARMLESS, WHOLE
from headrace.journal.folder import take_lock
from headrace.journal.identity import Identity
from headrace.journal.repair import Repair
from headrace.journal.writer import Writer
from headrace.ports import LocalDisk
from headrace.replay import Replay
from headrace.runtime.output_journal import read_outputs
from headrace.simulation import PowerCut, SimulatedDisk


def first_of(path: str) -> int:
    return int(path[-28:-8])


def test_a_whole_journal_needs_nothing() -> None:
    disk = made_journal(30, (20,), outputs=True)
    before = everything(disk)
    repair = repaired(disk)
    assert (repair.steps, repair.losses, repair.hopeless) == ([], [], [])
    assert everything(disk) == before
    assert not disk.exists(f"{FOLDER}/kept")
    assert opens(disk, outputs=True) == 3000


def test_a_torn_tail(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write_some(writer, [5, 5])
    at = writer.position
    writer.append(some_events(5, 10), np.arange(5))
    path = Path(writer.path)
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(at.offset + 70)
        file.write(b"torn")
    torn = path.read_bytes()
    with Repair(LocalDisk(), str(tmp_path)) as repair:
        (step,) = repair.steps
        assert "cut the torn tail" in step.text
        repair.run()
    assert path.read_bytes() == whole[: at.offset].ljust(len(whole), b"\0")
    (kept,) = (tmp_path / "kept").iterdir()
    assert kept.read_bytes() == torn[at.offset :].rstrip(b"\0")


def test_damage_in_the_middle_is_cut_there() -> None:
    disk = made_journal(60)
    path = segments(disk)[1]
    harm(disk, path, 4 * 4096 + 100)
    begin = first_of(path) + 300
    with pytest.raises(JournalDamaged):
        opens(disk)
    repair = repaired(disk)
    (loss,) = repair.losses
    told = [int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d", loss)]
    assert told == [begin, 5999, 100, 6000 - begin - 100]
    assert checked(disk).level == WHOLE
    assert opens(disk) == begin


def test_damage_before_a_snapshot_costs_the_past_only() -> None:
    disk = made_journal(60, (20, 50))
    harm(disk, segments(disk)[1], 4 * 4096 + 100)
    later = segments(disk)[2]
    repair = repaired(disk)
    (loss,) = repair.losses
    assert loss == f"the past before input {first_of(later):,} cannot be looked at any more"
    assert checked(disk).level == WHOLE
    assert segments(disk)[0] == later
    assert opens(disk) == 6000


def test_two_damages_with_a_snapshot_between_them() -> None:
    """The last stretch has no snapshot, so the one between the damages is the newest there is."""
    disk = made_journal(75, (40,))
    names = segments(disk)
    assert first_of(names[2]) < 4000 < first_of(names[3])
    harm(disk, names[1], 2 * 4096 + 100)
    harm(disk, names[3], 2 * 4096 + 100)
    repair = repaired(disk)
    assert len(repair.losses) == 2
    assert checked(disk).level == WHOLE
    assert opens(disk) == first_of(names[3]) + 100


def test_damage_in_the_segment_of_the_newest_snapshot() -> None:
    """An engine can go on, so nothing is cut unless it is wanted."""
    disk = made_journal(13, (9,))
    path = segments(disk)[0]
    harm(disk, path, 4 * 4096 + 100)
    before = everything(disk)
    repair = repaired(disk)
    assert repair.steps == []
    (told,) = repair.hopeless
    assert "Nothing needs to be cut" in told
    assert everything(disk) == before
    assert checked(disk).level == DAMAGED
    again = repaired(disk, cut=True)
    assert again.losses == [
        "inputs 200 to 1,299: 100 cannot be read, 1,000 are intact and copied to kept/"
    ]
    assert (checked(disk).level, snapshots(disk)) == (WHOLE, [])
    assert opens(disk) == 200


@pytest.mark.parametrize("snapshot", [(), (45,)], ids=["none", "behind"])
def test_a_missing_segment(snapshot: tuple[int, ...]) -> None:
    disk = made_journal(60, snapshot)
    names = segments(disk)
    disk.remove(names[1])
    repaired(disk)
    assert checked(disk).level == WHOLE
    assert opens(disk) == (6000 if snapshot else first_of(names[1]))


@pytest.mark.parametrize("offset", [0, 17, 33, 42, 50, 58, 66, 74, 80, 85, 100, 120])
@pytest.mark.parametrize("index", [0, 1, -1], ids=["first", "middle", "last"])
def test_a_header_is_put_together_again(index: int, offset: int) -> None:
    disk = made_journal(60)
    path = segments(disk)[index]
    was = read(disk, path)
    harm(disk, path, offset)
    assert checked(disk).level == DAMAGED
    repair = repaired(disk)
    assert (repair.losses, repair.hopeless) == ([], [])
    assert read(disk, path) == was
    assert opens(disk) == 6000


def test_the_header_of_the_only_segment_is_lost() -> None:
    disk = made_journal(3)
    harm(disk, segments(disk)[0], 0, 4096)
    before = everything(disk)
    repair = repaired(disk)
    assert "no part of it begins at the first input" in repair.hopeless[0]
    assert everything(disk) == before


def test_a_snapshot_newer_than_the_journal() -> None:
    disk = made_journal(5, (2, 5))
    path = segments(disk)[-1]
    file = disk.open(path, writable=True)
    file.write(4 * 4096, [bytes(file.size - 4 * 4096)])
    file.sync()
    newest = snapshots(disk)[-1]
    with pytest.raises(JournalDamaged, match="has lost what was safe"):
        opens(disk)
    repair = repaired(disk)
    assert repair.losses == ["inputs 200 to 499: 300 cannot be read"]
    assert not disk.exists(newest)
    assert disk.exists(newest.replace(FOLDER, f"{FOLDER}/kept"))
    assert checked(disk).level == WHOLE
    assert opens(disk) == 200


def test_a_snapshot_that_nothing_leads_up_to() -> None:
    """What is left neither begins at the first input nor reaches the snapshot."""
    disk = made_journal(60, (50,))
    names = segments(disk)
    assert first_of(names[2]) < 5000
    for path in (names[0], *names[2:]):
        disk.remove(path)
    before = everything(disk)
    repair = repaired(disk)
    assert "no part of it begins at the first input, or at a snapshot" in repair.hopeless[0]
    assert (repair.steps, everything(disk)) == ([], before)


def test_bad_snapshots_and_leftovers_are_moved() -> None:
    disk = made_journal(60, (20, 40))
    bad = snapshots(disk)[1]
    harm(disk, bad, 100)
    for name in ("spare.new", f"{'9' * 20}.snapshot.new"):
        disk.create(f"{FOLDER}/{name}", 10).write(0, [b"half"])
    disk.create(f"{FOLDER}/notes.txt", 0).write(0, [b"mine"])
    assert checked(disk).level == HARMLESS
    assert repaired(disk).losses == []
    found = checked(disk)
    assert found.level == WHOLE
    assert [each.file for each in found.findings] == [f"{FOLDER}/notes.txt"]
    kept = disk.names(f"{FOLDER}/kept")
    assert {bad.rsplit("/", 1)[1], "spare.new", f"{'9' * 20}.snapshot.new"} <= set(kept)
    assert opens(disk) == 6000


def test_outputs_of_inputs_that_are_cut_go_with_them() -> None:
    disk = made_journal(60, outputs=True)
    path = segments(disk)[1]
    harm(disk, path, 4 * 4096 + 100)
    begin = first_of(path) + 300
    repaired(disk)
    found = checked(disk)
    assert found.outputs is not None
    assert (found.level, found.outputs.scan.end.sequence) == (WHOLE, begin)
    assert opens(disk, outputs=True) == begin
    assert ids_of_outputs(disk) == list(range(begin + 100))


@pytest.mark.parametrize("sizes", [[1000], [150, 850], [200, 800], [200, 99, 701]], ids=str)
def test_outputs_in_one_frame_with_those_that_are_cut(sizes: list[int]) -> None:
    """Records of inputs before the cut stay, those behind it go."""
    disk = made_journal(10)
    records = np.concatenate(list(Replay(settings(disk), sums).outputs()))
    folder = f"{FOLDER}/outputs"
    disk.make_folder(folder)
    identity = Identity(records.dtype, "sums", "", "0")
    writer = Writer(disk, folder, identity, level="os", segment_bytes=1 << 16)
    for size in sizes:
        part = records[writer.sequence : writer.sequence + size]
        writer.append(part, np.ascontiguousarray(part["input_time_ns"]))
    writer.sync()
    writer.close()
    assert opens(disk, outputs=True) == 1000
    harm(disk, segments(disk)[0], 4 * 4096 + 64)
    repaired(disk)
    found = checked(disk)
    assert found.level == WHOLE
    assert found.outputs is not None
    assert found.outputs.scan.end.sequence == 200
    assert opens(disk, outputs=True) == 200
    assert ids_of_outputs(disk) == list(range(300))


def ids_of_outputs(disk: SimulatedDisk) -> list[int]:
    return [int(each) for part in read_outputs(disk, FOLDER) for each in part["input_sequence"]]


@pytest.mark.parametrize("snapshot", [(), (20, 50)], ids=["none", "two"])
def test_damaged_outputs_are_made_again(snapshot: tuple[int, ...]) -> None:
    disk = made_journal(60, snapshot, outputs=True)
    path = segments(disk, f"{FOLDER}/outputs")[2]
    harm(disk, path, 8192)
    with pytest.raises(JournalDamaged):
        opens(disk, outputs=True)
    before = checked(disk).scan.end
    repair = repaired(disk)
    assert repair.hopeless == []
    assert checked(disk).level == WHOLE
    assert checked(disk).scan.end == before
    assert opens(disk, outputs=True) == 6000
    found = checked(disk).outputs
    assert found is not None
    assert found.scan.end.sequence == 6100


def test_outputs_that_are_kept_from_some_place_on() -> None:
    disk = made_journal(10, (10,))
    assert opens(disk, outputs=True) == 1000
    assert checked(disk).level == WHOLE
    assert repaired(disk).steps == []
    made_journal(40, outputs=True, disk=disk)
    path = segments(disk, f"{FOLDER}/outputs")[1]
    harm(disk, path, 8192)
    assert checked(disk).level == DAMAGED
    repaired(disk)
    assert checked(disk).level == WHOLE
    assert opens(disk, outputs=True) == 5100
    assert ids_of_outputs(disk)[-4200:] == list(range(1000, 5200))


@pytest.mark.parametrize("keep", ["all", "snapshots"])
@pytest.mark.parametrize("offset", [0, 4096], ids=["header", "frame"])
def test_outputs_from_the_beginning_on_are_damaged(keep: str, offset: int) -> None:
    """Where the inputs are kept they are made again; else those before the snapshot are lost."""
    disk = made_journal(60, (20, 50), outputs=True, keep=keep, snapshots_kept=1)
    path, second = segments(disk, f"{FOLDER}/outputs")[:2]
    behind = int(second.rsplit("-", 1)[1].split(".")[0])  # as the threads went
    harm(disk, path, offset, 8192)
    assert checked(disk).level == DAMAGED
    repair = repaired(disk)
    assert checked(disk).level == WHOLE
    assert opens(disk, outputs=True) == 6000
    ids = ids_of_outputs(disk)
    if offset == 0:  # the segments behind it reach the snapshot
        told = f"outputs before {behind:,} are not kept any more; a replay has them"
        assert repair.losses == [told]
        assert 0 < behind < 5000
        assert ids == list(range(behind, 6100))
    elif keep == "all":
        assert repair.losses == []
        assert ids == list(range(6100))
    else:
        assert repair.losses == ["outputs before 5,000 are not kept any more"]
        assert ids == list(range(5000, 6100))


def test_somebody_writes() -> None:
    disk = made_journal(3)
    lock = take_lock(disk, FOLDER)
    with pytest.raises(JournalLocked, match="another writer has it open"):
        Repair(disk, FOLDER)
    lock.release()
    with Repair(disk, FOLDER), pytest.raises(JournalLocked):
        opens(disk)
    assert opens(disk) == 300


def test_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalNotFound):
        Repair(LocalDisk(), str(tmp_path))
    assert list(tmp_path.iterdir()) == []


HARMS: dict[str, Any] = {
    "middle": lambda disk: harm(disk, segments(disk)[1], 4 * 4096 + 100),
    "header": lambda disk: harm(disk, segments(disk)[1], 20),
    "missing": lambda disk: disk.remove(segments(disk)[1]),
    "snapshot": lambda disk: harm(disk, snapshots(disk)[0], 100),
}


@pytest.mark.parametrize("kind", HARMS)
@pytest.mark.parametrize("made", [(), (10,), (31,)], ids=["no", "early", "late"])
def test_a_power_cut_during_a_repair(kind: str, made: tuple[int, ...]) -> None:
    """At every operation of it: the next repair ends with the same, and nothing is gone."""
    if kind == "snapshot" and not made:
        made = (10, 31)
    disk = made_journal(32, made)
    HARMS[kind](disk)
    disk.sync_folder(FOLDER)
    start = next(iter(disk.power_cuts(1)))  # all safe
    before = everything(start)
    whole = next(iter(start.power_cuts(1)))
    repaired(whole)
    wanted, count = checked(whole).scan.end, len(whole.operations)
    for after in whole.power_cuts(4):  # what was repaired is so for good
        assert (checked(after).level, checked(after).scan.end) == (WHOLE, wanted)
    tried = 0
    for at in range(count + 1):  # and when it is over
        broken = next(iter(start.power_cuts(1)))
        broken.crash_at = at
        with contextlib.suppress(PowerCut):
            repaired(broken)
        for after in broken.power_cuts(4):
            tried += 1
            repaired(after)
            assert checked(after).level == WHOLE, after.origin
            assert checked(after).scan.end == wanted, after.origin
            assert not before - everything(after), after.origin
    assert tried > count

