"""Deciding whether one part of a history can be put in an order, and if not, where it ends.

A short search first, with two guesses in turn of what to try first. Then a sweep, which is quick
where a machine has few states at a time, and after which a search knows early where it is lost.
Then searches until there is no time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from headrace.checking.numbering import Numbered
from headrace.engine.linearizing import Linearizer
from headrace.engine.sweeping import Sweep

_SLICE = 256  # configurations, from one look at the clock to the next
_SHORT = 20_000
_SWEEP_STATES_MAX = 512
_EXPLAINED_SECONDS_MIN = 2.0  # for where it ends, when it is known that it does
_EXPLAINED_CONFIGURATIONS = 300_000


@dataclass(frozen=True)
class Decided:
    """What it came to.

    `verdict`; `order`: of numbers, all that took effect, or the longest that can be. If it is bad,
    `culprit`: the first by return that cannot be, or None if there was no time to find it;
    `states`: that the order, and others as long, lead to.
    """

    verdict: str
    order: list[int]
    culprit: int | None = None
    states: tuple[int, ...] = ()


class Deciding:
    """One part. `visited`: configurations so far."""

    def __init__(self, numbered: Numbered) -> None:
        self.numbered = numbered
        self.visited = 0
        self._problem = numbered.problem()
        self._ranks = numbered.ranks()
        self._sweep: Sweep | None = None
        self._low = 0  # so many can be in an order

    def run(self, deadline: float, configurations_max: int) -> Decided:
        """Decide it, by a time of the monotonic clock, holding so many configurations at most."""
        count = self.numbered.count
        if not count:
            return Decided("ok", [])

        def late() -> bool:
            return time.monotonic() >= deadline

        plain = self._searches(count)
        found = self._try(plain, late, min(_SHORT, configurations_max))
        if found is None and configurations_max > _SHORT and not late():
            sweep = Sweep(self._problem, _SWEEP_STATES_MAX)
            sweep.run(late)
            if sweep.complete:
                self._sweep = sweep
                if sweep.bad_at >= 0:
                    return self._explained(sweep.bad_at + 1, deadline, configurations_max)
                plain = self._searches(count)
            found = self._try(plain, late, configurations_max)
        if found is None:
            return Decided("unknown", [])
        if found.done >= 0:
            return Decided("ok", found.order(found.done))
        if self._sweep is None:  # it has looked at everything
            order, states = found.furthest()
            return Decided("bad", order, found.low_max, tuple(states))
        return self._explained(count, deadline, configurations_max)

    def _searches(self, goal: int) -> list[Linearizer]:
        return [Linearizer(self._problem, rank, goal, goal, self._sweep) for rank in self._ranks]

    def _try(
        self, searches: list[Linearizer], late: Callable[[], bool], most: int
    ) -> Linearizer | None:
        """The first that is through; None if none is in time."""
        before = sum(search.count for search in searches)
        try:
            while sum(search.visited() for search in searches) < most:
                for search in searches:
                    if late():
                        return None
                    if search.run(_SLICE):
                        return search
            return None
        finally:
            self.visited += sum(search.count for search in searches) - before
            self._low = max(self._low, *(search.low_max for search in searches))

    def _explained(self, end: int, deadline: float, configurations_max: int) -> Decided:
        """Where it ends: no order has all operations before number `end`."""
        deadline = max(deadline, time.monotonic() + _EXPLAINED_SECONDS_MIN)

        def late() -> bool:
            return time.monotonic() >= deadline

        while end - self._low > 1:
            middle = (self._low + end) // 2
            found = self._try(self._searches(middle), late, configurations_max)
            if found is None:
                return Decided("bad", [])
            if found.done >= 0:
                self._low = max(self._low, middle)
            else:
                end = middle
        culprit = end - 1
        last = Linearizer(self._problem, self._ranks[0], end, culprit, self._sweep)
        self._try([last], late, min(configurations_max, _EXPLAINED_CONFIGURATIONS))
        if last.low_max < culprit:  # it has not come so far
            last = self._searches(culprit)[0]
            if self._try([last], late, configurations_max) is None:
                return Decided("bad", [], culprit)
            return Decided("bad", last.order(last.done), culprit, (last.state_of(last.done),))
        order, states = last.furthest()
        return Decided("bad", order, culprit, tuple(states))
