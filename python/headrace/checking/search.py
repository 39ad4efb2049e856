"""Looking for an order: the plain search, the definition of what `deciding` does quicker.

Nothing depends on it but tests. It is that of Wing and Gong, with Lowe's memory of configurations,
and leaves out nothing but what was visited, and operations that change nothing and need not be.
"""

from __future__ import annotations

from headrace.checking.numbering import Numbered
from headrace.checking.specification import REFUSED

Configuration = tuple[int, int, int, int]  # low; operations in the order, as bits; info; state


class Search:
    """One search, to its end.

    `came_from`: the configuration before each that was visited, and the operation between.
    `done`: the one in which all is in the order, or None.
    """

    def __init__(self, numbered: Numbered) -> None:
        self.numbered = numbered
        begin: Configuration = (0, 0, 0, numbered.model.initial)
        self.came_from: dict[Configuration, tuple[Configuration, int] | None] = {begin: None}
        self.done: Configuration | None = None
        waiting = [begin]
        while waiting and self.done is None:
            configuration = waiting.pop()
            if configuration[0] == numbered.count:
                self.done = configuration
                return
            for number, after in self._following(configuration):
                if after not in self.came_from:
                    self.came_from[after] = (configuration, number)
                    waiting.append(after)

    def _following(self, configuration: Configuration) -> list[tuple[int, Configuration]]:
        low, done, info, state = configuration
        numbered = self.numbered
        following = []
        for number in range(low, numbered.count):
            if done >> number & 1 or numbered.opened_at[number] > low:
                continue
            if not self._may_come(number, done):
                continue
            reached, answer = numbered.model.step(state, numbered.inputs[number])
            if answer == numbered.expected[number]:
                now = done | 1 << number
                next_low = low
                while now >> next_low & 1:
                    next_low += 1
                following.append((number, (next_low, now, info, reached)))
        for place in range(numbered.info_open[low]):
            number = numbered.count + place
            if info >> place & 1 or not self._may_come(number, done):
                continue
            result = numbered.model.step(state, numbered.inputs[number])
            if result != REFUSED and result[0] != state:
                following.append((number, (low, done, info | 1 << place, result[0])))
        return following

    def _may_come(self, number: int, done: int) -> bool:
        after = self.numbered.after[number]
        return after < 0 or bool(done >> after & 1)

    def low_max(self) -> int:
        """How many of the operations by return can be in an order, all before them in it too."""
        return max(configuration[0] for configuration in self.came_from)

    def states_there(self) -> set[int]:
        """The states in which that is so."""
        low = self.low_max()
        return {configuration[3] for configuration in self.came_from if configuration[0] == low}
