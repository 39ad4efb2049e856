"""What many runs have reached, all together."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from headrace.checking.keys import state_key
from headrace.errors import HeadraceError
from headrace.simulation.run import Run

STATES_MAX = 1_000_000  # different ones are counted up to here
FAILURES_MAX = 100  # are named


class Coverage(msgspec.Struct):
    """A summary of runs, that others can be added to.

    `failures`: seed and message of the first that failed. `seconds`: of the world's time;
    `busy_seconds`: of that, until the clients had all their answers.
    `states`: digests of the states of nodes at the end of runs. `reached`: in how many runs each of
    `sometimes` was true.
    """

    runs: int = 0
    failed: int = 0
    undecided: int = 0
    delivered: int = 0
    seconds: float = 0.0
    busy_seconds: float = 0.0
    failures: list[tuple[int, str]] = []
    counts: dict[str, int] = {}
    faults: dict[str, int] = {}
    handled: dict[str, int] = {}
    reached: dict[str, int] = {}
    statuses: dict[str, int] = {}
    states: set[bytes] = set()

    def add(self, run: Run) -> None:
        """Count a run in."""
        self.runs += 1
        self.delivered += run.delivered
        self.seconds += run.end_ns / 1e9
        all_asked = (asked for history in run.history.values() for asked in history)
        self.busy_seconds += max((a.return_ns or a.call_ns for a in all_asked), default=0) / 1e9
        self.undecided += run.undecided
        if run.failure is not None:
            self.failed += 1
            if len(self.failures) < FAILURES_MAX:
                self.failures.append((run.plan.seed, str(run.failure)))
        _count(self.counts, run.counts)
        _count(self.faults, run.faults)
        _count(self.handled, run.handled)
        _count(self.reached, dict.fromkeys(run.reached, 1))
        _count(
            self.statuses,
            Counter(asked.status for history in run.history.values() for asked in history),
        )
        for state in run.states.values():
            if len(self.states) < STATES_MAX:
                self.states.add(_digest(state))

    def merge(self, other: Coverage) -> None:
        """Count other runs in."""
        self.runs += other.runs
        self.failed += other.failed
        self.undecided += other.undecided
        self.delivered += other.delivered
        self.seconds += other.seconds
        self.busy_seconds += other.busy_seconds
        self.failures = sorted([*self.failures, *other.failures])[:FAILURES_MAX]
        for mine, theirs in (
            (self.counts, other.counts),
            (self.faults, other.faults),
            (self.handled, other.handled),
            (self.reached, other.reached),
            (self.statuses, other.statuses),
        ):
            _count(mine, theirs)
        self.states |= other.states


def _count(into: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        into[name] = into.get(name, 0) + count


def _digest(state: Any) -> bytes:
    """Short, because there are many; states that cannot be compared count as one."""
    try:
        key = state_key(state)
    except HeadraceError:
        key = b""
    data = key if isinstance(key, bytes) else key.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=8).digest()
