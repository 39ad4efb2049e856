"""Replays and histories: the same again, and where it is not the same, which input and field."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journal_tools import EVENT, SUM, flip, only_segment, some_events, sums, totals

import headrace as hr
from headrace.errors import (
    HistoryGone,
    JournalDamaged,
    JournalNotFound,
    ReplayParted,
    SnapshotFailed,
    UsageError,
)
from headrace.replay import rehearse
from headrace.replay.changes import ABSENT, Change

COUNT = 2000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of COUNT inputs, with snapshots before 500 and 1500, and of its outputs."""
    path = tmp_path_factory.mktemp("journal")
    settings = hr.Journal(str(path), segment_bytes=1 << 16, snapshot_every=None, outputs=True)
    with hr.Engine(sums, journal=settings) as engine:
        for first in range(0, COUNT, 100):
            engine.publish(some_events(100, first))
            engine.drain()
            if first in (400, 1400):
                engine.snapshot()
        for part in engine.outputs():
            del part
    return path


def variant(step: Any, **options: Any) -> hr.Machine:
    named = {"event": EVENT, "output": SUM, "initial": dict, "name": "sums", **options}
    return hr.machine(**named)(step)


def test_the_same_again(folder: Path) -> None:
    replayed = hr.replay(folder, sums)
    assert replayed.sequence == COUNT
    assert replayed.state == totals(some_events(COUNT))
    assert replayed.made == COUNT
    assert replayed.checked >= 3
    again = hr.Replay(folder, sums)
    made = np.concatenate([part.copy() for part in again.outputs()])
    assert made["input_sequence"].tolist() == list(range(COUNT))
    assert made["total"][-1] == replayed.state[(COUNT - 1) % 7]


@pytest.mark.parametrize("to", [0, 1, 499, 500, 501, COUNT])
def test_up_to_somewhere(folder: Path, to: int) -> None:
    assert hr.replay(folder, sums, to=to).state == totals(some_events(to))


def test_not_further_than_there_is(folder: Path) -> None:
    with pytest.raises(HistoryGone, match="no state behind 2,001 inputs: there are 2,000"):
        hr.replay(folder, sums, to=COUNT + 1)


def test_no_journal_to_replay(tmp_path: Path) -> None:
    with pytest.raises(JournalNotFound):
        hr.replay(tmp_path / "nowhere", sums)
    with pytest.raises(UsageError, match="the journal is empty"):
        hr.replay(tmp_path, sums)
    with pytest.raises(UsageError, match="path must be a folder"):
        hr.replay(5, sums)


def test_a_changed_machine_is_found(folder: Path) -> None:
    """The outputs' journal names the input."""

    def other(state: dict[int, int], key: int, amount: int) -> Any:
        state[key] = state.get(key, 0) + amount + (amount == 778)
        return state, (key, state[key])

    with pytest.raises(ReplayParted, match=r"at input 777, whose outputs were") as caught:
        hr.replay(folder, variant(other))
    assert (caught.value.first, caught.value.last) == (777, 777)


def test_a_changed_state_is_found(folder: Path) -> None:
    """No output shows it; the snapshot behind it does, field by field."""

    def other(state: dict[int, int], key: int, amount: int) -> Any:
        state[key] = state.get(key, 0) + amount
        total = state[key]
        if amount == 450:
            state[99] = 1
        return state, (key, total)

    with pytest.raises(ReplayParted, match=r"state\[99\]: \(absent\) -> 1") as caught:
        hr.replay(folder, variant(other))
    assert caught.value.first <= 449 <= caught.value.last


def test_chance_is_found(folder: Path) -> None:
    chance = itertools.count()

    def other(state: dict[int, int], key: int, amount: int) -> Any:
        state[key] = state.get(key, 0) + amount
        if amount == 333:
            state[98] = next(chance)
        return state, (key, state[key])

    with pytest.raises(ReplayParted, match=r"not deterministic: .* input 332: .*98") as caught:
        hr.replay(folder, variant(other))
    assert (caught.value.first, caught.value.last) == (332, 332)


def test_digests_at_every_input(tmp_path: Path) -> None:
    settings = hr.Journal(str(tmp_path), digest_every=1)
    with hr.Engine(sums, journal=settings) as engine:
        engine.publish(some_events(20))

    def other(state: dict[int, int], key: int, amount: int) -> Any:
        state[key] = state.get(key, 0) + amount
        total = state[key]
        if amount == 13:
            state[99] = 1
        return state, (key, total)

    assert hr.replay(tmp_path, sums).checked == 21
    with pytest.raises(ReplayParted, match="another way at input 12; the state differs") as caught:
        hr.replay(tmp_path, variant(other))
    assert (caught.value.first, caught.value.last) == (12, 12)


def test_without_verification(folder: Path) -> None:
    def other(state: dict[int, int], key: int, amount: int) -> Any:
        return {"n": state.get("n", 0) + 1}, None  # type: ignore[call-overload,dict-item]

    assert hr.replay(folder, variant(other), verify=False).state == {"n": COUNT}


def test_rehearsal(folder: Path) -> None:
    def new(state: dict[int, int], key: int, amount: int) -> Any:
        state[key] = state.get(key, 0) + amount
        return state, (key, state[key]) if amount > 900 or amount < 900 else None

    found = rehearse(folder, sums, variant(new, version=2))
    assert found.parting is not None
    assert found.parting.sequence == 899
    assert found.parting.changes == []
    assert found.outputs_differ == 1
    assert found.state_changes == []
    same = rehearse(folder, sums, sums)
    assert (same.parting, same.outputs_differ) == (None, 0)


# -- histories -----------------------------------------------------------------------------------


@pytest.fixture
def history(folder: Path) -> hr.History:
    return hr.History(folder, sums)


def test_any_place(history: hr.History) -> None:
    for sequence in (0, 1, 700, 699, 2000, 500, 1999, 3, 1500, 1501):
        moment = history.at(sequence)
        assert moment.sequence == history.sequence == sequence
        assert moment.state == totals(some_events(sequence))
        if sequence:
            assert moment.event is not None
            assert moment.event["amount"].tolist() == [sequence]
            assert moment.outputs["input_sequence"].tolist() == [sequence - 1]
        else:
            assert (moment.event, moment.time_ns, len(moment.outputs)) == (None, None, 0)


def test_step_and_back(history: hr.History) -> None:
    history.at(1000)
    assert history.step().sequence == 1001
    assert history.back(2).sequence == 999
    assert history.step(5).state == totals(some_events(1004))
    with pytest.raises(HistoryGone, match="goes from 0 to 2,000"):
        history.back(5000)
    with pytest.raises(UsageError, match="must be an integer"):
        history.at(1.5)  # type: ignore[arg-type]


def test_going_back_for_long(history: hr.History) -> None:
    """Past bookmarks that were set on the way back, from one of them on, and on again."""
    history.at(1490)
    for sequence in range(1489, 480, -1):
        moment = history.back()
        assert (moment.sequence, moment.state) == (sequence, totals(some_events(sequence)))
    assert history.distance(1000) < 1000 - 500  # not from the snapshot
    history.at(700).state.clear()
    assert history.back().state == totals(some_events(699))
    assert history.step(800).state == totals(some_events(1499))


def test_a_step_that_failed(tmp_path: Path) -> None:
    with hr.Engine(sums, journal=tmp_path, on_error="dead_letter") as engine:
        engine.publish(np.array([(1, 5), (1, -1), (1, 7)], EVENT))
    past = hr.History(tmp_path, sums)
    moment = past.at(2)
    assert moment.error is not None
    assert "machine 'sums' failed at event 1 {'key': 1, 'amount': -1}" in str(moment.error)
    assert str(moment) == f"behind 2 inputs ({moment.error}): {{1: 5}}"
    assert (moment.state, len(moment.outputs)) == ({1: 5}, 0)
    assert [past.at(n).error is not None for n in (3, 2, 1, 0)] == [False, True, False, False]
    assert past.step().error is None  # none is left from where one was before
    assert past.step().error is not None
    again = hr.Replay(tmp_path, sums).run()
    assert (again.state, again.failed) == ({1: 12}, 1)


def test_a_failure_behind_in_a_pipeline(tmp_path: Path) -> None:
    def refuse(state: int, key: int, total: int) -> Any:
        if total > 5:
            raise ValueError("too much")
        return state + total, None

    line = sums >> hr.machine(event=SUM, initial=int)(refuse)
    with hr.Engine(line, journal=tmp_path, on_error="dead_letter") as engine:
        engine.publish(np.array([(1, 5), (1, -1), (1, 7)], EVENT))
    past = hr.History(tmp_path, line)
    assert [getattr(past.at(n).error, "machine", None) for n in range(4)] == [
        None, None, "sums", "refuse",
    ]  # fmt: skip
    assert past.at(3).state == ({1: 12}, 5)


def test_states_given_out_are_copies(history: hr.History) -> None:
    history.at(10).state.clear()
    assert history.at(10).state == totals(some_events(10))


def test_diff(history: hr.History) -> None:
    assert history.diff(3, 4) == [Change("state[3]", ABSENT, 4)]
    assert [str(change) for change in history.diff(7, 8)] == ["state[0]: 1 -> 9"]
    assert history.diff(5, 5) == []


@pytest.mark.parametrize("monotone", [True, False])
def test_first(history: hr.History, monotone: bool) -> None:
    asked = []

    def full(state: dict[int, int]) -> bool:
        asked.append(1)
        return state.get(0, 0) > 100_000

    found = history.first(full, monotone=monotone)
    assert found is not None
    wanted = next(n for n in range(COUNT) if totals(some_events(n)).get(0, 0) > 100_000)
    assert found == wanted
    assert len(asked) < 20 or not monotone
    assert history.first(lambda state: state.get(0, 0) < -1, monotone=monotone) is None


def test_first_of_what_comes_and_goes(history: hr.History) -> None:
    assert history.first(lambda state: state.get(3) == 4) == 4


def test_why(history: hr.History) -> None:
    found = history.why("[3]", end=20)
    assert [(sequence, change.after) for sequence, change in found] == [(3, 4), (10, 15), (17, 33)]
    assert history.why("state[99]") == []
    with pytest.raises(ValueError, match="no path into a state"):
        history.why("a + b")


def test_branches(history: hr.History) -> None:
    changed = history.branch(1000, {"amount": 5000}, end=1010)
    assert changed.parted == 1000
    assert [str(change) for change in changed.changes] == [
        f"state[{1000 % 7}]: {changed.was[1000 % 7]!r} -> {changed.was[1000 % 7] + 3999!r}"
    ]
    assert len(changed.outputs_only_here) == len(changed.outputs_only_there) == 2
    dropped = history.branch(1000, "drop", end=1001)
    assert dropped.state == totals(some_events(1000))
    assert len(dropped.outputs) == 0
    inserted = history.branch(1000, [(8, 1), (8, 2)], end=1001)
    assert inserted.state == {**totals(some_events(1001)), 8: 3}
    replaced = history.branch(1000, lambda event: np.concatenate([event, event]), end=1001)
    assert replaced.state[1000 % 7] - replaced.was[1000 % 7] == 1001
    nothing = history.branch(1990)
    assert (nothing.parted, nothing.changes) == (None, [])
    assert "the states never differ" in str(nothing)


def test_a_branch_with_another_machine(history: hr.History) -> None:
    def double(state: dict[int, int], key: int, amount: int) -> Any:
        state[key] = state.get(key, 0) + 2 * amount
        return state, (key, state[key])

    branch = history.branch(1999, machine=variant(double))
    assert branch.state[1999 % 7] - branch.was[1999 % 7] == 2000


@pytest.mark.parametrize(
    ("edit", "message"),
    [("other", "edit must be 'drop'"), ({"size": 1}, "has no field 'size'")],
    ids=["word", "field"],
)
def test_bad_edits(history: hr.History, edit: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        history.branch(5, edit)


def test_nowhere_to_branch_off(history: hr.History) -> None:
    with pytest.raises(HistoryGone, match="no input 2,000 to branch off at"):
        history.branch(COUNT)


def test_a_damaged_end_is_no_end(tmp_path: Path) -> None:
    """A frame's header is gone, and the seal behind it says that there had been one."""
    with hr.Engine(sums, journal=tmp_path) as engine:
        engine.publish(some_events(10), durable=True)
        engine.publish(some_events(10, 10), durable=True)
    path = only_segment(tmp_path)
    at = path.read_bytes().index(some_events(10, 10).tobytes()) - 10 * 8 - 64
    flip(path, at)
    with pytest.raises(JournalDamaged, match="inputs 10 to 19 had been synced"):
        hr.replay(tmp_path, sums)
    with pytest.raises(JournalDamaged, match="inputs 10 to 19 had been synced"):
        hr.History(tmp_path, sums)


def test_follows_an_engine_that_goes_on(tmp_path: Path) -> None:
    with hr.Engine(sums, journal=tmp_path) as engine:
        engine.publish(some_events(10), durable=True)
        history = hr.History(tmp_path, sums)
        assert history.end == 10
        engine.publish(some_events(10, 10), durable=True)
        assert history.at(20).state == totals(some_events(20))
        assert history.end == 20


def test_a_snapshot_that_fails(tmp_path: Path) -> None:
    with hr.Engine(sums, journal=tmp_path) as engine:
        engine.publish(some_events(10), durable=True)
        engine.drain()
        (tmp_path / f"{10:020d}.snapshot.new").mkdir()
        with pytest.raises(SnapshotFailed, match="no snapshot was written before input 10"):
            engine.snapshot()
        engine.publish(some_events(1, 10), durable=True)
        engine.drain()
        assert engine.snapshot() == 11


def test_distances_and_bookmarks_of_a_walk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = hr.History(folder, sums)
    assert [past.distance(n) for n in (0, 1, 400, 500, 501, 1600)] == [0, 1, 400, 500, 1, 100]
    past.at(1700)
    assert past.distance(1750) == 50
    module = sys.modules[hr.History.__module__]
    monkeypatch.setattr(module, "LOOKED_AT_SECONDS", -1.0)  # a bookmark behind each input
    assert len(list(past.states(0, 100))) == 101
    past.at(1700)
    assert past.distance(80) == 1
    with pytest.raises(HistoryGone):
        past.distance(COUNT + 1)
