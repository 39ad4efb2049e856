"""Shapes of containers: what the trees of a page say once, and number, for all that are alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from headrace.debugger.page_text import array_kind, visible

Shape = dict[str, Any]
Getter = Callable[[Any], Sequence[Any]]


class Shapes:
    """A table of shapes.

    Each has a `kind`, what the container is called, and a `form`: "fields" with `keys`, "index"
    with the `dims` of an array, or without, "keys", or "members".
    """

    def __init__(self) -> None:
        self.table: list[Shape] = []
        self._numbers: dict[Any, int] = {}
        self._getters: dict[type, tuple[tuple[str, ...], Getter]] = {}

    def fields(self, kind: type, names: Sequence[str]) -> int:
        """A dataclass, a msgspec struct or a named tuple."""
        keys = [f".{visible(name)}" for name in names]
        return self._number(("fields", kind), _name(kind), "fields", keys=keys)

    def record(self, names: Sequence[str]) -> int:
        """An item of a structured array."""
        keys = [f"[{name!r}]" for name in names]
        return self._number(("record", *names), "record", "fields", keys=keys)

    def index(self, kind: type) -> int:
        """A list or a tuple."""
        return self._number(("index", kind), _name(kind), "index")

    def keys(self, kind: type) -> int:
        """A dict."""
        return self._number(("keys", kind), _name(kind), "keys")

    def members(self, kind: type) -> int:
        """A set."""
        return self._number(("members", kind), _name(kind), "members")

    def array(self, array: Any, sparse: bool) -> int:
        """An array; `sparse`: only some of its elements are shown."""
        kind = array_kind(array)
        if sparse:
            return self._number(("sparse", kind), kind, "keys", sparse=True)
        return self._number(("array", kind), kind, "index", dims=list(array.shape))

    def annotate(self, number: int, names: Sequence[str]) -> int:
        """A shape of its own, for the states of a pipeline: the same, with a note at each place."""
        notes = [visible(name) for name in names]
        self.table.append({**self.table[number], "notes": notes})
        return len(self.table) - 1

    def getter(self, kind: type) -> tuple[tuple[str, ...], Getter]:
        """The names of a dataclass's or a struct's fields, and what reads all of them at once."""
        found = self._getters.get(kind)
        if found is None:
            names = names_of(kind)
            found = self._getters[kind] = (names, _reader(names))
        return found

    def _number(self, key: Any, kind: str, form: str, **more: Any) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.table)
            self.table.append({"kind": kind, "form": form, **more})
        return self._numbers[key]


def names_of(kind: Any) -> tuple[str, ...]:
    """The names of the fields of a dataclass or of a msgspec struct."""
    if issubclass(kind, msgspec.Struct):
        names: tuple[str, ...] = kind.__struct_fields__
        return names
    return tuple(field.name for field in dataclasses.fields(kind))


def _name(kind: type) -> str:
    return visible(kind.__name__)


def _reader(names: tuple[str, ...]) -> Getter:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)
