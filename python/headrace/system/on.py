"""Which input a handler of a node is for: `hr.on.message(Ping)`, `hr.on.timer("election")`.

    class Server(hr.Node):
        @hr.on.message(Ping)
        def ping(self, state, message, source):
            return state, hr.send(source, Pong(message.number))

A method may be decorated several times. With `when` it is for one mode of the node, or for several;
one without is for all modes that have no handler of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

MARK = "_headrace_handles"  # the attribute that holds what a method is for


@dataclass(frozen=True)
class Handles:
    """One thing that a method handles: a kind of input, a type or a name, and the modes."""

    kind: str
    key: Any
    modes: tuple[Any, ...] | None


def start(*, when: Any = None) -> Callable[[F], F]:
    """The first input of a node, and the first after a crash if nothing handles `restart`."""
    return _mark("start", [None], when)


def restart(*, when: Any = None) -> Callable[[F], F]:
    """The first input after a crash; `durable` is what the disk holds."""
    return _mark("restart", [None], when)


def message(*types: Any, when: Any = None) -> Callable[[F], F]:
    """Messages of these types, from another node."""
    return _mark("message", types, when)


def request(*types: Any, when: Any = None) -> Callable[[F], F]:
    """Requests of these types, from a client; answered with `reply(caller, ...)`."""
    return _mark("request", types, when)


def reply(*types: Any, when: Any = None) -> Callable[[F], F]:
    """Replies of these types (none: all) to what was asked with `request`, as clients do."""
    return _mark("reply", types or [None], when)


def timer(*names: Any, when: Any = None) -> Callable[[F], F]:
    """Timers of these names that have run out; with no name, all that have no handler else."""
    return _mark("timer", names or [None], when)


def _mark(kind: str, keys: Any, when: Any) -> Callable[[F], F]:
    modes = None if when is None else tuple(when) if isinstance(when, tuple | list) else (when,)

    def decorate(function: F) -> F:
        before: tuple[Handles, ...] = getattr(function, MARK, ())
        setattr(function, MARK, (*before, *(Handles(kind, key, modes) for key in keys)))
        return function

    return decorate
