"""Nodes: machines that talk to each other, through values only.

    class Counter(hr.Node):
        def initial(self):
            return 0

        @hr.on.request(Add)
        def add(self, state, request, caller):
            return state + request.amount, hr.reply(caller, state + request.amount)

A handler is a step, `(state, input) -> (state, effects)`: it gets the state and what it names of
the input, and returns the state after it and what the world is asked to do: None, one effect, or a
list of them, in order. It touches nothing else: no clock, no chance, no disk, no network.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from headrace.engine.effects import Effect, Postpone
from headrace.errors import EffectError, MachineError, UnhandledInput
from headrace.system.handlers import Table, build_table
from headrace.system.values import key_of


class Caller(msgspec.Struct, frozen=True):
    """Who waits for a reply: a client's name, and its number for the request."""

    client: str
    number: int


class Input(NamedTuple):
    """One input of a node. Which of the fields mean anything depends on the kind.

    `kind`: start, restart, message, request, reply or timer. `payload`: the message, request or
    reply, or the timer's name. `source`: who sent it. `number`: a client's, of its request.
    `now_ns`: the node's own clock. `chance`: at least 0, below 1. `durable`: what the disk holds.
    """

    kind: str
    payload: Any = None
    source: str = ""
    number: int = 0
    now_ns: int = 0
    chance: float = 0.0
    durable: Mapping[str, Any] = {}


class Node:
    """A machine of a system: subclass it, and decorate the handlers of its inputs.

    `initial(self)` makes the state that it has before its start, and again after a crash; what must
    outlast a crash is kept with `persist`. The state is any value a machine may have, and a handler
    may change it in place and return it. A handler may name, behind the state: `message` and
    `source`; `request` and `caller`; `reply`, `source` and `number`; `timer`; `durable` (start and
    restart: a mapping of what was persisted, with `durable.damaged`, the keys that cannot be read);
    and always `me` (its own name), `nodes` (the names of all), `peers` (of all
    others), `now_ns` (its own clock) and
    `chance` (a float, at least 0 and below 1, another one for each input).

    `mode(self, state)`, if it is defined, says in which of its modes the node is: handlers may be
    for one mode (`when=`), and inputs that are postponed come again when it has changed.

    It is checked when it is made; raises MachineError. Immutable then, so the same node may stand
    for several names, in several systems and threads.
    """

    name: str = ""
    version: int = 1
    mode: Any = None

    def __init__(self) -> None:
        self.name = self.name or type(self).__name__
        where = f"node {self.name!r}"
        if not isinstance(self.version, int) or isinstance(self.version, bool):
            raise MachineError(f"{where}: version is {self.version!r}, not an integer")
        if self.mode is not None and not callable(self.mode):
            raise MachineError(f"{where}: mode is {self.mode!r}; define mode(self, state)")
        try:
            inspect.signature(self.initial).bind()
        except (TypeError, ValueError):
            raise MachineError(
                f"{where}: initial takes nothing but self: def initial(self)"
            ) from None
        self.table: Table = build_table(self, self.mode is not None, where)

    def initial(self) -> Any:
        """The state before the first input; a new one each time."""
        return None

    def __repr__(self) -> str:
        return f"<Node {self.name} version {self.version}>"


def take(
    node: Node, me: str, nodes: tuple[str, ...], state: Any, taken: Input
) -> tuple[Any, tuple[Effect, ...]]:
    """One step of a node: the state after an input, and the effects; nothing is carried out.

    It is what running a node means, in plain Python. Raises UnhandledInput, EffectError, and what
    the handler raises. A start or restart that nothing handles does nothing.
    """
    mode = node.mode(state) if node.mode is not None else None
    kind = taken.kind
    key = key_of(taken.payload) if kind in ("message", "request", "reply") else taken.payload
    handler = node.table.find(mode, kind, key)
    if handler is None:
        if kind in ("start", "restart"):
            return state, ()
        raise unhandled(node, me, mode, kind, taken.payload)
    known = {
        "message": taken.payload,
        "request": taken.payload,
        "reply": taken.payload,
        "timer": taken.payload,
        "source": taken.source,
        "caller": Caller(taken.source, taken.number),
        "number": taken.number,
        "durable": taken.durable,
        "me": me,
        "nodes": nodes,
        "peers": tuple(name for name in nodes if name != me),
        "now_ns": taken.now_ns,
        "chance": taken.chance,
    }
    result = handler.function(state, *(known[name] for name in handler.parameters))
    if type(result) is not tuple or len(result) != 2:
        raise not_a_step(handler.source, result)
    effects = as_effects(result[1], handler.source)
    if node.mode is None and any(type(effect) is Postpone for effect in effects):
        raise EffectError(
            f"{handler.source}: the node has no modes, so what it postpones would never come "
            "again; define mode(self, state)"
        )
    return result[0], effects


def as_effects(effects: Any, source: str) -> tuple[Effect, ...]:
    """What a handler returned as effects: None, one, or several. Raises EffectError."""
    if effects is None:
        return ()
    if isinstance(effects, Effect):
        return (effects,)
    if isinstance(effects, list | tuple):
        for effect in effects:
            if not isinstance(effect, Effect):
                raise EffectError(
                    f"{source}: {effect!r} among the effects is none; make them with hr.send, "
                    "hr.reply, hr.timer, hr.cancel, hr.persist, hr.postpone"
                )
        return tuple(effects)
    raise EffectError(f"{source}: effects are None, one effect, or a list of them, not {effects!r}")


def not_a_step(source: str, result: Any) -> EffectError:
    """The error of a handler that returned something else than a state and effects."""
    return EffectError(f"{source}: a handler returns (state, effects), not {result!r}")


def unhandled(node: Node, me: str, mode: Any, kind: str, payload: Any) -> UnhandledInput:
    """The error of an input that the node has no handler for."""
    what = f"timer {payload!r}" if kind == "timer" else f"{kind} {type(payload).__name__}"
    where = f" in mode {mode!r}" if mode is not None else ""
    return UnhandledInput(
        f"node {me!r} ({node.name}){where} has no handler for {what}: decorate one with "
        f"@hr.on.{kind}({repr(payload) if kind == 'timer' else type(payload).__name__})"
    )
