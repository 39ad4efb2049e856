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
    """All that happened in a run, in order; `str()` tells it, one line and more for each."""

    run: Run
    happened: tuple[Step | Noted | Fell, ...]

    def __str__(self) -> str:
        return "\n".join([*map(str, self.happened), str(self.run).split("\n")[0]])

    @property
    def digests(self) -> list[str]:
        """One short digest for each thing that happened, the same in every process."""
        return [_digest(one) for one in self.happened]


_INPUTS = (What.START, What.RESTART, What.MESSAGE, What.REQUEST, What.REPLY, What.TIMER)


def tell(system: System, plan: Plan, *, happened_max: int = 200_000) -> Story:
    """Run a plan, and keep all that happens, or the last `happened_max` things of it.

    States are copied at each step, so it is some hundred times slower than the run alone.
    """
    runner = Runner(system, plan)
    world = runner.world
    happened: list[Step | Noted | Fell] = []
    before = [copy_state(node.initial()) for node in runner.stage.nodes]

    def keep(one: Step | Noted | Fell) -> None:
        happened.append(one)
        if len(happened) >= 2 * happened_max:
            del happened[:happened_max]

    def note(what: int, to: int, source: int, number: int, payload: Any) -> None:
        if what not in _INPUTS:
            keep(Noted(world.now_ns, What(what), world.names[to], world.names[source], payload))
            if what == What.CRASH:
                before[to] = copy_state(runner.stage.nodes[to].initial())

    def stepped(index: int, taken: Input, effects: tuple[Any, ...]) -> None:
        after = copy_state(world.state(index))
        keep(Step(world.now_ns, world.names[index], taken, effects, before[index], after))
        before[index] = after

    count_fault = runner.stage.began

    def began(fault: Fault, begins: bool) -> None:
        count_fault(fault, begins)
        keep(Fell(world.now_ns, fault, begins))

    world.note, world.stepped, runner.stage.began = note, stepped, began
    run = runner.run()
    return Story(run, tuple(happened[-happened_max:]))


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
