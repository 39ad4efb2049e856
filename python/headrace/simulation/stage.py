"""A world with its faults: they begin and end while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.errors import MessageError, UsageError
from headrace.journal.states import known_classes
from headrace.simulation.faults import Lose, Weather
from headrace.simulation.file_disk import FileDisk
from headrace.simulation.node_disk import NodeDisk
from headrace.simulation.plan import Plan
from headrace.simulation.world import make_world
from headrace.system import Client, Node
from headrace.system.system import System
from headrace.system.values import Codec

SLICE_NS = 10_000_000  # from one look at whether it is over to the next


class Stage:
    """A run while it goes on. `world_of`: makes the compiled world, or the plain one."""

    def __init__(
        self, system: System, plan: Plan, world_of: Callable[..., Any] = make_world
    ) -> None:
        names = system.names
        self.system = system
        self.plan = plan
        self.names = names
        self.nodes: tuple[Node, ...] = (
            *system.nodes.values(),
            *(_with_commands(name, node, plan) for name, node in system.clients.items()),
        )
        self.disks = tuple(_disk(system, plan, index) for index in range(len(names)))
        self.network = plan.network
        self.weather: list[Weather] = []
        self.world = world_of(
            plan.seed, names, self.nodes, len(system.nodes), self.disks, plan.network
        )
        self._clients = [
            (index, node)
            for index, node in enumerate(self.nodes)
            if index >= len(system.nodes) and isinstance(node, Client)
        ]
        if not plan.network.checksums:
            self.world.corrupt = _corrupter(system.codec)
        self._down = [0] * len(names)
        self._paused = [0] * len(names)
        self.changed: Callable[[], None] = lambda: None  # told after each fault
        self.began: Callable[[Any, bool], None] = lambda fault, begins: None

    def index(self, name: str) -> int:
        """The number of a node or client. Raises UsageError."""
        if name not in self.names:
            raise UsageError(
                f"a fault of {name!r}, which is not there; there are {', '.join(self.names)}"
            )
        return self.names.index(name)

    def keep_down(self, name: str, by: int) -> None:
        """One more reason (1) for a node to be down, or one less (-1); 0: see to it."""
        index = self.index(name)
        self._down[index] += by
        if self._down[index]:
            self.world.crash(index)
        else:
            self.world.start(index)

    def keep_paused(self, name: str, by: int) -> None:
        """One more reason for a node to stand still, or one less."""
        index = self.index(name)
        self._paused[index] += by
        if by > 0 and self._paused[index] == 1:
            self.world.pause(index)
        elif not self._paused[index]:
            self.world.resume(index)

    def play(self) -> bool:
        """Run through the faulty time; whether there were inputs left when it was over."""
        for fault in self.plan.faults:
            if isinstance(fault, Lose):
                fault.begin(self)
        for index in range(len(self.names)):
            self.world.start(index)
        self.changed()
        for time_ns, _, ends, place in self._turns():
            if not self._go_on(time_ns):
                return False
            fault = self.plan.faults[place]
            (fault.end if ends else fault.begin)(self)
            self.began(fault, not ends)
            self.changed()
        return self._go_on(self.plan.faulty_ns)

    def slice(self) -> bool:
        """Go on for a while, all being healed; False if no inputs are left."""
        return self._go_on(self.world.now_ns + SLICE_NS)

    @property
    def clients_done(self) -> bool:
        """Whether every client has all its answers, or has given up."""
        return all(
            (state := self.world.state(index)) is not None and node.is_done(state)
            for index, node in self._clients
        )

    def _go_on(self, until_ns: int) -> bool:
        left = self.plan.inputs_max - self.world.taken
        return bool(left > 0 and self.world.run(until_ns, left))

    def _turns(self) -> list[tuple[int, int, bool, int]]:
        """When faults begin and end: what ends at a time ends before what begins then."""
        turns = []
        for place, fault in enumerate(self.plan.faults):
            if not isinstance(fault, Lose):
                for begin_ns, end_ns in fault.times(self.plan.faulty_ns):
                    turns.append((begin_ns, 1, False, place))
                    turns.append((end_ns, 0 if end_ns > begin_ns else 2, True, place))
        return sorted(turns)


def _with_commands(name: str, node: Node, plan: Plan) -> Node:
    if not isinstance(node, Client):
        return node
    return node.with_commands(plan.commands.get(name, ()))


def _disk(system: System, plan: Plan, index: int) -> NodeDisk | FileDisk:
    if plan.disks == "values" or index >= len(system.nodes):
        return NodeDisk(plan.seed, index, plan.sync_ns)
    classes = known_classes(system.machine(system.names[index]))
    return FileDisk(plan.seed, index, plan.sync_ns, classes)


def _corrupter(codec: Codec) -> Callable[[Any, int], Any]:
    """Turns round one bit of what is written on the wire; None if that is no message any more."""

    def corrupt(payload: Any, drawn: int) -> Any:
        data = bytearray(codec.encode(payload))
        bit = drawn % (8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        try:
            return codec.decode(bytes(data))
        except MessageError:
            return None

    return corrupt
