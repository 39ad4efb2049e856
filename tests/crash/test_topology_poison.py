"""Poison: an event that kills its worker each time; and deaths that no event is blamed for."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from topology_tools import (
    EVENT,
    engine,
    events,
    front,
    kill,
    kill_and_wait,
    plain,
    read,
    strict,
    total,
    wait_for,
)
from typer.testing import CliRunner

import headrace as hr
from headrace.cli import app as headrace
from headrace.debugger.page_stretch import read_stretch
from headrace.errors import PoisonEvent, StepError, WaitTimeout
from headrace.journal.check import WHOLE, check
from headrace.ports import LocalDisk

POISON = (3, 666)  # front kills its process


@pytest.mark.parametrize("topology", [front >> total, hr.shard(front, n=2) >> total])
def test_poison_becomes_a_dead_letter(topology: Any) -> None:
    inputs = events(40)
    inputs[20] = POISON
    with engine(topology, on_error="dead_letter", capacity=64) as running:
        running.publish(inputs)
        running.drain(60)
        (letter,) = running.dead_letters
        assert (letter.sequence, letter.machine, letter.retries) == (20, "front", 3)
        assert letter.event.tolist() == [POISON]
        assert "event 20 {'key': 3, 'value': 666} has killed its worker 3 times" in str(
            letter.error
        )
        # Without a journal each death of `front` set its state back, and none of those behind it.
        assert len(read(running)) == 39
        assert running.state["total"] if isinstance(running.state, dict) else running.state[1]


def test_poison_in_the_middle_of_a_batch_is_found() -> None:
    """The first death is somewhere in a batch; from then on events are taken one at a time."""
    inputs = events(900)
    inputs["value"] %= 100
    inputs[850] = POISON
    four = strict(4)  # one to learn of it, three to know it
    with engine(front >> total, on_error="dead_letter", capacity=1024, supervisor=four) as running:
        running.publish(inputs)
        running.drain(60)
        assert [each.sequence for each in running.dead_letters] == [850]


def test_poison_halts() -> None:
    running = engine(front >> total)
    running.publish([(1, 1), POISON, (1, 2)])
    with pytest.raises(StepError, match="has killed its worker 3 times") as told:
        running.drain(60)
    assert type(told.value.__cause__).__name__ == "WorkerError"
    assert PoisonEvent.__name__ in str(told.value.__cause__)
    with pytest.raises(StepError, match="has killed its worker 3 times"):
        running.close(20)
    assert [each["value"].tolist() for each in _until_failure(running)] == [[1]]


def _until_failure(running: hr.Engine) -> list[Any]:
    made = []
    with pytest.raises(StepError):
        made.extend(each.copy() for each in running.outputs())
    return made


def test_poison_of_a_call_is_told_to_its_caller() -> None:
    with engine(front >> total) as running:
        with pytest.raises(StepError, match="has killed its worker 3 times"):
            running.call(POISON, timeout=60)
        assert running.call((0, 1), timeout=20)["value"].tolist() == [1]


# -- in a journal --------------------------------------------------------------------------------


def in_a_process(function: Callable[[], None]) -> None:
    """Run what may kill its process in one of its own; it is to end well."""
    process = multiprocessing.get_context("fork").Process(target=function)
    process.start()
    process.join(60)
    assert process.exitcode == 0


def fill(folder: Path, **options: Any) -> None:
    """A journal of four inputs, of which the second is poison."""
    with engine(front >> total, journal=folder, on_error="dead_letter", **options) as running:
        running.publish([(1, 1), POISON, (1, 2)])
        running.drain(60)
        assert running.state == (2, 3)
        kill(running, "front")
        running.call((1, 3), timeout=20)


def test_poison_in_a_journal_is_passed_over_when_it_is_opened(tmp_path: Path) -> None:
    """Or it would kill whoever opens it; what had killed has its letter, and gets no other one."""
    options: Any = {"on_error": "dead_letter", "dead_letters": tmp_path / "d"}
    fill(tmp_path / "j", dead_letters=tmp_path / "d")

    def opened() -> None:
        for place in ("processes", "threads"):
            with engine(front >> total, journal=tmp_path / "j", place=place, **options) as running:
                assert running.state == (3, 6)

    in_a_process(opened)
    (letter,) = hr.DeadLetters(tmp_path / "d")
    assert (letter.sequence, letter.stage, letter.retries) == (1, "front", 3)
    assert letter.fate == "waiting"


@pytest.mark.parametrize("place", ["processes", "threads"])
def test_poison_is_a_failed_step_to_who_steps_over_its_journal(
    place: str, tmp_path: Path
) -> None:
    """Although no dead letters are kept: the journal itself keeps what has killed."""
    fill(tmp_path)

    def opened() -> None:
        options: Any = {"journal": tmp_path, "place": place, "on_error": "dead_letter"}
        for _ in range(2):
            with engine(front >> total, **options) as running:
                assert running.state == (3, 6)
                (letter,) = running.dead_letters
                assert (letter.sequence, letter.stage, letter.retries) == (1, "front", 3)
                assert "has killed its worker 3 times" in str(letter.error)

    in_a_process(opened)
    (kept,) = hr.DeadLetters(tmp_path / "poison")
    assert (kept.sequence, kept.stage, kept.origin, kept.retries) == (1, "front", 1, 3)
    assert kept.event.tolist() == [POISON]


def test_poison_is_a_failed_step_to_replays_and_histories(tmp_path: Path) -> None:
    fill(tmp_path)

    def replayed() -> None:
        again = hr.replay(tmp_path, front >> total)
        assert (again.state, again.failed.count) == ((3, 6), 1)
        assert again.checked > 0
        moment = hr.History(tmp_path, front >> total).at(2)
        assert moment.error is not None
        assert (moment.state, moment.error.deaths) == ((1, 1), 3)

    in_a_process(replayed)
    for folder in (tmp_path, tmp_path / "poison"):
        found = check(LocalDisk(), str(folder))
        assert (found.level, found.findings) == (WHOLE, [])


def test_poison_in_pages_and_tests_of_a_stretch(tmp_path: Path) -> None:
    fill(tmp_path / "j")
    (tmp_path / "app.py").write_text("from topology_tools import *\npipeline = front >> total\n")
    journal, app = str(tmp_path / "j"), f"{tmp_path}/app.py:pipeline"

    def shown() -> None:
        page = read_stretch(hr.History(journal, front >> total), 0, 4)
        assert [len(each.failures) for each in page.happened] == [0, 1, 0, 0]
        to_test = CliRunner().invoke(headrace, ["journal", "to-test", journal, app])
        assert to_test.exit_code == 2
        assert "input 1 has killed whoever stepped over it" in to_test.stderr
        to_test = CliRunner().invoke(headrace, ["journal", "to-test", journal, app, "--from", "2"])
        assert to_test.exit_code == 0

    in_a_process(shown)


def test_poison_halts_each_time_until_the_machine_is_mended(tmp_path: Path) -> None:
    running = engine(front >> total, journal=tmp_path)
    running.publish([(1, 1), POISON, (1, 2)])
    with pytest.raises(StepError, match="has killed its worker 3 times"):
        running.drain(60)
    with pytest.raises(StepError):
        running.close(20)
    remove = f"mend the machine and remove the folder {tmp_path}/poison, or pass the input over"

    def halts() -> None:
        for place in ("processes", "threads"):
            with pytest.raises(StepError, match="has killed its worker 3 times") as told:
                engine(front >> total, journal=tmp_path, place=place)
            assert remove in told.value.__notes__[0]

    in_a_process(halts)

    @hr.machine(event=EVENT, output=EVENT, initial=int, name="front")
    def mended(state, key, value):  # type: ignore[no-untyped-def]
        return state + 1, (key, value)

    shutil.rmtree(tmp_path / "poison")
    with engine(mended >> total, journal=tmp_path, place="threads") as running:
        assert running.state == (3, 669)


def test_poison_of_a_call_is_told_again_when_its_journal_is_opened(tmp_path: Path) -> None:
    options: Any = {"journal": tmp_path, "on_error": "halt"}

    def called(running: hr.Engine) -> None:
        with pytest.raises(StepError, match="has killed its worker 3 times"):
            running.call(POISON, timeout=60, client="till", number=1)

    with engine(front >> total, **options) as running:
        called(running)
        assert running.call((1, 5), timeout=20)["value"].tolist() == [5]

    def opened() -> None:
        with engine(front >> total, place="threads", **options) as running:
            called(running)
            assert (running.sequence, running.state) == (2, (1, 5)), "it was not run again"

    in_a_process(opened)


# -- deaths that no event is blamed for ----------------------------------------------------------


def test_who_has_nothing_to_step_over_does_not_die_of_the_next_event() -> None:
    with engine(front >> total, on_error="dead_letter", supervisor=strict(100)) as running:
        running.call((0, 1), timeout=20)
        for _ in range(4):
            kill_and_wait(running, "total")
        running.call((0, 2), timeout=20)
        assert running.dead_letters == ()


def test_who_waits_for_room_does_not_die_of_its_event() -> None:
    topology = front >> plain >> total
    with engine(topology, on_error="dead_letter", capacity=4, supervisor=strict(100)) as running:
        inputs = events(20, 1)
        held = kill(running, "total", signal.SIGSTOP)
        with pytest.raises(WaitTimeout) as told:
            running.publish(inputs, timeout=0.3)
        for _ in range(4):
            kill_and_wait(running, "plain")
        os.kill(held, signal.SIGCONT)
        running.publish(inputs[told.value.published :], timeout=20)  # type: ignore[attr-defined]
        running.drain(20)
        assert running.dead_letters == ()
        assert len(read(running)) == sum(int(each) % 3 for each in inputs["value"])


def test_a_letter_is_kept_once_although_it_is_told_twice() -> None:
    """A worker that has failed, and told it, may die before it is past its batch."""

    @hr.machine(event=EVENT, output=EVENT, initial=int)
    def fails(state, key, value):  # type: ignore[no-untyped-def]
        if value == 500:
            raise ValueError(value)
        if value == 501:
            time.sleep(0.2)
        return state, (key, value)

    with engine(fails, on_error="dead_letter", capacity=2048) as running:
        told: list[int] = []
        put_aside = running._failures.put_aside
        running._failures.put_aside = lambda *which: (  # type: ignore[method-assign]
            told.append(which[0].sequence) or put_aside(*which)  # type: ignore[func-returns-value]
        )
        running.publish(events(510), timeout=20)
        wait_for(lambda: told)
        time.sleep(0.05)
        kill(running, "fails")
        running.drain(20)
        assert told == [500, 500], "or this test is of nothing"
        assert [each.sequence for each in running.dead_letters] == [500]
        assert read(running)["value"].tolist() == [each for each in range(510) if each != 500]
