"""Disks that are full, or that fail: the engine stops, says why, and goes on when opened anew.

What was acknowledged is there then; nothing is tried again on a file that has failed.
"""

from __future__ import annotations

import errno
import time

import numpy as np
import pytest
from journal_tools import EVENT
from power_engine import SECONDS, Log, Runner, check_after, expected, plain

from headrace.errors import (
    HeadraceError,
    JournalFailed,
    JournalFull,
    SnapshotFailed,
    WaitTimeout,
)
from headrace.runtime.deadline import Deadline
from headrace.runtime.output_journal import read_outputs
from headrace.simulation import SimulatedDisk
from headrace.simulation.disk_effects import NameEffect

SEGMENTS = "/journal/*"


def publish_until(runner: Runner, kind: type[HeadraceError]) -> HeadraceError:
    """Publish until the engine refuses; it refuses from then on, and ends."""
    with pytest.raises(kind) as caught:
        publish_much(runner)
    with pytest.raises(kind):
        runner.engine.publish(np.zeros(1, EVENT))
    with pytest.raises(kind):
        runner.engine.close(SECONDS)
    assert type(caught.value) is kind
    return caught.value


def publish_much(runner: Runner) -> None:
    for _ in range(200):
        runner.publish(50)


def publish_and_snapshot(runner: Runner) -> None:
    for _ in range(3):
        runner.publish(50)
        runner.engine.snapshot(SECONDS)


def check_both(disk: SimulatedDisk, log: Log) -> None:
    """Open what is left by the process, and by the machine."""
    check_after(disk.after_kill(), log, log.acknowledged)
    for after in disk.power_cuts(6):
        check_after(after, log, log.safe())


@pytest.mark.parametrize("level", ["fsync", "os", "none"])
@pytest.mark.parametrize(
    ("operation", "code", "kind"),
    [
        ("write", errno.EIO, JournalFailed),
        ("write", errno.ENOSPC, JournalFull),
        ("write", errno.EDQUOT, JournalFull),
        ("sync", errno.EIO, JournalFailed),
    ],
    ids=["write", "full", "quota", "sync"],
)
def test_a_write_or_a_sync_fails(
    operation: str, code: int, kind: type[HeadraceError], level: str
) -> None:
    disk, log = SimulatedDisk(), Log(level)
    runner = Runner(disk, log)
    runner.publish(5)
    runner.call()
    part = 70 if operation == "write" else None
    disk.fail(operation, error=code, path="/journal/[0s]*", part=part, times=None)
    error = publish_until(runner, kind)
    assert error.__cause__ is not None
    assert "are safe" in str(error)
    assert ("make space" in str(error)) == (kind is JournalFull)
    check_both(disk, log)


def test_nothing_is_tried_again_on_a_file_that_failed() -> None:
    disk, log = SimulatedDisk(), Log("fsync")
    runner = Runner(disk, log)
    runner.publish(5)
    disk.fail("sync", path="/journal/0*")
    publish_until(runner, JournalFailed)
    last = [each for each in disk.operations if each.path.startswith("/journal/0")][-1]
    assert last.kind == "sync"  # the one that failed: not even the seal
    check_both(disk, log)


@pytest.mark.parametrize("level", ["fsync", "os", "none"])
@pytest.mark.parametrize("operation", ["rename", "sync_folder", "create", "write", "sync"])
def test_a_new_segment_cannot_be_made(operation: str, level: str) -> None:
    disk, log = SimulatedDisk(), Log(level)
    runner = Runner(disk, log, outputs=False)
    runner.publish(5)
    # Neither made ahead of time nor when it is needed.
    disk.fail("create", path="/journal/spare*", times=None)
    paths = {"sync_folder": "/journal"}
    disk.fail(operation, path=paths.get(operation, "/journal/0000000001-*"))
    error = publish_until(runner, JournalFailed)
    assert "could not be made" in str(error)
    check_both(disk, log)


def test_the_journal_of_outputs_fails() -> None:
    """The engine ends, also where its outputs are more than the ring holds."""
    disk, log = SimulatedDisk(), Log("fsync")
    runner = Runner(disk, log)
    runner.publish(5)
    disk.fail("write", path="/journal/outputs/*")
    publish_until(runner, JournalFailed)
    check_both(disk, log)


def test_a_full_disk() -> None:
    """Acknowledged inputs are safe, snapshots fail, and with more room all goes on."""
    disk, log = SimulatedDisk(), Log("fsync")
    runner = Runner(disk, log)
    runner.publish(100)
    runner.engine.snapshot(SECONDS)
    disk.capacity_bytes = sum(map(len, disk.contents().values())) + 200
    with pytest.raises(SnapshotFailed, match="No space left"):
        publish_and_snapshot(runner)  # until the last spare room is used
    runner.publish(3)
    runner.call()
    publish_until(runner, JournalFull)
    for full in (disk.after_kill(), *disk.power_cuts(3)):
        try:
            again = Runner(full, log.copied())
        except JournalFull:
            pass
        else:
            publish_until(again, JournalFull)
    disk.capacity_bytes = None
    check_both(disk, log)


@pytest.mark.parametrize("operation", ["create", "write", "sync", "rename", "sync_folder"])
def test_a_snapshot_that_cannot_be_written(operation: str) -> None:
    """The engine goes on without, and the next one may come out well."""
    disk, log = SimulatedDisk(), Log("fsync")
    runner = Runner(disk, log, snapshots_kept=1, keep="snapshots")
    runner.publish(900)
    runner.engine.snapshot(SECONDS)
    runner.publish(900)
    runner.engine.drain(SECONDS)
    path = "/journal" if operation == "sync_folder" else "/journal/*.snapshot.new"
    disk.fail(operation, path=path)
    with pytest.raises(SnapshotFailed, match="no snapshot was written before input 1,800"):
        runner.engine.snapshot(SECONDS)
    runner.publish(5)
    runner.engine.drain(SECONDS)
    check_both(disk, log)
    assert runner.engine.snapshot(SECONDS) == 1805
    runner.end()
    check_after(disk.after_kill(), log, 1805)


def test_snapshots_that_are_due_and_fail() -> None:
    disk, log = SimulatedDisk(), Log("fsync")
    disk.fail("create", path="*.snapshot.new", times=None)
    runner = Runner(disk, log, snapshot_every=100)
    keeper = runner.engine._journaling._keeper  # type: ignore[union-attr]
    for turn in range(400):
        runner.publish(200 if turn < 5 else 1)
        runner.engine.drain(SECONDS)
        if turn >= 4 and isinstance(keeper.told, SnapshotFailed):
            break
        time.sleep(0.01)
    assert isinstance(keeper.told, SnapshotFailed)
    runner.publish(1)
    runner.end()
    check_both(disk, log)


def test_no_snapshot_before_the_outputs_are_safe() -> None:
    """What is behind a snapshot is not made again: it must be on the disk."""
    disk, log = SimulatedDisk(), Log("os")
    runner = Runner(disk, log)
    recorder = runner.engine._journaling._outputs  # type: ignore[union-attr]
    recorder.wait_synced = lambda end, deadline: False  # type: ignore[method-assign,union-attr]
    runner.publish(100)
    runner.engine.drain(SECONDS)
    with pytest.raises(WaitTimeout, match="no snapshot was made"):
        runner.engine.snapshot(0.1)
    del recorder.wait_synced  # type: ignore[union-attr]
    assert runner.engine.snapshot(SECONDS) == 100
    for after in disk.power_cuts(6):
        check_after(after, log, 100)
    runner.end()


@pytest.mark.parametrize("level", ["os", "none"])
def test_outputs_of_inputs_that_are_lost(level: str) -> None:
    """Their journal may have outlived what they were made of; then others come in their place."""
    disk, log = SimulatedDisk(), Log(level)
    runner = Runner(disk, log)
    runner.publish(100, durable=False)
    runner.engine.drain(SECONDS)
    runner.engine.snapshot(SECONDS)
    for _ in range(19):
        runner.publish(100, durable=False)
        runner.engine.drain(SECONDS)
    runner.engine._journaling._outputs.wait_synced(2000, Deadline(SECONDS))  # type: ignore[union-attr]
    writes = [e.operation for e in disk.pending if "/outputs/" not in e.operation.path]
    order = list(dict.fromkeys(map(id, writes)))
    for kept in (0.0, 0.4):
        left = order[: int(len(order) * kept)]
        after = disk.after_power_cut(
            lambda effect, left=left: (  # type: ignore[misc]
                isinstance(effect, NameEffect)
                or "/outputs/" in effect.operation.path
                or id(effect.operation) in left
            )
        )
        told = log.copied()
        again = Runner(after, told)
        there = again.engine.sequence
        assert 100 <= there < 2000
        assert kept == 0.0 or there > 100
        told.given, told.life = told.given[:there], 1
        again.publish(300)
        again.end()
        every = [each for part in read_outputs(after, "/journal") for each in plain(part)]
        assert every == expected(told.given, told.called)
        copies = after.names("/journal/outputs/kept")
        assert any(name.endswith(".torn") for name in copies), copies
    runner.end()
