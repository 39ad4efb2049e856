"""Histories: what clients asked, when, and what they were told; and whether that can be a history.

Two operations are in order if one returned before the other was called; or if they are of one
client, and one returned at the very time at which the other was called. All others overlap.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from headrace.errors import OperationError, UsageError

STATUSES = ("ok", "fail", "info")


@dataclass(frozen=True)
class Operation:
    """What one client asked of a system, and what became of it.

    `client`: who asked; does one thing at a time. `call`, `return_`: when it was asked and when the
    answer came, integers or floats of one clock of any unit. `input`: an event of the machine: a
    tuple, dict, record or scalar. `output`: what the step puts out for it: None, one record (a
    tuple, dict, record or scalar), or a list or array of records; also what `Engine.call` returns.
    `status`: "ok", it took effect, and `output` was the answer; "fail", it took no effect; "info",
    nobody knows: it took effect at any time after its call, or never will. `output` counts only
    if it is ok; `return_` may be None if it is info, and then or not, its client may go on.
    """

    client: Hashable
    call: float
    return_: float | None
    input: Any
    output: Any = None
    status: str = "ok"

    def __str__(self) -> str:
        end = "?" if self.return_ is None or self.status == "info" else self.return_
        told = f"-> {self.output}" if self.status == "ok" else f"({self.status})"
        return f"client {self.client!r} [{self.call}, {end}] {self.input} {told}"


@dataclass(frozen=True)
class Placed:
    """An operation in its history: `after` is the index of the same client's that it must follow.

    Given only where the times do not say so: that one returned when this one was called.
    """

    index: int  # in the history
    operation: Operation
    after: int | None


def place(history: Iterable[Operation]) -> list[Placed]:
    """The operations in the order of the history, each checked. Raises OperationError."""
    operations = list(history)
    clients: dict[Hashable, list[int]] = {}
    for index, operation in enumerate(operations):
        _check(index, operation)
        clients.setdefault(operation.client, []).append(index)
    placed: list[Placed | None] = [None] * len(operations)
    for indexes in clients.values():
        for one in _place_client(operations, indexes):
            placed[one.index] = one
    return [one for one in placed if one is not None]


def _place_client(operations: list[Operation], indexes: list[int]) -> Iterable[Placed]:
    """The operations of one client; raises OperationError where two of them overlap."""
    indexes.sort(key=lambda index: (operations[index].call, _end(operations[index])))
    before: int | None = None  # the last that has returned
    last_ok: int | None = None
    for index in indexes:
        operation = operations[index]
        if before is not None and operation.call < _end(operations[before]):
            raise OperationError(
                index,
                f"client {operation.client!r} calls at {operation.call}, while its operation "
                f"{before}, called at {operations[before].call}, returns only at "
                f"{operations[before].return_}; a client does one thing at a time, so give each "
                "that does things at once a name of its own",
            )
        after = None
        if last_ok is not None and operations[last_ok].return_ == operation.call:
            after = last_ok
        yield Placed(index, operation, after)
        if operation.return_ is not None:
            before = index
        if operation.status == "ok":
            last_ok = index


def _end(operation: Operation) -> float:
    return operation.call if operation.return_ is None else operation.return_


def _check(index: int, operation: Any) -> None:
    if not isinstance(operation, Operation):
        raise UsageError(
            f"operation {index} is of type {type(operation).__name__}; a history is made of "
            "headrace.Operation(client, call, return_, input, output, status)"
        )
    if operation.status not in STATUSES:
        raise OperationError(
            index, f"its status is {operation.status!r}; there are 'ok', 'fail' and 'info'"
        )
    if not is_hashable(operation.client):
        raise OperationError(index, f"its client, {operation.client!r}, cannot be hashed")
    _check_time(index, "call", operation.call)
    if operation.return_ is None:
        if operation.status != "info":
            raise OperationError(
                index, f"it has no return, but is {operation.status!r}; only 'info' may lack one"
            )
        return
    _check_time(index, "return", operation.return_)
    if operation.return_ < operation.call:
        raise OperationError(
            index, f"it returns at {operation.return_}, before its call at {operation.call}"
        )


def is_hashable(value: Any) -> bool:
    """Whether it can be a key of a dict: a tuple of lists cannot."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _check_time(index: int, what: str, time: Any) -> None:
    if isinstance(time, bool) or not isinstance(time, int | float) or math.isnan(time):
        raise OperationError(index, f"its {what} is {time!r}, not a number")
