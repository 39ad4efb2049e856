"""Small systems that the tests of the explorer explore."""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.system import Node, System, on, persist, postpone, send, timer


class Token(msgspec.Struct, frozen=True):
    """A number that is passed on."""

    number: int = 0
    to: str = ""


class Sender(Node):
    """Sends so many tokens to `b` when it starts."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        super().__init__()

    def initial(self) -> int:
        return 0

    @on.start()
    def start(self, state: int) -> Any:
        return state, [send("b", Token(number)) for number in range(1, self.count + 1)]

    @on.restart()
    def restart(self, state: int) -> Any:
        return -1, None


class Collector(Node):
    """Keeps the numbers of the tokens that come, in order."""

    def initial(self) -> tuple[int, ...]:
        return ()

    @on.message(Token)
    def token(self, state: tuple[int, ...], message: Token) -> Any:
        return (*state, message.number), None


class Ring(Node):
    """Passes a token round for ever; the first to start has it."""

    def initial(self) -> bool:
        return False

    @on.start()
    def start(self, state: bool, me: str, nodes: tuple[str, ...]) -> Any:
        return state, send(me, Token()) if me == nodes[0] else None

    @on.message(Token)
    def token(self, state: bool, me: str, nodes: tuple[str, ...]) -> Any:
        return True, send(nodes[(nodes.index(me) + 1) % len(nodes)], Token())


class Ticking(Node):
    """Its timer runs out again and again; a message makes it happy."""

    def initial(self) -> str:
        return "sad"

    @on.start()
    def start(self, state: str, me: str) -> Any:
        return state, [timer("tick", 1), send(me, Token())]

    @on.timer("tick")
    def tick(self, state: str) -> Any:
        return state, timer("tick", 1)

    @on.message(Token)
    def token(self, state: str) -> Any:
        return "happy", None


class Voter(Node):
    """Tells all others who it is, and counts who told it."""

    def initial(self) -> dict[str, Any]:
        return {"heard": {}, "first": None}

    @on.start()
    def start(self, state: Any, me: str, peers: tuple[str, ...]) -> Any:
        return state, send(peers, Token(1, me))

    @on.message(Token)
    def token(self, state: Any, message: Token, source: str) -> Any:
        assert message.to == source
        state["heard"][source] = message.number
        state["first"] = state["first"] or source
        return state, None


class Heard(Node):
    """Tells all others, and counts how many told it."""

    def initial(self) -> int:
        return 0

    @on.start()
    def start(self, state: int, peers: tuple[str, ...]) -> Any:
        return state, send(peers, Token())

    @on.message(Token)
    def token(self, state: int) -> Any:
        return state + 1, None


class Late(Node):
    """Sends a token to `c` some time; `c` itself does nothing about it."""

    @on.start()
    def start(self, state: None, me: str) -> Any:
        return state, None if me == "c" else timer("send", 1)

    @on.timer("send")
    def send(self, state: None) -> Any:
        return state, send("c", Token())

    @on.message(Token)
    def token(self, state: None) -> Any:
        return state, None


class Safe(Node):
    """Writes down, tells `b`, and knows after a crash what it had written."""

    def __init__(self, sync: bool = True) -> None:
        self.sync = sync
        super().__init__()

    def initial(self) -> Any:
        return None

    @on.start()
    def start(self, state: Any) -> Any:
        return "new", [persist("told", 7, sync=self.sync), send("b", Token(7))]

    @on.restart()
    def restart(self, state: Any, durable: Any) -> Any:
        if durable.damaged:
            return "damaged", None
        return durable.get("told", "nothing"), None


class Sleepy(Node):
    """Puts off what comes until its timer has run out."""

    def initial(self) -> dict[str, Any]:
        return {"awake": False, "got": []}

    def mode(self, state: Any) -> bool:
        return bool(state["awake"])

    @on.start()
    def start(self, state: Any) -> Any:
        return state, timer("wake", 1)

    @on.timer("wake")
    def wake(self, state: Any) -> Any:
        state["awake"] = True
        return state, None

    @on.message(Token, when=False)
    def asleep(self, state: Any) -> Any:
        return state, postpone()

    @on.message(Token, when=True)
    def awake(self, state: Any, message: Token) -> Any:
        state["got"].append(message.number)
        return state, None


class Failing(Collector):
    """Does not like a second token."""

    @on.message(Token)
    def token(self, state: tuple[int, ...], message: Token) -> Any:
        if state:
            raise ValueError("one is enough")
        return (*state, message.number), None


def pair(count: int = 1, b: Node | None = None, **properties: Any) -> System:
    """A sender, and whoever gets what it sends."""
    return System({"a": Sender(count), "b": b or Collector()}, **properties)


def states_of(system: System, node: str, **bounds: Any) -> set[str]:
    """The states in which a node that is up can be, as texts."""
    from headrace.exploring import explore

    seen: set[str] = set()

    def see(view: Any) -> bool:
        if node in view.states:
            seen.add(repr(view.states[node]))
        return True

    found = explore(System(system.nodes, system.clients, always={"see": see}), **bounds)
    assert found.complete, found
    return seen
