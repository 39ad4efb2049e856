"""Every interleaving of a few threads: an exhaustive walk over the states they can reach.

A thread is a row of turns, each an operation of the model. What a thread does next depends only on
what it knew when its turn began and on what its actions have returned since; so a thread unfolds
once into a graph of nodes (knowledge, results so far -> next action), and a state of the whole is a
node for each thread plus the memory, a tuple of small integers. The walk goes depth first through
all states and visits each once.

Three things keep the graph finite and small, and lose no behaviour:
- A turn that found nothing to do (it returned `WAIT`) is not repeated before something that it
  read has changed. A state in which nobody can move, and somebody has not finished, is a deadlock.
- An action on what no other thread writes (or, for a write, reads) commutes with everything, so it
  is done at once. Who touches what is found out on the way; a surprise starts the walk again.
- What is stored and never loaded is not kept.

What memory may do is the concern of `headrace.reference.views`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from headrace.reference.memory import Action, ModelViolation, Operation
from headrace.reference.views import Detail, ModelMemory, Restart

WAIT: Final = "WAIT"

State = tuple[int, ...]
Step = tuple[int, Action, Any]  # thread, what it did, what that returned
Waits = frozenset[tuple[str, bool, Any]]  # (location, whether to hold, value): while all are so


class Thread(ABC):
    """What one thread of a configuration does. All it knows is in `knowledge`."""

    name: str

    @abstractmethod
    def knowledge(self) -> tuple[Hashable, ...]:
        """All that decides what the thread does from here on."""

    @abstractmethod
    def recall(self, knowledge: tuple[Any, ...]) -> None:
        """Become the thread that had this knowledge."""

    @abstractmethod
    def turn(self) -> Operation[object] | None:
        """The next operation; None: finished. It may return WAIT, having found nothing to do."""


@dataclass(frozen=True)
class Explored:
    """What an exhaustive walk saw. `interleavings` counts the schedules that its states stand for
    (schedules that differ only in the order of commuting actions are one)."""

    states: int
    transitions: int
    interleavings: int
    ends: int


@dataclass
class _Node:
    thread: int
    knowledge: tuple[Any, ...]  # at the beginning of the turn
    results: tuple[Any, ...]  # what the actions of this turn have returned
    waits: Waits  # blocked while all of these are so
    action: Action | None  # None: the thread has finished
    reads: tuple[tuple[str, bool, Any], ...]
    after: dict[Any, int] = field(default_factory=dict)


class Explorer:
    """Walks through all interleavings of `threads`, starting from `words` in memory.

    `check_end` is given the knowledge of all threads, and the memory's words, wherever they have
    all finished. `detail` says how much of the memory model is followed. Raises ModelViolation,
    whose message holds the interleaving that leads to it. Not thread-safe.
    """

    def __init__(
        self,
        threads: Sequence[Thread],
        words: Mapping[str, Any],
        check_end: Callable[[list[tuple[Any, ...]]], None],
        detail: Detail,
        states_max: int = 3_000_000,
    ) -> None:
        self._threads = threads
        self._check_end = check_end
        self._states_max = states_max
        self._memory = ModelMemory(len(threads), words, detail)
        self._nodes: list[_Node] = []
        self._node_ids: dict[Hashable, int] = {}
        self._starts = [thread.knowledge() for thread in threads]

    def run(self) -> Explored:
        """Visit every reachable state; raises ModelViolation at the first that is wrong."""
        while True:
            try:
                return self._walk()
            except Restart:
                continue

    # The walk. ---------------------------------------------------------------------------------

    def _walk(self) -> Explored:
        memory = self._memory.initial_state()
        nodes = [
            self._begin_turn(index, knowledge, frozenset())
            for index, knowledge in enumerate(self._starts)
        ]
        start = self._settle((*nodes, *memory))
        paths: dict[State, int] = {start: 0}
        transitions = ends = 0
        stack = [(start, self._successors(start, []))]
        trace: list[Step] = []
        while stack:
            state, successors = stack[-1]
            if not successors:
                stack.pop()
                if trace:
                    trace.pop()
                if stack:
                    paths[stack[-1][0]] += paths[state]
                continue
            label, following = successors.pop()
            transitions += 1
            known = paths.get(following)
            if known is not None:
                paths[state] += known
                continue
            if len(paths) >= self._states_max:
                raise ModelViolation(f"more than {self._states_max:,} states: too many to visit")
            trace.append(label)
            onward = self._successors(following, trace)
            paths[following] = 0 if onward else 1
            ends += not onward
            stack.append((following, onward))
        return Explored(len(paths), transitions, paths[start], ends)

    def _successors(self, state: State, trace: list[Step]) -> list[tuple[Step, State]]:
        """All states one visible action away; none: every thread has finished."""
        count = len(self._threads)
        result: list[tuple[Step, State]] = []
        unfinished = []
        for index in range(count):
            node = self._nodes[state[index]]
            if node.action is None:
                continue
            unfinished.append(index)
            if node.waits and not self._memory.any_changed(state, node.waits):
                continue
            try:
                for returned, after in self._memory.perform(state, index, node.action):
                    moved = self._move(after, index, state[index], returned)
                    result.append(((index, node.action, returned), self._settle(moved)))
            except ModelViolation as violation:
                raise self._explain(violation, [*trace, (index, node.action, "...")]) from None
        if not unfinished:
            try:
                self._check_end([self._nodes[node].knowledge for node in state[:count]])
            except ModelViolation as violation:
                raise self._explain(violation, trace) from None
        elif not result:
            stuck = ", ".join(self._threads[index].name for index in unfinished)
            raise self._explain(ModelViolation(f"deadlock: {stuck} cannot go on"), trace)
        return result

    def _settle(self, state: State) -> State:
        """Do at once, in thread order, all actions that commute with everything."""
        count = len(self._threads)
        for index in range(count):
            while True:
                node = self._nodes[state[index]]
                if node.action is None or node.waits or self._memory.is_visible(index, node.action):
                    break
                [(returned, after)] = self._memory.perform(state, index, node.action)
                state = self._move(after, index, state[index], returned)
        return state

    def _move(self, state: State, index: int, node_id: int, returned: Any) -> State:
        following = self._nodes[node_id].after.get(returned)
        if following is None:
            following = self._unfold(node_id, returned)
        return (*state[:index], following, *state[index + 1 :])

    def _explain(self, violation: ModelViolation, trace: list[Step]) -> ModelViolation:
        steps = [f"{self._threads[index].name}: {action} = {got}" for index, action, got in trace]
        return ModelViolation("\n  ".join([f"{violation}; the interleaving:", *steps]))

    # Unfolding a thread. -----------------------------------------------------------------------

    def _begin_turn(
        self, index: int, knowledge: tuple[Any, ...], waits: Waits
    ) -> int:
        thread = self._threads[index]
        while True:
            key: Hashable = (index, knowledge, (), waits)
            known = self._node_ids.get(key)
            if known is not None:
                return known
            thread.recall(knowledge)
            operation = thread.turn()
            if operation is None:
                return self._add(key, _Node(index, knowledge, (), waits, None, ()))
            try:
                action = next(operation)
            except StopIteration as stop:
                if stop.value == WAIT:
                    raise ValueError(f"{thread.name} waits without having read anything") from None
                knowledge = thread.knowledge()
                continue
            return self._add(key, _Node(index, knowledge, (), waits, action, ()))

    def _unfold(self, node_id: int, returned: Any) -> int:
        """The node that follows when the action of `node_id` returns `returned`."""
        node = self._nodes[node_id]
        assert node.action is not None
        results = (*node.results, returned)
        reads = node.reads
        if node.action.kind == "load":
            reads = (*reads, (node.action.location, True, returned))
        elif node.action.kind == "cas" and not returned:
            reads = (*reads, (node.action.location, False, node.action.expected))
        key: Hashable = (node.thread, node.knowledge, results, frozenset())
        following = self._node_ids.get(key)
        if following is None:
            thread = self._threads[node.thread]
            thread.recall(node.knowledge)
            operation = thread.turn()
            assert operation is not None
            next(operation)
            try:
                action = None
                for result in results:
                    action = operation.send(result)
                following = self._add(
                    key, _Node(node.thread, node.knowledge, results, frozenset(), action, reads)
                )
            except StopIteration as stop:
                waits = frozenset(reads) if stop.value == WAIT else frozenset()
                following = self._begin_turn(node.thread, thread.knowledge(), waits)
        node.after[returned] = following
        return following

    def _add(self, key: Hashable, node: _Node) -> int:
        if node.action is not None:
            self._memory.meet(node.thread, node.action)
        self._nodes.append(node)
        self._node_ids[key] = len(self._nodes) - 1
        return len(self._nodes) - 1
