"""When an engine with a journal acknowledges, what it keeps for that, and what it opens on."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
from journal_tools import EVENT, new_writer, some_events, sums, totals

import headrace as hr
from headrace.errors import HistoryGone, StepError, WaitTimeout
from headrace.journal.folder import list_segments, list_snapshots
from headrace.journal.notes import Called, Digest
from headrace.journal.reader import Reader
from headrace.journal.snapshots import newest_snapshot, write_snapshot
from headrace.simulation import SimulatedDisk

FOLDER = "/j"
LEVELS = ["fsync", "os", "none"]


def journal(disk: SimulatedDisk, **options: Any) -> hr.Journal:
    return hr.Journal(
        FOLDER, disk=disk, **{"segment_bytes": 1 << 16, "snapshot_every": None, **options}
    )


@hr.machine(event=EVENT, initial=list)
def silent(state: list[int], key: int, amount: int) -> Any:
    """Keeps what it is given, and says nothing."""
    state.append(amount)
    return state, None


def notes_of(disk: SimulatedDisk) -> list[Any]:
    return [note for frame in Reader(disk, FOLDER).frames() for note in frame.notes]


def after_power_cut(disk: SimulatedDisk) -> SimulatedDisk:
    """What is left when all that was not synced is lost."""
    return disk.after_power_cut(lambda effect: False)


# -- acknowledging -------------------------------------------------------------------------------


def test_an_answer_that_says_nothing_waits_for_its_input_as_well() -> None:
    """Where outputs are made, they wait; here nothing but the answer itself does."""
    disk = SimulatedDisk()
    with hr.Engine(silent, journal=journal(disk)) as engine:
        for count in range(1, 4):
            assert len(engine.call((1, count))) == 0
            left = after_power_cut(disk)
            assert sum(frame.count for frame in Reader(left, FOLDER).frames()) == count


@pytest.mark.parametrize("level", LEVELS)
def test_no_output_leaves_before_its_input_is_safe(level: str) -> None:
    """Nobody could take back what is done because of it."""
    with hr.Engine(sums, journal=journal(SimulatedDisk(), level=level)) as engine:
        assert engine._journaling is not None
        assert engine.output_ring is not None
        with engine._journaling.recorder._work:  # the disk is slow
            engine.publish(some_events(5))
            for _ in range(20):
                time.sleep(0.01)
                if engine.output_ring.cursor:
                    break
            assert engine.output_ring.cursor == (5 if level == "none" else 0)
        engine.drain()
        assert engine.output_ring.cursor == 5


@pytest.mark.parametrize("level", LEVELS)
def test_a_snapshot_waits_for_the_last_input_before_it(level: str) -> None:
    """Also where nobody else has to wait for the disk."""
    disk = SimulatedDisk()
    with hr.Engine(silent, journal=journal(disk, level=level)) as engine:
        for count in range(1, 4):
            engine.publish([(1, count)])
            assert engine.snapshot() == count
            with hr.Engine(silent, journal=journal(after_power_cut(disk))) as again:
                assert again.state == engine.state
                assert again.recovery is not None
                assert again.recovery.inputs == 0


def test_a_call_that_finds_no_room_leaves_nothing_behind() -> None:
    """No note in the journal, by which another input would be taken for a call; and it can come."""
    disk = SimulatedDisk()
    going = threading.Event()

    def step(state: dict[int, int], key: int, amount: int) -> Any:
        assert going.wait(20)
        return sums.step(state, key, amount)

    slow = hr.machine(event=EVENT, output=sums.output, initial=dict, name="sums")(step)
    with hr.Engine(slow, 4, journal=journal(disk)) as engine:
        going.set()
        first = engine.call((1, 5), client="a", number=1)
        going.clear()
        engine.publish(some_events(4))
        with pytest.raises(WaitTimeout, match="the ring stayed full"):
            engine.call((1, 7), 0.05, client="a", number=2)
        going.set()
        engine.drain()
        assert engine.call((1, 5), client="a", number=1).tobytes() == first.tobytes()
        engine.publish([(1, 9)])
        engine.call((1, 7), client="a", number=2)
    assert [note for note in notes_of(disk) if isinstance(note, Called)] == [
        Called(0, "a", 1), Called(6, "a", 2)
    ]  # fmt: skip


# -- closing -------------------------------------------------------------------------------------


def test_the_last_state_is_digested(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a replay is held to all of it, also where no time was left for a digest."""
    monkeypatch.setattr(sys.modules["headrace.runtime.keeper"], "LOOK_SECONDS", 60.0)
    disk = SimulatedDisk()
    for end in (10, 20):
        with hr.Engine(sums, journal=journal(disk)) as engine:
            engine.publish(some_events(10, engine.sequence))
        assert [note.sequence for note in notes_of(disk) if isinstance(note, Digest)][-1] == end
    assert hr.replay(journal(disk), sums).checked == 2


# -- keeping -------------------------------------------------------------------------------------


def with_snapshots(disk: SimulatedDisk, **options: Any) -> None:
    """Four snapshots, a thousand inputs apart, in different segments; and some more inputs."""
    with hr.Engine(sums, journal=journal(disk, **options)) as engine:
        for _ in range(8):
            for _ in range(4):
                engine.publish(some_events(1000, engine.sequence))
                engine.drain()
            if engine.sequence % 8000 == 0:
                engine.snapshot()
        engine.publish(some_events(10, engine.sequence), durable=True)


def test_inputs_behind_the_oldest_snapshot_are_kept() -> None:
    """All of them: it stands for the newer ones when these are damaged."""
    disk = SimulatedDisk()
    with_snapshots(disk, keep="snapshots", snapshots_kept=2)
    oldest, newest = list_snapshots(disk, FOLDER)
    firsts = [first for _, first in list_segments(disk, FOLDER)]
    assert 0 < firsts[0] <= oldest < firsts[1]
    assert hr.Replay(journal(disk), sums).start == oldest
    path = f"{FOLDER}/{newest:020d}.snapshot"
    disk.flip(path, 8 * (disk.open(path).size - 3))
    assert hr.replay(journal(disk), sums).state == totals(some_events(32_010))
    history = hr.History(journal(disk), sums)
    assert history.first_sequence == oldest
    for sequence in (newest + 5, newest, newest - 1, oldest + 1, oldest):
        assert history.at(sequence).state == totals(some_events(sequence))
    with pytest.raises(HistoryGone):
        history.at(oldest - 1)
    with hr.Engine(sums, journal=journal(disk)) as engine:
        assert engine.state == totals(some_events(32_010))
        assert engine.recovery is not None
        assert engine.recovery.inputs == 32_010 - oldest


def test_all_inputs_are_kept_where_nothing_else_is_said() -> None:
    disk = SimulatedDisk()
    with_snapshots(disk, snapshots_kept=1)
    assert list_snapshots(disk, FOLDER) == [32_000]
    assert list_segments(disk, FOLDER)[0] == (0, 0)
    assert hr.replay(journal(disk), sums, to=5).state == totals(some_events(5))


# -- opening -------------------------------------------------------------------------------------


def test_a_torn_tail_is_told_and_kept() -> None:
    disk = SimulatedDisk()
    with hr.Engine(sums, journal=journal(disk)) as engine:
        engine.publish(some_events(5), durable=True)
        engine.publish(some_events(5, 5), durable=True)
        left = disk.after_kill()
    frames = [frame for frame in Reader(left, FOLDER).frames() if frame.count]
    last = frames[-1]
    torn = bytearray(last.bytes.tobytes())
    torn[70] ^= 1
    left.flip(last.file, 8 * (last.offset + 70))
    with hr.Engine(sums, journal=journal(left)) as engine:
        assert engine.sequence == 5
        assert engine.recovery is not None
        (line,) = engine.recovery.lines
        assert "it was never synced: cut off from input 5 on" in line
        (kept,) = left.names(f"{FOLDER}/kept")
        assert left.contents()[f"{FOLDER}/kept/{kept}"] == bytes(torn).rstrip(b"\0")
        engine.publish(some_events(1, 5), durable=True)
    with hr.Engine(sums, journal=journal(left)) as engine:
        assert (engine.sequence, engine.recovery.lines) == (6, [])  # type: ignore[union-attr]


def test_a_failed_call_right_behind_a_snapshot_is_passed_over() -> None:
    disk = SimulatedDisk()
    with hr.Engine(sums, journal=journal(disk)) as engine:
        engine.publish(some_events(3))
        engine.snapshot()
        with pytest.raises(StepError, match="negative"):
            engine.call((1, -1))
        engine.call((1, 5))
        state = engine.state
    with hr.Engine(sums, journal=journal(disk)) as engine:
        assert (engine.sequence, engine.state) == (5, state)
    assert hr.replay(journal(disk), sums).state == state


def test_a_snapshot_in_the_middle_of_a_frame() -> None:
    """What is before it is not stepped over again; what is behind it is, with its callers."""
    early, disk = SimulatedDisk(), SimulatedDisk()
    with hr.Engine(sums, journal=journal(early)) as engine:
        engine.publish(some_events(3))
        engine.snapshot()
    (snapshot, _) = newest_snapshot(early, FOLDER, None)
    assert snapshot is not None
    writer = new_writer(FOLDER, disk)
    events = some_events(10)
    events["amount"][[1, 5]] = -1  # refused: calls, the answers to which are kept
    notes = [Called(1, "a", 1), Called(5, "b", 1), Called(6, "c", 1)]
    writer.append(events, np.arange(10), notes, sync=True)
    writer.close()
    write_snapshot(disk, FOLDER, writer.journal_id, snapshot)
    with hr.Engine(sums, journal=journal(disk)) as engine:
        assert engine.recovery is not None
        assert (engine.recovery.inputs, engine.sequence) == (7, 10)
        assert engine.state == totals(np.delete(some_events(10), 5))
        with pytest.raises(StepError, match="negative"):
            engine.call((1, 1), client="b", number=1)
        assert engine.call((1, 1), client="c", number=1)["input_sequence"].tolist() == [6]
        assert engine.sequence == 10
