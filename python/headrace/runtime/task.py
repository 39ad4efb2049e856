"""What a worker of an elastic stage begins with, in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.elastic.succession import Duty


@dataclass(frozen=True)
class Task:
    """`begun`: it reads at once; otherwise it sleeps until it is told to. `owed`: see `Duty`."""

    begun: bool
    owed: tuple[Duty, ...]
