"""Two-phase commit, whose states are small integers, explored by headrace and in plain Python.

The protocol of Gray and Lamport (Consensus on transaction commit, 2006) as nodes: each resource
manager may be prepared or give up, and the transaction manager commits when all are prepared, or
aborts at any time before.
"""

from __future__ import annotations

import time
from typing import Any

import headrace as hr
from bench.measure import Sample, rate_sample
from headrace.exploring.plain_search import plain_explore

# Unique states and depth by the number of resource managers; tests hold the first to the plain one.
ANSWERS = {3: (579, 13), 5: (33_797, 21)}
PREPARED, COMMIT, ABORT = 1, 2, 3  # messages, and states of resource managers


class Manager(hr.Node):
    """The transaction manager: what it decided (0: nothing), and bits of who is prepared."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__()

    def initial(self) -> tuple[int, int]:
        return 0, 0

    @hr.on.start()
    def start(self, state: Any) -> Any:
        return state, hr.timer("abort", 1)

    @hr.on.message(int)
    def prepared(self, state: Any, source: str) -> Any:
        decided, bits = state
        if decided:
            return state, None
        bits |= 1 << self.names.index(source)
        if bits == (1 << len(self.names)) - 1:
            return (COMMIT, bits), [hr.cancel("abort"), hr.send(self.names, COMMIT)]
        return (0, bits), None

    @hr.on.timer("abort")
    def abort(self, state: Any) -> Any:
        return (ABORT, state[1]), hr.send(self.names, ABORT)


class Resource(hr.Node):
    """A resource manager: 0, working, or what it knows."""

    def initial(self) -> int:
        return 0

    @hr.on.start()
    def start(self, state: int) -> Any:
        return state, [hr.timer("prepare", 1), hr.timer("give up", 1)]

    @hr.on.timer("prepare")
    def prepare(self, state: int) -> Any:
        return PREPARED, [hr.cancel("give up"), hr.send("manager", PREPARED)]

    @hr.on.timer("give up")
    def give_up(self, state: int) -> Any:
        return ABORT, hr.cancel("prepare")

    @hr.on.message(int)
    def told(self, state: int, message: int) -> Any:
        return message, [hr.cancel("prepare"), hr.cancel("give up")]


def two_phase_commit(count: int) -> hr.System:
    """The protocol with so many resource managers."""
    names = tuple(f"r{number}" for number in range(count))
    resource = Resource()

    def agree(view: hr.View) -> bool:
        known = set(view.states.values())
        return not (COMMIT in known and ABORT in known)

    return hr.System({"manager": Manager(names), **dict.fromkeys(names, resource)}, always=[agree])


def explored(count: int) -> Sample:
    """Five resource managers, again and again, `count` unique states in all."""
    return _sample(count, 5, lambda system: hr.explore(system))


def explored_plainly(count: int) -> Sample:
    """Three, by the definition of what is right."""
    return _sample(count, 3, plain_explore)


def _sample(count: int, resources: int, run: Any) -> Sample:
    unique, depth = ANSWERS[resources]
    system = two_phase_commit(resources)
    answers = set()
    begin = time.perf_counter()
    for _ in range(max(1, count // unique)):
        found = run(system)
        answers.add((found.unique, found.depth, found.complete))
    seconds = time.perf_counter() - begin
    done = max(1, count // unique) * unique
    return rate_sample(done, seconds, sorted(answers), [(unique, depth, True)])
