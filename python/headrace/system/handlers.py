"""The handlers of a node: found, checked, and laid out as a table by kind, key and mode."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any, NamedTuple

from headrace.errors import MachineError
from headrace.system.on import MARK, Handles
from headrace.system.values import check_type

# What a handler may ask for behind its state, by the kind of its input.
EVERYWHERE = ("me", "nodes", "peers", "now_ns", "chance")
OWN = {
    "start": ("durable",),
    "restart": ("durable",),
    "message": ("message", "source"),
    "request": ("request", "caller"),
    "reply": ("reply", "source", "number"),
    "timer": ("timer",),
}
KINDS = tuple(OWN)


class Handler(NamedTuple):
    """A bound method, and the names of what it takes behind the state."""

    function: Callable[..., Any]
    parameters: tuple[str, ...]
    source: str  # file:line

    def of(self, node: Any) -> Handler:
        """The same handler of another node of the same class."""
        if not isinstance(self.function, MethodType):
            return self
        return self._replace(function=MethodType(self.function.__func__, node))


class Table(NamedTuple):
    """All handlers of a node: by mode, then by (kind, key). None: for every mode, for every key."""

    by_mode: dict[Any, dict[tuple[str, Any], Handler]]
    types: tuple[Any, ...]  # of messages, requests and replies, in the order of their names

    def find(self, mode: Any, kind: str, key: Any) -> Handler | None:
        """The handler of an input: that of its mode comes before that of all, so does its key's."""
        for table in (self.by_mode.get(mode), self.by_mode.get(None)):
            if table is not None:
                found = table.get((kind, key)) or table.get((kind, None))
                if found is not None:
                    return found
        if kind == "restart":
            return self.find(mode, "start", None)
        return None

    def of(self, node: Any) -> Table:
        """The same table for a copy of its node, whose methods are called."""
        by_mode = {
            mode: {key: handler.of(node) for key, handler in handlers.items()}
            for mode, handlers in self.by_mode.items()
        }
        return Table(by_mode, self.types)


_KNOWN_MAX = 10_000
_known: dict[tuple[Any, str], tuple[str, ...]] = {}


def build_table(node: Any, has_modes: bool, where: str) -> Table:
    """The table of a node's handlers. Raises MachineError."""
    by_mode: dict[Any, dict[tuple[str, Any], Handler]] = {}
    types: dict[Any, str] = {}
    for name, method, handles in _marked(node):
        place = f"{where}, handler {name}"
        handler = Handler(method, _parameters(method, handles.kind, place), _source(method))
        if handles.kind in ("message", "request", "reply") and handles.key is not None:
            check_type(handles.key, place)
            types[handles.key] = str(handles.key)
        if handles.modes is not None and not has_modes:
            raise MachineError(
                f"{place} is for mode {handles.modes[0]!r}, but the node has no modes; define "
                "mode(self, state)"
            )
        for mode in handles.modes or (None,):
            table = by_mode.setdefault(mode, {})
            other = table.setdefault((handles.kind, handles.key), handler)
            if other is not handler:
                raise MachineError(
                    f"{place}: {_what(handles, mode)} has a handler already ({other.source})"
                )
    if not by_mode:
        raise MachineError(f"{where} handles nothing; decorate its methods: @hr.on.message(Ping)")
    return Table(by_mode, tuple(sorted(types, key=types.__getitem__)))


def _marked(node: Any) -> Iterator[tuple[str, Callable[..., Any], Handles]]:
    """Every decorated method, those of base classes first, in the order in which they stand."""
    names: dict[str, None] = {}
    for kind in reversed(type(node).__mro__):
        names.update(dict.fromkeys(vars(kind)))
    for name in names:
        for handles in getattr(getattr(type(node), name, None), MARK, ()):
            yield name, getattr(node, name), handles


def _parameters(method: Callable[..., Any], kind: str, where: str) -> tuple[str, ...]:
    """What a handler takes behind the state; looked at once for each function and kind."""
    function = getattr(method, "__func__", method)
    found = _known.get((function, kind))
    if found is None:
        found = _known[function, kind] = _read_parameters(method, kind, where)
        if len(_known) > _KNOWN_MAX:
            _known.clear()
    return found


def _read_parameters(method: Callable[..., Any], kind: str, where: str) -> tuple[str, ...]:
    parameters = list(inspect.signature(method).parameters.values())
    known = (*OWN[kind], *EVERYWHERE)
    if not parameters:
        raise MachineError(f"{where} takes no state; write {method.__name__}(self, state, ...)")
    for parameter in parameters:
        if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise MachineError(
                f"{where}: {parameter} is no plain parameter; name what it takes: "
                f"{', '.join(known)}"
            )
    wanted = tuple(parameter.name for parameter in parameters[1:])
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise MachineError(
                f"{where}: a {kind} has no {name!r}; behind the state it may take "
                f"{', '.join(known)}{hint}"
            )
    return wanted


def _what(handles: Handles, mode: Any) -> str:
    key = "" if handles.key is None else f" {getattr(handles.key, '__name__', handles.key)}"
    return f"{handles.kind}{key}{'' if mode is None else f' in mode {mode!r}'}"


def _source(method: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(getattr(method, "__func__", method)), "__code__", None)
    return "" if code is None else f"{code.co_filename}:{code.co_firstlineno}"
