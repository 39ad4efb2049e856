"""Signals at random to the workers of a running topology, and what must come of it all the same."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from topology_tools import EVENT, engine

import headrace as hr
from headrace.reference.topology import ReferenceTopology

PATIENT = hr.Supervisor("one_for_one", (), 1_000_000, 1.0)


def machine(name: str, stateful: bool) -> Any:
    """Up to two outputs for an event; `stateful`: that hang on all that it has seen before."""

    @hr.machine(event=EVENT, output=EVENT, initial=int, name=name)
    def step(state, key, value):  # type: ignore[no-untyped-def]
        state = (state * 31 + value + key) % 1_000_003
        base = state if stateful else value * 7 + key
        made = [(base % 5, base % 100_003 + index) for index in range(value % 3)]
        return (state if stateful else 0), made or [(key, value + 1)]

    return step


def topology(stateful: bool) -> Any:
    """One that has stages of all kinds: first, in shards, reading a merge, in branches, last."""
    a, b, c, d, e, f = (machine(name, stateful) for name in "abcdef")
    return a >> hr.shard(b >> c, by="key", n=2) >> hr.fanout(d, hr.chain(hr.shard(e, n=2), f))


def inputs(count: int, seed: int) -> Any:
    """`count` events, by chance."""
    chance = np.random.default_rng(seed)
    made = np.zeros(count, EVENT)
    made["key"] = chance.integers(0, 6, count)
    made["value"] = chance.integers(0, 1000, count)
    return made


class Storm:
    """Sends signals to the workers of an engine, one at a time, by a seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.killed: dict[str, int] = {}
        self.stopped = 0

    def kill(self, running: hr.Engine) -> None:
        """Kill a worker, of a stage that has been killed the least."""
        stages = list(running._line.stages)
        self._chance.shuffle(stages)
        self._hit(min(stages, key=lambda each: self.killed.get(each.name, 0)))

    def blow(self, running: hr.Engine) -> None:
        """Kill or pause any worker."""
        stage: Any = self._chance.choice(running._line.stages)
        if self._chance.random() < 0.7:
            self._hit(stage)
            return
        with contextlib.suppress(ProcessLookupError):
            pid = stage.pid
            os.kill(pid, signal.SIGSTOP)
            self.stopped += 1
            time.sleep(self._chance.random() * 0.05)
            os.kill(pid, signal.SIGCONT)

    def _hit(self, stage: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(stage.pid, signal.SIGKILL)
            self.killed[stage.name] = self.killed.get(stage.name, 0) + 1

    def pause(self, seconds_max: float) -> None:
        """Some time, by chance."""
        time.sleep(self._chance.random() * seconds_max)


def read(running: hr.Engine, after: Any) -> list[Any]:
    """The unread outputs behind an id."""
    options = {} if after is None else {"after": after}
    return [each.copy() for each in running.outputs(**options)]


def check(made: list[Any], expected: ReferenceTopology) -> None:
    """Nothing is lost, nothing is there twice, and it is what it has to be."""
    found, wanted = np.concatenate(made), expected.outputs
    assert len(found) == len(wanted)
    for name in wanted.dtype.names:
        if name != "input_time_ns":
            assert found[name].tolist() == wanted[name].tolist(), name


def run_killed(events: Any, seed: int, journal: Path | None, kills: int) -> Storm:
    """Kill workers while `events` go through: each stage at least `kills` times."""
    stateful = journal is not None
    expected = ReferenceTopology(topology(stateful))
    expected.publish(events)
    storm = Storm(seed)
    settings = None if journal is None else hr.Journal(journal, level="os", snapshot_every=200)
    with engine(topology(stateful), capacity=64, supervisor=PATIENT, journal=settings) as running:
        pieces = np.array_split(events, kills * len(running._line.stages))
        for piece in pieces:
            running.publish(piece, timeout=60)
            storm.pause(0.01)
            storm.kill(running)
        running.drain(60)
        made, state = read(running, None), running.state
    check(made, expected)
    assert not stateful or state == expected.state
    return storm


def run_mixed(events: Any, seed: int, kills: int) -> None:
    """The same where outputs of different shards come as they come: all are there, each once."""
    a, b, c, d = (machine(name, False) for name in "abcd")
    mixed = hr.shard(a >> hr.shard(b, n=2), by="key", n=2) >> c >> hr.shard(d, by="key", n=2)
    expected = ReferenceTopology(mixed)
    expected.publish(events)
    storm = Storm(seed)
    with engine(mixed, capacity=64, supervisor=PATIENT) as running:
        for piece in np.array_split(events, kills * len(running._line.stages)):
            running.publish(piece, timeout=60)
            storm.pause(0.01)
            storm.kill(running)
        running.drain(60)
        found = np.concatenate(read(running, None))
    wanted = expected.outputs
    for name in ("value", "origin"):
        assert sorted(found[name].tolist()) == sorted(wanted[name].tolist())
    ids = set(found[["input_sequence", "output_index"]].tolist())
    assert len(ids) == len(found), "an id stands twice"


def run_storm(folder: Path, seed: int, seconds: float) -> Storm:
    """Kill and pause for a time, with a journal that is opened anew now and then."""
    storm, made, published, after = Storm(seed), [], [], None
    end, state = time.monotonic() + seconds, None
    while time.monotonic() < end:
        settings = hr.Journal(folder, level="os", snapshot_every=1000)
        with engine(
            topology(True), capacity=256, supervisor=PATIENT, journal=settings
        ) as running:
            reopen = time.monotonic() + min(10.0, seconds / 3)
            while time.monotonic() < min(end, reopen):
                published.append(inputs(100, len(published)))
                running.publish(published[-1], timeout=60)
                storm.blow(running)
                storm.pause(0.1)
            running.drain(120)
            new = read(running, after)
            made += new
            if new:
                after = tuple(new[-1][-1][["input_sequence", "output_index"]].tolist())
            state = running.state
    expected = ReferenceTopology(topology(True))
    expected.publish(np.concatenate(published))
    check(made, expected)
    assert state == expected.state
    return storm


