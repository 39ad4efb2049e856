"""Within what an exploration goes: what may happen, how often, and how far it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.errors import UsageError

FREE, NEVER = -1, -2  # in place of a budget's number

STATES_MAX = 1_000_000
BYTES_MAX = 2 << 30
COUNT_MAX = 1 << 48


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What may go wrong, and when to stop looking. See `explore`, which has the same arguments."""

    ordered: bool = False
    losses: int | None = 0
    duplications: int | None = 0
    crashes: int | None = 0
    timers: int | Mapping[Any, int] | None = None
    chances: tuple[float, ...] = (0.0,)
    max_depth: int | None = None
    max_states: int = STATES_MAX
    max_bytes: int = BYTES_MAX

    def __post_init__(self) -> None:
        for name in ("losses", "duplications", "crashes", "max_depth"):
            _check_count(name, getattr(self, name), can_be_none=True)
        for name in ("max_states", "max_bytes"):
            _check_count(name, getattr(self, name), can_be_none=False)
        if isinstance(self.timers, Mapping):
            for name, count in self.timers.items():
                _check_count(f"timers[{name!r}]", count, can_be_none=True)
        else:
            _check_count("timers", self.timers, can_be_none=True)
        object.__setattr__(self, "chances", tuple(self.chances))
        if not self.chances:
            raise UsageError("chances=(): give at least one number, at least 0 and below 1")
        for chance in self.chances:
            if not isinstance(chance, int | float) or not 0 <= chance < 1:
                raise UsageError(
                    f"chances: {chance!r} is no number that is at least 0 and below 1, as what a "
                    "handler gets for `chance` is"
                )

    def __str__(self) -> str:
        parts = ["ordered links" if self.ordered else "messages in any order"]
        for name in ("losses", "duplications", "crashes"):
            count = getattr(self, name)
            if count != 0:
                parts.append(f"{name}: {'any number' if count is None else count}")
        if isinstance(self.timers, Mapping):
            parts += [f"timer {name!r}: {count}" for name, count in self.timers.items()]
        elif self.timers is not None:
            parts.append(f"timers: {self.timers}")
        if self.chances != (0.0,):
            parts.append(f"chance: {', '.join(map(str, self.chances))}")
        return "; ".join(parts)


class Budgets:
    """How often each thing may still happen, as numbers that a state carries along.

    `first`: what there is at the beginning, of all that is limited. What may happen without end is
    FREE, what may not happen at all is NEVER; neither needs a number in the state.
    """

    def __init__(self, bounds: Bounds) -> None:
        first: list[int] = []
        self._first = first
        self.losses = self._add(bounds.losses)
        self.duplications = self._add(bounds.duplications)
        self.crashes = self._add(bounds.crashes)
        self._timers: dict[Any, int] = {}
        self._all_timers = FREE
        if isinstance(bounds.timers, Mapping):
            self._timers = {name: self._add(count) for name, count in bounds.timers.items()}
        else:
            self._all_timers = self._add(bounds.timers)

    @property
    def first(self) -> tuple[int, ...]:
        """The budgets at the beginning."""
        return tuple(self._first)

    def timer(self, name: Any) -> int:
        """The number of the budget that firing a timer of this name takes from; or FREE, NEVER."""
        return self._timers.get(name, self._all_timers)

    def _add(self, count: int | None) -> int:
        if not count:
            return FREE if count is None else NEVER
        self._first.append(count)
        return len(self._first) - 1


def can_pay(budgets: tuple[int, ...], which: int) -> bool:
    """Whether there is something left of it."""
    return which == FREE or (which != NEVER and budgets[which] > 0)


def paid(budgets: tuple[int, ...], which: int) -> tuple[int, ...]:
    """What is left when it has been taken from."""
    if which == FREE:
        return budgets
    return (*budgets[:which], budgets[which] - 1, *budgets[which + 1 :])


def _check_count(name: str, value: Any, *, can_be_none: bool) -> None:
    if value is None and can_be_none:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < COUNT_MAX:
        none = ", or None for any number" if can_be_none else ""
        raise UsageError(f"{name}={value!r}: a whole number, 0 or more{none}")
