"""Whether something holds eventually: the paths on which it never does, and where they end.

Only states in which it does not hold are looked at. If one of them can be reached through such
states alone, and nothing more has to happen in it, the path there is a counterexample. So is a way
to go round in them for ever, if on the way nothing is put off for ever: each message that is on its
way all the time arrives some time, each timer that is set all the time runs out, each node that is
down restarts. For a set of states that can all be reached from each other, that is so if each of
these things happens between two of them, or need not happen in one of them. (Weak fairness, and
strongly connected components; see Lichtenstein and Pnueli, Checking that finite state concurrent
programs satisfy their linear specification, 1985.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace.engine.cycles import NOWHERE, components, reach

NEVER_HELD, CUT = 1, 2


@dataclass
class Never:
    """A path on which something never holds: states, and the labels of the steps between them.

    `around`: how many of the last steps go round for ever; 0: the path ends.
    """

    states: list[int]
    labels: list[int | None] = field(default_factory=list)
    around: int = 0


@dataclass
class Lived:
    """The verdict: ok, bad or unknown, and why."""

    verdict: str
    reason: str
    never: Never | None = None


class Graph:
    """States in which something does not hold, and what comes next of each."""

    def __init__(self, arrays: tuple[bytes, bytes, bytes, bytes]) -> None:
        self.ends: NDArray[np.int64] = np.frombuffer(arrays[0], np.int64)
        self.targets: NDArray[np.uint32] = np.frombuffer(arrays[1], np.uint32)
        self.labels: NDArray[np.uint32] = np.frombuffer(arrays[2], np.uint32)
        self.flags: NDArray[np.uint8] = np.frombuffer(arrays[3], np.uint8)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where the edges of each state begin."""
        starts = np.roll(self.ends, 1)
        starts[0] = 0
        return starts

    def edges(self, state: int) -> Iterator[tuple[int, int]]:
        """Label and target of each edge of a state."""
        begin = int(self.ends[state - 1]) if state else 0
        end = int(self.ends[state])
        yield from zip(
            self.labels[begin:end].tolist(), self.targets[begin:end].tolist(), strict=True
        )

    def must_go_on(self) -> NDArray[np.bool_]:
        """By state: whether something has to happen in it."""
        happening = np.concatenate(([0], np.cumsum(self.labels != NOWHERE)))
        return np.asarray(happening[self.ends] > happening[self.starts])


def live(arrays: tuple[bytes, bytes, bytes, bytes], *, is_symmetric: bool) -> Lived:
    """The verdict about a graph as `Explorer.graph` gives it, with the nearest counterexample.

    `is_symmetric`: states stand for others as well, so that going round in them may be none.
    """
    graph = Graph(arrays)
    if not graph.flags[0] & NEVER_HELD:
        return Lived("ok", "")
    count = len(graph.flags)
    parents, order = np.full(count, NOWHERE, np.uint32), np.empty(count, np.uint32)
    found = reach(graph.ends, graph.targets, np.zeros(1, np.uint32), parents, order)
    never = order[:found]
    is_cut = (graph.flags & CUT) != 0
    ends = never[~is_cut[never] & ~graph.must_go_on()[never]]
    if len(ends):
        path = _path(parents, int(ends[0]))
        return Lived("bad", "", Never(path, [None] * (len(path) - 1)))
    for members in _components(graph, never, is_cut):
        if is_symmetric:
            return Lived(
                "unknown",
                "one can go round without it, which under symmetry need not mean anything; explore "
                "it without symmetry",
            )
        if not _put_off(graph, members):
            path = _path(parents, members[0])
            way = _round(graph, members)
            labels = [None] * (len(path) - 1) + [label for label, _ in way]
            states = path + [state for _, state in way]
            return Lived("bad", "", Never(states, labels, around=len(way)))
    if is_cut[never].any():
        return Lived(
            "unknown",
            "it has not held yet in states behind which the bounds forbid to look",
        )
    return Lived("ok", "")


def _path(parents: NDArray[np.uint32], state: int) -> list[int]:
    path = [state]
    while int(parents[state]) != state:
        state = int(parents[state])
        path.append(state)
    return path[::-1]


def _components(
    graph: Graph, never: NDArray[np.uint32], is_cut: NDArray[np.bool_]
) -> Iterator[list[int]]:
    """Sets of states in which one can go round, the nearest first, each in order of nearness."""
    targets = graph.targets.copy()
    somewhere = targets != NOWHERE
    targets[somewhere] = np.where(is_cut[targets[somewhere]], NOWHERE, targets[somewhere])
    of = np.full(len(graph.flags), NOWHERE, np.uint32)
    nodes = never[~is_cut[never]]
    components(graph.ends, targets, nodes, of)
    sources = np.repeat(np.arange(len(graph.ends)), graph.ends - graph.starts)
    goes_round = np.zeros(len(graph.flags), bool)
    goes_round[sources[targets == sources]] = True
    goes_round |= np.bincount(of[nodes], minlength=1)[np.where(of == NOWHERE, 0, of)] > 1
    members: dict[int, list[int]] = {}
    for state in nodes[goes_round[nodes]].tolist():
        members.setdefault(int(of[state]), []).append(state)
    yield from members.values()


def _put_off(graph: Graph, members: list[int]) -> set[int]:
    """What would have to happen everywhere in these states, and happens between none of them."""
    inside = set(members)
    always: set[int] | None = None
    happens: set[int] = set()
    for state in members:
        enabled = set()
        for label, target in graph.edges(state):
            enabled.add(label)
            if target in inside:
                happens.add(label)
        always = enabled if always is None else always & enabled
    return (always or set()) - happens - {NOWHERE}


def _round(graph: Graph, members: list[int]) -> list[tuple[int, int]]:
    """A way from the first of these states back to it on which nothing is put off: label, state."""
    inside = set(members)
    owed = {label for state in members for label, _ in graph.edges(state)} - {NOWHERE}
    state = members[0]
    way: list[tuple[int, int]] = []

    def pays(label: int, target: int) -> set[int]:
        enabled = {each for each, _ in graph.edges(target)}
        return {each for each in owed if each == label or each not in enabled}

    while owed:
        more = _nearest(graph, inside, state, lambda label, target: pays(label, target))
        way += more
        state = more[-1][1]
        for edge in more:
            owed -= pays(*edge)
    if not way or state != members[0]:
        way += _nearest(graph, inside, state, lambda _, target: target == members[0])
    return way


def _nearest(
    graph: Graph, inside: set[int], begin: int, wanted: Callable[[int, int], Any]
) -> list[tuple[int, int]]:
    """The shortest way to an edge (label, target) that is wanted."""
    before: dict[int, tuple[int, int]] = {}
    queue = [begin]
    for state in queue:  # grows meanwhile
        for label, target in graph.edges(state):
            if target not in inside:
                continue
            if wanted(label, target):
                way = [(label, target)]
                while state != begin:
                    label, came_from = before[state]
                    way.append((label, state))
                    state = came_from
                return way[::-1]
            if target not in before and target != begin:
                before[target] = (label, state)
                queue.append(target)
    raise AssertionError("there is a way between any two states of a component")
