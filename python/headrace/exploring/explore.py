"""Exploring a system: every state that it can reach, within bounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from headrace.engine import exploring as engine
from headrace.engine.exploring import Explorer
from headrace.engine.symmetry import Symmetry
from headrace.errors import UsageError
from headrace.exploring import bounds as limits
from headrace.exploring.bounds import Bounds, Budgets
from headrace.exploring.judging import Judge
from headrace.exploring.liveness import live
from headrace.exploring.path import Path
from headrace.exploring.renaming import renamings
from headrace.exploring.result import Exploration, Verdict
from headrace.exploring.steps import Steps
from headrace.exploring.telling import Teller
from headrace.system.system import System

SLICE = 2_000  # states between two looks at the clock
EDGE_BYTES = 12  # of the graph that is needed for what holds eventually


class Progress(NamedTuple):
    """How far an exploration is: states made, different ones, those expanded, the depth, memory."""

    states: int
    unique: int
    expanded: int
    depth: int
    size_bytes: int


def explore(
    system: System,
    *,
    ordered: bool = False,
    losses: int | None = 0,
    duplications: int | None = 0,
    crashes: int | None = 0,
    timers: int | Mapping[Any, int] | None = None,
    chances: Iterable[float] = (0.0,),
    symmetry: Iterable[str] | Iterable[Iterable[str]] = (),
    search: str = "breadth",
    max_depth: int | None = None,
    max_states: int = limits.STATES_MAX,
    max_bytes: int = limits.BYTES_MAX,
    progress: Callable[[Progress], Any] | None = None,
) -> Exploration:
    """Visit every state that a system can reach, and say what holds in them; blocks until then.

    Messages come in any order, or with `ordered` in that in which they were sent, on each link.
    `losses`, `duplications`, `crashes`: at most so many in all, None: any number; a node that has
    crashed may restart at any time. A timer that is set may run out at any time; `timers`: at most
    so many do, in all, or by name; None: any number. Nodes are told that it is 0 ns, always.
    `chances`: what a handler that asks for `chance` may get. `symmetry`: names of nodes that are
    the same `Node`, or groups of them: states that differ by who is who are taken for one.

    `search`: "breadth" finds the shortest counterexample; "depth" a deep one sooner. It ends with
    the first state in which something in `always` does not hold, the first handler that raises, or
    at `max_depth` steps, `max_states` different states or about `max_bytes` of memory; then
    `complete` is False. `eventually`: that it holds at some time on every path on which nothing is
    put off for ever. `progress` is called now and then. Raises UsageError, and MachineError for a
    state that cannot be copied or compared. The way of it is that of TLC (Yu, Manolios, Lamport:
    Model checking TLA+ specifications, 1999) and stateright.
    """
    if not isinstance(system, System):
        raise UsageError(f"an exploration is of a headrace.System, not of {system!r}")
    if search not in ("breadth", "depth"):
        raise UsageError(f"search={search!r}: 'breadth' or 'depth'")
    bounds = Bounds(
        ordered=ordered,
        losses=losses,
        duplications=duplications,
        crashes=crashes,
        timers=timers,
        chances=tuple(chances),
        max_depth=max_depth,
        max_states=max_states,
        max_bytes=max_bytes,
    )
    return _explored(system, bounds, list(symmetry), search == "depth", progress)


def _explored(
    system: System,
    bounds: Bounds,
    symmetry: list[Any],
    depth_first: bool,
    progress: Callable[[Progress], Any] | None,
) -> Exploration:
    begun = time.perf_counter()
    run = _Run(system, bounds, symmetry, depth_first)
    run.search(progress)
    verdicts = run.verdicts()
    return Exploration(
        system=system,
        bounds=bounds,
        verdicts=verdicts,
        states=run.explorer.generated,
        unique=run.explorer.unique,
        depth=run.explorer.depth,
        complete=not run.stopped,
        stopped=run.stopped,
        local_states=len(run.steps.locals),
        inputs=len(run.steps.inputs),
        size_bytes=run.size_bytes,
        seconds=time.perf_counter() - begun,
    )


class _Run:
    """An exploration, while it goes on."""

    def __init__(
        self, system: System, bounds: Bounds, symmetry: list[Any], depth_first: bool
    ) -> None:
        budgets = Budgets(bounds)
        places = renamings(system, symmetry)
        self.system = system
        self.bounds = bounds
        self.steps = Steps(system, bounds, budgets, places)
        self.judge = Judge(system, self.steps)
        self.is_symmetric = bool(places)
        first = self.steps.first()
        self.explorer = Explorer(
            self.steps.transitions,
            judge=self.judge,
            node_count=len(system.nodes),
            first=first,
            head=len(first),
            losses=budgets.losses,
            duplications=budgets.duplications,
            crashes=budgets.crashes,
            ordered=bounds.ordered,
            depth_first=depth_first,
            depth_max=-1 if bounds.max_depth is None else bounds.max_depth,
            states_max=bounds.max_states,
            bytes_max=bounds.max_bytes,
            always=self.judge.mask("always"),
            sometimes=self.judge.mask("sometimes"),
            symmetry=self._symmetry(len(first), places),
        )
        self.teller = Teller(self.steps, self.explorer, ordered=bounds.ordered)
        self._is_full = False

    def _symmetry(self, head: int, places: list[tuple[int, ...]]) -> Symmetry | None:
        if not places:
            return None
        steps = self.steps
        return Symmetry(
            steps.transitions, head, list(places), steps.image_of_local, steps.image_of_input
        )

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        return self.explorer.size_bytes + self.steps.size_bytes

    def search(self, progress: Callable[[Progress], Any] | None) -> None:
        """Go on to the end."""
        explorer = self.explorer
        while explorer.run(SLICE):
            if progress is not None:
                progress(
                    Progress(
                        explorer.generated,
                        explorer.unique,
                        explorer.expanded,
                        explorer.depth,
                        self.size_bytes,
                    )
                )
            if self.size_bytes > self.bounds.max_bytes:
                self._is_full = True
                return

    @property
    def stopped(self) -> str:
        """Why not all was looked at; nothing to tell if it was."""
        stopped = self.explorer.stopped
        if stopped == engine.WRONG or stopped == engine.RAISED:
            return "it ends with the first counterexample"
        if stopped == engine.STATES:
            return f"there are more than {self.bounds.max_states:,} states"
        if stopped == engine.BYTES or self._is_full:
            return f"it would take more than {self.bounds.max_bytes:,} bytes of memory"
        if self.explorer.cut_by_depth:
            return f"there are states more than {self.bounds.max_depth} steps away"
        return ""

    # -- verdicts --------------------------------------------------------------------------------

    def verdicts(self) -> tuple[Verdict, ...]:
        """What became of each property."""
        found = [
            {"always": self._always, "sometimes": self._sometimes, "eventually": self._eventually}[
                kind
            ](kind, name)
            for kind, name, _ in self.judge.properties
        ]
        if self.explorer.stopped == engine.RAISED:
            at = self.explorer.wrong[0]
            path = self._path(self.explorer.path(at), "a handler raises", fails=True)
            last = path.steps[-1]
            name = f"{last.node}: {type(last.error).__name__}"
            found.append(Verdict("raised", name, "bad", path))
        return tuple(found)

    def _always(self, kind: str, name: str) -> Verdict:
        explorer = self.explorer
        if explorer.stopped == engine.WRONG:
            words = explorer.state(explorer.wrong)
            if not self.judge(words[: len(self.steps.names)]) & self.judge.bit(kind, name):
                path = self._path(explorer.path(explorer.wrong), f"always {name}: does not hold")
                return Verdict(kind, name, "bad", path)
        if self.stopped:
            return Verdict(kind, name, "unknown", reason=self.stopped)
        return Verdict(kind, name, "ok")

    def _sometimes(self, kind: str, name: str) -> Verdict:
        bit = self.judge.bit(kind, name)
        for place, number in self.explorer.reached:
            if 1 << place == bit:
                path = self._path(self.explorer.path(number), f"sometimes {name}: here it holds")
                return Verdict(kind, name, "ok", path)
        if self.stopped:
            return Verdict(kind, name, "unknown", reason=self.stopped)
        return Verdict(kind, name, "bad")

    def _eventually(self, kind: str, name: str) -> Verdict:
        room = max(0, self.bounds.max_bytes - self.size_bytes) // EDGE_BYTES
        arrays = self.explorer.graph(self.judge.bit(kind, name), room)
        if arrays is None:
            reason = "the graph of its states does not fit into max_bytes"
            return Verdict(kind, name, "unknown", reason=reason)
        lived = live(arrays, is_symmetric=self.is_symmetric)
        path = None
        if lived.never is not None:
            never = lived.never
            path = self._path(
                never.states,
                f"eventually {name}: it never holds",
                labels=never.labels,
                around=never.around,
            )
        return Verdict(kind, name, lived.verdict, path, lived.reason)

    def _path(self, numbers: list[int], title: str, **more: Any) -> Path:
        return self.teller.path(numbers, f"{self.system.name}: {title}", **more)
