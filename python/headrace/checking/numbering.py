"""The operations of a history by number, and all that follows from their times.

Those that are ok are numbered by their return; those that are info come behind, by their call;
those that failed are left out. `low` is the first that is not in the order yet: any operation may
be next that was called before `low` returned, so these are open.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from heapq import heappop, heappush
from typing import Any

from headrace.checking.history import Placed
from headrace.checking.specification import Specification
from headrace.engine.histories import Problem

_NEVER = 2**31 - 1
_LATE = (math.inf, 0)
_TEXTS_MAX = 100  # that are looked through for a part of them
_Due = tuple[Any, int]
_TELLING = 8  # operations with the same answer: it tells much of the state that it is right


class Numbered:
    """One part of a history; `count`: how many are ok. Lists have an item for each operation."""

    def __init__(self, placed: list[Placed], model: Specification) -> None:
        ok = [one for one in placed if one.operation.status == "ok"]
        info = [one for one in placed if one.operation.status == "info"]
        ok.sort(key=lambda one: (one.operation.return_, one.operation.call))
        info.sort(key=lambda one: one.operation.call)
        self.model = model
        self.placed = [*ok, *info]
        self.count = len(ok)
        numbers = {one.index: number for number, one in enumerate(ok)}
        self.after = [
            -1 if one.after is None else numbers.get(one.after, -1) for one in self.placed
        ]
        self.inputs = [model.input_id(one.index, one.operation.input) for one in self.placed]
        self.expected = [model.expected_id(one.index, one.operation.output) for one in ok]
        self.returns: list[Any] = [one.operation.return_ for one in ok]
        self.calls = [one.operation.call for one in self.placed]

    @cached_property
    def info_open(self) -> list[int]:
        """For each `low` how many of those that are info were called before it returned."""
        calls = self.calls[self.count :]
        return [bisect_right(calls, returned) for returned in self.returns]

    @cached_property
    def opened_at(self) -> list[int]:
        """The first `low` with which each of those that are ok is open."""
        return [bisect_left(self.returns, call) for call in self.calls[: self.count]]

    @cached_property
    def twins(self) -> list[int]:
        """For each that is info the place among them of one with its input, called before; or -1.

        What is later may wait for it. Not if it has to wait itself for one of its client.
        """
        last: dict[int, int] = {}
        twins = []
        for place, number in enumerate(range(self.count, len(self.placed))):
            twins.append(last.get(self.inputs[number], -1))
            if self.after[number] < 0:
                last[self.inputs[number]] = place
        return twins

    def problem(self) -> Problem:
        """All of it for the compiled search."""
        count, total = self.count, len(self.placed)
        slots, used = self._slots()
        opens: list[list[int]] = [[] for _ in range(count)]
        for number, first in enumerate(self.opened_at):
            for low in range(first, number + 1):
                opens[low].append(number)
        begins = [0]
        for each in opens:
            begins.append(begins[-1] + len(each))
        kinds: dict[tuple[int, int], int] = {}
        pairs = zip(self.inputs, self.expected, strict=False)
        kind = [kinds.setdefault(pair, len(kinds)) for pair in pairs]
        followed = set(self.after)
        times = sorted({*self.calls, *self.returns})
        infos = total - count
        return Problem(
            self.model.step,
            self.model.initial,
            count,
            used,
            {
                "given": self.inputs,
                "expected": self.expected,
                "kind": kind,
                "after": self.after,
                "followed": [int(number in followed) for number in range(total)],
                "slot": [*slots, *range(infos)],
                "call": [bisect_left(times, call) for call in self.calls],
                "return": [
                    *(bisect_left(times, returned) for returned in self.returns),
                    *[_NEVER] * infos,
                ],
                "overlaps": [bisect_left(self.returns, call) for call in self.calls],
                "twin": [*[-1] * count, *self.twins],
                "open_begin": begins,
                "open": [number for each in opens for number in each],
                "info_open": self.info_open,
            },
        )

    def _slots(self) -> tuple[list[int], int]:
        """For each that is ok a number that no other has which is open with it; how many it takes.

        One is open until it is done itself: with the `low` of its own number, at the latest.
        """
        slots = [0] * self.count
        free: list[int] = []
        busy: list[tuple[int, int]] = []  # until which `low`, slot
        used = 0
        for number in sorted(range(self.count), key=self.opened_at.__getitem__):
            while busy and busy[0][0] < self.opened_at[number]:
                heappush(free, heappop(busy)[1])
            if not free:
                heappush(free, used)
                used += 1
            slots[number] = heappop(free)
            heappush(busy, (number, slots[number]))
        return slots, used

    def ranks(self) -> list[list[int]]:
        """In which order to try them, the smallest first. Guesses: they change no verdict.

        What has come back in an answer took effect before that: those are tried in the order in
        which a value of theirs was first seen, and if that was together, in which they stood there.
        Of which nothing was seen are tried last; or, in the second guess, by their return.
        """
        seen = _Seen(self)
        due = [seen.due(number) for number in range(len(self.placed))]
        returns = [*self.returns, *[math.inf] * (len(self.placed) - self.count)]
        by_return = [
            (returned, 0) if at is None else at for at, returned in zip(due, returns, strict=True)
        ]
        return [self._rank(due), self._rank(by_return)]

    def _rank(self, due: Sequence[_Due | None]) -> list[int]:
        """By when they are due, or what comes behind them; those that tell most before all."""
        total = len(self.placed)
        by_call = [(self.calls[number], at) for number, at in enumerate(due) if at is not None]
        by_call.sort()
        calls = [call for call, _ in by_call]
        soonest = [_LATE]  # of those called last, and so on backwards
        for _, seen_at in reversed(by_call):
            soonest.append(min(soonest[-1], seen_at))
        soonest.reverse()
        first = []
        for number, at in enumerate(due):
            if at is None:
                first.append(_LATE)
            elif number < self.count:
                first.append(min(at, soonest[bisect_right(calls, self.returns[number])]))
            else:
                first.append(at)
        common = Counter(self.expected)
        tell = [
            number < self.count and common[self.expected[number]] <= _TELLING
            for number in range(total)
        ]
        order = sorted(range(total), key=lambda number: (not tell[number], first[number], number))
        rank = [0] * total
        for place, number in enumerate(order):
            rank[number] = place
        return rank


class _Seen:
    """When values stood in answers, and where in them."""

    def __init__(self, numbered: Numbered) -> None:
        self._numbered = numbered
        self._alone: dict[Any, list[_Due]] = {}
        self._texts: list[tuple[Any, str | bytes]] = []
        for number in range(numbered.count):
            returned = numbered.returns[number]
            for place, value in enumerate(_values(numbered.placed[number].operation.output)):
                self._alone.setdefault(value, []).append((returned, place))
                if isinstance(value, str | bytes):
                    self._texts.append((returned, value))

    def due(self, number: int) -> _Due | None:
        """When it must have taken effect, by what was seen of it; None if nothing was."""
        call = self._numbered.calls[number]
        values = _values(self._numbered.placed[number].operation.input)
        found = [self._alone[value] for value in values if value in self._alone]
        if found:
            times = min(found, key=len)  # the value that tells most
            at = bisect_left(times, (call, -1))
            if at < len(times):
                return times[at]
        parts = [value for value in values if isinstance(value, str | bytes) and len(value) > 1]
        return self._part(max(parts, key=len), call) if parts else None

    def _part(self, part: str | bytes, call: Any) -> _Due | None:
        """The same for a part of a text."""
        begin = bisect_left(self._texts, call, key=lambda each: each[0])
        for returned, text in self._texts[begin : begin + _TEXTS_MAX]:
            if isinstance(text, str) == isinstance(part, str):
                place = text.find(part)  # type: ignore[arg-type]
                if place >= 0:
                    return returned, place
        return None


def _values(given: Any) -> list[Any]:
    """The numbers and texts in an input or output, however they are packed."""
    if isinstance(given, bool) or given is None:
        return []
    if isinstance(given, dict):
        return [value for one in given.values() for value in _values(one)]
    if isinstance(given, list | tuple):
        return [value for one in given for value in _values(one)]
    if isinstance(given, int | float | str | bytes):
        return [given]
    if hasattr(given, "tolist"):  # an array, a record, a scalar of NumPy
        plain = given.tolist()
        return [] if plain is given else _values(plain)
    return []
