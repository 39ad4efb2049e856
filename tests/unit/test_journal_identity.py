"""Whose journal it is: what goes on with it, and what may only be tried on its inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from journal_tools import EVENT, SUM, some_events, sums, totals

import headrace as hr
from headrace.errors import HistoryGone, JournalMismatch, ReplayParted
from headrace.replay import rehearse

COUNT = 2000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of COUNT inputs, with snapshots before 500 and 1500."""
    path = tmp_path_factory.mktemp("journal")
    with hr.Engine(sums, journal=hr.Journal(str(path), snapshot_every=None)) as engine:
        for first in range(0, COUNT, 500):
            engine.publish(some_events(500, first))
            if first in (0, 1000):
                engine.snapshot()
    return path


def variant(step: Any, **options: Any) -> hr.Machine:
    named = {"event": EVENT, "output": SUM, "initial": dict, "name": "sums", **options}
    return hr.machine(**named)(step)


def test_a_journal_of_other_events(tmp_path: Path) -> None:
    @hr.machine(event="<i8", initial=int)
    def other(state: int, value: int) -> Any:
        return state, None

    hr.Engine(sums, journal=tmp_path).close()
    with pytest.raises(JournalMismatch, match="is a journal of"):
        hr.Engine(other, journal=tmp_path)
    hr.Engine(sums, journal=tmp_path).close()  # the lock was given back


def test_a_journal_of_a_machine_of_another_name(tmp_path: Path) -> None:
    def named(name: str, version: int = 1) -> hr.Machine:
        options: Any = {"event": EVENT, "output": sums.output, "initial": dict}
        return hr.machine(**options, name=name, version=version)(sums.step)

    with hr.Engine(sums, journal=hr.Journal(str(tmp_path), outputs=True)) as engine:
        engine.publish(some_events(5), durable=True)
    for snapshots in range(2):
        with pytest.raises(JournalMismatch) as caught:
            hr.Engine(named("balances"), journal=tmp_path)
        assert "is the journal of machine 'sums', and 'balances' would go on" in str(caught.value)
        assert "give it the name that stands there (name='sums')" in str(caught.value)
        with hr.Engine(named("sums"), journal=hr.Journal(str(tmp_path), outputs=True)) as engine:
            assert engine.sequence == 5
            if not snapshots:
                engine.snapshot()
    assert hr.replay(tmp_path, named("balances", 2)).state == totals(some_events(5))


def test_a_pipeline_of_other_names(tmp_path: Path) -> None:
    def doubled(name: str) -> Any:
        def step(state: int, key: int, total: int) -> Any:
            return state + 2 * total, None

        return sums >> hr.machine(event=sums.output, initial=int, name=name)(step)

    hr.Engine(doubled("twice"), journal=tmp_path).close()
    with pytest.raises(JournalMismatch, match=r"\(name='sums', name='twice'\); else"):
        hr.Engine(doubled("double"), journal=tmp_path)
    hr.Engine(doubled("twice"), journal=tmp_path).close()


def test_a_snapshot_of_another_version(tmp_path: Path) -> None:
    with hr.Engine(sums, journal=tmp_path) as engine:
        engine.publish(some_events(3))
        engine.drain()
        engine.snapshot()
    newer = hr.machine(event=EVENT, output=sums.output, initial=dict, version=2, name="sums")(
        sums.step
    )
    with pytest.raises(JournalMismatch, match="is of sums version 1, and sums version 2 cannot"):
        hr.Engine(newer, journal=tmp_path)
    for snapshot in tmp_path.glob("*.snapshot"):  # as the message says
        snapshot.rename(tmp_path.parent / snapshot.name)
    with hr.Engine(newer, journal=tmp_path) as engine:
        assert engine.state == totals(some_events(3))


def test_a_machine_of_another_name(folder: Path) -> None:
    """It may be tried; where it parts, it is said whose journal that is."""

    def other(state: dict[int, int], key: int, amount: int) -> Any:
        return state, (key, 0)

    assert hr.replay(folder, variant(sums.step, name="balances")).checked >= 3
    told = r"written by sums \(version 1\), not by b \(version 2\)"
    with pytest.raises(ReplayParted, match=told):
        hr.replay(folder, variant(other, name="b", version=2))
    found = rehearse(folder, sums, variant(other, name="b", version=2))
    assert found.parting is not None
    assert found.parting.sequence == 0


def test_a_machine_whose_snapshots_they_are_not(folder: Path) -> None:
    """A history of it goes without: each state is that of the inputs before it."""

    def count(state: int, key: int, amount: int) -> Any:
        return state + 1, None

    past = hr.History(folder, variant(count, initial=int, output=None, name="count"))
    assert past.other_writer == "sums (version 1), not by count (version 1)"
    assert [past.at(n).state for n in (1600, 600, 10, 2000)] == [1600, 600, 10, 2000]
    assert past.first(lambda state: state > 1700, monotone=True) == 1701
    assert past.snapshots == []
    past.refresh()
    assert past.snapshots == []
    assert hr.History(folder, sums).other_writer is None


def test_nothing_to_begin_from(tmp_path: Path) -> None:
    settings = hr.Journal(
        str(tmp_path), segment_bytes=1 << 16, snapshot_every=None, keep="snapshots"
    )
    with hr.Engine(sums, journal=settings) as engine:
        for first in range(0, 5000, 1000):
            engine.publish(some_events(1000, first))
        engine.drain()
        engine.snapshot()
    with pytest.raises(JournalMismatch, match="is of sums version 1, and sums version 2 cannot"):
        hr.History(tmp_path, variant(sums.step, version=2)).at(5000)
    for snapshot in tmp_path.glob("*.snapshot"):
        snapshot.unlink()
    with pytest.raises(HistoryGone, match="are not kept, and no snapshot stands for them"):
        hr.History(tmp_path, sums).at(5000)
