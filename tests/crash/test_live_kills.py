"""Live nodes as processes that are killed at any moment and started again.

Nothing that a client was told is lost, and nothing that it asked for twice is done twice.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import live_copies
import pytest
from live_copies import Add, Total

import headrace as hr
from headrace.system.node_machine import NodeMachineState

APPLICATION = Path(live_copies.__file__)
STARTED = re.compile(r"node (\w+) listens on (\S+); ([\d,]+) events in its journal")
START_SECONDS = 20


class Nursery:
    """See nursery.py; one for the tests of this file."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(APPLICATION.with_name("nursery.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()

    def ask(self, **command: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


class Process:
    """`headrace serve` for one node, on a place that stays the same."""

    def __init__(
        self, nursery: Nursery, system: str, node: str, places: dict[str, str], folder: Path
    ) -> None:
        self.node = node
        self.journal = folder / f"{node}.journal"
        self._nursery = nursery
        self._log = folder / f"{node}.log"
        self.arguments = [
            *("serve", f"{APPLICATION}:{system}", "--node", node, "--dir", str(self.journal)),
            *("--journal-level", "os"),
            *(f"-a{name}={place}" for name, place in places.items()),
        ]
        self.pid = 0
        self._starts = 0

    def start(self) -> str:
        """Start it; where it listens."""
        self._starts += 1
        self.pid = self._nursery.ask(run=self.arguments, log=str(self._log))
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            found = STARTED.findall(self._log.read_text() if self._log.exists() else "")
            if len(found) == self._starts:
                return str(found[-1][1])
            time.sleep(0.01)
        raise AssertionError(f"node {self.node} did not start: {self._log.read_text()}")

    def stay_at(self, place: str) -> None:
        """Listen there from now on, where a free port was found the first time."""
        self.arguments[-1] = f"-a{self.node}={place}"

    def kill(self) -> None:
        """kill -9, without a warning."""
        self._end(signal.SIGKILL)

    def end(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        pid, self.pid = self.pid, 0
        if not pid:
            return 0
        os.kill(pid, number)  # it is there until it is waited for
        return self._nursery.ask(wait=pid)


class Asking:
    """A client in a thread, that adds one after the other until it is told to stop."""

    def __init__(self, places: dict[str, str], system: hr.System) -> None:
        self.totals: list[Total] = []
        self.failed: BaseException | None = None
        self._stop = threading.Event()
        self._client = hr.connect(places, system=system, timeout=30, retry=0.2)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.totals.append(self._client.call(Add(1)))
        except BaseException as error:
            self.failed = error

    def end(self) -> list[Total]:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        self._client.close()
        if self.failed is not None:
            raise self.failed
        return self.totals


@contextmanager
def running(processes: list[Process]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def state_of(process: Process, system: hr.System) -> NodeMachineState:
    """What the journal of a node says that it was in the end, stepped over anew."""
    state: NodeMachineState = hr.replay(process.journal, system.machine(process.node)).run().state
    return state


def check(totals: list[Total], value: int) -> None:
    """Each was done, once: no two calls made the same step, and there are no steps but these."""
    assert sorted(total.times for total in totals) == list(range(1, len(totals) + 1))
    assert all(total.value == total.times for total in totals)
    assert value == len(totals)


def test_one_node_is_killed_again_and_again(tmp_path: Path, nursery: Nursery) -> None:
    chance = random.Random(5)
    process = Process(nursery, "alone", "a", {"a": "127.0.0.1:0"}, tmp_path)
    with running([process]):
        places = {"a": process.start()}
        process.stay_at(places["a"])
        asking = [Asking(places, live_copies.alone) for _ in range(3)]
        for _ in range(3):
            time.sleep(chance.uniform(0.05, 0.3))
            process.kill()
            process.start()
        time.sleep(0.2)
        totals = [total for each in asking for total in each.end()]
        assert process.end() == 0
        state = state_of(process, live_copies.alone)
    assert state.starts == 4
    assert len(totals) > 20
    check(totals, state.durable["total"][0])


@pytest.mark.torture
def test_three_nodes_are_killed_in_turn(tmp_path: Path, nursery: Nursery) -> None:
    chance = random.Random(1)
    names = list(live_copies.copies.nodes)
    places = {name: f"unix:{tmp_path}/{name}" for name in names}
    processes = [Process(nursery, "copies", name, places, tmp_path) for name in names]
    with running(processes):
        starters = [threading.Thread(target=each.start) for each in processes]
        for starter in starters:
            starter.start()
        for starter in starters:
            starter.join()
        asking = [Asking(places, live_copies.copies) for _ in range(2)]
        for _ in range(3):
            time.sleep(chance.uniform(0.1, 0.3))
            process = chance.choice(processes)
            process.kill()
            process.start()
        time.sleep(0.2)
        totals = [total for each in asking for total in each.end()]
        assert [each.end() for each in processes] == [0, 0, 0]
        states = [state_of(each, live_copies.copies) for each in processes]
    check(totals, len(states[0].durable))
    entries = [[each.durable[str(n)] for n in range(len(each.durable))] for each in states]
    for have in entries[1:]:
        assert have == entries[0][: len(have)]
    assert max(map(len, entries[1:])) == len(entries[0])
    assert sum(each.starts for each in states) == 6


def test_what_a_node_says_when_it_cannot(tmp_path: Path, nursery: Nursery) -> None:
    def fails(*arguments: str) -> tuple[int, str]:
        log = tmp_path / "log"
        log.unlink(missing_ok=True)
        pid = nursery.ask(run=arguments, log=str(log))
        return nursery.ask(wait=pid), log.read_text()

    process = Process(nursery, "alone", "a", {"a": "127.0.0.1:0"}, tmp_path)
    with running([process]):
        place = process.start()
        second = process.arguments
        code, told = fails(*second)
        assert code == 2
        assert "another writer has it open" in told
        elsewhere = [*second[:-1], f"-aa={place}"]
        elsewhere[elsewhere.index("--dir") + 1] = str(tmp_path / "other")
        code, told = fails(*elsewhere)
        assert code == 1
        assert "in use" in told
        code, told = fails("call", f"{APPLICATION}:alone", "Add(2)", f"-aa={place}")
        assert (code, told) == (0, "Total(value=2, times=1)\n")
        code, told = fails("call", f"{APPLICATION}:alone", "Add('x')", f"-aa={place}")
        assert code == 2
        assert "does not fit its type" in told
        assert process.end() == 0
