"""`linearizable`, `sequentially_consistent`: a history against a machine, within limits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from typing import Any

from headrace.checking.deciding import Decided, Deciding
from headrace.checking.history import Operation, Placed, is_hashable, place
from headrace.checking.model import Model, ModelSpecification
from headrace.checking.numbering import Numbered
from headrace.checking.result import Linearizability, Reached
from headrace.checking.sequential import Sequential
from headrace.checking.specification import Specification
from headrace.errors import OperationError, UsageError
from headrace.machine import Machine

_STATES_MAX = 100  # that a result holds


def linearizable(
    history: Iterable[Operation],
    model: Machine | Model,
    partition: Callable[[Any], Hashable] | None = None,
    time_limit: float | None = 60.0,
    *,
    configurations_max: int = 4_000_000,
) -> Linearizability:
    """Whether each operation can have taken effect at one moment between its call and its return.

    `model`: the machine, or the `Model`, that answers as the system should, one operation at a
    time. A step that raises takes no effect: an operation that is ok did not happen there. States
    are copied, and may be changed in place.
    `partition`: names the part of an operation by its input (as it stands in the operation), where
    parts do not touch each other, keys of a store say; each part begins in the initial state, and
    is checked by itself, the smallest first, which is far quicker.
    `time_limit`: seconds of searching for all parts together (None: no limit; a step that is under
    way is waited for); `configurations_max`: that one part may hold in memory, some 100 bytes each.
    When either is reached without a violation found, the verdict is "unknown".

    Blocks. Usable from any thread; steps are called in it. Raises OperationError for a history that
    cannot be, UsageError for wrong arguments, MachineError for a step that asks for its place in
    the order or makes a state that cannot be, OutputError for one that puts out what cannot be.

    The algorithm is that of Wing and Gong, "Testing and verifying concurrent objects" (1993), with
    Lowe's memory of configurations, "Testing for linearizability" (2016).
    """
    return _checked(history, model, partition, time_limit, configurations_max, Deciding)


def sequentially_consistent(
    history: Iterable[Operation],
    model: Machine | Model,
    time_limit: float | None = 60.0,
    *,
    configurations_max: int = 1_000_000,
) -> Linearizability:
    """Whether there is one order in which each client's operations stand as that client did them.

    Unlike for `linearizable` no time counts but the order of one client's operations: a client may
    see what was long ago, but not go back. There are no partitions, because parts that are each
    sequentially consistent need not be so together. It is the harder question: what is not
    linearisable either, is decided only if it is small, some tens of operations of a few clients.

    If it is bad, `prefix` is the longest order that there is, and `operation` one of those that
    would be next, none of which can follow. `configurations_max`: some 500 bytes each. All else is
    as for `linearizable`.
    """
    checked = _checked(history, model, None, time_limit, configurations_max, Sequential)
    return replace(checked, consistency="sequential")


def _checked(
    history: Iterable[Operation],
    model: Machine | Model,
    partition: Callable[[Any], Hashable] | None,
    time_limit: float | None,
    configurations_max: int,
    decider: type[Deciding] | type[Sequential],
) -> Linearizability:
    deadline = _deadline(time_limit)
    if type(configurations_max) is not int or configurations_max < 1:
        raise UsageError(
            f"configurations_max must be an integer of 1 or more, not {configurations_max!r}"
        )
    specification: Any
    if isinstance(model, Model):
        specification = ModelSpecification(model)
        if partition is None and type(model).partition is not Model.partition:
            partition = model.partition
    else:
        specification = Specification(model)
    placed = place(history)
    for one in placed:  # those that failed too, of which nothing else is looked at
        specification.input_id(one.index, one.operation.input)

    # All are made first: a mistake in one part is told whatever the others come to.
    parted = _parts(placed, partition)
    parts = [(key, decider(Numbered(part, specification))) for key, part in parted]
    of = {key: tuple(one.operation for one in part) for key, part in parted}
    prefix: list[Operation] = []
    unknown: tuple[Any, str] | None = None
    for key, deciding in parts:
        decided = deciding.run(deadline, configurations_max)
        order = [deciding.numbered.placed[number].operation for number in decided.order]
        if decided.verdict == "ok":
            prefix += order
        elif decided.verdict == "bad":
            visited = sum(each.visited for _, each in parts)
            reason, operation, states = _bad(deciding.numbered, decided)
            return Linearizability(
                "bad", len(placed), visited, reason, key, tuple(order), operation, states, of[key]
            )
        elif unknown is None:
            late = time.monotonic() >= deadline
            limit = f"{time_limit} s" if late else f"{configurations_max:,} configurations"
            unknown = key, f"not decided within {limit}"
    visited = sum(each.visited for _, each in parts)
    if unknown is not None:
        key, reason = unknown
        return Linearizability("unknown", len(placed), visited, reason, key, history=of[key])
    all_ = tuple(one.operation for one in placed)
    return Linearizability("ok", len(placed), visited, prefix=tuple(prefix), history=all_)


def _deadline(time_limit: Any) -> float:
    if time_limit is None:
        return math.inf
    if (
        isinstance(time_limit, bool)
        or not isinstance(time_limit, int | float)
        or not time_limit >= 0
    ):
        raise UsageError(f"time_limit must be seconds, 0 or more, or None, not {time_limit!r}")
    return time.monotonic() + time_limit


def _parts(
    placed: list[Placed], partition: Callable[[Any], Hashable] | None
) -> list[tuple[Any, list[Placed]]]:
    """The parts by what they are called, the smallest first."""
    if partition is None:
        return [(None, placed)]
    parts: dict[Hashable, list[Placed]] = {}
    for one in placed:
        key = partition(one.operation.input)
        if not is_hashable(key):
            raise OperationError(
                one.index, f"the partition calls its part {key!r}, which cannot be hashed"
            )
        parts.setdefault(key, []).append(one)
    return sorted(parts.items(), key=lambda part: len(part[1]))


def _bad(numbered: Numbered, decided: Decided) -> tuple[str, Operation | None, tuple[Reached, ...]]:
    """What is not known of it, the operation that cannot follow, and the states reached."""
    number = decided.culprit
    if number is None:
        return "which operation cannot be was not found in time", None, ()
    model = numbered.model
    reached = tuple(
        Reached(model.state(state), model.told(state, numbered.inputs[number]))
        for state in decided.states[:_STATES_MAX]
    )
    return "", numbered.placed[number].operation, reached
