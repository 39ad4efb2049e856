"""A system with what its runs have in common: the network, and how often things go wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from headrace.errors import UsageError
from headrace.simulation.chance import PLAN, draw
from headrace.simulation.chaos import Chaos
from headrace.simulation.determinism import Guard, check_system
from headrace.simulation.faults import Fault
from headrace.simulation.journals import machine_of
from headrace.simulation.network import Network
from headrace.simulation.plan import MILLISECOND_NS, Plan
from headrace.simulation.run import Run, Runner
from headrace.system import Client
from headrace.system.node_machine import NodeMachine
from headrace.system.system import System


class Simulation:
    """Runs a system in a simulated world: `Simulation(system, chaos=Chaos(crashes=2)).run(seed=1)`.

    Everything in a run follows from its seed: the commands of clients that have a function for
    them, the faults that `chaos` draws (of several the seeds take turns; `faults` come in every
    run), and what the network does. The meaning of the rest is that of `Plan`. With `pure` (the
    default) handlers are looked at for clocks, chance and the outside, before and during a run.
    Needs no thread and no clock; a run blocks until it is over. Raises UsageError, and
    NotDeterministic with the line in question.
    """

    def __init__(
        self,
        system: System,
        *,
        network: Network | None = None,
        chaos: Chaos | Iterable[Chaos] | None = None,
        faults: Iterable[Fault] = (),
        faulty_ns: int = 1000 * MILLISECOND_NS,
        end_ns: int = 60_000 * MILLISECOND_NS,
        inputs_max: int = 1_000_000,
        sync_ns: tuple[int, int] = (50_000, 500_000),
        disks: str = "values",
        pure: bool = True,
    ) -> None:
        if not isinstance(system, System):
            raise UsageError(f"a simulation is of a headrace.System, not of {system!r}")
        if not 0 <= faulty_ns <= end_ns:
            raise UsageError(f"faulty_ns={faulty_ns} must be between 0 and end_ns={end_ns}")
        if not 0 <= sync_ns[0] <= sync_ns[1]:
            raise UsageError(f"sync_ns={sync_ns!r}: from and to, in nanoseconds")
        if disks not in ("values", "files"):
            raise UsageError(f'disks={disks!r}: there are "values" and "files"')
        if pure:
            check_system(system)
        self.system = system
        self.disks = disks
        self.pure = pure
        self.network = network or Network()
        self.chaos = (chaos,) if isinstance(chaos, Chaos) else tuple(chaos or ())
        self.faults = tuple(faults)
        self.faulty_ns = faulty_ns
        self.end_ns = end_ns
        self.inputs_max = inputs_max
        self.sync_ns = sync_ns

    @property
    def classes(self) -> dict[str, Any]:
        """The types of the messages, requests and replies of all nodes, by name."""
        nodes = (*self.system.nodes.values(), *self.system.clients.values())
        kinds = {kind for node in nodes for kind in node.table.types}
        return {kind.__name__: kind for kind in kinds if isinstance(kind, type)}

    def machine(self, node: str) -> NodeMachine:
        """A node as the machine whose journal `headrace simulate --journals` writes."""
        return machine_of(self.system, node)

    def plan(self, seed: int) -> Plan:
        """What the run of that seed is made of."""
        drawn: tuple[Fault, ...] = ()
        if self.chaos:
            chaos = self.chaos[seed % len(self.chaos)]
            drawn = chaos.schedule(seed, tuple(self.system.nodes), self.faulty_ns)
        return Plan(
            seed=seed,
            commands={
                name: _commands(client.commands, seed, place)
                for place, (name, client) in enumerate(self.system.clients.items())
                if isinstance(client, Client)
            },
            faults=(*self.faults, *drawn),
            network=self.network,
            faulty_ns=self.faulty_ns,
            end_ns=self.end_ns,
            inputs_max=self.inputs_max,
            sync_ns=self.sync_ns,
            disks=self.disks,
        )

    def run(self, seed: int = 0) -> Run:
        """The run of that seed."""
        return self.run_plan(self.plan(seed))

    def run_plan(self, plan: Plan) -> Run:
        """The run of a plan, of whatever making."""
        with Guard() if self.pure else nullcontext():
            return Runner(self.system, plan).run()


def _commands(
    commands: Callable[[random.Random], Iterable[Any]] | Iterable[Any], seed: int, place: int
) -> tuple[Any, ...]:
    if callable(commands):
        return tuple(commands(random.Random(draw(seed, PLAN, 1 << 32, place))))
    return tuple(commands)
