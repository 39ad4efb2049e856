"""Values in which nodes have other names: what symmetry takes for the same."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from headrace.checking.keys import state_key
from headrace.errors import UsageError
from headrace.system.system import System

RENAMINGS_MAX = 720  # six equal nodes

_SAME = frozenset({int, float, bool, bytes, type(None), complex})


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The value with every text in it that is a node's name replaced by another name.

    Also as a key of a dict, whose items are put in the order of their keys: without that, a renamed
    dict would seldom be one that there is already.
    """
    kind = type(value)
    if kind is str:
        return names.get(value, value)
    if kind in _SAME:
        return value
    if isinstance(value, dict):
        pairs = [(renamed(key, names), renamed(one, names)) for key, one in value.items()]
        pairs.sort(key=lambda pair: repr(state_key(pair[0])))
        if kind is dict:
            return dict(pairs)
        other = copy.copy(value)
        other.clear()
        other.update(pairs)
        return other
    if isinstance(value, tuple):
        members = [renamed(one, names) for one in value]
        return kind(*members) if hasattr(value, "_fields") else tuple(members)
    if kind in (list, set, frozenset):
        return kind(renamed(one, names) for one in value)
    if isinstance(value, msgspec.Struct):
        fields = {name: renamed(getattr(value, name), names) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **fields)
    if dataclasses.is_dataclass(kind):
        other = copy.copy(value)
        for field in dataclasses.fields(kind):
            object.__setattr__(other, field.name, renamed(getattr(value, field.name), names))
        return other
    return value


def renamings(
    system: System, symmetry: Iterable[str] | Iterable[Iterable[str]]
) -> list[tuple[int, ...]]:
    """Whose place each endpoint takes, for each renaming but the one that changes nothing.

    `symmetry`: names of nodes that are equal, or several groups of them. Raises UsageError.
    """
    groups = _groups(system, symmetry)
    count = math.prod(math.factorial(len(group)) for group in groups)
    if count > RENAMINGS_MAX:
        raise UsageError(
            f"symmetry: {count:,} ways to rename the nodes, each to be tried for every state, are "
            f"more than {RENAMINGS_MAX}; give smaller groups"
        )
    found = []
    for permuted in itertools.product(*(itertools.permutations(group) for group in groups)):
        places = list(range(len(system.names)))
        for group, others in zip(groups, permuted, strict=True):
            for one, other in zip(group, others, strict=True):
                places[one] = other
        found.append(tuple(places))
    return found[1:]  # permutations begin with the given order


def _groups(
    system: System, symmetry: Iterable[str] | Iterable[Iterable[str]]
) -> list[tuple[int, ...]]:
    given: list[Any] = [symmetry] if isinstance(symmetry, str) else list(symmetry)
    if given and all(isinstance(one, str) for one in given):
        given = [given]
    everything = {**system.nodes, **system.clients}
    seen: set[str] = set()
    groups = []
    for group in given:
        names = [group] if isinstance(group, str) else list(group)
        for name in names:
            if name not in everything:
                raise UsageError(
                    f"symmetry: there is no {name!r}; there are {', '.join(system.names)}"
                )
            if name in seen:
                raise UsageError(f"symmetry: {name!r} stands twice")
            seen.add(name)
            if everything[name] is not everything[names[0]]:
                raise UsageError(
                    f"symmetry: {names[0]!r} and {name!r} are not the same object; make one node, "
                    "and give it to both names"
                )
            if (name in system.nodes) != (names[0] in system.nodes):
                raise UsageError(f"symmetry: of {names[0]!r} and {name!r} one is a client")
        groups.append(tuple(system.names.index(name) for name in names))
    return groups
