"""What differs between two states, value by value."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from headrace.state import difference

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
        return f"{self.path}: {self.before!r} -> {self.after!r}"


def changes(before: Any, after: Any, path: str = "state") -> list[Change]:
    """All places in which two states differ, at most CHANGES_MAX of them, in order."""
    found = []
    for change in _walk(before, after, path):
        found.append(change)
        if len(found) == CHANGES_MAX:
            break
    return found


def _walk(before: Any, after: Any, path: str) -> Iterator[Change]:
    if before is after:
        return
    if type(before) is not type(after) and not _are_versions(before, after):
        yield Change(path, before, after)
    elif dataclasses.is_dataclass(before) and not isinstance(before, type):
        names = [field.name for each in (before, after) for field in dataclasses.fields(each)]
        for name in dict.fromkeys(names):
            one, other = getattr(before, name, ABSENT), getattr(after, name, ABSENT)
            yield from _walk(one, other, f"{path}.{name}")
    elif isinstance(before, tuple) and hasattr(before, "_fields"):
        for name, one, other in zip(before._fields, before, after, strict=True):
            yield from _walk(one, other, f"{path}.{name}")
    elif isinstance(before, dict):
        for key in [*before, *[key for key in after if key not in before]]:
            yield from _walk(before.get(key, ABSENT), after.get(key, ABSENT), f"{path}[{key!r}]")
    elif isinstance(before, (list, tuple)):
        for index in range(max(len(before), len(after))):
            one = before[index] if index < len(before) else ABSENT
            other = after[index] if index < len(after) else ABSENT
            yield from _walk(one, other, f"{path}[{index}]")
    elif isinstance(before, (set, frozenset)):
        for one in sorted(before ^ after, key=repr):
            there = one in before
            yield Change(f"{path}{{{one!r}}}", one if there else ABSENT, ABSENT if there else one)
    elif isinstance(before, np.ndarray):
        yield from _walk_arrays(before, after, path)
    elif difference(before, after) is not None:
        yield Change(path, before, after)


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
