"""Machines of topologies that other processes can import, and what their tests need."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import headrace as hr

EVENT = np.dtype([("key", "<i4"), ("value", "<i8")])
NUMBER = np.dtype("<i8")

Records = np.ndarray[Any, Any]


@hr.machine(event=EVENT, output=EVENT, initial=int)
def front(state, key, value):  # type: ignore[no-untyped-def]
    """Passes its events on; refuses negative ones, kills its process at 666."""
    if value == 666:
        os.kill(os.getpid(), signal.SIGKILL)
    if value < 0:
        raise ValueError(f"negative: {value}")
    return state + 1, (key, value)


@hr.machine(event=EVENT, output=EVENT, initial=dict)
def count(state, key, value):  # type: ignore[no-untyped-def]
    """How often it has seen a key: `value % 3` outputs."""
    state[key] = state.get(key, 0) + 1
    return state, [(key, 10 * state[key] + index) for index in range(value % 3)]


@hr.machine(event=EVENT, output=EVENT, initial=int)
def plain(state, key, value):  # type: ignore[no-untyped-def]
    """Puts out what it takes, and keeps nothing: so a death without a journal changes nothing."""
    return state, [(key, value)] * (value % 3)


@hr.machine(event=EVENT, output=EVENT, initial=int)
def many(state, key, value):  # type: ignore[no-untyped-def]
    """`value` outputs."""
    return state + 1, [(key, index) for index in range(value)]


@hr.machine(event=EVENT, output=NUMBER, initial=int)
def total(state, key, value):  # type: ignore[no-untyped-def]
    """The sum of all values."""
    return state + value, state + value


@hr.machine(event=EVENT, initial=int)
def sink(state, key, value):  # type: ignore[no-untyped-def]
    """No outputs."""
    return state + value, None


@hr.machine(event=EVENT, output=NUMBER, initial=list)
def whereabouts(state, key, value):  # type: ignore[no-untyped-def]
    """The core it may run on, if that is one; its process."""
    cores = os.sched_getaffinity(0)
    return state, [min(cores) if len(cores) == 1 else -1, os.getpid()]


@hr.machine(event=EVENT, output=EVENT, initial=int)
def slow(state, key, value):  # type: ignore[no-untyped-def]
    """Takes `value` milliseconds."""
    time.sleep(value / 1000)
    return state + 1, (key, value)


def events(count: int, first: int = 0) -> Records:
    """`count` events with values from `first` on, and seven keys."""
    made = np.zeros(count, EVENT)
    made["value"] = np.arange(first, first + count)
    made["key"] = made["value"] % 7
    return made


def engine(topology: Any, **options: Any) -> hr.Engine:
    """An engine with a process for each stage, by fork, which is the quickest."""
    options.setdefault("place", "processes")
    if options["place"] != "threads":
        options.setdefault("start_method", "fork")
    return hr.Engine(topology, **options)


def read(running: hr.Engine) -> Records:
    """All outputs that are unread, in one array."""
    parts = [records.copy() for records in running.outputs()]
    return np.concatenate(parts) if parts else np.zeros(0, [])


def stage(running: hr.Engine, name: str) -> Any:
    """A stage of an engine: for its process."""
    return next(each for each in running._line.stages if each.name == name)


def kill(running: hr.Engine, name: str, number: int = signal.SIGKILL) -> int:
    """Send a signal to the worker of a stage; its pid."""
    pid: int = stage(running, name).pid
    os.kill(pid, number)
    return pid


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.002)


def kill_and_wait(running: hr.Engine, name: str) -> None:
    """Kill the worker of a stage, and wait until its successor steps."""
    before = stage(running, name).run
    kill(running, name)
    wait_for(lambda: stage(running, name).run is not before and stage(running, name).run.steps)


def strict(intensity: int) -> hr.Supervisor:
    """So many restarts and no more."""
    return hr.Supervisor("one_for_one", (), intensity, 60.0)


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked for its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def segments(name: str) -> list[str]:
    """The segments in shared memory that have a name in theirs."""
    return sorted(each for each in os.listdir("/dev/shm") if name in each)
