"""What the tracker of states remembers of each part of a state, to see what has changed.

Most of a large state is the same from one event to the next, so that telling this must be quick:
atoms, which cannot change in place, are compared by identity, many at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import is_
from typing import Any

import numpy as np

from headrace.debugger.page_shapes import Getter, names_of
from headrace.debugger.page_text import ATOMS, inline
from headrace.engine.comparing import moved


@dataclasses.dataclass(slots=True)
class Rows:
    """Dataclasses of one kind, as all their atoms in a row."""

    kind: type
    names: tuple[str, ...]
    atoms: list[Any]


@dataclasses.dataclass(slots=True)
class Leaf:
    """A value that is shown as a text."""

    value: Any  # None where an object may change in place
    text: str


@dataclasses.dataclass(slots=True)
class Branch:
    """A container in which children have places."""

    kind: type
    kids: list[Any]
    flat: Sequence[Any] | None  # the children, where all of them are atoms
    keys: list[Any] = dataclasses.field(default_factory=list)  # of a dict
    get: Getter | None = None  # reads the children of a dataclass
    shape: int = -1
    rows: Rows | None = None  # where all children are dataclasses of one kind, of atoms only


@dataclasses.dataclass(slots=True)
class Members:
    """A set."""

    kind: type
    texts: list[str]
    typed: set[Any] | None  # the members with their types, where all of them are atoms


@dataclasses.dataclass(slots=True)
class Elements:
    """An array, or of a long one the elements that have changed so far."""

    dtype: Any
    shape: tuple[int, ...]
    flat: Any
    tree: list[Any]
    places: dict[int, int] | None  # where an element is among the children; None: at its index


Shadow = Leaf | Branch | Members | Elements


def rows_of(kids: list[Any]) -> Rows | None:
    """The rows that these shadows are, if they are dataclasses of one kind, of atoms only."""
    first = kids[0] if len(kids) > 1 else None
    if not isinstance(first, Branch) or first.get is None or not first.kids:
        return None
    kind = first.kind
    for kid in kids:
        if not isinstance(kid, Branch) or kid.kind is not kind or kid.flat is None:
            return None
    atoms = list(chain.from_iterable(kid.flat for kid in kids))
    return Rows(kind, names_of(kind), atoms)


def suspects(shadow: Branch, children: Iterable[Any]) -> list[int]:
    """The places of children in which something may have changed; of those that there were."""
    kids, rows = shadow.kids, shadow.rows
    found = None if rows is None else moved(children, rows.kind, rows.names, rows.atoms)
    if found is not None:
        return found
    pairs = zip(kids, children, strict=False)
    return [place for place, (kid, child) in enumerate(pairs) if not is_same(kid, child)]


def renew_rows(shadow: Branch, places: list[int]) -> None:
    """Take note of what the children at some places are now."""
    rows = shadow.rows
    if rows is None:
        return
    for place in places:
        kid = shadow.kids[place]
        if not isinstance(kid, Branch) or kid.kind is not rows.kind or kid.flat is None:
            shadow.rows = None
            return
        width = len(rows.names)
        rows.atoms[place * width : (place + 1) * width] = kid.flat


def flat_of(children: Sequence[Any], kids: list[Any]) -> Sequence[Any] | None:
    """The children, if none of them can change in place."""
    atoms = all(type(child) in ATOMS for child in children)
    return tuple(children) if atoms and all(type(kid) is Leaf for kid in kids) else None


def is_same(kid: Any, child: Any) -> bool:
    """Whether a child is the very atom that it was, or a container of the very same atoms."""
    if type(kid) is Leaf:
        return kid.value is child and child is not None
    if type(kid) is not Branch or kid.flat is None or kid.kind is not type(child):
        return False
    if kid.get is not None:
        child = kid.get(child)
    elif kid.kind is not list and kid.kind is not tuple:
        return False
    return len(child) == len(kid.flat) and all(map(is_, child, kid.flat))


def gone_from(keys: list[Any], value: dict[Any, Any]) -> list[int]:
    """The places, last first, of the keys that are not where they were, in order, any more."""
    gone = []
    new = iter(value)
    ahead = next(new, new)
    for place, key in enumerate(keys):
        if ahead is key or (ahead is not new and ahead == key and key_text(ahead) == key_text(key)):
            ahead = next(new, new)
        else:
            gone.append(place)
    return gone[::-1]


def key_text(key: Any) -> str:
    """A key of a dict, as it stands in a path."""
    return f"[{inline(key)}]"


def typed_members(members: Any) -> set[Any] | None:
    """Members with their types, since 1, 1.0 and True are one member and three states."""
    kinds = set(map(type, members))
    return set(zip(map(type, members), members, strict=True)) if kinds <= ATOMS else None


def as_bytes(flat: Any) -> Any:
    """The bytes of an array, a row for each element."""
    return flat.view(np.uint8).reshape(len(flat), -1)
