"""Transactions on lists: what they appended to, and what they read, by key.

A list that is only appended to tells its whole past: who reads [1, 2] has seen the version [1] come
before. So every value may be appended to a key only once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from headrace.checking.history import Operation, Placed, is_hashable, place
from headrace.errors import OperationError

APPEND, READ = "append", "read"


@dataclass(frozen=True)
class Micro:
    """One append of a value, or one read; `values` is None where it is not known what was read."""

    act: str
    key: Hashable
    value: Any = None
    values: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Transaction:
    """A transaction; `index`: which operation of the history."""

    index: int
    operation: Operation
    micros: tuple[Micro, ...]

    @property
    def status(self) -> str:
        """What became of it: ok, fail or info."""
        return self.operation.status

    def appends(self, key: Hashable) -> list[Any]:
        """What it appended to a key, in order."""
        return [one.value for one in self.micros if one.act == APPEND and one.key == key]

    def reads(self) -> list[Micro]:
        """Its reads of which it is known what they saw."""
        return [one for one in self.micros if one.act == READ and one.values is not None]

    def __str__(self) -> str:
        did = ", ".join(
            f"append {one.value!r} to {one.key!r}"
            if one.act == APPEND
            else f"read {one.key!r}: {'?' if one.values is None else list(one.values)}"
            for one in self.micros
        )
        operation = self.operation
        end = "?" if operation.return_ is None else operation.return_
        status = "" if self.status == "ok" else f" ({self.status})"
        return f"client {operation.client!r} [{operation.call}, {end}] {did or 'nothing'}{status}"


def transactions(history: Iterable[Operation]) -> list[Transaction]:
    """The transactions of a history, each checked. Raises OperationError."""
    found = []
    appended: dict[tuple[Hashable, Any], int] = {}
    for one in place(history):
        micros = tuple(_micros(one))
        found.append(Transaction(one.index, one.operation, micros))
        for micro in micros:
            if micro.act != APPEND:
                continue
            first = appended.setdefault((micro.key, micro.value), one.index)
            if first != one.index or micros.count(micro) > 1:
                raise OperationError(
                    one.index,
                    f"it appends {micro.value!r} to {micro.key!r}, as operation {first} does; each "
                    "value may be appended to a key once, else nobody knows whose it is",
                )
    return found


def _micros(one: Placed) -> Iterable[Micro]:
    """From the output, if there is one: it is the input with what was read."""
    operation = one.operation
    known = operation.status == "ok"
    given = operation.output if known and operation.output is not None else operation.input
    if not isinstance(given, list | tuple):
        raise OperationError(one.index, f"it is {given!r}, not a list of appends and reads")
    for each in given:
        if not isinstance(each, list | tuple) or len(each) != 3 or each[0] not in (APPEND, READ):
            raise OperationError(
                one.index,
                f"{each!r} is neither ('append', key, value) nor ('read', key, [values])",
            )
        act, key, value = each
        values = tuple(value) if act == READ and isinstance(value, list | tuple) else None
        if not is_hashable(key) or not is_hashable(values if act == READ else value):
            raise OperationError(one.index, f"{each!r} has a key or value that cannot be hashed")
        if act == APPEND:
            yield Micro(APPEND, key, value)
        elif known and values is None:
            raise OperationError(one.index, f"{each!r} is ok, but does not say what was read")
        else:
            yield Micro(READ, key, None, values if known else None)
