"""Workers that are paused: who is told of, who is killed, and when; by a clock of its own."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from topology_tools import front

import headrace as hr
from headrace.errors import UsageError
from headrace.ringbuffer import liveness
from headrace.runtime.pauses import LOOK_SECONDS, PauseWatch

ALIVE, STOPPED, GONE = liveness.ALIVE, liveness.STOPPED, liveness.GONE


class Worker:
    """A stage and the run of its worker, as far as the watch looks at them."""

    def __init__(self, pid: int, name: str = "match") -> None:
        self.name, self.pid, self.started = name, pid, 7
        self.run: Any = self
        self.process = self
        self.stopped = False
        self.killed = 0

    def kill(self) -> None:
        self.killed += 1


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> dict[int, str]:
    """What is said of each process."""
    known: dict[int, str] = {}
    monkeypatch.setattr(liveness, "state_of", lambda pid, started: known[pid])
    caplog.set_level(logging.INFO, "headrace.runtime")
    return known


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Level and message of all that was told since this was asked for last."""
    found = [(each.levelname, each.getMessage()) for each in caplog.records]
    caplog.clear()
    return found


PAUSED = (
    "WARNING",
    "the worker of stage match (process 11) is paused, and what is in front of it waits",
)
KILLED = ("ERROR", "the worker of stage match (process 11) was paused for 1.5 s: it is killed")
AGAIN = ("INFO", "the worker of stage match runs again")


def test_a_pause_is_told_once_and_ended_by_a_kill(
    states: dict[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    watch, worker = PauseWatch(1.5), Worker(11)
    states[11] = ALIVE
    watch.look([worker], 10.0)
    assert (told(caplog), worker.killed) == ([], 0)
    states[11] = STOPPED
    watch.look([worker], 20.0)
    assert (told(caplog), worker.killed) == ([PAUSED], 0)
    watch.look([worker], 21.0)
    assert (told(caplog), worker.killed) == ([], 0)
    watch.look([worker], 21.5)
    assert (told(caplog), worker.killed) == ([KILLED], 1)
    states[11] = GONE
    watch.look([worker], 22.0)
    assert (told(caplog), worker.killed) == ([], 1), "it does not run again"


def test_without_a_bound_nobody_is_killed(states: dict[int, str]) -> None:
    watch, worker = PauseWatch(None), Worker(11)
    states[11] = STOPPED
    for now in (10.0, 20.0, 1e6):
        watch.look([worker], now)
    assert worker.killed == 0


def test_a_bound_of_nothing_kills_at_the_second_look(states: dict[int, str]) -> None:
    watch, worker = PauseWatch(0), Worker(11)
    states[11] = STOPPED
    watch.look([worker], 10.0)
    assert worker.killed == 0, "it is told first"
    watch.look([worker], 11.0)
    assert worker.killed == 1


def test_each_pause_counts_by_itself(
    states: dict[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    watch, worker = PauseWatch(1.5), Worker(11)
    for now, state, wanted in (
        (10.0, STOPPED, [PAUSED]), (11.0, ALIVE, [AGAIN]), (11.2, ALIVE, []),
        (12.0, STOPPED, [PAUSED]), (13.0, STOPPED, []), (13.5, STOPPED, [KILLED]),
    ):  # fmt: skip
        states[11] = state
        watch.look([worker], now)
        assert told(caplog) == wanted


def test_a_successor_has_not_been_paused(
    states: dict[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    watch, worker = PauseWatch(1.5), Worker(11)
    states.update({11: STOPPED, 12: STOPPED})
    watch.look([worker], 10.0)
    successor = worker.run = Worker(12)
    told(caplog)
    watch.look([worker], 13.0)
    assert successor.killed == worker.killed == 0
    assert told(caplog) == [(PAUSED[0], PAUSED[1].replace("11", "12"))]
    watch.look([worker], 14.0)
    assert successor.killed == 0
    watch.look([worker], 14.5)
    assert (successor.killed, worker.killed) == (1, 0)


def test_who_is_not_looked_at(states: dict[int, str]) -> None:
    """Stages that have ended, and those between two workers; and nobody twice in a short time."""
    watch = PauseWatch(0)
    ended, between, runs = Worker(11), Worker(12), Worker(13)
    states.update(dict.fromkeys((11, 12, 13), STOPPED))
    ended.stopped, between.run = True, None
    watch.look([ended, between, runs], 10.0)
    watch.look([ended, between, runs], 10.0 + LOOK_SECONDS / 2)
    assert (ended.killed, between.killed, runs.killed) == (0, 0, 0)
    watch.look([ended, between, runs], 10.0 + 2 * LOOK_SECONDS)
    assert (ended.killed, between.killed, runs.killed) == (0, 0, 1)


@pytest.mark.parametrize("wrong", [-1, "soon", True, [1.0]])
def test_what_is_no_bound(wrong: Any) -> None:
    with pytest.raises(UsageError, match="paused_max is seconds that a worker may be paused"):
        hr.Engine(front, paused_max=wrong)
