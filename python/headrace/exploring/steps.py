"""Local states and inputs as numbers, and the steps between them, for the compiled search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.checking.keys import state_key
from headrace.engine.transitions import Transitions
from headrace.errors import UsageError
from headrace.exploring.bounds import Bounds, Budgets
from headrace.exploring.renaming import renamed
from headrace.exploring.ways import NEW, UP, Endpoint, Given, Local, Way
from headrace.system.client import Client
from headrace.system.system import System

Outcome = tuple[int, tuple[int, ...], int]  # local state after it, messages sent, flag
CRASHED, FAILED = 1, 2  # flags, as in headrace.engine.transitions
VALUE_BYTES = 1_000  # what an interned value is taken to need, beside its key


class Steps:
    """What numbers of local states and inputs stand for. Inputs 0 to 3n-1 are, of each of the n
    endpoints, its start, its restart and its crash.
    """

    def __init__(
        self, system: System, bounds: Bounds, budgets: Budgets, places: list[tuple[int, ...]]
    ) -> None:
        for name, client in system.clients.items():
            if isinstance(client, Client) and callable(client.commands):
                raise UsageError(
                    f"client {name!r} makes its commands by chance; an exploration needs a list of "
                    "them: Client([...])"
                )
        names, node_count = system.names, len(system.nodes)
        self.names = names
        self.budgets = budgets
        self.endpoints = [
            Endpoint(
                node,
                name,
                names,
                node_count,
                bounds.chances,
                can_crash=index < node_count and bounds.crashes != 0,
            )
            for index, (name, node) in enumerate({**system.nodes, **system.clients}.items())
        ]
        self.locals: list[Local] = []
        self.inputs: list[Given] = []
        self.key_bytes = 0
        self._places = places
        self._new_names = [
            {names[one]: names[other] for one, other in enumerate(each) if one != other}
            for each in places
        ]
        self._local_numbers: dict[Any, int] = {}
        self._input_numbers: dict[Any, int] = {}
        self._timer_numbers: dict[Any, int] = {}
        self._ordered = bounds.ordered
        self.transitions = Transitions(len(names), self.outcomes_of)
        for kind in ("start", "restart", "crash"):
            for index in range(len(names)):
                self._add_input(Given(kind, index, index, 0, None))
        self._check_timers(bounds)

    @property
    def size_bytes(self) -> int:
        """About how much memory local states and inputs take."""
        values = len(self.locals) + len(self.inputs)
        return values * VALUE_BYTES + self.key_bytes

    def first(self) -> tuple[int, ...]:
        """The words of the first state: nothing has happened."""
        return (self.local_number(Local(NEW)),) * len(self.names) + self.budgets.first

    # -- steps -----------------------------------------------------------------------------------

    def outcomes_of(self, local: int, given: int) -> list[Outcome]:
        """What an input leads to, each outcome once."""
        return [outcome for outcome, _ in self.distinct(local, given)]

    def distinct(self, local: int, given: int) -> list[tuple[Outcome, Way]]:
        """The outcomes, in the same order each time, each with the first way that leads to it."""
        endpoint = self.endpoints[self.inputs[given].to]
        found: dict[Outcome, Way] = {}
        for way in endpoint.ways(self.locals[local], self.inputs[given]):
            if way.error is not None:
                found.setdefault((0, (), FAILED), way)
                continue
            sent = tuple(map(self.input_number, way.sent))
            flag = CRASHED if way.has_crashed else 0
            found.setdefault((self.local_number(way.local), sent, flag), way)
        return list(found.items())

    # -- numbers ---------------------------------------------------------------------------------

    def local_number(self, local: Local) -> int:
        """The number of a local state; a new one if there is none like it."""
        if self._places:
            local = self._renamed_local(local, {}, range(len(self.names)))
        timers = sorted(local.timers, key=lambda name: repr(state_key(name)))
        local = local._replace(timers=tuple(timers))
        key = state_key(tuple(local))
        number = self._local_numbers.get(key)
        if number is None:
            set_timers = tuple(map(self._timer_number, local.timers))
            number = self.transitions.add_local(local.status, set_timers)
            self._local_numbers[key] = number
            self.locals.append(local)
            self.key_bytes += len(key)
        return number

    def input_number(self, given: Given) -> int:
        """The number of a message, request or reply."""
        key = state_key(tuple(given))
        number = self._input_numbers.get(key)
        if number is None:
            link = given.source * len(self.names) + given.to
            number = self._add_input(given, link if self._ordered else None)
            self._input_numbers[key] = number
            self.key_bytes += len(key)
        return number

    def _timer_number(self, name: Any) -> int:
        key = state_key(name)
        number = self._timer_numbers.get(key)
        if number is None:
            number = self.transitions.add_timer(self.budgets.timer(name))
            self._timer_numbers[key] = number
            for index in range(len(self.names)):
                self.inputs.append(Given("timer", index, index, 0, name))
            self.key_bytes += len(key)
        return number

    def _add_input(self, given: Given, order: int | None = None) -> int:
        self.inputs.append(given)
        return self.transitions.add_input(given.to, given.source, order)

    # -- renaming --------------------------------------------------------------------------------

    def image_of_local(self, renaming: int, local: int) -> int:
        """What a local state is when the nodes have other names."""
        names, places = self._new_names[renaming], self._places[renaming]
        return self.local_number(self._renamed_local(self.locals[local], names, places))

    def image_of_input(self, renaming: int, given: int) -> int:
        """What a message is when the nodes have other names."""
        names, places = self._new_names[renaming], self._places[renaming]
        return self.input_number(_renamed_given(self.inputs[given], names, places))

    def _renamed_local(self, local: Local, names: dict[str, str], places: Any) -> Local:
        return Local(
            status=local.status,
            state=renamed(local.state, names),
            timers=renamed(local.timers, names),
            postponed=tuple(_renamed_given(each, names, places) for each in local.postponed),
            safe=tuple(sorted(renamed(local.safe, names), key=lambda pair: str(pair[0]))),
            damaged=renamed(local.damaged, names),
            written=renamed(local.written, names),
        )

    def _check_timers(self, bounds: Bounds) -> None:
        """Under other names a timer must have the same budget."""
        if isinstance(bounds.timers, Mapping):
            for name in bounds.timers:
                for names in self._new_names:
                    if renamed(name, names) != name:
                        raise UsageError(
                            f"timers: {name!r} names a node that symmetry gives another name; "
                            "bound all timers together, or leave symmetry away"
                        )

    # -- looking at a state ----------------------------------------------------------------------

    def states_of(self, words: tuple[int, ...]) -> dict[str, Any]:
        """The states of the nodes and clients that are up."""
        found = {}
        for name, word in zip(self.names, words, strict=False):
            local = self.locals[word]
            if local.status == UP:
                found[name] = local.state
        return found


def _renamed_given(given: Given, names: dict[str, str], places: Any) -> Given:
    return Given(
        given.kind,
        places[given.to],
        places[given.source],
        given.number,
        renamed(given.payload, names),
    )
