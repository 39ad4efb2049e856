"""Which types of messages there are: those that handlers are declared for, and their answers."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import msgspec

from headrace.errors import MachineError
from headrace.system.client import Redirect, Refused
from headrace.system.node import Node
from headrace.system.values import PLAIN, Codec, check_type

ALWAYS = (*PLAIN, type(None), tuple, Redirect, Refused)


def classes_in(modules: Iterable[str]) -> tuple[type, ...]:
    """The classes that are defined in modules of these names."""
    return tuple(
        value
        for module in dict.fromkeys(modules)
        if module != "builtins"
        for value in list(vars(sys.modules.get(module, object)).values())
        if isinstance(value, type) and value.__module__ == module
    )


def codec_of(nodes: Iterable[Node]) -> Codec:
    """Writes down all that nodes tell each other, and what they answer. Raises MachineError.

    No handler is declared for what a client is answered. So beside the types that handlers are
    declared for there are numbers, texts, bytes, None, tuples of these, `Redirect`, `Refused`, and
    the frozen structs of the modules in which the nodes, or the types of their handlers, are
    written.
    """
    several = list(nodes)
    kinds: dict[Any, None] = dict.fromkeys(ALWAYS)
    for node in several:
        kinds.update(dict.fromkeys(node.table.types))
    names = {getattr(kind, "__name__", "") for kind in kinds}
    modules = [each.__module__ for node in several for each in type(node).__mro__]
    modules += [kind.__module__ for kind in kinds if isinstance(kind, type)]
    for value in classes_in(modules):
        if value.__name__ not in names and _is_sendable(value):
            names.add(value.__name__)
            kinds[value] = None
    return Codec(kinds)


def _is_sendable(kind: type) -> bool:
    if not issubclass(kind, msgspec.Struct):
        return False
    try:
        check_type(kind, kind.__name__)
    except (MachineError, NameError, TypeError):
        return False
    return True
