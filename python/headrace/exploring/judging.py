"""What holds in a state: all properties of a system as the bits of one number."""

from __future__ import annotations

from typing import Any

from headrace.errors import UsageError
from headrace.exploring.steps import Steps
from headrace.system.client import ClientState
from headrace.system.system import System, View

PROPERTIES_MAX = 31


class Judge:
    """Looks at states for the compiled search. Raises UsageError."""

    def __init__(self, system: System, steps: Steps) -> None:
        self.properties = [
            (kind, name, holds)
            for kind in ("always", "sometimes", "eventually")
            for name, holds in getattr(system, kind).items()
        ]
        if len(self.properties) > PROPERTIES_MAX:
            raise UsageError(
                f"{len(self.properties)} properties are more than the {PROPERTIES_MAX} that one "
                "exploration can look after"
            )
        self._system = system
        self._steps = steps

    def mask(self, kind: str) -> int:
        """The bits of all properties of that kind."""
        return sum(1 << bit for bit, (each, _, _) in enumerate(self.properties) if each == kind)

    def bit(self, kind: str, name: str) -> int:
        """The bit of one property, as a number."""
        (found,) = [
            1 << bit
            for bit, (each, one, _) in enumerate(self.properties)
            if (each, one) == (kind, name)
        ]
        return found

    def __call__(self, words: tuple[int, ...]) -> int:
        """What holds, by the numbers of the local states."""
        if not self.properties:
            return 0
        up = self._steps.states_of(words)
        view = View(
            {name: up[name] for name in self._system.nodes if name in up},
            {
                name: up[name].history
                for name in self._system.clients
                if isinstance(up.get(name), ClientState)
            },
        )
        bits = 0
        for bit, (kind, name, holds) in enumerate(self.properties):
            if self._ask(kind, name, holds, view):
                bits |= 1 << bit
        return bits

    def _ask(self, kind: str, name: str, holds: Any, view: View) -> bool:
        try:
            return bool(holds(view))
        except Exception as error:
            raise UsageError(
                f"{kind}: {name} raised {type(error).__name__}: {error}; the nodes that were up: "
                f"{', '.join(view.states) or 'none'}"
            ) from error
