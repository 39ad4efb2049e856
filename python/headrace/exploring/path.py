"""A path through the states of a system, step by step, to be read by people."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from headrace.engine.effects import Effect
from headrace.simulation.journals import write_inputs
from headrace.state import difference, steady_repr
from headrace.system.node import Input
from headrace.system.system import System


@dataclass(frozen=True)
class Step:
    """One thing that happens.

    `action`: start, deliver, duplicate (delivered, and a copy stays on its way), lose, timer, crash
    or restart. `node`: whom it happens to; of a lost message, whom it was for. `input`: what the
    node takes, or what was lost; None of a crash. `before`, `after`: the node's state; None while
    it is not up. `effects`: what it asked for. `more`: postponed inputs that it took in the same
    step, with their effects. `crashed`: it went down in the middle, while its disk was syncing.
    `error`: what its handler raised.
    """

    action: str
    node: str
    input: Input | None
    before: Any = None
    after: Any = None
    effects: tuple[Effect, ...] = ()
    more: tuple[tuple[Input, tuple[Effect, ...]], ...] = ()
    crashed: bool = False
    error: Exception | None = None

    @property
    def title(self) -> str:
        """What happens, in a few words."""
        node, taken = self.node, self.input
        if self.action == "crash":
            return f"{node} crashes"
        if taken is None or self.action in ("start", "restart"):
            return f"{node} {self.action}s"
        if self.action == "timer":
            return f"{node}: timer {taken.payload!r} runs out"
        what = f"{taken.kind} {steady_repr(taken.payload)}"
        if self.action == "lose":
            return f"{what} from {taken.source} to {node} is lost"
        copied = ", and a copy stays on its way" if self.action == "duplicate" else ""
        if self.before is None and self.after is None and not self.effects and not self.crashed:
            return f"{node}, which is down, misses {what} from {taken.source}{copied}"
        return f"{node} takes {what} from {taken.source}{copied}"

    def __str__(self) -> str:
        lines = [self.title]
        lines += [f"    {effect!r}" for effect in self.effects]
        for taken, effects in self.more:
            lines.append(f"    then, as it had been postponed, {taken.kind} {taken.payload!r}")
            lines += [f"    {effect!r}" for effect in effects]
        if self.crashed:
            lines.append(
                "    crashes while its disk is syncing: what is behind that does not happen"
            )
        if self.error is not None:
            lines.append(f"    raises {type(self.error).__name__}: {self.error}")
        elif self.action != "lose" and difference(self.before, self.after) is not None:
            lines.append(f"    {_shown(self.before)} -> {_shown(self.after)}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Path:
    """Steps from the first state on. `around`: so many of the last go round for ever, if any.

    `str()` shows them, `inputs(node)` gives one node's part, `to_html(file)` draws it.
    """

    steps: tuple[Step, ...]
    around: int = 0
    names: tuple[str, ...] = field(default=(), repr=False)
    title: str = field(default="", repr=False)

    def __len__(self) -> int:
        return len(self.steps)

    def inputs(self, node: str) -> list[Input]:
        """What a node takes on this path, in order: arguments of `headrace.system.node.take`."""
        found = []
        for step in self.steps:
            if step.node == node and step.action not in ("lose", "crash"):
                if step.input is not None:
                    found.append(step.input)
                found += [taken for taken, _ in step.more]
        return found

    def to_journals(self, system: System, folder: str) -> dict[str, str]:
        """Write what each node takes as a journal, for the debugger; where, by the nodes' names.

        `folder` is made, and must be empty. `headrace debug` opens them with the machine
        `file.py:system.simulated.node`. Blocks. Raises UsageError, JournalError.
        """
        came: dict[str, list[tuple[Input, list[float]]]] = {name: [] for name in system.nodes}
        for step in self.steps:
            if step.input is None or step.node not in came or step.action in ("lose", "crash"):
                continue
            again = [taken.chance for taken, _ in step.more]
            came[step.node].append((step.input, again))
        return write_inputs(system, came, folder)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write a page with a diagram of who takes what when, and of all states, as one file.

        It asks for nothing from anywhere. Raises UsageError, EnvironmentFailure.
        """
        from headrace.exploring.page import write_path

        write_path(path, self)

    def __str__(self) -> str:
        lines = []
        width = len(str(len(self.steps)))
        for number, step in enumerate(self.steps, 1):
            if self.around and number == len(self.steps) - self.around + 1:
                lines.append("and from here round and round:")
            text = str(step).replace("\n", "\n" + " " * (width + 2))
            lines.append(f"{number:>{width}}. {text}")
        return "\n".join(lines)


def _shown(state: Any) -> str:
    return "(not up)" if state is None else steady_repr(state)
