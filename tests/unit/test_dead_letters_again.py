"""Dead letters of an engine that is opened again: settled, published again, each once."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from journal_tools import EVENT, SUM
from letter_tools import (
    amounts,
    engine,
    fates,
    later,
    logbook,
    mended,
    mended_step,
    reinjected_in,
    small,
)

import headrace as hr
from headrace.compose import fanout, shard
from headrace.errors import (
    StepError,
    UsageError,
    WaitTimeout,
)
from headrace.journal.letter_box import LetterBox
from headrace.journal.letters import as_letters


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    before = os.getcwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


# -- opening again -------------------------------------------------------------------------------


@pytest.mark.parametrize("snapshot", [False, True])
def test_opened_again_and_again(snapshot: bool) -> None:
    for turn in range(3):
        with engine(logbook, "j") as running:
            assert len(running.dead_letters) == (0 if snapshot else 2 * turn)
            running.publish(amounts(turn, -1, -1))
            running.drain()
            if snapshot:
                running.snapshot()
    assert fates() == [(n, -1, "waiting") for n in (1, 2, 4, 5, 7, 8)]


@pytest.mark.parametrize("machine", [logbook, shard(logbook, by="key", n=2)], ids=["one", "two"])
def test_letters_of_inputs_from_before(machine: Any) -> None:
    """The journal is older than its letters."""
    running = hr.Engine(machine, journal=small("j"))
    running.publish(amounts(1, -2, 3))
    with pytest.raises(StepError):
        running.close()
    with engine(machine, "j"):
        assert fates() == [(1, -2, "waiting")]
        assert hr.DeadLetters("dead")[0].input_time_ns > 0


def test_a_mended_machine_steps_over_them() -> None:
    for machine, wanted in [
        (logbook, "waiting"),
        (mended, "stepped"),
        (logbook, "waiting"),
        (mended, "stepped"),
    ]:
        with engine(machine, "j") as running:
            if running.sequence == 0:
                running.publish(amounts(1, -2, 3))
                running.drain()
            assert running.state == ([1, 3] if machine is logbook else [1, -2, 3])
        assert fates() == [(1, -2, wanted)]


def test_not_those_before_a_snapshot() -> None:
    with engine(logbook, "j") as running:
        running.publish(amounts(1, -2, 3))
        running.drain()
        running.snapshot()
        running.publish(amounts(-4))
    with engine(mended, "j") as running:
        assert running.state == [1, 3, -4]
    assert fates() == [(1, -2, "waiting"), (3, -4, "stepped")]


def test_other_journals_are_others() -> None:
    for journal in ("one", "two"):
        with engine(logbook, journal) as running:
            running.publish(amounts(-1))
    with engine(mended, "one"):
        pass
    assert fates() == [(0, -1, "stepped"), (0, -1, "waiting")]


def kill(running: hr.Engine, sequence: int, amount: int) -> None:
    """Put an event aside as who watches workers does: it has killed them."""
    error = StepError("killed", sequence=sequence, event={}, machine="logbook")
    assert running._failures.put_aside(error, amounts(amount), retries=3)


def test_what_kills_is_not_stepped_again() -> None:
    with engine(logbook, "j") as running:
        running.publish(amounts(1, 2, 3), durable=True)
        kill(running, 1, 2)
        kill(running, 2, 99)  # of another event than the journal has there
    for machine in (logbook, mended):
        with engine(machine, "j") as running:
            assert running.state == [1, 3]
        assert fates() == [(1, 2, "waiting"), (2, 99, "lost")]
    with engine(mended, "j") as running:
        assert running.reinject(0) == 3
        running.drain()
        assert running.state == [1, 3, 2]


def sharded() -> Any:
    return shard(logbook, by="key", n=2)


@pytest.mark.parametrize("place", ["threads", "processes"])
def test_a_topology_opened_again(place: str) -> None:
    """Of each letter the machine alone passes over the event, wherever it runs."""
    made = amounts(1, -2, 3, -4)
    made["key"] = [0, 1, 2, 3]
    for turn in range(2):
        with engine(sharded(), "j", place=place) as running:
            if not turn:
                running.publish(made)
                running.drain()
            assert running.sequence == 4
            assert sorted(itertools.chain(*running.state.values())) == [1, 3]
        assert sorted(fates()) == [(1, -2, "waiting"), (3, -4, "waiting")]
    (number,) = [letter.number for letter in hr.DeadLetters("dead") if letter.sequence == 1]
    with engine(sharded(), "j", place=place) as running:
        assert running.reinject(number) == 4
        running.drain()
    with engine(shard(mended, by="key", n=2), "j", place=place) as running:
        assert sorted(itertools.chain(*running.state.values())) == [-4, -2, 1, 3]


def test_a_discarded_letter_of_one_branch() -> None:
    other = hr.machine(event=EVENT, output=SUM, initial=list, name="other")(mended_step)
    with engine(fanout(logbook, other), "j") as running:
        running.publish(amounts(1, -2, 3))
        running.drain()
        with pytest.raises(UsageError, match="only what one machine alone takes"):
            running.reinject(0)
    box = LetterBox(as_letters("dead"))
    box.mark(0, "discarded")
    box.close()
    with engine(fanout(mended, other), "j") as running:
        assert running.state == {"logbook": [1, 3], "other": [1, -2, 3]}


# -- published again -----------------------------------------------------------------------------


def test_reinjected_once() -> None:
    with engine(logbook, "j") as running:
        running.publish(amounts(1, -2, 3))
        running.drain()
        running.snapshot()
    with engine(mended, "j") as running:
        assert [running.reinject(0), running.reinject(0)] == [3, 3]
        running.drain()
        assert running.state == [1, 3, -2]
        assert [each["total"].tolist() for each in running.outputs()] == [[3]]
    (letter,) = hr.DeadLetters("dead")
    assert (letter.fate, letter.reinjected_as) == ("reinjected", 3)
    assert letter.fate_time_ns > letter.time_ns
    assert reinjected_in("j") == [(0, 3)]
    with engine(mended, "j") as running:
        assert running.reinject(0) == 3
        assert running.state == [1, 3, -2]


def test_what_fails_again_is_a_new_letter() -> None:
    with engine(logbook, "j") as running:
        running.publish(amounts(-1, 5))
        running.drain()
        assert running.reinject(0) == 2
        running.drain()
        assert running.reinject(1) == 3
        running.drain()
    assert fates() == [(0, -1, "reinjected"), (2, -1, "reinjected"), (3, -1, "waiting")]
    with engine(logbook, "j"):
        assert len(fates()) == 3
    with engine(mended, "j") as running:  # from the first input on, and still once
        assert running.state == [5, -1]
    assert [fate for _, _, fate in fates()] == ["reinjected", "reinjected", "stepped"]


def test_what_was_discarded_is_never_stepped() -> None:
    with engine(logbook, "j") as running:
        running.publish(amounts(-1, 5, -6, 7))
    box = LetterBox(as_letters("dead"))
    box.mark(0, "discarded")
    box.close()
    with engine(mended, "j") as running:
        assert (running.state, running.sequence) == ([5, -6, 7], 4)
        with pytest.raises(UsageError, match="letter 0 is discarded, and cannot be"):
            running.reinject(0)
        with pytest.raises(UsageError, match="letter 1 is stepped"):
            running.reinject(1)
        assert running.sequence == 4
    assert [fate for _, _, fate in fates()] == ["discarded", "stepped"]


def test_what_cannot_be_reinjected() -> None:
    with engine(logbook >> later, "j") as running:
        running.publish(amounts(-1))
        running.drain()
        with pytest.raises(UsageError, match="there is no letter 1 among 1"):
            running.reinject(1)
    with engine(later, "other") as running:
        with pytest.raises(UsageError, match="letter 0 is an event of machine 'logbook'"):
            running.reinject(0)
        assert running.sequence == 0
    with engine(logbook, None) as running, pytest.raises(UsageError, match="a journal"):
        running.reinject(0)
    with hr.Engine(logbook, journal=small("j2")) as running:  # noqa: SIM117
        with pytest.raises(UsageError, match="needs the letters"):
            running.reinject(0)
    assert fates() == [(0, -1, "waiting")]


def test_no_room_to_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    with engine(logbook, "j") as running:
        running.publish(amounts(-1))
        running.drain()

        def full(*_: Any) -> int:
            raise WaitTimeout("full")

        with monkeypatch.context() as patched:
            patched.setattr(running, "_publish", full)
            with pytest.raises(WaitTimeout):
                running.reinject(0)
        assert fates() == [(0, -1, "waiting")]
        running.publish(amounts(5))
        assert running.reinject(0) == 2
    assert reinjected_in("j") == [(0, 2)]


def test_published_and_not_safe_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with engine(logbook, "j") as running:
        running.publish(amounts(-1))
        running.drain()
        with monkeypatch.context() as patched:
            patched.setattr(running, "_wait_durable", lambda end, deadline: False)
            with pytest.raises(WaitTimeout, match="published again as input 1"):
                running.reinject(0, 0.5)
        assert fates()[0] == (0, -1, "reinjecting")
        assert running.reinject(0) == 1
    assert fates()[0] == (0, -1, "reinjected")
    assert reinjected_in("j") == [(0, 1)]


def test_threads_reinject_the_same_one() -> None:
    with engine(logbook, "j") as running:
        running.publish(amounts(-1, -2))
        running.drain()
        found: list[int] = []
        threads = [
            threading.Thread(target=lambda n=n: found.append(running.reinject(n % 2)))  # type: ignore[misc]
            for n in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == [2] * 3 + [3] * 3
    assert len(reinjected_in("j")) == 2
