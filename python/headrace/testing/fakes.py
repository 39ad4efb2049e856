"""Fakes: a machine that stands in, in this process, for something real that answers requests.

After Edsko de Vries, "An in-depth look at quickcheck-state-machine" (2019), and Stevan Andjelkovic,
"Property-based testing stateful systems" (2022): the model of a dependency is the dependency, for
those who are tested against it, and a contract test (`contract`) keeps the two the same.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from headrace.checking import Model
from headrace.engine.copying import copy_state
from headrace.errors import UsageError
from headrace.machine import Machine
from headrace.testing.answering import Answering

TURNS = ("ok", "refuse", "lose")


@dataclass(frozen=True)
class FakeFaults:
    """What goes wrong with calls: by chance, or by a script that is played first.

    `refuse`: the probability that a call fails without effect; `lose`: that it takes effect, and
    fails all the same, as a reply that got lost. `error`: what is raised then. `script`: "ok",
    "refuse" or "lose" for the first calls. The same `seed` gives the same faults.
    """

    refuse: float = 0.0
    lose: float = 0.0
    error: type[Exception] = ConnectionError
    script: Iterable[str] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.refuse >= 0 and self.lose >= 0 and self.refuse + self.lose <= 1):
            raise UsageError("refuse and lose are probabilities, together at most 1")
        object.__setattr__(self, "script", tuple(self.script))
        unknown = set(self.script) - set(TURNS)
        if unknown:
            raise UsageError(f"script: {sorted(unknown)[0]!r} is none of {', '.join(TURNS)}")


@dataclass(frozen=True)
class FakeCall:
    """A call that was made: `turn` is what became of it; without a reply if it was refused."""

    request: Any
    turn: str
    reply: Any = None


class Fake:
    """A stand-in: `call` answers as the machine does, or fails as it is told to.

    `calls` is what was asked of it so far. Usable from several threads: calls take turns.
    """

    def __init__(self, machine: Machine | Model, faults: FakeFaults | None = None) -> None:
        self._answering = Answering(machine)
        self._faults = faults or FakeFaults()
        self._random = random.Random(self._faults.seed)
        self._script = list(self._faults.script)
        self._lock = threading.Lock()
        self.calls: list[FakeCall] = []

    @property
    def state(self) -> Any:
        """A copy of the machine's state."""
        with self._lock:
            return copy_state(self._answering.state)

    def call(self, request: Any) -> Any:
        """The reply to a request. Raises the error of the faults, or what the step raises."""
        with self._lock:
            turn = self._turn()
            if turn == "refuse":
                self.calls.append(FakeCall(request, turn))
                raise self._faults.error(f"{request!r} was refused, and took no effect")
            reply = self._answering.ask(request)
            self.calls.append(FakeCall(request, turn, reply))
            if turn == "lose":
                raise self._faults.error(f"the reply to {request!r} was lost; it took effect")
            return reply

    def _turn(self) -> str:
        if self._script:
            return self._script.pop(0)
        drawn = self._random.random()
        if drawn < self._faults.refuse:
            return "refuse"
        return "lose" if drawn < self._faults.refuse + self._faults.lose else "ok"


def fake(machine: Machine | Model, faults: FakeFaults | None = None) -> Fake:
    """A machine, or a model, as a stand-in for a real dependency; with faults if they are given."""
    return Fake(machine, faults)
