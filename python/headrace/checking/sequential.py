"""Deciding whether a history is sequentially consistent: one order, in which each client's is kept.

Times between clients do not count, so any client may be next with the operation that it did next.
A configuration is how far each client is, which of those operations took effect that may have, and
the state; each is visited once. What is linearisable is sequentially consistent as well, and that
is decided far more quickly, so it is tried first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from headrace.checking.deciding import Decided, Deciding
from headrace.checking.numbering import Numbered
from headrace.checking.specification import REFUSED

_SLICE = 256  # configurations, from one look at the clock to the next
_LINEARIZABLE_CONFIGURATIONS = 100_000
_LINEARIZABLE_SHARE = 0.3  # of the time

Configuration = tuple[tuple[int, ...], int, int]  # how far each client is; info, as bits; state


class Sequential:
    """One history; the same to be asked as `Deciding`."""

    def __init__(self, numbered: Numbered) -> None:
        self.numbered = numbered
        self.visited = 0
        lanes: dict[Hashable, list[int]] = {}
        times = [(one.operation.call, one.operation.return_) for one in numbered.placed]
        for number in sorted(range(numbered.count), key=times.__getitem__):
            lanes.setdefault(numbered.placed[number].operation.client, []).append(number)
        self._clients = list(lanes)
        self._lanes = list(lanes.values())
        self._info = self._infos()
        self._rank = numbered.ranks()[0]
        self.came_from: dict[Configuration, tuple[Configuration, int] | None] = {}

    def _infos(self) -> list[tuple[int, int]]:
        """For each that is info its client's place, and how far that one must be before it."""
        places = {client: place for place, client in enumerate(self._clients)}
        found = []
        for number in range(self.numbered.count, len(self.numbered.placed)):
            operation = self.numbered.placed[number].operation
            place = places.get(operation.client, -1)
            before = 0
            if place >= 0:
                calls = [self.numbered.calls[one] for one in self._lanes[place]]
                returns = [self.numbered.returns[one] for one in self._lanes[place]]
                before = sum(
                    (returned, call) <= (operation.call, operation.call)
                    for call, returned in zip(calls, returns, strict=True)
                )
            found.append((place, before))
        return found

    def run(self, deadline: float, configurations_max: int) -> Decided:
        """Decide it, by a time of the monotonic clock, holding so many configurations at most."""
        now = time.monotonic()
        first = Deciding(self.numbered)
        share = now + (deadline - now) * _LINEARIZABLE_SHARE
        found = first.run(share, min(_LINEARIZABLE_CONFIGURATIONS, configurations_max))
        self.visited = first.visited
        if found.verdict == "ok":
            return found

        def stop(count: int) -> bool:
            return count >= configurations_max or time.monotonic() >= deadline

        done = self._search(stop)
        self.visited += len(self.came_from)
        if isinstance(done, str):
            return Decided("unknown", [])
        return self._stuck() if done is None else Decided("ok", self._order(done))

    def _search(self, stop: Callable[[int], bool]) -> Configuration | str | None:
        """The configuration in which all is in the order; "stopped"; or None: there is none."""
        begin: Configuration = ((0,) * len(self._lanes), 0, self.numbered.model.initial)
        self.came_from = {begin: None}
        waiting, looked = [begin], 0
        while waiting:
            if looked % _SLICE == 0 and stop(len(self.came_from)):
                return "stopped"
            looked += 1
            configuration = waiting.pop()
            if sum(configuration[0]) == self.numbered.count:
                return configuration
            following = self._following(configuration)
            following.sort(key=lambda one: -self._rank[one[0]])  # the first is tried first
            for number, after in following:
                if after not in self.came_from:
                    self.came_from[after] = (configuration, number)
                    waiting.append(after)
        return None

    def _following(self, configuration: Configuration) -> list[tuple[int, Configuration]]:
        far, info, state = configuration
        numbered, step = self.numbered, self.numbered.model.step
        following = []
        for place, lane in enumerate(self._lanes):
            if far[place] == len(lane):
                continue
            number = lane[far[place]]
            reached, answer = step(state, numbered.inputs[number])
            if answer == numbered.expected[number]:
                further = (*far[:place], far[place] + 1, *far[place + 1 :])
                following.append((number, (further, info, reached)))
        for bit, (place, before) in enumerate(self._info):
            if info >> bit & 1 or (place >= 0 and far[place] < before):
                continue
            twin = numbered.twins[bit]
            if twin >= 0 and not info >> twin & 1 and self._info[twin][1] == 0:
                continue  # of equal input, and free from the beginning: it can come first
            number = numbered.count + bit
            result = step(state, numbered.inputs[number])
            if result != REFUSED and result[0] != state:
                following.append((number, (far, info | 1 << bit, result[0])))
        return following

    def _order(self, configuration: Configuration) -> list[int]:
        numbers = []
        step = self.came_from[configuration]
        while step is not None:
            numbers.append(step[1])
            step = self.came_from[step[0]]
        return numbers[::-1]

    def _stuck(self) -> Decided:
        """The longest order, and the first by its call of those that would be next."""
        longest = max(self.came_from, key=lambda one: sum(one[0]))
        states = dict.fromkeys(one[2] for one in self.came_from if one[0] == longest[0])
        following = [
            lane[far] for lane, far in zip(self._lanes, longest[0], strict=True) if far < len(lane)
        ]
        culprit = min(following, key=lambda number: self.numbered.calls[number])
        return Decided("bad", self._order(longest), culprit, tuple(states))
