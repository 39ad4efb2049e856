"""A run told step by step: who took what, what it did, and what became of messages and nodes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from headrace.checking.keys import state_key
from headrace.engine.copying import copy_state
from headrace.errors import HeadraceError
from headrace.simulation.faults import Fault
from headrace.simulation.noting import What
from headrace.simulation.plan import Plan
from headrace.simulation.run import Run, Runner
from headrace.simulation.tracing import Flight, TracedWorld, Unsynced
from headrace.simulation.world import make_world
from headrace.state import steady_repr
from headrace.system import Input
from headrace.system.system import System


@dataclass(frozen=True)
class Step:
    """An input that a node took: `before` and `after` are its states, and copies."""

    time_ns: int
    node: str
    taken: Input
    effects: tuple[Any, ...]
    before: Any
    after: Any

    def __str__(self) -> str:
        source = f" from {self.taken.source}" if self.taken.source != self.node else ""
        payload = "" if self.taken.payload is None else f" {steady_repr(self.taken.payload)}"
        effects = "".join(f"\n      {told(effect)}" for effect in self.effects)
        return f"{self.time_ns:>15,} {self.node}: {self.taken.kind}{payload}{source}{effects}"


@dataclass(frozen=True)
class Noted:
    """What became of a message (lost, cut, ...), or of a node (crash, pause, ...)."""

    time_ns: int
    what: What
    to: str
    source: str
    payload: Any

    def __str__(self) -> str:
        name = self.what.name.lower()
        if self.source == self.to:
            return f"{self.time_ns:>15,} {self.to}: {name}"
        return (
            f"{self.time_ns:>15,} {self.to}: {name}, {steady_repr(self.payload)} "
            f"from {self.source}"
        )


@dataclass(frozen=True)
class Fell:
    """A fault that began or ended."""

    time_ns: int
    fault: Fault
    begins: bool

    def __str__(self) -> str:
        return f"{self.time_ns:>15,} {'fault' if self.begins else 'healed'}: {self.fault}"


@dataclass(frozen=True)
class Story:
    """All that happened in a run, in order; `str()` tells it, one line and more for each.

    `first`: the place of the first of `happened`, if those before were not kept. Of a traced story
    `flights` are the messages and timers, and `crashed` says of each crash when and where it was,
    and what was written and not synced then; both are None otherwise.
    """

    run: Run
    happened: tuple[Step | Noted | Fell, ...]
    first: int = 0
    flights: tuple[Flight, ...] | None = None
    crashed: tuple[tuple[int, str, list[Unsynced]], ...] | None = None

    def __str__(self) -> str:
        return "\n".join([*map(str, self.happened), str(self.run).split("\n")[0]])

    @property
    def digests(self) -> list[str]:
        """One short digest for each thing that happened, the same in every process."""
        return [_digest(one) for one in self.happened]


_INPUTS = (What.START, What.RESTART, What.MESSAGE, What.REQUEST, What.REPLY, What.TIMER)


def tell(
    system: System, plan: Plan, *, happened_max: int = 200_000, traced: bool = False
) -> Story:
    """Run a plan, and keep all that happens, or the last `happened_max` things of it.

    `traced`: also what came from what, for a page; it runs in the plain world then. States are
    copied at each step, so it is some hundred times slower than the run alone. An input whose step
    raised is the last thing, a `Noted`. Raises UsageError for a plan that cannot be.
    """
    teller = _Teller(system, plan, happened_max, traced)
    run = teller.runner.run()
    if teller.taking is not None:
        teller.keep(teller.taking)
    happened = tuple(teller.happened[-happened_max:])
    world = teller.traced
    return Story(
        run,
        happened,
        teller.count - len(happened),
        None if world is None else tuple(world.flights),
        None if world is None else tuple(world.crashed),
    )


class _Teller:
    """Listens to a runner while it runs."""

    def __init__(self, system: System, plan: Plan, happened_max: int, traced: bool) -> None:
        self.runner = Runner(system, plan, TracedWorld if traced else make_world)
        self.world = self.runner.world
        self.traced: TracedWorld | None = self.world if traced else None
        self.happened: list[Step | Noted | Fell] = []
        self.count = 0
        self.taking: Noted | None = None  # an input whose step is not over
        self._most = happened_max
        self._nodes = self.runner.stage.nodes
        self._before = [copy_state(node.initial()) for node in self._nodes]
        self._count_fault = self.runner.stage.began
        self.world.note, self.world.stepped = self._note, self._stepped
        self.runner.stage.began = self._began

    def keep(self, one: Step | Noted | Fell) -> None:
        self.happened.append(one)
        self.count += 1
        if len(self.happened) >= 2 * self._most:
            del self.happened[: self._most]

    def _note(self, what: int, to: int, source: int, number: int, payload: Any) -> None:
        names = self.world.names
        noted = Noted(self.world.now_ns, What(what), names[to], names[source], payload)
        if what in _INPUTS:
            self.taking = noted
            return
        if self.traced is not None:
            self.traced.noted_at(self.count)
        self.keep(noted)
        if what == What.CRASH:
            self._before[to] = copy_state(self._nodes[to].initial())

    def _stepped(self, index: int, taken: Input, effects: tuple[Any, ...]) -> None:
        self.taking = None
        after = copy_state(self.world.state(index))
        if self.traced is not None:
            self.traced.stepped_at(index, self.count, len(effects))
        name = self.world.names[index]
        self.keep(Step(self.world.now_ns, name, taken, effects, self._before[index], after))
        self._before[index] = after

    def _began(self, fault: Fault, begins: bool) -> None:
        self._count_fault(fault, begins)
        self.keep(Fell(self.world.now_ns, fault, begins))


def told(effect: Any) -> str:
    """An effect as it is written, sets in order."""
    parts = [steady_repr(part) for part in effect.__reduce__()[1]]
    return f"{type(effect).__name__.lower()}({', '.join(parts)})"


def _digest(one: Step | Noted | Fell) -> str:
    text = str(one)
    if isinstance(one, Step):
        try:
            key = state_key(one.after)
        except HeadraceError:
            key = steady_repr(one.after)
        text += key if isinstance(key, str) else key.hex()
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
