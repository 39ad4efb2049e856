"""What a run is made of, before it begins: everything that decides how it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from headrace.simulation.faults import Fault
from headrace.simulation.network import Network

MILLISECOND_NS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run to be: the same system and the same plan give the same run, bit for bit.

    `commands`: what each client asks for, in order. `faults` happen in the first `faulty_ns`, then
    all are healed; the run is over when the clients are done and what must hold eventually holds,
    or at `end_ns`. `inputs_max`: that nodes may take in all. `sync_ns`: how long disks need, from
    and to. `disks`: "values", or "files", on simulated disks with blocks, which is slower.
    """

    seed: int
    commands: Mapping[str, tuple[Any, ...]]
    faults: tuple[Fault, ...] = ()
    network: Network = Network()  # noqa: RUF009 - it cannot be changed
    faulty_ns: int = 1000 * MILLISECOND_NS
    end_ns: int = 60_000 * MILLISECOND_NS
    inputs_max: int = 1_000_000
    sync_ns: tuple[int, int] = (50_000, 500_000)
    disks: str = "values"

    def __str__(self) -> str:
        lines = [f"seed {self.seed}"]
        for client, commands in self.commands.items():
            s = "" if len(commands) == 1 else "s"
            lines.append(f"client {client}: {len(commands)} command{s}")
            lines.extend(f"    {command!r}" for command in commands)
        weather = [
            f"{field.name}={getattr(self.network, field.name)}"
            for field in fields(self.network)
            if field.name != "delay" and getattr(self.network, field.name) != field.default
        ]
        lines.append(f"network: {', '.join(weather) or 'nothing but delays'}")
        lines.append(f"faults: {len(self.faults)}, until {self.faulty_ns:,} ns")
        lines.extend(f"    {fault}" for fault in self.faults)
        return "\n".join(lines)

    @property
    def size(self) -> tuple[int, int]:
        """How many commands and faults there are."""
        return sum(map(len, self.commands.values())), len(self.faults)
