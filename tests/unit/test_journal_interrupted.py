"""What an interruption leaves when it comes while a journal is opened, or in an awkward order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from journal_tools import new_writer, read_all, some_events, sums

import headrace as hr
from headrace.errors import HistoryGone, JournalDamaged, ReplayParted
from headrace.events import record_dtype
from headrace.journal.folder import join, segment_name
from headrace.journal.notes import Called, Digest, Sealed
from headrace.journal.reader import Reader
from headrace.journal.recovery import Tail
from headrace.runtime.output_journal import read_outputs
from headrace.simulation import PowerCut, SimulatedDisk

FOLDER = "/j"


def journal(disk: SimulatedDisk, **options: Any) -> hr.Journal:
    return hr.Journal(FOLDER, disk=disk, segment_bytes=1 << 16, snapshot_every=None, **options)


def run(settings: hr.Journal, count: int, *, snapshot: bool = False) -> None:
    """Publish some more events, and close."""
    with hr.Engine(sums, journal=settings) as engine:
        engine.publish(some_events(count, engine.sequence))
        engine.drain()
        if snapshot:
            engine.snapshot()


def after_each_cut(
    disk: SimulatedDisk, work: Callable[[SimulatedDisk], Any], limit: int = 30
) -> Iterator[SimulatedDisk]:
    """Disks on which `work` was begun, and lost its power at each operation."""
    whole = disk.after_kill()
    begun = len(whole.operations)
    work(whole)
    for operation in range(begun, len(whole.operations)):
        one = disk.after_kill()
        one.crash_at = operation
        with contextlib.suppress(PowerCut):
            work(one)
        yield from one.power_cuts(limit)


# -- the journal of outputs ----------------------------------------------------------------------


def test_outputs_kept_from_some_snapshot_on() -> None:
    disk = SimulatedDisk()
    run(journal(disk), 10, snapshot=True)
    settings = journal(disk, outputs=True)
    with (
        hr.Engine(sums, journal=settings) as engine,
        pytest.raises(HistoryGone, match="the journal of outputs was begun later"),
    ):
        list(engine.outputs(after=(3, 0)))
    run(settings, 5, snapshot=True)
    kept = [int(r["input_sequence"]) for part in read_outputs(disk, FOLDER) for r in part]
    assert kept == list(range(10, 15))
    with hr.Engine(sums, journal=settings) as engine:
        parts = [part.copy() for part in engine.outputs(after=(10, 0))]
        assert np.concatenate(parts)["input_sequence"].tolist() == [11, 12, 13, 14]
        with pytest.raises(HistoryGone, match="was begun later"):
            list(engine.outputs(after=(3, 0)))


def outputs_without_inputs(lost: int = 20) -> SimulatedDisk:
    """Only the first 10 inputs are left, and all outputs, in several frames.

    At this level that may be.
    """
    disk = SimulatedDisk(sector_bytes=4096)
    settings = journal(disk, outputs=True, level="none")
    run(settings, 10)
    with hr.Engine(sums, journal=settings) as engine:
        for first in (10, 10 + lost // 2):
            engine.publish(some_events(lost // 2, first))
            engine.drain()
    left = disk.after_kill()
    cut_inputs(left, 10)
    return left


def cut_inputs(disk: SimulatedDisk, count: int) -> None:
    """Take the inputs from one on away, as if they had never reached the disk."""
    reader = Reader(disk, FOLDER)
    frames = list(reader.frames())
    first = next(frame for frame in frames if frame.header.end > count)
    assert first.first_sequence == count
    for name in reader.names:
        if name[0] > first.position.number:
            disk.remove(join(FOLDER, segment_name(*name)))
    file = disk.open(first.file, writable=True)
    offset = first.position.offset
    file.write(offset, [bytes(file.size - offset)])
    file.sync()
    file.close()


def test_outputs_that_come_out_otherwise_are_told() -> None:
    """By the first one, when they are made again; the journal of them stays as it is."""
    disk = SimulatedDisk()
    run(journal(disk, outputs=True), 10, snapshot=True)
    run(journal(disk, outputs=True), 10)
    before = disk.contents()

    def other(state: dict[int, int], key: int, amount: int) -> Any:
        return sums.step(state, key, amount + (amount == 17))

    changed = hr.machine(event=sums.event, output=sums.output, initial=dict, name="sums")(other)
    with pytest.raises(ReplayParted, match=r"output 16, of input 16, was .* and is") as caught:
        hr.Engine(changed, journal=journal(disk, outputs=True))
    assert (caught.value.first, caught.value.last) == (16, 16)
    after = disk.contents()
    assert {path for path in after if after[path] != before[path]} <= {f"{FOLDER}/lock"}


def test_outputs_that_are_missing_are_told() -> None:
    """Those in front of a snapshot, which are not made again."""
    disk = SimulatedDisk()
    run(journal(disk, outputs=True), 10, snapshot=True)
    for name in disk.names(f"{FOLDER}/outputs"):
        if name.endswith(".segment"):
            path = f"{FOLDER}/outputs/{name}"
            disk.open(path, writable=True).write(4096, [bytes((1 << 16) - 4096)])
    with pytest.raises(JournalDamaged, match="outputs 0 to 9 are missing; move the folder away"):
        hr.Engine(sums, journal=journal(disk, outputs=True))
    with hr.Engine(sums, journal=journal(disk)) as engine:
        assert engine.sequence == 10


@pytest.mark.parametrize("lost", [20, 5000])
def test_outputs_of_lost_inputs_are_cut_off(lost: int) -> None:
    disk = outputs_without_inputs(lost)
    assert (len(Reader(disk, f"{FOLDER}/outputs").names) > 2) == (lost > 20)
    settings = journal(disk, outputs=True)
    with hr.Engine(sums, journal=settings) as engine:
        assert engine.sequence == 10
        engine.publish(some_events(5, 100))
        engine.drain()
        made = np.concatenate([part.copy() for part in engine.outputs(after=(-1, 0))])
    kept = np.concatenate(list(read_outputs(disk, FOLDER)))
    assert kept.dtype == record_dtype(sums.output)
    assert kept.tobytes() == made.tobytes()
    assert len(made) == 15
    assert any(".torn" in name for name in disk.contents())


def test_cutting_them_off_may_be_interrupted() -> None:
    def reopen(disk: SimulatedDisk) -> Any:
        with hr.Engine(sums, journal=journal(disk, outputs=True)) as engine:
            return engine.state

    disk = outputs_without_inputs()
    wanted = reopen(disk.after_kill())
    tried = 0
    for left in after_each_cut(disk, lambda one: Opened(one).close(), 4):
        assert reopen(left) == wanted, left.origin
        assert len(np.concatenate(list(read_outputs(left, FOLDER)))) == 10, left.origin
        tried += 1
    assert tried > 50


class Opened:
    """An engine's opening without its threads, so that operations come in one order."""

    def __init__(self, disk: SimulatedDisk) -> None:
        from headrace.runtime.answers import Answers
        from headrace.runtime.failures import Failures
        from headrace.runtime.opening import Opening

        settings = journal(disk, outputs=True)
        self.opening = Opening(settings, sums, None, Failures(0), Answers(1), None)

    def close(self) -> None:
        self.opening.release()


# -- torn tails ----------------------------------------------------------------------------------


def test_cutting_several_segments_off_may_be_interrupted() -> None:
    """Segments behind a tear go from the last one on: there is never a gap."""
    disk = SimulatedDisk(sector_bytes=4096)
    writer = new_writer(FOLDER, disk, level="none")
    writer.append(some_events(100), np.arange(100))
    writer.sync()
    offset, path = writer.position.offset, writer.path
    for first in range(100, 12_000, 1000):
        writer.append(some_events(1000, first), np.arange(1000))
    writer.close()
    assert len(Reader(disk, FOLDER).names) > 3
    disk = disk.after_kill()
    file = disk.open(path, writable=True)
    file.write(offset, [bytes(64)])  # the first frame that was not synced
    file.sync()

    def cut(one: SimulatedDisk) -> None:
        tail = Tail(one, FOLDER)
        list(tail.frames())
        tail.cut()

    tried = 0
    for left in after_each_cut(disk, cut):
        cut(left)
        assert len(read_all(FOLDER, left)[0]) == 100
        tried += 1
    assert tried > 20


def test_a_segment_that_was_never_finished_is_not_written_to() -> None:
    """Left by a crash while the next segment was made, with another first input than it has now."""
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk)
    for first in range(0, 4000, 1000):
        writer.append(some_events(1000, first), np.arange(1000))
    number, first = Reader(disk, FOLDER).names[-1]
    writer.seal(Sealed(writer.sequence))
    writer.close()
    assert number > 0
    disk.create(join(FOLDER, segment_name(number, first - 1) + ".new"), 1 << 16)
    with hr.Engine(sums, journal=journal(disk)) as engine:
        engine.publish(some_events(5, 4000), durable=True)
        disk = disk.after_power_cut(lambda _: False)
    with hr.Engine(sums, journal=journal(disk)) as engine:
        assert engine.sequence == 4005


# -- notes ---------------------------------------------------------------------------------------


def test_nothing_is_said_of_inputs_before_they_are_there() -> None:
    """A digest of a state that the stage has, and the journal has not, might be of lost inputs."""
    disk = SimulatedDisk()
    with hr.Engine(sums, journal=journal(disk)) as engine:
        assert engine._journaling is not None
        note = Digest(5, "of a state", 5, 0, 0)
        engine._journaling.recorder.note_loosely(note)
        engine.publish(some_events(3), durable=True)
        engine.publish(some_events(3, 3), durable=True)
    (frame,) = (each for each in Reader(disk, FOLDER).frames() if note in each.notes)
    assert (frame.first_sequence, frame.count) == (3, 3)


def test_notes_in_no_order_stay_with_their_inputs_when_a_batch_is_split() -> None:
    disk = SimulatedDisk()
    writer = new_writer(FOLDER, disk)
    digest = Digest(10, "of a state", 10, 0, 0)
    notes = [Called(3), Called(2500, "a", 1), digest]
    writer.append(some_events(3000), np.arange(3000), notes)
    found = [(n, f) for f in Reader(disk, FOLDER).frames() for n in f.notes]
    assert sorted(n.sequence for n, _ in found) == [3, 10, 2500]
    assert {n.sequence: f.first_sequence for n, f in found if isinstance(n, Called)} == {
        3: 0,
        2500: next(f.first_sequence for f in Reader(disk, FOLDER).frames() if f.header.end > 2500),
    }


def test_fewer_clients_than_before_are_remembered() -> None:
    disk = SimulatedDisk()
    with hr.Engine(sums, journal=journal(disk)) as engine:
        for client in "abc":
            engine.call((1, 1), client=client, number=1)
        engine.snapshot()
    with hr.Engine(sums, journal=journal(disk, clients_max=1)) as engine:
        assert engine.call((1, 1), client="a", number=1)["total"].tolist() == [4]
