"""A system with what its runs have in common: the network, and how often things go wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from headrace.errors import UsageError
from headrace.simulation.chance import PLAN, draw
from headrace.simulation.chaos import Chaos
from headrace.simulation.faults import Fault
from headrace.simulation.network import Network
from headrace.simulation.plan import MILLISECOND_NS, Plan
from headrace.simulation.run import Run, Runner
from headrace.system import Client
from headrace.system.system import System


class Simulation:
    """Runs a system in a simulated world: `Simulation(system, chaos=Chaos(crashes=2)).run(seed=1)`.

    Everything in a run follows from its seed: the commands of clients that have a function for
    them, the faults that `chaos` draws (of several the seeds take turns; `faults` come in every
    run), and what the network does. The meaning of the rest is that of `Plan`. Needs no thread and
    no clock; a run blocks until it is over. Raises UsageError.
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
    ) -> None:
        if not isinstance(system, System):
            raise UsageError(f"a simulation is of a headrace.System, not of {system!r}")
        if not 0 <= faulty_ns <= end_ns:
            raise UsageError(f"faulty_ns={faulty_ns} must be between 0 and end_ns={end_ns}")
        if not 0 <= sync_ns[0] <= sync_ns[1]:
            raise UsageError(f"sync_ns={sync_ns!r}: from and to, in nanoseconds")
        self.system = system
        self.network = network or Network()
        self.chaos = (chaos,) if isinstance(chaos, Chaos) else tuple(chaos or ())
        self.faults = tuple(faults)
        self.faulty_ns = faulty_ns
        self.end_ns = end_ns
        self.inputs_max = inputs_max
        self.sync_ns = sync_ns

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
        )

    def run(self, seed: int = 0) -> Run:
        """The run of that seed."""
        return self.run_plan(self.plan(seed))

    def run_plan(self, plan: Plan) -> Run:
        """The run of a plan, of whatever making."""
        return Runner(self.system, plan).run()


def _commands(
    commands: Callable[[random.Random], Iterable[Any]] | Iterable[Any], seed: int, place: int
) -> tuple[Any, ...]:
    if callable(commands):
        return tuple(commands(random.Random(draw(seed, PLAN, 1 << 32, place))))
    return tuple(commands)
