"""Machines put together. For now: one after the other."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from headrace.errors import MachineError, UsageError
from headrace.machine import Machine


def stages_of(machine: Machine | Pipeline) -> tuple[Machine, ...]:
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
    raise UsageError(
        f"an engine runs a machine or a pipeline of machines, not {machine!r}; decorate a step "
        "function with @headrace.machine(event=..., ...)"
    )


class Pipeline:
    """Machines in sequence: each takes the outputs of the one before as its events.

    Made by `a >> b >> c`. A value: `stages` is the tuple of machines. Raises MachineError where an
    output dtype is not the next machine's event dtype.
    """

    def __init__(self, *stages: Machine) -> None:
        if not stages:
            raise MachineError("a pipeline needs at least one machine")
        for front, behind in pairwise(stages):
            if front.output is None:
                raise MachineError(
                    f"{front.name} has no outputs for {behind.name} to take; give it output=..."
                )
            if front.output != behind.event:
                raise MachineError(
                    f"{front.name} puts out {front.output}, but {behind.name} takes "
                    f"{behind.event}; make the two dtypes the same"
                )
        names = [stage.name for stage in stages]
        for name in names:
            if names.count(name) > 1:
                raise MachineError(
                    f"two stages are called {name!r}; give one another name (name='...')"
                )
        self.stages = stages

    def __rshift__(self, other: Machine | Pipeline) -> Pipeline:
        if isinstance(other, Pipeline):
            return Pipeline(*self.stages, *other.stages)
        if isinstance(other, Machine):
            return Pipeline(*self.stages, other)
        return NotImplemented

    def __rrshift__(self, other: Machine) -> Pipeline:
        if isinstance(other, Machine):
            return Pipeline(other, *self.stages)
        return NotImplemented

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pipeline) and self.stages == other.stages

    def __hash__(self) -> int:
        return hash(self.stages)

    def __repr__(self) -> str:
        return " >> ".join(stage.name for stage in self.stages)


def _then(front: Machine, behind: Any) -> Any:
    if isinstance(behind, Pipeline):
        return Pipeline(front, *behind.stages)
    if isinstance(behind, Machine):
        return Pipeline(front, behind)
    return NotImplemented


Machine._sequence_with = staticmethod(_then)
