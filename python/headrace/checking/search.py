"""Looking for an order in which a machine, one operation at a time, gives the answers there were.

The search of Wing and Gong, with Lowe's memory of configurations, as in Knossos and Porcupine: at
each point any operation may be next that was called before the first return among those that are
not in the order yet. A configuration is the set of operations in the order so far, and the state
that they lead to; what follows depends on nothing else, so each is visited once.

The set is kept small. Operations that must take effect are numbered by their return: all below
`low` are in, and of the others at most those that overlap with operation `low`, bits of `window`
counted from there. Those that may never have taken effect are bits of `info`.

Three things need not be tried. If an operation that may never have taken effect leaves the state as
it is, or if the step refuses it, it may as well not have. Among those of equal input the one called
first can be taken first. And if an operation is a read and answers right, it can come first: it
leaves every state as it is in which it answers right, so it can be moved to the front of any order.

Nobody says what is a read; a write of what is there already looks like one. So it is found out: an
operation is taken for a read until it is seen to change a state. If no order is found, all states
that were visited are looked at. If in none of them any of those that were taken for reads changes
anything, all is well: leaving them aside, any order goes through states that were visited, so they
could be moved in it. Otherwise the search begins anew, with what it knows by then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from headrace.checking.history import Placed
from headrace.checking.specification import REFUSED, Specification

_LOOK_EVERY = 64  # configurations, from one look at the clock to the next

Configuration = tuple[int, int, int, int]  # low, window, info, state


@dataclass
class Found:
    """What a search has come to.

    `done`: the configuration in which all is in the order, if there is one. `stopped`: told to
    stop before it was through. `came_from`: the one before each configuration visited, and the
    operation between: its number, from the number of those that are ok on for one that is info.
    """

    done: Configuration | None = None
    stopped: bool = False
    came_from: dict[Configuration, tuple[Configuration, int] | None] = field(default_factory=dict)


class Search:
    """One search, over the operations that are ok or info.

    `stop(count)`: whether to stop, with so many configurations visited.
    """

    def __init__(
        self, placed: list[Placed], model: Specification, stop: Callable[[int], bool]
    ) -> None:
        self._model = model
        self._stop = stop
        ok = [one for one in placed if one.operation.status == "ok"]
        info = [one for one in placed if one.operation.status == "info"]
        ok.sort(key=lambda one: (one.operation.return_, one.operation.call))
        info.sort(key=lambda one: one.operation.call)
        self.placed = [*ok, *info]
        self.count = len(ok)  # of those that are ok
        numbers = {one.index: number for number, one in enumerate(ok)}
        self._after = [
            -1 if one.after is None else numbers.get(one.after, -1) for one in self.placed
        ]
        self._inputs = [model.input_id(one.index, one.operation.input) for one in self.placed]
        self._expected = [model.expected_id(one.index, one.operation.output) for one in ok]
        self._open = self._open_windows()
        self._info_open = self._open_infos()
        self._twin = self._twins()
        self._writes: set[tuple[int, int]] = set()  # input and answer of what has changed a state

    def input_of(self, number: int) -> int:
        """The number of an operation's input in the specification."""
        return self._inputs[number]

    def _open_windows(self) -> list[int]:
        """For each `low` the operations that were called before it returned, as a window."""
        calls = [one.operation.call for one in self.placed[: self.count]]
        by_call = sorted(range(self.count), key=calls.__getitem__)
        opened, called, at = [], 0, 0  # `called`: a bit for each operation that is called by then
        for low in range(self.count):
            returned = self.placed[low].operation.return_
            assert returned is not None
            while at < self.count and calls[by_call[at]] <= returned:
                called |= 1 << (by_call[at] - low)
                at += 1
            opened.append(called)
            called >>= 1
        return opened

    def _open_infos(self) -> list[int]:
        """For each `low` how many of those that are info were called before it returned."""
        counts, at = [], 0
        for one in self.placed[: self.count]:
            returned = one.operation.return_
            assert returned is not None
            while (
                self.count + at < len(self.placed)
                and self.placed[self.count + at].operation.call <= returned
            ):
                at += 1
            counts.append(at)
        return counts

    def _twins(self) -> list[int]:
        """For each that is info the bit of one with the same input, called before it; or 0."""
        last: dict[int, int] = {}
        twins = []
        for bit, number in enumerate(range(self.count, len(self.placed))):
            twins.append(last.get(self._inputs[number], 0))
            if self._after[number] < 0:  # else it may have to wait longer than one called later
                last[self._inputs[number]] = 1 << bit
        return twins

    def run(self) -> Found:
        """Search, until there is an order, until all is visited, or until told to stop."""
        while True:
            known = len(self._writes)
            found = self._run()
            if found.done is not None or found.stopped:
                return found
            self._look_for_writes(found)
            if found.stopped or len(self._writes) == known:
                return found

    def _look_for_writes(self, found: Found) -> None:
        """Look whether what was taken for a read changes any of the states visited."""
        states = {configuration[3] for configuration in found.came_from}
        for kind in set(zip(self._inputs, self._expected, strict=False)) - self._writes:
            if self._stop(0):
                found.stopped = True
                return
            for state in states:
                reached, answer = self._model.step(state, kind[0])
                if answer == kind[1] and reached != state:
                    self._writes.add(kind)
                    break

    def _run(self) -> Found:
        begin: Configuration = (0, 0, 0, self._model.initial)
        found = Found(came_from={begin: None})
        came_from = found.came_from
        waiting = [begin]
        looked = 0
        while waiting:
            if looked % _LOOK_EVERY == 0 and self.count and self._stop(len(came_from)):
                found.stopped = True
                return found
            looked += 1
            configuration = waiting.pop()
            if configuration[0] == self.count:
                found.done = configuration
                return found
            following = self._following(configuration)
            for number, after in reversed(following):  # the first is tried first
                if after not in came_from:
                    came_from[after] = (configuration, number)
                    waiting.append(after)
        return found

    def _following(self, configuration: Configuration) -> list[tuple[int, Configuration]]:
        """What can come next: operations and the configurations that they lead to."""
        low, window, info, state = configuration
        step, inputs, expected, after = self._model.step, self._inputs, self._expected, self._after
        following = []
        free = self._open[low] & ~window
        while free:
            bit = free & -free
            free ^= bit
            number = low + bit.bit_length() - 1
            reached, answer = step(state, inputs[number])
            if answer != expected[number] or not _is_in(after[number], low, window):
                continue
            next_low, next_window = low, window | bit
            while next_window & 1:
                next_window >>= 1
                next_low += 1
            one = (number, (next_low, next_window, info, reached))
            if reached == state and (inputs[number], answer) not in self._writes:
                return [one]
            if reached != state:
                self._writes.add((inputs[number], answer))
            following.append(one)
        free = ((1 << self._info_open[low]) - 1) & ~info
        while free:
            bit = free & -free
            free ^= bit
            place = bit.bit_length() - 1
            number = self.count + place
            twin = self._twin[place]
            if twin & ~info or not _is_in(after[number], low, window):
                continue
            result = step(state, inputs[number])
            if result != REFUSED and result[0] != state:
                following.append((number, (low, window, info | bit, result[0])))
        return following

    def order(self, found: Found, configuration: Configuration) -> list[int]:
        """The operations, in order, that lead to a configuration that was visited."""
        numbers = []
        step = found.came_from[configuration]
        while step is not None:
            numbers.append(step[1])
            step = found.came_from[step[0]]
        return numbers[::-1]

    def furthest(self, found: Found) -> tuple[Configuration, list[int]]:
        """Where a search that found no order got stuck: the longest, and all states there."""
        low = max(configuration[0] for configuration in found.came_from)
        there = [each for each in found.came_from if each[0] == low]
        longest = max(there, key=lambda each: each[1].bit_count() + each[2].bit_count())
        return longest, list(dict.fromkeys(each[3] for each in there))


def _is_in(number: int, low: int, window: int) -> bool:
    return number < low or bool(window >> (number - low) & 1)
