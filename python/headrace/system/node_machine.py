"""A node as a machine of events: so an engine runs it, and a journal keeps what it was told.

The state is all that a node has: its own state, what it has persisted, its timers, the inputs that
it has postponed. What is volatile of it ends with the next start, as it does in a simulated world;
the rest is as safe as the journal. A machine never writes or waits: whoever runs it carries out the
effects, which are its outputs, once their input is safe.

A request that a client makes again, because it has not seen the answer, is not run again: the last
answer to each client is kept, with the state. What was not answered yet is run again, as the answer
may have been lost with the state of who was to give it; then it is for the node to know its caller.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xxhash

from headrace.engine.copying import copy_state
from headrace.engine.effects import (
    Cancel,
    Effect,
    Persist,
    Postpone,
    Reply,
    Request,
    Send,
    Timer,
)
from headrace.errors import EffectError, MachineError, MessageError
from headrace.journal.states import decode_state, encode_state, known_classes
from headrace.machine import Machine
from headrace.system.client import Redirect
from headrace.system.durable import Durable
from headrace.system.events import (
    CANCEL,
    CHANCES,
    CODES,
    EFFECT,
    EVENT,
    KINDS,
    MESSAGE,
    REPLY,
    REQUEST,
    START,
    TIMER,
    cut,
    encode_name,
    make_events,
)
from headrace.system.kinds import classes_in
from headrace.system.node import Caller, Input, Node, take
from headrace.system.values import Codec

Taken = tuple[str, Any, str, int]  # kind, payload, source, number: what is postponed
Outputs = list[tuple[Any, ...]]

CLIENTS_MAX = 10_000


@dataclass
class NodeMachineState:
    """All that a node has. `durable`, `answers` and what is counted outlast a restart.

    `timers`: the number of each that is set, by name. `answers`: by client, its last request that
    was answered, and the answer, as bytes; the one heard of last is the last.
    """

    state: Any = None
    starts: int = 0
    durable: dict[str, Any] = field(default_factory=dict)
    timers: dict[Any, int] = field(default_factory=dict)
    timers_set: int = 0
    postponed: list[Taken] = field(default_factory=list)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    chances: list[float] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)  # of an input that is not whole yet


class NodeMachine(Machine):
    """The machine of one node: its events are inputs (`events_of`), its outputs effects.

    `node`: what it does. `me`: its name, and the machine's. `nodes`: the names of all nodes.
    `codec`: of all that they tell each other. `others`: whom it may also send to, beside nodes and
    those who ask it. `clients_max`: the answers of so many clients are kept; 0: none, and then it
    does what a node of a simulated world does. Raises MachineError.
    """

    event = EVENT
    output = EFFECT

    def __init__(
        self,
        node: Node,
        me: str,
        nodes: Iterable[str],
        codec: Codec,
        *,
        others: Iterable[str] = (),
        clients_max: int = CLIENTS_MAX,
    ) -> None:
        self.node = node
        self.me = self.name = me
        self.nodes = tuple(nodes)
        self.codec = codec
        self.version = node.version
        self.clients_max = clients_max
        self._names: dict[Any, bytes] = {}
        for name in dict.fromkeys((*self.nodes, *others)):
            try:
                self._names[name] = encode_name(name)
            except MessageError as error:
                raise MachineError(str(error)) from None
        modules = dict.fromkeys(each.__module__ for each in type(node).__mro__)
        self.classes = (type(node.initial()), Caller, *codec.kinds, *classes_in(modules))
        super().__init__()
        self._classes = known_classes(self)

    @property
    def source(self) -> str:
        """The class of the node: its handlers are what somebody wants to look at."""
        return f"{type(self.node).__module__}.{type(self.node).__qualname__}"

    def initial(self) -> NodeMachineState:
        return NodeMachineState()

    def events_of(self, taken: Input, chances: Iterable[float] = ()) -> np.ndarray[Any, Any]:
        """The events that are one input of the node. Raises MessageError, StateError.

        `chances`: for the inputs that were postponed, if any, and come again with this one; without
        they follow from its own. A start finds the `durable` of the input, even if that is empty.
        """
        body = b""
        if taken.kind in ("start", "restart"):
            damaged: Iterable[str] = getattr(taken.durable, "damaged", ())
            body = encode_state([dict(taken.durable), sorted(damaged)], self._classes)
        elif taken.kind == "timer":
            body = encode_state(taken.payload, self._classes)
        else:
            body = self.codec.encode(taken.payload)
        events = make_events(
            CODES[taken.kind],
            body,
            source=encode_name(taken.source or self.me),
            number=taken.number if taken.kind in ("request", "reply") else 0,
            now_ns=taken.now_ns,
            chance=taken.chance,
        )
        drawn = np.array(list(chances), "<f8")
        if not len(drawn):
            return events
        return np.concatenate([make_events(CHANCES, drawn.tobytes()), events])

    def step(
        self,
        state: NodeMachineState,
        number: int,
        now_ns: int,
        chance: float,
        source: bytes,
        kind: int,
        more: int,
        length: int,
        body: bytes,
    ) -> tuple[NodeMachineState, Outputs | None]:
        """One event: an input, or a piece of one."""
        if kind == START and not length:
            state.pieces = []  # what was coming when the node ended
        piece = bytes(body).ljust(length, b"\0")
        if more:
            state.pieces.append(piece)
            return state, None
        if state.pieces:
            piece = b"".join([*state.pieces, piece])
            state.pieces = []
        if kind == CHANCES:
            state.chances = np.frombuffer(piece, "<f8").tolist()
            return state, None
        turn = _Turn(self, state, int(now_ns), float(chance))
        turn.begin(int(kind), piece, bytes(source).decode(), int(number))
        state.chances = []
        return state, turn.outputs

    def durable_of(self, state: NodeMachineState, body: bytes) -> Durable:
        """What the node finds on its disk: what the event says, or what it has persisted."""
        if body:
            values, damaged = decode_state(body, self._classes)
            state.durable = values
            return Durable(copy_state(values), frozenset(damaged))
        return Durable(copy_state(state.durable))

    def timer_name(self, state: NodeMachineState, number: int, body: bytes) -> tuple[bool, Any]:
        """Whether that timer has run out, and its name. There are few: they are looked through.

        One that the event names has, whatever is set: where a disk is waited for, that decides.
        """
        if body:
            return True, decode_state(body, self._classes)
        for name, set_as in state.timers.items():
            if set_as == number:
                return True, name
        return False, None

    def address(self, to: Any) -> bytes:
        """A name as it stands in outputs. Raises EffectError."""
        found = self._names.get(to)
        if found is None:
            raise EffectError(
                f"node {self.me!r} sends to {to!r}, which is not there; there are "
                f"{', '.join(self._names)}"
            )
        return found

    def describe(self, event: Any) -> str:
        """An event in words, for people who look at a journal."""
        kind = int(event["kind"])
        source = bytes(event["source"]).decode("utf-8", "replace")
        if event["more"]:
            return f"a piece of a {KINDS.get(kind, 'longer input')} from {source}"
        body = bytes(event["body"]).ljust(int(event["length"]), b"\0")
        if kind == START:
            return "start"
        if kind == CHANCES:
            return f"chances of what was postponed: {np.frombuffer(body, '<f8').tolist()}"
        try:
            if kind == TIMER:
                name = decode_state(body, self._classes) if body else None
                return f"timer {name!r}" if body else f"timer number {event['number']}"
            said = repr(self.codec.decode(body))
        except Exception:  # the last piece of something longer
            said = f"the last {len(body)} bytes"
        number = f" (number {event['number']})" if kind in (REQUEST, REPLY) else ""
        return f"{KINDS.get(kind, kind)} from {source}{number}: {said}"


class _Turn:
    """One event stepped over: the input, and those that were postponed and come again with it."""

    def __init__(
        self, machine: NodeMachine, state: NodeMachineState, now_ns: int, chance: float
    ) -> None:
        self._machine = machine
        self._node = machine.node
        self._state = state
        self._now_ns = now_ns
        self._chance = chance
        self._takes = 0
        self.outputs: Outputs = []

    def begin(self, kind: int, body: bytes, source: str, number: int) -> None:
        """Take the input, if it is none that has to be passed over."""
        machine, state = self._machine, self._state
        taken: Taken
        durable: Durable | None = None
        if kind == START:
            durable = machine.durable_of(state, body)
            state.state = self._node.initial()
            state.timers.clear()
            state.postponed.clear()
            state.starts += 1
            # A restart is the first input after a crash, and the start the first of all.
            taken = ("start" if state.starts == 1 else "restart", None, machine.me, 0)
        elif state.starts == 0:
            return  # nobody is there yet
        elif kind == TIMER:
            is_over, name = machine.timer_name(state, number, body)
            if not is_over:
                return  # set anew, cancelled, or of an earlier life
            state.timers.pop(name, None)
            taken = ("timer", name, machine.me, 0)
        else:
            if kind == REQUEST and self._is_answered(source, number):
                return
            taken = (KINDS[kind], machine.codec.decode(body), source, number)
        mode = self._mode()
        self._take(taken, durable)
        if state.postponed:
            self._take_postponed(mode)

    def _take_postponed(self, mode: Any) -> None:
        """After a change of mode what was postponed comes first, in the order in which it came."""
        again: list[Taken] = []
        while True:
            now = self._mode()
            if now != mode:
                mode = now
                again = self._state.postponed + again
                self._state.postponed = []
            if not again:
                return
            self._take(again.pop(0))

    def _mode(self) -> Any:
        return self._node.mode(self._state.state) if self._node.mode is not None else None

    def _take(self, taken: Taken, durable: Durable | None = None) -> None:
        kind, payload, source, number = taken
        machine, state = self._machine, self._state
        state.state, effects = take(
            self._node,
            machine.me,
            machine.nodes,
            state.state,
            Input(
                kind=kind,
                payload=payload,
                source=source,
                number=number,
                now_ns=self._now_ns,
                chance=self._next_chance(),
                durable={} if durable is None else durable,
            ),
        )
        for effect in effects:
            if type(effect) is Postpone:
                state.postponed.append(taken)
            else:
                self._carry_out(effect)

    def _next_chance(self) -> float:
        place, self._takes = self._takes, self._takes + 1
        if place == 0:
            return self._chance
        if place <= len(self._state.chances):
            return self._state.chances[place - 1]
        drawn = xxhash.xxh3_64_intdigest(struct.pack("<dq", self._chance, place))
        return (drawn >> 11) / (1 << 53)

    # -- effects ---------------------------------------------------------------------------------

    def _carry_out(self, effect: Effect) -> None:
        machine = self._machine
        if isinstance(effect, Persist):
            if effect.value is None:
                self._state.durable.pop(effect.key, None)
            else:
                self._state.durable[effect.key] = copy_state(effect.value)
        elif isinstance(effect, Send):
            body = machine.codec.encode(effect.message)
            for to in effect.to if type(effect.to) is tuple else (effect.to,):
                self._put(MESSAGE, machine.address(to), 0, body)
        elif isinstance(effect, Reply):
            self._reply(effect)
        elif isinstance(effect, Request):
            body = machine.codec.encode(effect.request)
            self._put(REQUEST, machine.address(effect.to), effect.number, body)
        elif isinstance(effect, Timer):
            self._cancel(effect.name)
            self._state.timers_set += 1
            self._state.timers[effect.name] = self._state.timers_set
            self._put(TIMER, b"", self._state.timers_set, b"", effect.after_ns)
        elif isinstance(effect, Cancel):
            self._cancel(effect.name)

    def _put(self, kind: int, to: bytes, number: int, body: bytes, after_ns: int = 0) -> None:
        self.outputs += [(number, after_ns, to, kind, *piece) for piece in cut(body)]

    def _cancel(self, name: Any) -> None:
        number = self._state.timers.pop(name, None)
        if number is not None:
            self._put(CANCEL, b"", number, b"")

    def _reply(self, effect: Reply) -> None:
        client, number = effect.caller.client, effect.caller.number
        body = self._machine.codec.encode(effect.reply)
        self._put(REPLY, encode_name(client), number, body)
        if not self._keeps_answers_of(client):
            return
        answers = self._state.answers
        known = answers.get(client)
        if isinstance(effect.reply, Redirect) or (known is not None and number < known[0]):
            return  # it was not executed; or the client is further on
        answers.pop(client, None)
        answers[client] = (number, body)
        if len(answers) > self._machine.clients_max:
            del answers[next(iter(answers))]

    def _keeps_answers_of(self, client: str) -> bool:
        return self._machine.clients_max > 0 and client not in self._machine.nodes

    def _is_answered(self, client: str, number: int) -> bool:
        """Whether a request was answered before; then the answer goes out again, if it is kept."""
        if not self._keeps_answers_of(client):
            return False
        known = self._state.answers.get(client)
        if known is None or number > known[0]:
            return False
        if number == known[0]:
            self._put(REPLY, encode_name(client), number, known[1])
        return True
