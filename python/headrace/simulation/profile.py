"""Operational profiles: what users do, and what they do next, as a Markov chain.

profile = Profile(
    {"browse": lambda chance: Get(chance.choice("abc")), "buy": lambda chance: Buy(1)},
    {"browse": {"browse": 8, "buy": 1}, "buy": {"browse": 1}},
)
hr.Client(profile.commands(30))
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from headrace.errors import UsageError

Make = Callable[[random.Random], Any]


class Profile:
    """Commands by name, and the weights with which one follows another.

    `commands`: functions of a `random.Random`. `weights`: for each, the weights of what comes next.
    `first`: the name of the first (default: the first of `commands`). After J. D. Musa,
    "Operational profiles in software-reliability engineering" (1993). Raises UsageError.
    """

    def __init__(
        self,
        commands: Mapping[str, Make],
        weights: Mapping[str, Mapping[str, float]],
        *,
        first: str | None = None,
    ) -> None:
        if not commands:
            raise UsageError("a profile has at least one command")
        self._commands = dict(commands)
        self._first = next(iter(commands)) if first is None else first
        self._weights = {name: dict(following) for name, following in weights.items()}
        for name, following in {self._first: {}, **self._weights}.items():
            for each in (name, *following):
                if each not in self._commands:
                    raise UsageError(
                        f"the profile has no command {each!r}; it has {', '.join(self._commands)}"
                    )
        for name in self._commands:
            weight = self._weights.get(name, {}).values()
            if not weight or min(weight) < 0 or not sum(weight) > 0:
                raise UsageError(
                    f"weights of what follows {name!r}: some, none below 0, and not all of them 0"
                )

    def commands(self, count: int) -> Callable[[random.Random], list[Any]]:
        """A function that makes so many commands, as `Client` takes it."""

        def make(chance: random.Random) -> list[Any]:
            made = []
            name = self._first
            for _ in range(count):
                made.append(self._commands[name](chance))
                following = self._weights[name]
                name = chance.choices(list(following), list(following.values()))[0]
            return made

        return make
