"""What the tests of linearisability share: machines, and a checker that tries all orders."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import headrace as hr
from headrace import Operation

REGISTER = [("key", "<i4"), ("write", "?"), ("value", "<i8")]
QUEUE = [("put", "?"), ("value", "<i8")]
EMPTY = -1  # what an empty queue answers


@hr.machine(event=REGISTER, output=[("value", "<i8")], initial=dict)
def registers(state, key, write, value):  # type: ignore[no-untyped-def]
    """Registers, 0 at first; changed in place. A write of a negative value raises."""
    if write:
        state[key] = value
        if value < 0:
            raise ValueError("negative")
        return state, None
    return state, (state.get(key, 0),)


@hr.machine(event=QUEUE, output="<i8", initial=list)
def queue(state, event):  # type: ignore[no-untyped-def]
    """First in, first out."""
    if event.put:
        state.append(event.value)
        return state, None
    return state, (state.pop(0) if state else EMPTY,)


def write(client: Any, call: float, return_: float | None, value: int, **more: Any) -> Operation:
    """A write of a register; `key`: of which, 0 if not said."""
    return Operation(client, call, return_, (more.pop("key", 0), True, value), **more)


def read(client: Any, call: float, return_: float | None, value: int, **more: Any) -> Operation:
    """A read of a register and what it saw."""
    return Operation(client, call, return_, (more.pop("key", 0), False, 0), (value,), **more)


def put(client: Any, call: float, return_: float | None, value: int, **more: Any) -> Operation:
    return Operation(client, call, return_, (True, value), **more)


def get(client: Any, call: float, return_: float | None, value: int, **more: Any) -> Operation:
    return Operation(client, call, return_, (False, 0), (value,), **more)


def in_order(history: list[Operation]) -> set[tuple[int, int]]:
    """The `id`s of any two operations of which the first must come before the second."""
    sequence = sorted(history, key=lambda one: (one.call, one.return_ or one.call))
    return {
        (id(one), id(other))
        for at, one in enumerate(sequence)
        for other in sequence[at + 1 :]
        if one.status == "ok" and one.return_ is not None
        if one.return_ < other.call or (one.client, one.return_) == (other.client, other.call)
    }


def answers(machine: hr.Machine, order: list[Operation]) -> bool:
    """Whether the machine gives these answers, to these operations one after the other."""
    state = machine.initial()
    for operation in order:
        before = copy.deepcopy(state)
        names = machine.event.names
        assert names is not None
        event = dict(zip(names, operation.input, strict=True))
        try:
            if machine.parameters is None:
                state, output = machine.step(state, type("Event", (), event))
            else:
                state, output = machine.step(state, **event)
        except ValueError:
            state, output = before, ValueError
        if operation.status == "ok" and output != operation.output:
            return False
    return True


def orders(left: list[Operation], pairs: set[tuple[int, int]]) -> Iterator[list[Operation]]:
    """All orders of these operations that keep to the pairs."""
    if not left:
        yield []
    for one in left:
        others = [other for other in left if other is not one]
        if not any((id(other), id(one)) in pairs for other in others):
            for rest in orders(others, pairs):
                yield [one, *rest]


def is_linearizable(history: list[Operation], machine: hr.Machine, until: float = math.inf) -> bool:
    """The verdict by trying every order, with every choice of those that nobody knows of.

    `until`: of what had returned by then; the others are as they were, or have not been yet.
    """
    known = [one for one in history if one.status != "fail" and one.call <= until]
    sure = [one for one in known if one.status == "ok" and (one.return_ or 0) <= until]
    unsure = [one for one in known if not any(one is each for each in sure)]
    pairs = in_order(history)
    return any(
        answers(machine, order)
        for count in range(len(unsure) + 1)
        for happened in combinations(unsure, count)
        for order in orders([*sure, *happened], pairs)
    )
