"""An explorer in plain Python: the definition of which states can be reached, and from where.

A global state is a `World`: all nodes and clients, the messages on their way, and what may still
go wrong. A step copies the whole world, lets one thing happen in it, and writes it down as a key.
Where one thing can go several ways (what a crash leaves on a disk, what is drawn by chance), the
step is run once for each. `headrace.exploring.explore` does the same, fast; a test holds the two to
each other.

In short: nodes are started one after the other. Then a message may arrive, or be lost; a timer that
is set may run out, whatever time it was set for; a node may crash, and one that is down may
restart. A node takes its input, and those that it had postponed if its mode has changed, in one
step. Disks sync at once, but a node may crash while one does: what it asked for behind that does
not happen, and each write that was not safe is kept, lost or torn.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from headrace.checking.keys import state_key
from headrace.engine.effects import Cancel, Persist, Postpone, Reply, Request, Send, Timer
from headrace.errors import EffectError
from headrace.exploring.bounds import Bounds, Budgets, can_pay, paid
from headrace.system.durable import Durable
from headrace.system.node import Input, Node, take
from headrace.system.system import System

TAKES_MAX = 1000  # in one step: more means that something is postponed again and again


class Message(NamedTuple):
    """Something on its way, or an input of another kind that a node takes."""

    kind: str
    source: int
    to: int
    number: int
    payload: Any


@dataclass
class Place:
    """A node or a client, and its disk."""

    status: str = "new"  # or up, or down
    state: Any = None
    timers: list[Any] = field(default_factory=list)
    postponed: list[Message] = field(default_factory=list)
    safe: dict[str, Any] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    written: list[tuple[str, Any]] = field(default_factory=list)  # not safe yet


@dataclass
class World:
    """A global state."""

    places: list[Place]
    network: list[Message]
    budgets: tuple[int, ...]


class Crashed(Exception):
    """The node is down in the middle of a step."""


class Failed(Exception):
    """A handler raised."""


class Choices:
    """What to do where a step can go several ways: by a script, and the first way behind it."""

    def __init__(self, script: list[int]) -> None:
        self.taken: list[int] = []
        self._script = script
        self._counts: list[int] = []

    def choose(self, count: int) -> int:
        """A number below `count`."""
        at = len(self.taken)
        self.taken.append(self._script[at] if at < len(self._script) else 0)
        self._counts.append(count)
        return self.taken[-1]

    def next_script(self) -> list[int] | None:
        """The script of the next way; None if this was the last."""
        taken, counts = list(self.taken), list(self._counts)
        while taken and taken[-1] == counts[-1] - 1:
            taken.pop()
            counts.pop()
        if not taken:
            return None
        taken[-1] += 1
        return taken


Label = tuple[Any, ...] | None  # of what has to happen in the end; None: of a fault


class PlainSteps:
    """What can happen in a world."""

    def __init__(self, system: System, bounds: Bounds) -> None:
        self.names = system.names
        self.nodes: list[Node] = [*system.nodes.values(), *system.clients.values()]
        self.node_names = tuple(system.nodes)
        self.bounds = bounds
        self.budgets = Budgets(bounds)

    def first(self) -> World:
        """Before anything has happened."""
        return World([Place() for _ in self.names], [], self.budgets.first)

    def key(self, world: World) -> Any:
        """Equal for worlds that nobody can tell apart."""
        network = [state_key(tuple(message)) for message in world.network]
        if self.bounds.ordered:
            links = [(message.source, message.to) for message in world.network]
            paired = sorted(zip(links, network, strict=True), key=lambda pair: pair[0])
            network = [f"{link} {key!r}" for link, key in paired]
        else:
            network.sort(key=repr)
        places = [
            (
                place.status,
                place.state,
                sorted(map(repr, map(state_key, place.timers))),
                [tuple(message) for message in place.postponed],
                dict(sorted(place.safe.items())),
                place.damaged,
                place.written,
            )
            for place in world.places
        ]
        return tuple(map(state_key, places)), tuple(network), world.budgets

    def is_cut(self, world: World) -> bool:
        """Whether something would have to happen here that the bounds forbid."""
        return any(
            not can_pay(world.budgets, self.budgets.timer(name))
            for place in world.places
            for name in place.timers
        ) and all(place.status != "new" for place in world.places)

    def successors(
        self, world: World, pass_over_failures: bool = False
    ) -> Iterator[tuple[Label, World]]:
        """Every world that comes next, once for each way that leads to it.

        Raises Failed at the first way that fails, unless those are passed over.
        """
        for label, act in self._actions(world):
            script: list[int] | None = []
            while script is not None:
                choices = Choices(script)
                after = copy.deepcopy(world)
                try:
                    act(after, choices)
                    yield label, after
                except Crashed:
                    yield None, after
                except Failed:
                    if not pass_over_failures:
                        raise
                script = choices.next_script()

    def _actions(self, world: World) -> Iterator[tuple[Label, Callable[[World, Choices], None]]]:
        for to, place in enumerate(world.places):
            if place.status == "new":
                start = Message("start", to, to, 0, None)
                yield ("start", to), self._arrival(start)
                return
        yield from self._of_messages(world)
        for to, place in enumerate(world.places):
            yield from self._of_place(world, to, place)

    def _arrival(self, message: Message) -> Callable[[World, Choices], None]:
        return lambda after, choices: self._arrive(after, message, choices)

    def _of_messages(
        self, world: World
    ) -> Iterator[tuple[Label, Callable[[World, Choices], None]]]:
        links = set()
        for at, message in enumerate(world.network):
            link = (message.source, message.to)
            if self.bounds.ordered and link in links:
                continue  # behind another one
            links.add(link)
            label = ("link", link) if self.bounds.ordered else ("message", state_key(message))

            def deliver(after: World, choices: Choices, at: int = at) -> None:
                self._arrive(after, after.network.pop(at), choices)

            yield label, deliver
            if message.source == message.to:
                continue
            if can_pay(world.budgets, self.budgets.losses):

                def lose(after: World, choices: Choices, at: int = at) -> None:
                    after.network.pop(at)
                    after.budgets = paid(after.budgets, self.budgets.losses)

                yield None, lose
            is_up = world.places[message.to].status == "up"
            if is_up and can_pay(world.budgets, self.budgets.duplications):

                def deliver_and_keep(after: World, choices: Choices, at: int = at) -> None:
                    after.budgets = paid(after.budgets, self.budgets.duplications)
                    self._arrive(after, after.network[at], choices)

                yield None, deliver_and_keep

    def _of_place(
        self, world: World, to: int, place: Place
    ) -> Iterator[tuple[Label, Callable[[World, Choices], None]]]:
        if place.status == "down":
            restart = Message("restart", to, to, 0, None)
            yield ("restart", to), self._arrival(restart)
            return
        for name in place.timers:
            which = self.budgets.timer(name)
            if can_pay(world.budgets, which):

                def fire(
                    after: World, choices: Choices, name: Any = name, which: int = which
                ) -> None:
                    after.budgets = paid(after.budgets, which)
                    after.places[to].timers.remove(name)
                    self._arrive(after, Message("timer", to, to, 0, name), choices)

                yield ("timer", to, state_key(name)), fire
        if self._may_crash(world, to):

            def crash(after: World, choices: Choices) -> None:
                self._crash(after, to, choices)

            yield None, crash

    # -- one node takes an input -----------------------------------------------------------------

    def _may_crash(self, world: World, to: int) -> bool:
        return to < len(self.node_names) and can_pay(world.budgets, self.budgets.crashes)

    def _arrive(self, world: World, message: Message, choices: Choices) -> None:
        place = world.places[message.to]
        if message.kind in ("start", "restart"):
            place.status = "up"
            place.state = self.nodes[message.to].initial()
        if place.status != "up":
            return
        mode = self._mode(message.to, place)
        self._take(world, message, choices)
        again: list[Message] = []
        for _ in range(TAKES_MAX):
            now = self._mode(message.to, place)
            if now != mode:
                mode = now
                again = place.postponed + again
                place.postponed = []
            if not again:
                return
            self._take(world, again.pop(0), choices)
        raise Failed(self.names[message.to], EffectError("postponed again and again"))

    def _mode(self, to: int, place: Place) -> Any:
        node = self.nodes[to]
        return node.mode(place.state) if node.mode is not None else None

    def _take(self, world: World, message: Message, choices: Choices) -> None:
        place, node = world.places[message.to], self.nodes[message.to]
        key = message.payload if message.kind == "timer" else type(message.payload)
        handler = node.table.find(self._mode(message.to, place), message.kind, key)
        chance = 0.0
        if handler is not None and "chance" in handler.parameters:
            chance = self.bounds.chances[choices.choose(len(self.bounds.chances))]
        taken = Input(
            message.kind,
            message.payload,
            self.names[message.source],
            message.number,
            chance=chance,
            durable=Durable(
                copy.deepcopy(dict(sorted(place.safe.items()))), frozenset(place.damaged)
            ),
        )
        name = self.names[message.to]
        try:
            place.state, effects = take(node, name, self.node_names, place.state, taken)
            if any(type(effect) is Postpone for effect in effects):
                place.postponed.append(message)
            self._carry_out(world, message.to, list(effects), choices)
        except Crashed:
            raise
        except Exception as error:
            raise Failed(name, error) from error

    def _carry_out(self, world: World, of: int, effects: list[Any], choices: Choices) -> None:
        place = world.places[of]
        while effects:
            effect = effects.pop(0)
            if isinstance(effect, Persist):
                place.written.append((effect.key, copy.deepcopy(effect.value)))
                sync = effect.sync
                while effects and isinstance(effects[0], Persist):
                    behind = effects.pop(0)
                    place.written.append((behind.key, copy.deepcopy(behind.value)))
                    sync = behind.sync or sync
                if sync:
                    if self._may_crash(world, of) and choices.choose(2):
                        self._crash(world, of, choices)
                        raise Crashed
                    for key, value in place.written:
                        _keep(place, key, value)
                    place.written.clear()
            elif isinstance(effect, Timer):
                if effect.name not in place.timers:
                    place.timers.append(effect.name)
            elif isinstance(effect, Cancel):
                if effect.name in place.timers:
                    place.timers.remove(effect.name)
            elif isinstance(effect, Send):
                for to in effect.to if isinstance(effect.to, tuple) else (effect.to,):
                    world.network.append(
                        Message("message", of, self.names.index(to), 0, effect.message)
                    )
            elif isinstance(effect, Reply):
                to, number = self.names.index(effect.caller.client), effect.caller.number
                world.network.append(Message("reply", of, to, number, effect.reply))
            elif isinstance(effect, Request):
                to, number = self.names.index(effect.to), effect.number
                world.network.append(Message("request", of, to, number, effect.request))

    def _crash(self, world: World, to: int, choices: Choices) -> None:
        world.budgets = paid(world.budgets, self.budgets.crashes)
        place = world.places[to]
        for key, value in place.written:
            fate = choices.choose(3)
            if fate == 1:
                _keep(place, key, value)
            elif fate == 2:
                place.safe.pop(key, None)
                place.damaged.add(key)
        world.places[to] = Place("down", safe=place.safe, damaged=place.damaged)


def _keep(place: Place, key: str, value: Any) -> None:
    place.damaged.discard(key)
    if value is None:
        place.safe.pop(key, None)
    else:
        place.safe[key] = value
