"""What differs between two states, value by value."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator
from functools import cache
from itertools import islice, repeat, zip_longest
from operator import attrgetter, is_
from typing import Any, cast

import msgspec
import numpy as np

from headrace.state import difference, steady_repr

CHANGES_MAX = 10_000


@dataclasses.dataclass(frozen=True)
class Absent:
    """Stands for a value that is not there in one of two states."""

    def __repr__(self) -> str:
        return "(absent)"


ABSENT = Absent()


@dataclasses.dataclass(frozen=True)
class Change:
    """One place of a state that changed."""

    path: str  # as in state.airports[2].departed or state["x"][0]
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path}: {steady_repr(self.before)} -> {steady_repr(self.after)}"


def changes(before: Any, after: Any, path: str = "state") -> list[Change]:
    """All places in which two states differ, at most CHANGES_MAX of them, in order."""
    return list(islice(_walk(before, after, (None, "", path)), CHANGES_MAX))


# On the way to a value: the way to what it is in, the kind of the last step, and its name or key.
# It becomes a text only where something differs.
_Way = tuple[Any, str, Any]


def _text(way: _Way) -> str:
    parts: list[str] = []
    above: _Way | None = way
    while above is not None:
        above, kind, key = above
        if kind == ".":
            parts.append(f".{key}")
        elif kind:
            parts.append(f"{kind[0]}{steady_repr(key)}{kind[1]}")
        else:
            parts.append(key)
    return "".join(reversed(parts))


def _walk(before: Any, after: Any, way: _Way) -> Iterator[Change]:
    if before is after:
        return
    if type(before) is not type(after) and not _are_versions(before, after):
        yield Change(_text(way), before, after)
    elif isinstance(before, (set, frozenset)):
        for one in sorted(before ^ after, key=steady_repr):
            there = one in before
            path = _text((way, "{}", one))
            yield Change(path, one if there else ABSENT, ABSENT if there else one)
    elif isinstance(before, np.ndarray):
        yield from _walk_arrays(before, after, _text(way))
    else:
        parts = _parts(before, after)
        if parts is not None:
            for kind, key, one, other in parts:
                if one is not other and not _holds_the_same(one, other):
                    yield from _walk(one, other, (way, kind, key))
        elif difference(before, after) is not None:
            yield Change(_text(way), before, after)


def _parts(before: Any, after: Any) -> Iterator[tuple[str, Any, Any, Any]] | None:
    """What is in two containers of a kind, side by side; None: they are none."""
    if isinstance(before, dict):
        return _entries(before, after)
    if isinstance(before, tuple) and hasattr(before, "_fields"):
        return zip(repeat("."), before._fields, before, after, strict=False)
    if isinstance(before, (list, tuple)):
        pairs = zip_longest(before, after, fillvalue=ABSENT)
        return (("[]", index, one, other) for index, (one, other) in enumerate(pairs))
    if isinstance(before, msgspec.Struct) and type(before) is type(after):
        fields = before.__struct_fields__
        return ((".", name, getattr(before, name), getattr(after, name)) for name in fields)
    if dataclasses.is_dataclass(before) and not isinstance(before, type):
        kinds = dict.fromkeys((type(before), type(after)))
        names = dict.fromkeys(each.name for kind in kinds for each in dataclasses.fields(kind))
        return (
            (".", name, getattr(before, name, ABSENT), getattr(after, name, ABSENT))
            for name in names
        )
    return None


def _holds_the_same(one: Any, other: Any) -> bool:
    """Whether two dataclasses of a kind have the very same objects in them: told quickly."""
    kind = type(one)
    if kind is not type(other):
        return False
    get = _getter(cast(Hashable, kind))
    try:
        return get is not None and all(map(is_, get(one), get(other)))
    except AttributeError:
        return False


@cache
def _getter(kind: Any) -> Callable[[Any], tuple[Any, ...]] | None:
    """What reads all fields of a dataclass of two or more at once; None for other classes."""
    if not dataclasses.is_dataclass(kind):
        return None
    names = [field.name for field in dataclasses.fields(kind)]
    return attrgetter(*names) if len(names) > 1 else None


def _entries(before: dict[Any, Any], after: dict[Any, Any]) -> Iterator[tuple[str, Any, Any, Any]]:
    for key, one in before.items():
        yield "[]", key, one, after.get(key, ABSENT)
    for key, one in after.items():
        if key not in before:
            yield "[]", key, ABSENT, one


def _are_versions(one: Any, other: Any) -> bool:
    """Whether two values are of a class in two versions, as in two files of a machine."""
    return (
        dataclasses.is_dataclass(one)
        and dataclasses.is_dataclass(other)
        and type(one).__qualname__ == type(other).__qualname__
    )


def _walk_arrays(before: Any, after: Any, path: str) -> Iterator[Change]:
    if before.dtype != after.dtype or before.shape != after.shape:
        yield Change(path, before, after)
    elif before.dtype.names is not None:
        for name in before.dtype.names:
            yield from _walk_arrays(before[name], after[name], f"{path}[{name!r}]")
    elif before.tobytes() != after.tobytes():
        same = before == after
        if before.dtype.kind in "fc":
            same |= (before != before) & (after != after)
        for at in np.argwhere(~np.atleast_1d(same)):
            place = tuple(int(i) for i in at) if before.ndim else ()
            where = f"[{', '.join(map(str, place))}]" if place else ""
            yield Change(f"{path}{where}", before[place].item(), after[place].item())


def value_at(state: Any, path: str) -> Any:
    """The value at a path such as `airports[2].departed`, "state." in front or not; ABSENT if none.

    Raises ValueError for what is no path.
    """
    value = state
    for kind, key in _parse(path):
        try:
            if kind == "." and isinstance(value, dict):
                value = value[key]
            elif kind == ".":
                value = getattr(value, key)
            else:
                value = value[key]
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            return ABSENT
    return value


def _parse(path: str) -> Iterator[tuple[str, Any]]:
    import ast

    text = path.strip()
    text = text if text.startswith("state") and text[5:6] in ("", ".", "[") else f"state.{text}"
    if text.startswith("state.["):
        text = "state" + text[6:]
    steps: list[tuple[str, Any]] = []
    try:
        node = ast.parse(text, mode="eval").body
        while not isinstance(node, ast.Name):
            if isinstance(node, ast.Attribute):
                steps.append((".", node.attr))
                node = node.value
            elif isinstance(node, ast.Subscript):
                steps.append(("[", ast.literal_eval(node.slice)))
                node = node.value
            else:
                raise ValueError
    except (SyntaxError, ValueError):
        raise ValueError(
            f"{path!r} is no path into a state; write it as in airports[2].departed"
        ) from None
    yield from reversed(steps)
