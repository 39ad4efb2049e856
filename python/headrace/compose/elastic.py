"""A machine for keyed work with as many workers as its load needs: a part of a topology."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from headrace.compose.topology import SHARDS_MAX, Topology, _fields, check_part
from headrace.errors import UsageError
from headrace.keys import PARTITIONS_DEFAULT, check_partitions
from headrace.machine import Machine


class Elastic(Topology):
    """One machine for each partition of the keys, and between `min` and `max` workers for them.

    By its outputs and its states it is `Shard(machine, by, n=partitions)`: each partition has a
    state of its own, and its events are stepped in order, by one worker at a time. Only the states
    of partitions that events came to are kept, and told of: a dict, partition -> state. Workers are
    added and retired, and partitions moved from one to another, while it runs; no event is lost or
    stepped twice, and all outputs of a key stay in order.

    `by`: a field, or several. `controller`: decides how many workers there are, each `period`
    seconds: an object with `decide(measurement) -> int` (see `headrace.elastic.Controller`), or a
    function that makes one (each copy of a stage needs one of its own); None: `PID()`. `ordered`:
    outputs come in the order of all inputs; otherwise as soon as they are there, those of each key
    in order. Raises UsageError.
    """

    def __init__(
        self,
        machine: Machine,
        by: str | Sequence[str],
        min: int = 1,
        max: int = 4,
        partitions: int = PARTITIONS_DEFAULT,
        controller: Any = None,
        ordered: bool = False,
        period: float = 0.1,
    ) -> None:
        check_part(machine)
        if not isinstance(machine, Machine):
            raise UsageError(
                f"an elastic stage is of one machine, not of {machine!r}; make each machine of it "
                "a stage, one behind the other"
            )
        if by is None:
            raise UsageError("an elastic stage goes by key: by names a field of its events")
        fields = _fields(by, machine)
        assert fields is not None
        for name, count in (("min", min), ("max", max)):
            if not isinstance(count, int) or isinstance(count, bool):
                raise UsageError(f"{name} is a number of workers, not {count!r}")
        if not 1 <= min <= max <= SHARDS_MAX:
            raise UsageError(
                f"there are 1 to {SHARDS_MAX} workers, and no fewer at most (max={max}) than at "
                f"least (min={min})"
            )
        if not isinstance(ordered, bool):
            raise UsageError(f"ordered is True or False, not {ordered!r}")
        if controller is not None and not (hasattr(controller, "decide") or callable(controller)):
            raise UsageError(
                "controller has a method decide(measurement), or makes one that has; "
                f"{controller!r} does neither"
            )
        if not isinstance(period, int | float) or not 0 < period < math.inf:
            raise UsageError(f"period is in seconds, above 0, not {period!r}")
        self.by = fields
        self.min, self.max = min, max
        self.partitions = check_partitions(partitions)
        self.controller = controller
        self.ordered = ordered
        self.period = float(period)
        self.parts = (machine,)
        self.event, self.output = machine.event, machine.output
        self.machines = (machine,)

    @property
    def machine(self) -> Machine:
        """What each partition has one of."""
        machine: Machine = self.parts[0]
        return machine

    def _value(self) -> tuple[Any, ...]:
        return (
            *self.parts, self.by, self.min, self.max, self.partitions, self.controller,
            self.ordered, self.period,
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        # For worker processes, where nobody decides: a controller may be of any kind.
        return self.__dict__ | {"controller": None}

    def __copy__(self) -> Elastic:
        return self  # a value

    def __deepcopy__(self, memo: Any) -> Elastic:
        return self

    def __repr__(self) -> str:
        # What a journal is known by: how many workers there are makes no difference to it.
        by = self.by[0] if len(self.by) == 1 else self.by
        ordered = ", ordered=True" if self.ordered else ""
        return f"elastic({self.machine.name}, by={by!r}, partitions={self.partitions}{ordered})"


def elastic(
    machine: Machine,
    by: str | Sequence[str],
    min: int = 1,
    max: int = 4,
    partitions: int = PARTITIONS_DEFAULT,
    controller: Any = None,
    ordered: bool = False,
    period: float = 0.1,
) -> Elastic:
    """One machine for each partition of the keys, on as many workers as the load needs: `Elastic`.

    Raises UsageError.
    """
    return Elastic(machine, by, min, max, partitions, controller, ordered, period)
