"""A node that does everything that a node can do, by the numbers that it is given."""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.system import (
    Caller,
    Node,
    Redirect,
    cancel,
    on,
    persist,
    postpone,
    reply,
    send,
    timer,
)

MILLISECOND_NS = 1_000_000


class Word(msgspec.Struct, frozen=True):
    """What nodes tell each other: a number that decides what they do about it."""

    number: int


class Question(msgspec.Struct, frozen=True):
    """What clients ask."""

    number: int


class Chatty(Node):
    """Does everything that a node can do, by the numbers that it is given."""

    def initial(self) -> dict[str, Any]:
        return {"sum": 0, "mode": "day", "asked": []}

    def mode(self, state: dict[str, Any]) -> str:
        return str(state["mode"])

    @on.start()
    def start(self, state: Any, peers: tuple[str, ...], durable: Any) -> Any:
        state["sum"] = durable.get("sum", 0) + len(durable.damaged)
        return state, [send(peers, Word(len(durable))), timer("tick", 3 * MILLISECOND_NS)]

    @on.message(Word)
    def word(self, state: Any, message: Word, source: str, chance: float, peers: Any) -> Any:
        number = message.number
        state["sum"] = (state["sum"] * 31 + number + int(chance * 1000)) % 10_007
        if number > 12:
            return state, None
        turn = state["sum"] % 7
        following = Word(number + 1)
        if turn == 0:
            return state, [persist("sum", state["sum"]), send(source, following)]
        if turn == 1:
            return state, [persist("word", number, sync=False), send(peers, following)]
        if turn == 2:
            return state, [timer(("late", number), number * 100_000), cancel("tick")]
        if turn == 3:
            return state, (persist("a", 1, sync=False), persist("b", 2), persist("a", None))
        return state, send(source, following)

    @on.message(Word, when="night")
    def dream(self, state: Any, message: Word) -> Any:
        return state, [postpone()] if message.number % 2 else None

    @on.request(Question)
    def question(self, state: Any, request: Question, caller: Caller, now_ns: int) -> Any:
        state["sum"] = (state["sum"] + request.number + now_ns) % 10_007
        if request.number % 3 == 0:
            state["asked"].append(caller)
            return state, None
        if request.number % 5 == 0:
            return state, reply(caller, Redirect())
        return state, [persist("asked", request.number), reply(caller, state["sum"])]

    @on.timer("tick")
    def tick(self, state: Any, me: str, nodes: tuple[str, ...]) -> Any:
        state["mode"] = "night" if state["mode"] == "day" else "day"
        asked, state["asked"] = state["asked"], []
        answers = [reply(caller, state["sum"]) for caller in asked]
        to = nodes[(nodes.index(me) + 1) % len(nodes)]
        return state, [timer("tick", 7 * MILLISECOND_NS), send(to, Word(1)), *answers]

    @on.timer()
    def late(self, state: Any, timer: Any) -> Any:
        if timer[1] == 11 and state["sum"] % 3 == 0:
            raise ValueError("a handler that fails")
        return state, None
