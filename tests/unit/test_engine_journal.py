"""Engines with a journal: what they acknowledged is there when they are opened again."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journal_tools import EVENT, events, only_segment, some_events, sums, totals

import headrace as hr
from headrace.errors import (
    HistoryGone,
    JournalFailed,
    JournalLocked,
    JournalNotFound,
    StaleCall,
    StateError,
    StepError,
    UsageError,
)


def journal(path: Path, **options: Any) -> hr.Journal:
    return hr.Journal(str(path), **{"segment_bytes": 1 << 18, "snapshot_every": None, **options})


def outputs_of(engine: hr.Engine, **options: Any) -> list[tuple[Any, ...]]:
    return [record.item() for part in engine.outputs(**options) for record in part]


@pytest.mark.parametrize("level", ["fsync", "os", "none"])
def test_goes_on_where_it_was(tmp_path: Path, level: str) -> None:
    for turn in range(3):
        with hr.Engine(sums, journal=journal(tmp_path, level=level)) as engine:
            assert engine.sequence == turn * 1000
            assert engine.state == totals(some_events(turn * 1000))
            assert engine.publish(some_events(1000, turn * 1000)) == turn * 1000
            engine.drain()
            assert level == "none" or engine.durable == (turn + 1) * 1000
            assert engine.state == totals(some_events((turn + 1) * 1000))


def test_a_file_where_the_journal_should_be(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    for path in ("taken", "taken/below"):
        with pytest.raises(JournalFailed, match="there is a file of that name on the way"):
            hr.Engine(sums, journal=tmp_path / path)
    with pytest.raises(JournalNotFound, match="it is a file, and a journal is a folder"):
        hr.History(tmp_path / "taken", sums)
    hr.Engine(sums, journal=tmp_path / "j").close()
    with pytest.raises(JournalNotFound, match=f"it is a file of the journal {tmp_path / 'j'}$"):
        hr.replay(only_segment(tmp_path / "j"), sums)


@pytest.mark.parametrize("after", [5, (1,), (1, 2, 3), ("1", "2"), (1.0, 0)])
def test_what_is_no_id_of_an_output(after: Any) -> None:
    with (
        hr.Engine(sums) as engine,
        pytest.raises(UsageError, match=r"after is the id of an output, \(input sequence, "),
    ):
        engine.outputs(after=after)


def test_a_path_is_enough(tmp_path: Path) -> None:
    with hr.Engine(sums, journal=tmp_path / "deep" / "er") as engine:
        engine.publish(some_events(10), durable=True)
    with hr.Engine(sums, journal=str(tmp_path / "deep" / "er")) as engine:
        assert engine.sequence == 10
        assert engine.recovery is not None
        assert engine.recovery.inputs == 10
        assert engine.recovery.lines == []


def test_sequences_and_times_are_the_same_again(tmp_path: Path) -> None:
    @hr.machine(event="<i8", output=[("at", "<i8"), ("time", "<i8")], initial=list)
    def seen(state: list[Any], value: int, sequence: int, time_ns: int) -> Any:
        state.append((sequence, time_ns))
        return state, (sequence, time_ns)

    with hr.Engine(seen, journal=tmp_path) as engine:
        engine.publish(np.arange(5))
        engine.call(5)
        engine.drain()
        before, made = engine.state, outputs_of(engine)
    with hr.Engine(seen, journal=tmp_path) as engine:
        assert engine.state == before
        assert [record[:2] for record in outputs_of(engine)][:5] == [r[:2] for r in made]
        assert engine.publish(np.arange(2)) == 6
        engine.drain()
        assert [sequence for sequence, _ in engine.state] == list(range(8))


def test_snapshots(tmp_path: Path) -> None:
    with hr.Engine(sums, journal=journal(tmp_path, snapshots_kept=2)) as engine:
        for turn in range(4):
            engine.publish(some_events(100, turn * 100))
            engine.drain()
            assert engine.snapshot() == (turn + 1) * 100
        engine.publish(some_events(5, 400))
        engine.drain()
        state = engine.state
    assert len(list(tmp_path.glob("*.snapshot"))) == 2
    with hr.Engine(sums, journal=journal(tmp_path)) as engine:
        assert engine.state == state
        assert engine.recovery is not None
        assert engine.recovery.snapshot is not None
        assert engine.recovery.snapshot.sequence == 400
        assert engine.recovery.inputs == 5


def test_a_damaged_snapshot_is_passed_over(tmp_path: Path) -> None:
    with hr.Engine(sums, journal=journal(tmp_path)) as engine:
        for turn in range(2):
            engine.publish(some_events(100, turn * 100))
            engine.drain()
            engine.snapshot()
        state = engine.state
    newest = sorted(tmp_path.glob("*.snapshot"))[-1]
    data = bytearray(newest.read_bytes())
    data[-3] ^= 1
    newest.write_bytes(data)
    with hr.Engine(sums, journal=journal(tmp_path)) as engine:
        assert engine.state == state
        assert engine.recovery is not None
        (line,) = engine.recovery.lines
        assert "passed over the snapshot" in line
        assert "checksum of the state does not match" in line


@pytest.mark.parametrize("by", ["count", "time"])
def test_snapshots_are_made_when_due(tmp_path: Path, by: str) -> None:
    due: dict[str, Any] = {"count": {"snapshot_every": 100}, "time": {"snapshot_seconds": 0.01}}[by]
    with hr.Engine(sums, journal=journal(tmp_path, **due)) as engine:
        for turn in range(200):
            engine.publish(some_events(100, turn * 100))
            engine.drain()
            if list(tmp_path.glob("*.snapshot")):
                break
            threading.Event().wait(0.02)
    assert list(tmp_path.glob("*.snapshot"))


def test_old_segments_go_when_a_snapshot_stands_for_them(tmp_path: Path) -> None:
    options = {"segment_bytes": 1 << 16, "keep": "snapshots", "snapshots_kept": 1}
    with hr.Engine(sums, journal=journal(tmp_path, **options)) as engine:
        for turn in range(20):
            engine.publish(some_events(1000, turn * 1000))
        engine.drain()
        before = len(list(tmp_path.glob("*.segment")))
        engine.snapshot()
        state = engine.state
        assert len(list(tmp_path.glob("*.segment"))) == 1
    assert before > 4
    with hr.Engine(sums, journal=journal(tmp_path, **options)) as engine:
        assert engine.state == state
    history = hr.History(tmp_path, sums)
    assert history.first_sequence == 20_000
    with pytest.raises(HistoryGone, match="goes from 20,000 to 20,000"):
        history.at(5)


def test_one_engine_at_a_time(tmp_path: Path) -> None:
    with (
        hr.Engine(sums, journal=tmp_path),
        pytest.raises(JournalLocked, match=r"another writer has it open: process \d+"),
    ):
        hr.Engine(sums, journal=tmp_path)
    hr.Engine(sums, journal=tmp_path).close()


def test_failed_calls_are_passed_over_again(tmp_path: Path) -> None:
    with hr.Engine(sums, journal=tmp_path) as engine:
        engine.call((1, 5))
        with pytest.raises(StepError, match="negative"):
            engine.call((1, -1))
        engine.call((1, 7))
        assert engine.state == {1: 12}
    with hr.Engine(sums, journal=tmp_path) as engine:
        assert (engine.sequence, engine.state) == (3, {1: 12})


def test_an_engine_that_was_halted_answers_no_call_again(tmp_path: Path) -> None:
    engine = hr.Engine(sums, journal=tmp_path)
    engine.call((1, 5), client="a", number=1)
    engine.publish(events((1, -1)))
    with pytest.raises(StepError):
        engine.drain()
    with pytest.raises(StepError, match="negative"):
        engine.call((1, 5), client="a", number=1)
    with pytest.raises(StepError):
        engine.close()
    with hr.Engine(sums, journal=tmp_path, on_error="dead_letter") as engine:
        assert engine.call((1, 5), client="a", number=1)["total"].tolist() == [5]
        assert engine.sequence == 2


def test_an_input_that_halts(tmp_path: Path) -> None:
    engine = hr.Engine(sums, journal=tmp_path)
    engine.publish(events((1, 5), (1, -1), (1, 7)))
    with pytest.raises(StepError):
        engine.drain()
    with pytest.raises(StepError):
        engine.close()
    with pytest.raises(StepError, match="negative") as caught:
        hr.Engine(sums, journal=tmp_path)
    assert "halts this machine each time" in caught.value.__notes__[0]
    with hr.Engine(sums, journal=tmp_path, on_error="dead_letter") as engine:
        assert engine.state == {1: 12}
        assert [letter.sequence for letter in engine.dead_letters] == [1]


def test_a_call_is_answered_once(tmp_path: Path) -> None:
    with hr.Engine(sums, journal=tmp_path) as engine:
        first = engine.call((1, 5), client="a", number=1)
        again = engine.call((1, 5), client="a", number=1)
        assert again.tobytes() == first.tobytes()
        engine.call((1, 5), client="b", number=1)
        with pytest.raises(StepError, match="negative"):
            engine.call((1, -5), client="c", number=1)
        assert engine.state == {1: 10}
    for with_snapshot in (False, True):
        with hr.Engine(sums, journal=tmp_path) as engine:
            again = engine.call((1, 5), client="a", number=1)
            assert again.tobytes() == first.tobytes()
            with pytest.raises(StepError, match="negative"):
                engine.call((1, -5), client="c", number=1)
            assert engine.state == {1: 10}
            if with_snapshot:
                engine.snapshot()
    with hr.Engine(sums, journal=tmp_path) as engine:
        assert engine.call((1, 5), client="a", number=1).tobytes() == first.tobytes()
        assert engine.call((1, 1), client="a", number=2)["total"].tolist() == [11]
        with pytest.raises(StaleCall, match="has made call 2 already"):
            engine.call((1, 5), client="a", number=1)


def test_clients_that_called_longest_ago_are_forgotten(tmp_path: Path) -> None:
    with hr.Engine(sums, journal=journal(tmp_path, clients_max=2)) as engine:
        for client in ("a", "b", "c"):
            engine.call((1, 1), client=client, number=1)
        engine.call((1, 1), client="b", number=1)
        assert engine.state == {1: 3}
        engine.call((1, 1), client="a", number=1)
        assert engine.state == {1: 4}


@pytest.mark.parametrize(
    ("client", "number", "message"),
    [
        (None, 1, "client must be a text"),
        ("", 1, "client must be a text"),
        ("x" * 300, 1, "client must be a text"),
        ("a", None, "number must be an integer from 1"),
        ("a", 0, "number must be an integer from 1"),
        ("a", 1.5, "number must be an integer from 1"),
    ],
    ids=["none", "empty", "long", "no-number", "zero", "float"],
)
def test_bad_clients(client: Any, number: Any, message: str) -> None:
    with hr.Engine(sums) as engine, pytest.raises(UsageError, match=message):
        engine.call((1, 1), client=client, number=number)


def test_outputs_come_again_and_can_be_resumed(tmp_path: Path) -> None:
    with hr.Engine(sums, journal=tmp_path) as engine:
        engine.publish(some_events(50))
        engine.drain()
        engine.snapshot()
        engine.publish(some_events(50, 50))
        engine.drain()
        made = outputs_of(engine)
    assert len(made) == 100
    with hr.Engine(sums, journal=tmp_path) as engine:
        engine.publish(some_events(10, 100))
        got = outputs_of(engine)
    assert got[:50] == made[50:]
    assert len(got) == 60
    with hr.Engine(sums, journal=tmp_path) as engine:
        assert [r[0] for r in outputs_of(engine, after=(74, 0))] == list(range(75, 110))
    with (
        hr.Engine(sums, journal=tmp_path) as engine,
        pytest.raises(HistoryGone, match=r"the last one with the id \(49, 0\)"),
    ):
        outputs_of(engine, after=(48, 0))


def test_a_journal_of_outputs(tmp_path: Path) -> None:
    settings = journal(tmp_path, outputs=True)
    with hr.Engine(sums, journal=settings) as engine:
        engine.publish(some_events(50))
        engine.drain()
        engine.snapshot()
        engine.publish(some_events(50, 50))
        engine.drain()
        made = outputs_of(engine)
    from headrace.runtime.output_journal import read_outputs

    kept = [r.item() for part in read_outputs(settings.disk, str(tmp_path)) for r in part]
    assert kept == made
    with hr.Engine(sums, journal=settings) as engine:
        assert outputs_of(engine, after=(9, 0)) == made[10:]
    kept = read_outputs(settings.disk, str(tmp_path), (97, 0))
    assert [r.item() for part in kept for r in part] == made[98:]


def test_pipelines(tmp_path: Path) -> None:
    @hr.machine(event=EVENT, output=EVENT, initial=int)
    def doubled(state: int, key: int, amount: int) -> Any:
        return state + 1, [(key, amount), (key, amount)] if key % 2 else None

    made: list[Any] = []
    for turn in range(3):
        with hr.Engine(doubled >> sums, journal=journal(tmp_path, outputs=True)) as engine:
            engine.publish(some_events(500, turn * 500))
            engine.drain()
            if turn:
                assert engine.snapshot(timeout=5) == (turn + 1) * 500
            state = engine.state
            made = outputs_of(engine, after=(-1, 0))
        with hr.Engine(doubled >> sums, journal=journal(tmp_path, outputs=True)) as engine:
            assert engine.state == state
            assert engine.sequence == (turn + 1) * 500
            assert outputs_of(engine, after=(-1, 0)) == made
    replayed = hr.replay(tmp_path, doubled >> sums)
    assert replayed.state == state
    assert replayed.checked >= 3


def test_states_that_cannot_be_written(tmp_path: Path) -> None:
    @hr.machine(event="<i8", initial=lambda: {"f": complex})
    def odd(state: Any, value: int) -> Any:
        return state, None

    with pytest.raises(StateError, match="cannot be written down"):
        hr.Engine(odd, journal=tmp_path)
    with hr.Engine(odd, journal=journal(tmp_path)) as engine:
        engine.call(1)
        with pytest.raises(StateError, match="cannot be written down"):
            engine.snapshot()


def test_without_a_journal() -> None:
    with hr.Engine(sums) as engine:
        assert engine.recovery is None
        assert engine.durable == 0
        with pytest.raises(UsageError, match="needs a journal"):
            engine.publish(some_events(1), durable=True)
        with pytest.raises(UsageError, match="needs a journal"):
            engine.snapshot()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "disk"}, "level must be one of fsync, os, none"),
        ({"segment_bytes": 10}, "segment_bytes must be an integer of 65,536 or more"),
        ({"segment_bytes": 65_537}, "multiple of 4,096"),
        ({"snapshot_every": 0}, "snapshot_every must be an integer of 1 or more"),
        ({"snapshot_seconds": -1}, "snapshot_seconds must be a positive number"),
        ({"keep": "some"}, "keep must be 'all' or 'snapshots'"),
        ({"clients_max": True}, "clients_max must be an integer"),
    ],
    ids=["level", "small", "odd", "never", "negative", "keep", "bool"],
)
def test_bad_settings(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        hr.Journal("x", **options)


def test_what_is_no_journal() -> None:
    with pytest.raises(UsageError, match=r"must be a path or a headrace\.Journal, not 5"):
        hr.Engine(sums, journal=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", ["fsync", "os", "none"])
def test_closing_says_that_it_is_whole(tmp_path: Path, level: str) -> None:
    """A byte that is lost after an orderly end is not taken for a torn tail."""
    with hr.Engine(sums, journal=journal(tmp_path, level=level)) as engine:
        engine.publish(some_events(10))
    path = only_segment(tmp_path)
    data = bytearray(path.read_bytes())
    at = data.index(some_events(10).tobytes())
    data[at + 50] ^= 1
    path.write_bytes(data)
    with pytest.raises(hr.errors.JournalDamaged, match="inputs 0 to 9 had been synced"):
        hr.Engine(sums, journal=tmp_path)
