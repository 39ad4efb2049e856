"""Outputs of inputs that were lost are cut off; those before a snapshot stay, whatever happens."""

from __future__ import annotations

import contextlib
import threading
from itertools import islice
from typing import Any

import pytest

import headrace as hr
from headrace.errors import HeadraceError
from headrace.journal.reader import Reader
from headrace.runtime.deadline import Deadline
from headrace.runtime.output_journal import read_outputs
from headrace.simulation import PowerCut, SimulatedDisk

SECONDS = 20
BEFORE, AFTER = 10, 20  # inputs in front of the snapshot, and all


@hr.machine(event="<i8", output="<i8", initial=lambda: [0])
def running(state: list[int], value: int) -> Any:
    state[0] += value
    return state, state[0]


def opened(disk: SimulatedDisk) -> hr.Engine:
    journal = hr.Journal(
        "/j", level="os", segment_bytes=1 << 16, snapshot_every=None, outputs=True, disk=disk
    )
    return hr.Engine(running, 512, journal=journal)


def with_outputs_of_lost_inputs(within: bool) -> SimulatedDisk:
    """The inputs behind the snapshot are not there any more, and their outputs are.

    `within`: the snapshot lies within a frame of outputs, and not between two of them.
    """
    disk = SimulatedDisk(sector_bytes=4096)
    with opened(disk) as engine:
        assert engine._journaling is not None
        recorder = engine._journaling._outputs
        assert recorder is not None
        with recorder._work:  # the disk is slow
            engine.publish(list(range(BEFORE)))
            engine.drain(SECONDS)
            assert recorder.writer.sequence == 0
            if not within:
                recorder._record_or_fail()
            engine._journaling.recorder.wait_synced(BEFORE, Deadline(SECONDS))
            taking = threading.Thread(target=engine.snapshot)
            taking.start()
            for _ in range(SECONDS * 1000):
                if recorder._sync_wanted:  # the cut is taken
                    break
                taking.join(0.001)
            engine.publish(list(range(AFTER - BEFORE)))
            engine.drain(SECONDS)
        taking.join(SECONDS)
        left = disk.after_power_cut(lambda effect: False)
    return left


def outputs_of(disk: SimulatedDisk) -> list[int]:
    return [int(value) for part in read_outputs(disk, "/j") for value in part["value"]]


SUMS = [sum(range(n + 1)) for n in range(BEFORE)]


@pytest.mark.parametrize("within", [True, False])
def test_outputs_of_lost_inputs_are_cut_off(within: bool) -> None:
    disk = with_outputs_of_lost_inputs(within)
    frames = [frame.count for frame in Reader(disk, "/j/outputs").frames() if frame.count]
    assert frames == ([AFTER] if within else [BEFORE, AFTER - BEFORE])
    with opened(disk) as engine:
        assert engine.recovery is not None
        assert engine.recovery.snapshot is not None
        assert (engine.recovery.snapshot.sequence, engine.sequence) == (BEFORE, BEFORE)
        engine.publish([100])
    assert outputs_of(disk) == [*SUMS, SUMS[-1] + 100]
    (kept,) = [path for path in disk.contents() if path.startswith("/j/outputs/kept/")]
    assert kept.endswith(".torn")


@pytest.mark.parametrize("within", [True, False])
def test_power_cuts_while_they_are_cut_off(
    within: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A power cut ends whichever thread of an engine uses the disk next.
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    crashed = number = 0
    while crashed == number < 60:
        disk = with_outputs_of_lost_inputs(within)
        disk.crash_at = len(disk.operations) + number
        engine = None
        try:
            engine = opened(disk)
        except (PowerCut, HeadraceError):
            crashed += 1
        number += 1
        for after in islice(disk.power_cuts(12, seed=number), 12):
            with opened(after) as again:
                assert again.sequence == BEFORE, after.origin
                assert again.state == [SUMS[-1]]
            assert outputs_of(after) == SUMS, after.origin
        if engine is not None:
            with contextlib.suppress(PowerCut, HeadraceError):
                engine.close(SECONDS)
    assert 5 < crashed < number
