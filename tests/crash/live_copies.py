"""Systems for tests that kill nodes: one that counts alone, and three that keep the same log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

import headrace as hr

RESEND_NS = 30_000_000


class Add(msgspec.Struct, frozen=True):
    amount: int


class Total(msgspec.Struct, frozen=True):
    value: int
    times: int


class Entry(msgspec.Struct, frozen=True):
    client: str
    number: int
    amount: int


class Copy(msgspec.Struct, frozen=True):
    place: int
    entry: Entry


class Have(msgspec.Struct, frozen=True):
    count: int


class Alone(hr.Node):
    """Knows nothing of requests that come again: that is for whoever runs it."""

    def initial(self) -> tuple[int, int]:
        return 0, 0

    @hr.on.start()
    def start(self, state: Any, durable: Any) -> Any:
        return durable.get("total", (0, 0)), None

    @hr.on.request(Add)
    def add(self, state: Any, request: Add, caller: hr.Caller) -> Any:
        state = state[0] + request.amount, state[1] + 1
        return state, [hr.persist("total", state), hr.reply(caller, Total(*state))]


@dataclass
class Log:
    entries: list[Entry] = field(default_factory=list)
    had: dict[str, int] = field(default_factory=dict)  # by node: how many it has
    waiting: dict[int, hr.Caller] = field(default_factory=dict)


class Copies(hr.Node):
    """A log that the first node decides on, and of which most have a copy before it answers."""

    def initial(self) -> Log:
        return Log()

    @hr.on.start()
    def start(self, state: Log, durable: Any) -> Any:
        state.entries = [durable[str(place)] for place in range(len(durable))]
        return state, hr.timer("resend", RESEND_NS)

    @hr.on.request(Add)
    def add(self, state: Log, request: Add, caller: hr.Caller, me: str, nodes: Any) -> Any:
        if me != nodes[0]:
            return state, hr.reply(caller, hr.Redirect(nodes[0]))
        entry = Entry(caller.client, caller.number, request.amount)
        if entry in state.entries:  # it was asked before
            place = state.entries.index(entry)
            state.waiting[place] = caller
            return state, self.answers(state, nodes)
        state.waiting[len(state.entries)] = caller
        state.entries.append(entry)
        place = len(state.entries) - 1
        return state, [hr.persist(str(place), entry), hr.send(nodes[1:], Copy(place, entry))]

    @hr.on.message(Copy)
    def copy(self, state: Log, message: Copy, source: str) -> Any:
        effects: list[Any] = []
        if message.place == len(state.entries):
            state.entries.append(message.entry)
            effects.append(hr.persist(str(message.place), message.entry))
        return state, [*effects, hr.send(source, Have(len(state.entries)))]

    @hr.on.message(Have)
    def have(self, state: Log, message: Have, source: str, nodes: Any) -> Any:
        state.had[source] = message.count
        return state, self.answers(state, nodes)

    @hr.on.timer("resend")
    def resend(self, state: Log, me: str, nodes: Any) -> Any:
        effects: list[Any] = [hr.timer("resend", RESEND_NS)]
        if me == nodes[0]:
            for to in nodes[1:]:
                begin = state.had.get(to, 0)
                for place in range(begin, min(begin + 20, len(state.entries))):
                    effects.append(hr.send(to, Copy(place, state.entries[place])))
        return state, effects

    def answers(self, state: Log, nodes: Any) -> list[Any]:
        """Replies to all that most nodes have; the first has it, so one more of three is enough."""
        safe = max(state.had.values(), default=0)
        told = []
        for place in sorted(state.waiting):
            if place < safe:
                value = sum(entry.amount for entry in state.entries[: place + 1])
                told.append(hr.reply(state.waiting.pop(place), Total(value, place + 1)))
        return told


alone = hr.System({"a": Alone()}, name="alone")
copies = hr.System({name: Copies() for name in ("a", "b", "c")}, name="copies")
