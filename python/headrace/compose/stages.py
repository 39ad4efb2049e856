"""The machines of what is no more than machines one after the other."""

from __future__ import annotations

from typing import Any

from headrace.compose.topology import Pipeline, Topology
from headrace.errors import UsageError
from headrace.machine import Machine


def as_topology(value: Any) -> Machine | Topology:
    """What an engine runs. Raises UsageError for anything else."""
    if isinstance(value, Topology):
        return value
    stages_of(value)
    machine: Machine = value
    return machine


def stages_of(machine: Machine | Pipeline | Any) -> tuple[Machine, ...]:
    """What an engine runs, one machine after the other. Raises UsageError for anything else."""
    if isinstance(machine, Pipeline):
        return machine.stages
    if isinstance(machine, Machine):
        return (machine,)
    if isinstance(machine, type) and issubclass(machine, Machine):
        raise UsageError(
            f"an engine runs a machine, and {machine.__name__} is a class of machines; make one: "
            f"{machine.__name__}()"
        )
    if isinstance(machine, Topology):
        raise UsageError(
            f"this takes a machine or machines one after the other, and {machine!r} is more; "
            "hr.Engine runs it"
        )
    raise UsageError(
        f"an engine runs a machine or a pipeline of machines, not {machine!r}; decorate a step "
        "function with @headrace.machine(event=..., ...)"
    )
