"""A state as rows of a tree: which are shown, and what the last input changed in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from headrace.replay.changes import ABSENT, Change
from headrace.state import steady_repr

CHILDREN_MAX = 200  # shown of one value until more is asked for
FEW = 16  # of a value with more in it that nobody opened, only what changed is shown
MORE = "…"  # behind the path of a value: the row for what is not shown of it
TEXT_MAX = 200


@dataclass(frozen=True)
class Row:
    """One line of the tree."""

    path: str  # as in headrace.replay.changes
    label: str
    depth: int
    text: str  # of the value, in one line
    branches: bool  # whether there is something inside
    is_open: bool
    mark: str = ""  # "changed", "added", "removed", "inside": something below changed
    before: str = ""  # with "changed": what it was


def field_names(value: Any) -> tuple[str, ...] | None:
    """The fields of a dataclass or a struct; None: it is neither."""
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return tuple(field.name for field in dataclasses.fields(value))
    return None


def children(value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    """Label, path and value of all that is in a value."""
    names = field_names(value)
    if names is not None:
        for name in names:
            yield name, f"{path}.{name}", getattr(value, name)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        for name, one in zip(value._fields, value, strict=True):
            yield name, f"{path}.{name}", one
    elif isinstance(value, Mapping):
        for key, one in value.items():
            shown = steady_repr(key)
            yield shown, f"{path}[{shown}]", one
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield str(index), f"{path}[{index}]", one
    elif isinstance(value, set | frozenset):
        for one in sorted(value, key=_by_kind):
            yield "", f"{path}{{{steady_repr(one)}}}", one
    elif isinstance(value, np.ndarray | np.void) and value.dtype.names is not None:
        for name in value.dtype.names:
            yield name, f"{path}[{name!r}]", value[name]
    elif isinstance(value, np.ndarray) and value.ndim:
        for place in np.ndindex(value.shape):
            label = ", ".join(map(str, place))
            yield label, f"{path}[{label}]", value[place]


def _by_kind(value: Any) -> tuple[str, Any]:
    if isinstance(value, int | float):
        return "", value
    return type(value).__name__, steady_repr(value)


def count_inside(value: Any) -> int:
    """How many children a value has, without making them."""
    names = field_names(value)
    if names is not None:
        return len(names)
    if isinstance(value, np.ndarray | np.void):
        if value.dtype.names is not None:
            return len(value.dtype.names)
        return int(value.size) if np.ndim(value) else 0
    return len(value) if isinstance(value, Mapping | list | tuple | set | frozenset) else 0


def text_of(value: Any) -> str:
    """A value in one short line."""
    inside = count_inside(value)
    if isinstance(value, set | frozenset | Mapping):
        return f"{inside:,} {'keys' if isinstance(value, Mapping) else 'items'}"
    if field_names(value) is not None:
        return type(value).__name__
    if isinstance(value, list | tuple):
        simple = inside <= 8 and not any(count_inside(each) for each in value)
        return _short(steady_repr(value)) if simple else f"{inside:,} items"
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return f"{inside} fields" if inside else number_text(value.item())
        return f"{'x'.join(map(str, value.shape))} {value.dtype if not value.dtype.names else ''}"
    if isinstance(value, np.void) and value.dtype.names:
        return f"{inside} fields"
    return number_text(value.item() if isinstance(value, np.generic) else value)


def number_text(value: Any) -> str:
    """A simple value; whole numbers with commas from 10,000 on."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e6 else f"{value:,.6g}"
    return _short(repr(value))


def _short(text: str) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 1]}…"


def ways(path: str) -> list[str]:
    """The paths on the way to a path: `state.a[3]` gives `state`, `state.a`, `state.a[3]`."""
    found, depth, quote, at = [], 0, "", 0
    while at < len(path):
        sign = path[at]
        if quote:
            at += sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "[{(":
            if depth == 0 and sign != "(":
                found.append(path[:at])
            depth += 1
        elif sign in "]})":
            depth -= 1
        elif sign == "." and depth == 0:
            found.append(path[:at])
        at += 1
    return [*found, path]


class Tree:
    """A value and what changed in it, as rows. `opened` and `closed` are what a person chose."""

    def __init__(self, value: Any, changed: Collection[Change] = (), root: str = "state") -> None:
        self.value = value
        self.root = root
        self.changed = {change.path: change for change in changed}
        self.inside: dict[str, list[Change]] = {}
        for change in changed:
            for way in ways(change.path)[:-1]:
                self.inside.setdefault(way, []).append(change)

    def rows(self, opened: Collection[str] = (), closed: Collection[str] = ()) -> list[Row]:
        """The rows; values with something changed inside are open unless they were closed.

        What changed is shown in any case; of what else is in a value, as much as was opened.
        """
        rows: list[Row] = []
        self._add(rows, self.root, self.root, self.value, -1, opened, closed)
        # The whole itself is a row only if nothing is in it.
        return rows[1:] if len(rows) > 1 else [replace(rows[0], depth=0)]

    def _add(
        self,
        rows: list[Row],
        label: str,
        path: str,
        value: Any,
        depth: int,
        opened: Collection[str],
        closed: Collection[str],
    ) -> None:
        change = self.changed.get(path)
        inside = path in self.inside
        branches = count_inside(value) > 0 or inside
        is_open = branches and path not in closed and (
            inside or path in opened or depth < 0
        )
        mark = _mark(change) or ("inside" if inside else "")
        before = "" if change is None or change.before is ABSENT else text_of(change.before)
        rows.append(Row(path, label, depth, text_of(value), branches, is_open, mark, before))
        if not is_open:
            return
        seen, left = set(), 0
        most = CHILDREN_MAX if path in opened or count_inside(value) <= FEW or depth < 0 else 0
        most = count_inside(value) if f"{path}{MORE}" in opened else most
        for index, (name, way, one) in enumerate(children(value, path)):
            if index >= most and way not in self.changed and way not in self.inside:
                left += 1
                continue
            seen.add(way)
            self._add(rows, name, way, one, depth + 1, opened, closed)
        for gone in self.inside.get(path, ()):
            if gone.path not in seen and gone.after is ABSENT and ways(gone.path)[-2] == path:
                name = gone.path[len(path) :].strip("[]{}.")
                rows.append(
                    Row(gone.path, name, depth + 1, text_of(gone.before), False, False, "removed")
                )
        if left:
            rows.append(Row(f"{path}{MORE}", f"… {left:,} more", depth + 1, "", False, False))


def _mark(change: Change | None) -> str:
    if change is None:
        return ""
    if change.before is ABSENT:
        return "added"
    return "removed" if change.after is ABSENT else "changed"


def difference_rows(found: Collection[Change], closed: Collection[str] = ()) -> list[Row]:
    """Changes alone, as a tree of their paths: for two states that are both large."""
    rows: list[Row] = []
    seen: set[str] = set()
    for change in found:
        above = ways(change.path)
        for depth, way in enumerate(above):
            label = way[len(above[depth - 1]) :].strip(".") if depth else way
            if way == change.path:
                gone = change.after is ABSENT
                text = text_of(change.before if gone else change.after)
                before = "" if change.before is ABSENT or gone else text_of(change.before)
                at = max(0, depth - 1)
                rows.append(Row(way, label, at, text, False, False, _mark(change), before))
            elif depth and way not in seen:
                rows.append(Row(way, label, depth - 1, "", True, way not in closed, "inside"))
            seen.add(way)
            if way in closed:
                break
    return rows
