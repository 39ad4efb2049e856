"""Where stages run, and how their processes start: place=, cores=, start_method=."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from topology_tools import (
    EVENT,
    count,
    engine,
    events,
    front,
    kill,
    many,
    plain,
    read,
    segments,
    stage,
    total,
    wait_for,
    whereabouts,
)

import headrace as hr
from headrace.compose import lay_out
from headrace.errors import MachineError, UsageError, WorkerDied
from headrace.runtime import overseer
from headrace.runtime.marks import Mark, Marks
from headrace.runtime.placing import place_stages

TOPOLOGY = front >> hr.shard(count, by="key", n=2) >> total


@pytest.mark.parametrize(
    ("place", "remote"),
    [
        ("threads", [False, False, False, False]),
        ("processes", [True, True, True, True]),
        ({}, [False, False, False, False]),
        ({"count": "processes"}, [False, True, True, False]),
        ({"count.1": "processes"}, [False, False, True, False]),
        ({"count": "processes", "count.0": "threads"}, [False, False, True, False]),
        ({"front": "threads", "total": "processes"}, [False, False, False, True]),
    ],
)
def test_where_stages_are(place: Any, remote: list[bool]) -> None:
    placement = place_stages(lay_out(TOPOLOGY), place, None)
    assert list(placement.remote) == remote
    assert placement.special == placement.any_remote == any(remote)


def test_a_mixture_of_threads_and_processes() -> None:
    with engine(TOPOLOGY, place={"count.1": "processes", "total": "processes"}) as running:
        running.publish(events(50), timeout=20)
        running.drain(20)
        assert stage(running, "count.1").pid not in (None, os.getpid())
        assert not hasattr(stage(running, "count.0"), "pid")
        assert sum(map(len, (running.state["count.0"], running.state["count.1"]))) == 7


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"place": "process"}, "place is 'threads', 'processes', or a dict by stage, not 'proc"),
        ({"place": 5}, "not 5"),
        ({"place": ["threads"]}, r"not \['threads'\]"),
        ({"place": {"count.2": "threads"}}, r"a stage 'count.2'; there are count, count.0, count"),
        ({"place": {"count": "thread"}}, "not {'count': 'thread'}"),
        ({"cores": [-1]}, "cores names core -1; this process may use"),
        ({"cores": [0, 10**6]}, "cores names core 1000000"),
        ({"cores": 0}, r"cores are the numbers of cores, as \[0, 1\], not 0"),
        ({"cores": ["0"]}, "cores names core '0'"),
        ({"place": "processes", "start_method": "thread"}, "start_method is 'thread'; this sys"),
        ({"start_method": "thread"}, "start_method is 'thread'; this system has fork, spawn"),
        ({"supervisor": "one_for_one"}, "supervisor is a hr.Supervisor without children"),
        ({"paused_max": "soon"}, "paused_max is seconds that a worker may be paused"),
    ],
)
def test_what_is_refused(options: Any, words: str, ring_name: Callable[[], str]) -> None:
    name = ring_name()
    with pytest.raises(UsageError, match=words):
        hr.Engine(TOPOLOGY, name=name, **options)
    assert segments(name) == []


@pytest.mark.parametrize("place", ["threads", "processes"])
def test_cores_are_given_in_turn(place: str) -> None:
    usable = sorted(os.sched_getaffinity(0))
    cores = [usable[-1], usable[0]]
    with engine(hr.shard(whereabouts, n=4, ordered=True), place=place, cores=cores) as running:
        running.publish(events(4))
        running.drain(20)
        made = read(running)["value"].reshape(4, 2)
    assert made[:, 0].tolist() == [*cores, *cores]
    assert len(set(made[:, 1].tolist())) == (4 if place == "processes" else 1)
    assert sorted(os.sched_getaffinity(0)) == usable


def test_a_bell_is_rung_for_whoever_listens_to_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has come is heard at once, as is the end: not when somebody looks around."""
    monkeypatch.setattr(overseer, "_LOOK_SECONDS", 20.0)
    running = engine(front)
    try:
        wait_for(lambda: stage(running, "front").run.steps, 8)
        before = stage(running, "front").run
        kill(running, "front")
        wait_for(lambda: stage(running, "front").run is not before, 8)
        wait_for(lambda: stage(running, "front").run.steps, 8)
    finally:
        closing = threading.Thread(target=running.close, daemon=True)
        closing.start()
        closing.join(8)
    assert not closing.is_alive()


NO_FILE = """
import sys
sys.path.append(sys.argv[1])
from topology_tools import *
try:
    running = engine(front, start_method="spawn", supervisor=strict(0))
    running.call((1, 1), timeout=60)
except hr.errors.WorkerDied as error:
    print(error)
"""


def test_a_worker_that_cannot_import_the_main_module() -> None:
    """As of a script on the standard input, or one that makes its engine on import."""
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-", tests], input=NO_FILE, capture_output=True, text=True, timeout=90,
        check=False,
    )  # fmt: skip
    assert "it never began to run, and what it has printed says why" in done.stdout, done.stderr
    assert "below if __name__ == '__main__':" in done.stdout


def test_the_bell_is_silent_once_it_was_heard() -> None:
    """Or whoever listens would never sleep again."""
    with engine(front) as running:
        heard = running._line._overseer._heard  # type: ignore[union-attr]
        wait_for(lambda: not heard.poll(0), 8)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_start_methods(method: str) -> None:
    place = {"total": "processes"}
    with engine(front >> total, place=place, start_method=method) as running:
        running.publish(events(10))
        assert running.call((1, 5), timeout=60)["value"].tolist() == [50]
        assert running.state == (11, 50)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_machine_that_cannot_be_imported(method: str) -> None:
    @hr.machine(event=EVENT, output=EVENT, initial=int)
    def inner(state, event):  # type: ignore[no-untyped-def]
        return state, None

    name, threads = f"unimportable-{os.getpid()}", threading.active_count()
    for _ in range(2):  # nothing is left that were in the way
        with pytest.raises(MachineError, match="define it at the top of a module") as told:
            engine(inner >> front, start_method=method, name=name)
        assert "machine 'inner'" in str(told.value)
    assert segments(name) == []
    assert threading.active_count() == threads
    assert not [each for each in multiprocessing.active_children() if "headrace" in each.name]


def test_an_error_while_rings_are_made_leaves_none() -> None:
    with pytest.raises(hr.errors.CapacityError):
        engine(TOPOLOGY, capacity=3, name="no-such-capacity")
    assert segments("no-such-capacity") == []


def test_nothing_is_left_when_it_is_closed() -> None:
    with engine(TOPOLOGY, name="left-behind") as running:
        running.call((1, 1), timeout=20)
        assert len(segments("left-behind")) == 7  # five rings, one of marks, a board
        pids = [each.pid for each in running._line.stages]
    assert segments("left-behind") == []
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def test_one_input_with_too_many_outputs_in_front_of_a_merge() -> None:
    """The worker that reads them cannot go on, and no other could: that, and why, is told."""
    strict = hr.Supervisor("one_for_one", (), 1, 5.0)
    shards = hr.shard(many, n=2, ordered=True)
    running = engine(shards >> hr.shard(plain, by="key"), capacity=8, supervisor=strict)
    with pytest.raises(WorkerDied, match=r"stage 'plain.[01]' .*one input has 8 outputs") as told:
        running.call((0, 40), timeout=20)
    assert told.value.stage.startswith("plain")
    with pytest.raises(WorkerDied):
        running.close(20)


def test_many_units_have_room_in_a_mark() -> None:
    marks = Marks.create(None, 5, 70)
    assert (marks.sequence, marks.newest.within) == (5, 0)
    mark = Mark(9, list(range(70)), 69, 3, 5)
    marks.keep(mark)
    assert marks.newest == mark
    marks.let_go()
    marks.ring.close()
