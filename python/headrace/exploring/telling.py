"""From the numbers of states back to what happens between them."""

from __future__ import annotations

from typing import Any

from headrace.engine import expanding
from headrace.engine.exploring import Explorer
from headrace.exploring.path import Path, Step
from headrace.exploring.steps import Steps
from headrace.exploring.ways import UP
from headrace.system.node import Input

ACTIONS = {
    expanding.START: "start",
    expanding.DELIVER: "deliver",
    expanding.DUPLICATE: "duplicate",
    expanding.LOSE: "lose",
    expanding.TIMER: "timer",
    expanding.CRASH: "crash",
    expanding.RESTART: "restart",
}
OBLIGED = (expanding.START, expanding.DELIVER, expanding.TIMER, expanding.RESTART)
# Labels, as in headrace.engine.expanding: of a link, and of what need not happen.
LINK, NOTHING = 0x80000000, 0xFFFFFFFF

Successor = tuple[int, int, int, Any, int]


class Teller:
    """Tells paths. Under symmetry, that of real states: nobody changes their name on the way."""

    def __init__(self, steps: Steps, explorer: Explorer, *, ordered: bool) -> None:
        self._steps = steps
        self._explorer = explorer
        self._ordered = ordered

    def path(
        self,
        numbers: list[int],
        title: str,
        *,
        labels: list[int | None] | None = None,
        around: int = 0,
        fails: bool = False,
    ) -> Path:
        """The path through these states. `labels`: of the steps, where they matter. `fails`: behind
        them, a handler raises.
        """
        words = self._explorer.state(numbers[0])
        told = []
        for at, number in enumerate(numbers[1:]):
            label = None if labels is None else labels[at]
            following = self._find(words, number, label)
            told.append(self._tell(words, following))
            words = following[3]
        if fails:
            (raised, *_) = [each for each in self._explorer.successors(words) if each[3] is None]
            told.append(self._tell(words, raised))
        return Path(tuple(told), around, self._steps.names, title)

    def _find(self, words: tuple[int, ...], number: int, label: int | None) -> Successor:
        for following in self._explorer.successors(words):
            if following[4] == number and label in (None, NOTHING, self._label(following)):
                return following
        raise AssertionError("a state on a path does not follow from the one before it")

    def _label(self, following: Successor) -> int:
        """What the compiled search calls it: see headrace.engine.expanding."""
        action, given = following[:2]
        taken = self._steps.inputs[given]
        if action not in OBLIGED:
            return NOTHING
        if action == expanding.DELIVER and self._ordered:
            return (taken.source * len(self._steps.names) + taken.to) | LINK
        return given

    def _tell(self, words: tuple[int, ...], following: Successor) -> Step:
        action, number, outcome, after, _ = following
        steps = self._steps
        given = steps.inputs[number]
        node = steps.names[given.to]
        state = _state(steps, words[given.to])
        taken = Input(
            given.kind, given.payload, source=steps.names[given.source], number=given.number
        )
        if outcome < 0:  # lost, or come to a node that is down
            return Step(ACTIONS[action], node, taken, state, state)
        if action == expanding.CRASH:
            return Step("crash", node, None, state, None)
        (_, way) = steps.distinct(words[given.to], number)[outcome]
        (first, effects), *more = way.taken
        return Step(
            ACTIONS[action],
            node,
            first,
            before=state,
            after=None if after is None else _state(steps, after[given.to]),
            effects=effects,
            more=tuple(more),
            crashed=way.has_crashed,
            error=way.error,
        )


def _state(steps: Steps, local: int) -> Any:
    return steps.locals[local].state if steps.locals[local].status == UP else None
