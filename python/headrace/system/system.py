"""A system: nodes, clients, and what must hold of all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from headrace.errors import MachineError, UsageError
from headrace.machine import Machine
from headrace.system.client import Asked, Client
from headrace.system.kinds import codec_of
from headrace.system.node import Node
from headrace.system.node_machine import CLIENTS_MAX, NodeMachine
from headrace.system.values import Codec

Check = Callable[["View"], Any]


class View:
    """A system at one moment, as properties see it. It must not be changed.

    `states`: of the nodes that are up, by name. `history`: what the clients were told so far, by
    name. `now_ns`: the world's time; 0 in an exploration.
    """

    def __init__(
        self, states: Mapping[str, Any], history: Mapping[str, list[Asked]], now_ns: int = 0
    ) -> None:
        self.states = states
        self.history = history
        self.now_ns = now_ns


class System:
    """Nodes by name, and the clients that use them; the same whoever runs it.

    `nodes`: at least one; the order counts. `clients`: nodes that handle replies, by name, mostly
    `Client`. `always`: functions of a `View` that are true after every input (a list, or by name);
    `sometimes`: that should be true at some time in some run; `eventually`: that are true in the
    end, when all faults are healed and the clients are done. `model`: what the clients' histories
    are checked against, as `headrace.linearizable` does, with `partition`. Raises MachineError.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        clients: Mapping[str, Node] | None = None,
        *,
        always: Iterable[Check] | Mapping[str, Check] = (),
        sometimes: Iterable[Check] | Mapping[str, Check] = (),
        eventually: Iterable[Check] | Mapping[str, Check] = (),
        model: Any = None,
        partition: Callable[[Any], Any] | None = None,
        name: str = "system",
    ) -> None:
        self.name = name
        self.nodes = dict(nodes)
        self.clients = dict(clients or {})
        if not self.nodes:
            raise MachineError("a system has at least one node: System(nodes={'a': ...})")
        both = sorted(self.nodes.keys() & self.clients.keys())
        if both:
            raise MachineError(f"{both[0]!r} is the name of a node and of a client")
        for each, node in (*self.nodes.items(), *self.clients.items()):
            _check(each, node)
        for each, client in self.clients.items():
            if isinstance(client, Client) and client.to not in (None, *self.nodes):
                raise MachineError(f"client {each!r} asks {client.to!r}, which is no node")
        self.always = _named(always, "always")
        self.sometimes = _named(sometimes, "sometimes")
        self.eventually = _named(eventually, "eventually")
        self.model = model
        self.partition = partition

    def __repr__(self) -> str:
        return f"<System {self.name}: {', '.join((*self.nodes, *self.clients))}>"

    @property
    def names(self) -> tuple[str, ...]:
        """All that there are, the nodes first."""
        return (*self.nodes, *self.clients)

    @property
    def codec(self) -> Codec:
        """Writes down what the nodes and clients tell each other. Raises MachineError."""
        return codec_of((*self.nodes.values(), *self.clients.values()))

    def machine(self, name: str, *, clients_max: int = CLIENTS_MAX) -> NodeMachine:
        """A node or client as a machine of events, for an engine, and for journals of it.

        `clients_max`: the last answers of so many clients are kept, for requests that come again.
        Raises UsageError for a name that is not there, MachineError.
        """
        node = self.nodes.get(name) or self.clients.get(name)
        if node is None:
            raise UsageError(f"there is no node {name!r}; there are {', '.join(self.names)}")
        return NodeMachine(
            node,
            name,
            self.nodes,
            self.codec,
            others=self.clients,
            clients_max=clients_max,
        )

    def with_clients(self, clients: Mapping[str, Node]) -> System:
        """The same system with other clients."""
        return self._with(clients=clients)

    def with_sometimes(self, sometimes: Iterable[Check] | Mapping[str, Check]) -> System:
        """The same system with other properties that should be true at some time."""
        return self._with(sometimes=sometimes)

    def _with(self, **changes: Any) -> System:
        kept: dict[str, Any] = {
            "clients": self.clients,
            "always": self.always,
            "sometimes": self.sometimes,
            "eventually": self.eventually,
            "model": self.model,
            "partition": self.partition,
            "name": self.name,
        }
        return System(self.nodes, **{**kept, **changes})


def _check(name: Any, node: Any) -> None:
    if not isinstance(name, str) or not name or "\0" in name:
        raise MachineError(f"the name of a node is a text, not {name!r}")
    if isinstance(node, Machine):
        raise MachineError(
            f"{name!r} is a machine of events, {node!r}: a node of a system handles messages and "
            "requests; make it a headrace.Node"
        )
    if not isinstance(node, Node):
        raise MachineError(f"{name!r} must be a headrace.Node, not {node!r}")
    if not hasattr(node, "table"):
        raise MachineError(f"node {name!r}: its __init__ must call super().__init__()")


def _named(checks: Iterable[Check] | Mapping[str, Check], where: str) -> dict[str, Check]:
    named: dict[str, Check] = {}
    if isinstance(checks, Mapping):
        named = dict(checks)
    else:
        listed: Iterable[Any] = [checks] if callable(checks) else checks
        for at, check in enumerate(listed):
            name = getattr(check, "__name__", f"{where} {at}")
            if named.setdefault(name, check) is not check:
                raise UsageError(
                    f"{where}: two properties are called {name!r}; give a dict of them by name"
                )
    for name, check in named.items():
        if not callable(check):
            raise UsageError(f"{where}: {name} is {check!r}, not a function of the view")
    return named
