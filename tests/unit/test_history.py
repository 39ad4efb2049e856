"""Histories and replays in the corners: nothing is lost there, and the past easily told wrong."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from journal_tools import EVENT, SUM, some_events, sums, totals

import headrace as hr
from headrace.errors import ReplayParted
from headrace.events import record_dtype
from headrace.journal.folder import list_snapshots
from headrace.journal.identity import Identity
from headrace.journal.writer import Writer
from headrace.simulation import SimulatedDisk

FOLDER = "/j"
COUNT = 200
HISTORY = sys.modules[hr.History.__module__]


def journal(disk: SimulatedDisk, **options: Any) -> hr.Journal:
    return hr.Journal(FOLDER, disk=disk, segment_bytes=1 << 16, snapshot_every=None, **options)


def recorded(machine: hr.Machine = sums, count: int = COUNT, *, snapshots: bool = False) -> Any:
    """A journal of so many inputs, with a snapshot behind each quarter but the last, or none."""
    disk = SimulatedDisk()
    with hr.Engine(machine, journal=journal(disk)) as engine:
        for part in np.array_split(some_events(count), 4):
            engine.publish(part)
            engine.drain()
            if snapshots and engine.sequence < count:
                engine.snapshot()
    return disk


@pytest.fixture
def past() -> hr.History:
    return hr.History(journal(recorded()), sums)


def variant(step: Any, **options: Any) -> hr.Machine:
    named = {"event": EVENT, "output": SUM, "initial": dict, "name": "sums", **options}
    return hr.machine(**named)(step)


def sums_but(**wrong: Any) -> hr.Machine:
    """As `sums`, but that over one input the state, or the output, is another."""

    def step(state: dict[int, int], key: int, amount: int) -> Any:
        state[key] = state.get(key, 0) + amount
        if amount == wrong.get("state"):
            state[99] = 1
        return state, (key, state[key] + (amount == wrong.get("output")))

    return variant(step)


# -- replays -------------------------------------------------------------------------------------


def test_an_output_that_changed_is_found() -> None:
    """The state does not show it, nor how many there are, and no journal of outputs has it."""
    disk = recorded()
    with pytest.raises(ReplayParted, match="outputs differ") as caught:
        hr.replay(journal(disk), sums_but(output=150))
    assert "the state differs" not in str(caught.value)
    assert caught.value.first <= 149 <= caught.value.last


def test_only_what_differs_is_told() -> None:
    disk = recorded(snapshots=True)
    with pytest.raises(ReplayParted, match="the state differs") as caught:
        hr.replay(journal(disk), sums_but(state=150))
    assert "outputs" not in str(caught.value)


@pytest.mark.parametrize("sizes", [[1000], [150, 850], [200, 99, 701]], ids=str)
def test_the_first_output_that_differs_is_named(sizes: list[int]) -> None:
    """However the journal of outputs was written, and that of the inputs."""
    disk = SimulatedDisk()
    with hr.Engine(sums, journal=journal(disk)) as engine:
        engine.publish(some_events(1000), durable=True)
    records = np.concatenate([part.copy() for part in hr.Replay(journal(disk), sums).outputs()])
    disk.make_folder(f"{FOLDER}/outputs")
    identity = Identity(record_dtype(SUM), "sums", "", "0")
    writer = Writer(disk, f"{FOLDER}/outputs", identity, level="os", segment_bytes=1 << 20)
    for size in sizes:
        part = records[writer.sequence : writer.sequence + size]
        writer.append(part, np.ascontiguousarray(part["input_time_ns"]))
    with pytest.raises(ReplayParted, match="at input 500, whose outputs were") as caught:
        hr.replay(journal(disk), sums_but(output=501))
    assert (caught.value.first, caught.value.last) == (500, 500)


# -- going somewhere -----------------------------------------------------------------------------


def test_a_bookmark_can_be_come_back_to_again_and_again(
    past: hr.History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going on from it does not change it."""
    monkeypatch.setattr(HISTORY, "LOOKED_AT_SECONDS", -1.0)  # one behind each input
    assert len(list(past.states(0, 100))) == 101
    for sequence in (80, 199, 80, 81, 80, 150, 81, 80):
        assert past.at(sequence).state == totals(some_events(sequence))


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_damaged_snapshot_is_passed_over(which: int) -> None:
    """For the one before it, or the beginning."""
    disk = recorded(snapshots=True)
    places = list_snapshots(disk, FOLDER)
    assert places == [50, 100, 150]
    path = f"{FOLDER}/{places.pop(which):020d}.snapshot"
    disk.flip(path, 8 * (disk.open(path).size - 3))
    past = hr.History(journal(disk), sums)
    for sequence in (COUNT, 120, 101, 100, 99, 60, COUNT):
        assert past.at(sequence).state == totals(some_events(sequence))
    assert past.snapshots == places


# -- asking about it -----------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [0, 1, 2, 99, 100, 101, 150, COUNT - 1, COUNT])
@pytest.mark.parametrize("snapshots", [False, True])
def test_first_finds_each_place(wanted: int, snapshots: bool) -> None:
    past = hr.History(journal(recorded(snapshots=snapshots)), sums)
    least = int(some_events(wanted)["amount"].sum())
    for monotone in (True, False):
        found = past.first(lambda state: sum(state.values()) >= least, monotone=monotone)
        assert found == wanted


def test_why_tells_the_first_change(past: hr.History) -> None:
    assert [sequence for sequence, _ in past.why("[0]", end=15)] == [0, 7, 14]
    assert [sequence for sequence, _ in past.why("[0]", begin=7, end=8)] == [7]
    assert past.why("[0]", begin=8, end=14) == []


def test_why_of_what_is_changed_in_place(past: hr.History) -> None:
    """The same dict each time: what it was before is not what it is now."""
    found = past.why("state", end=9)
    assert [sequence for sequence, _ in found] == list(range(9))
    assert [str(change) for _, change in found[6:]] == [
        "state[6]: (absent) -> 7", "state[0]: 1 -> 9", "state[1]: 2 -> 11"
    ]  # fmt: skip


# -- what might have been ------------------------------------------------------------------------


def test_outputs_that_come_more_than_once() -> None:
    """Of some that look the same, one that is gone is gone."""
    tick = variant(lambda state, key, amount: (state, [(1, 1)] * (1 + amount % 2)))
    past = hr.History(journal(recorded(tick)), tick)
    branch = past.branch(10, "drop", end=20)  # its amount is 11
    assert (len(branch.was_outputs), len(branch.outputs)) == (15, 13)
    assert (len(branch.outputs_only_there), len(branch.outputs_only_here)) == (2, 0)
    branch = past.branch(10, [(0, 2)], end=20)
    assert (len(branch.outputs_only_there), len(branch.outputs_only_here)) == (0, 1)


def test_events_are_put_in_before(past: hr.History) -> None:
    branch = past.branch(100, [(8, 1), (9, 2)], end=101)
    assert branch.outputs["key"].tolist() == [8, 9, 100 % 7]
