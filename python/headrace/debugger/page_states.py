"""States one after the other as one full tree and what changes in it, event by event.

A tree is what JSON holds of a state: a text for each value, and for each container a list that
begins with the number of its shape. Behind it stand the children (shapes of the forms "fields",
"index" and "members", the last being texts in order), or key and child in turn ("keys").

A change is `[path, tree]` (another child), `[path, key, tree]` (a child put in at that place) or
`[path]` (a child taken away), where a path is a list of places among children. Changes are made in
their order, so that a place counts what the changes before have put in and taken away.

The tracker holds a shadow of the state as it was and goes through the live state once per event.
What has not changed is mostly the same object still, which is what is asked first.
"""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections.abc import Callable, Sequence
from operator import is_
from typing import Any

import numpy as np

from headrace.debugger.page_shadows import (
    Branch,
    Elements,
    Leaf,
    Members,
    Shadow,
    as_bytes,
    flat_of,
    gone_from,
    key_text,
    renew_rows,
    rows_of,
    suspects,
    typed_members,
)
from headrace.debugger.page_shapes import Getter, Shapes
from headrace.debugger.page_text import ATOMS, DEPTH_MAX, field_text, inline, record_texts
from headrace.errors import UsageError
from headrace.state import field_names as struct_names

Tree = Any  # str | list
Edit = list[Any]

ARRAY_WHOLE_MAX = 1024  # elements; of a longer array only those that change are shown
VALUES_MAX = 400_000  # in the full tree, and again in all changes
TEXT_CHARS_MAX = 48 << 20  # of all values, likewise


class StatesTooLarge(UsageError):
    """The states, or all that changes in them, are too large for a page."""


class StateTracker:
    """Turns the states of a stretch into a tree and changes.

    `tree` is that of the first state; it may grow until the last call of `changes`. `names`: of the
    machines of a pipeline. Raises UsageError for a state that is too large for a page.
    """

    def __init__(self, state: Any, names: Sequence[str] = ()) -> None:
        self.shapes = Shapes()
        self._values = self._characters = 0
        self._path: list[int] = []
        self._edits: list[Edit] = []
        self._root, self.tree = self._plant(state, 0)
        if names:
            self.tree[0] = self.shapes.annotate(self.tree[0], names)
        self._values = self._characters = 0

    def changes(self, state: Any) -> list[Edit]:
        """What makes the tree of this state out of that of the state before."""
        self._edits = []
        try:
            made = self._follow(self._root, state)
        except RecursionError:
            raise _too_deep() from None
        if made is not None:
            self._root = made
        return self._edits

    # A new part of a state.

    def _plant(self, value: Any, depth: int, text: Callable[[Any], str] = inline) -> Any:
        """The shadow of a value, and its tree."""
        if depth > DEPTH_MAX:
            raise _too_deep()
        kind = type(value)
        if kind in ATOMS:
            return self._leaf(value, value, text)
        if isinstance(value, dict):
            keys = list(value)
            branch, kids = self._branch(kind, list(value.values()), depth, text)
            branch.keys = keys
            tree: list[Tree] = [self.shapes.keys(kind)]
            for key, kid in zip(keys, kids, strict=True):
                tree += [key_text(key), kid]
            return branch, tree
        if isinstance(value, (set, frozenset)):
            texts = sorted(map(inline, value))
            self._count(len(texts), sum(map(len, texts)))
            return Members(kind, texts, typed_members(value)), [self.shapes.members(kind), *texts]
        if kind is np.ndarray and not value.dtype.hasobject:
            return self._plant_array(value)
        shape = self._ordered(value)
        if shape is None:
            return self._leaf(None, value, text)
        number, children, inner, get = shape
        branch, kids = self._branch(kind, children, depth, inner)
        branch.get, branch.shape = get, number
        return branch, [number, *kids]

    def _leaf(self, kept: Any, value: Any, text: Callable[[Any], str]) -> tuple[Leaf, str]:
        written = text(value)
        self._count(1, len(written))
        return Leaf(kept, written), written

    def _branch(
        self, kind: type, children: Sequence[Any], depth: int, text: Callable[[Any], str]
    ) -> tuple[Branch, list[Tree]]:
        self._count(1, 0)
        pairs = [self._plant(each, depth + 1, text) for each in children]
        kids = [shadow for shadow, _ in pairs]
        branch = Branch(kind, kids, flat_of(children, kids), rows=rows_of(kids))
        return branch, [tree for _, tree in pairs]

    def _ordered(
        self, value: Any
    ) -> tuple[int, Sequence[Any], Callable[[Any], str], Getter | None] | None:
        """Shape and children of a container in which children have fixed places."""
        kind = type(value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return self.shapes.fields(kind, value._fields), value, inline, None
        if isinstance(value, (list, tuple)):
            return self.shapes.index(kind), value, inline, None
        if isinstance(value, np.void) and value.dtype.names is not None:
            names = value.dtype.names
            return self.shapes.record(names), [value[name] for name in names], field_text, None
        if struct_names(value) is not None and not isinstance(value, enum.Enum):
            names, get = self.shapes.getter(kind)
            return self.shapes.fields(kind, names), get(value), inline, get
        return None

    def _plant_array(self, array: Any) -> tuple[Elements, list[Any]]:
        flat = np.array(array, order="C").reshape(-1)
        sparse = len(flat) > ARRAY_WHOLE_MAX
        tree: list[Any] = [self.shapes.array(array, sparse)]
        if not sparse:
            tree += [self._element(one) for one in flat]
        self._count(1, 0)
        return Elements(array.dtype, array.shape, flat, tree, {} if sparse else None), tree

    def _element(self, one: Any) -> Tree:
        texts = record_texts(one)
        self._count(len(texts), sum(map(len, texts)))
        names = one.dtype.names
        return texts[0] if names is None else [self.shapes.record(names), *texts]

    # A part of a state that was there before.

    def _follow(self, shadow: Shadow, value: Any, text: Callable[[Any], str] = inline) -> Any:
        """Note what has changed; a shadow to take the place of this one, or None."""
        if isinstance(shadow, Leaf):
            if shadow.value is value and value is not None:
                return None
            if type(value) in ATOMS or self._is_leaf(value):
                return self._follow_leaf(shadow, value, text)
        elif isinstance(shadow, Branch):
            if shadow.kind is type(value):
                if isinstance(value, dict):
                    return self._follow_dict(shadow, value)
                return self._follow_ordered(shadow, value)
        elif isinstance(shadow, Members):
            if shadow.kind is type(value):
                return self._follow_members(shadow, value)
        elif type(value) is np.ndarray and (value.dtype, value.shape) == (
            shadow.dtype,
            shadow.shape,
        ):
            return self._follow_array(shadow, value)
        return self._replace(value, text)

    def _is_leaf(self, value: Any) -> bool:
        if isinstance(value, (dict, set, frozenset)):
            return False
        return not (type(value) is np.ndarray and not value.dtype.hasobject) and (
            self._ordered(value) is None
        )

    def _replace(self, value: Any, text: Callable[[Any], str] = inline) -> Shadow:
        shadow, tree = self._plant(value, len(self._path), text)
        self._edit([list(self._path), tree])
        made: Shadow = shadow
        return made

    def _follow_leaf(self, shadow: Leaf, value: Any, text: Callable[[Any], str]) -> None:
        written = text(value)
        shadow.value = value if type(value) in ATOMS else None
        if written != shadow.text:
            shadow.text = written
            self._count(1, len(written))
            self._edit([list(self._path), written])

    def _follow_ordered(self, shadow: Branch, value: Any) -> Shadow | None:
        kids = shadow.kids
        text: Callable[[Any], str] = inline
        if shadow.get is not None:
            children = shadow.get(value)
        elif isinstance(value, (list, tuple)):
            children = value
        else:
            found = self._ordered(value)
            if found is None or found[0] != shadow.shape:  # a record of another dtype
                return self._replace(value)
            children, text = found[1:3]
        flat, size = shadow.flat, len(children)
        if flat is not None and size == len(flat) and all(map(is_, children, flat)):
            return None
        places = suspects(shadow, children)
        for place in places:
            self._follow_kid(shadow, place, children[place], text)
        if len(kids) == size:
            renew_rows(shadow, places)
            shadow.flat = flat_of(children, kids)
            return None
        for place in range(len(kids) - 1, size - 1, -1):
            self._take_away(place)
            del kids[place]
        for place in range(len(kids), size):
            self._put_in(shadow, place, "", children[place])
        shadow.rows = rows_of(kids)
        shadow.flat = flat_of(children, kids)
        return None

    def _follow_kid(
        self, shadow: Branch, place: int, child: Any, text: Callable[[Any], str] = inline
    ) -> None:
        self._path.append(place)
        made = self._follow(shadow.kids[place], child, text)
        self._path.pop()
        if made is not None:
            shadow.kids[place] = made

    def _follow_dict(self, shadow: Branch, value: dict[Any, Any]) -> None:
        keys, flat, kids = shadow.keys, shadow.flat, shadow.kids
        same_keys = len(value) == len(keys) and all(map(is_, value, keys))
        if same_keys and flat is not None and all(map(is_, value.values(), flat)):
            return
        if not same_keys:
            for place in gone_from(keys, value):
                self._take_away(place)
                del kids[place]
            shadow.rows = None
        children = list(value.values())
        places = suspects(shadow, children)
        for place in places:
            self._follow_kid(shadow, place, children[place])
        if not same_keys:
            shadow.keys = list(value)
            for place in range(len(kids), len(children)):
                self._put_in(shadow, place, key_text(shadow.keys[place]), children[place])
            shadow.rows = rows_of(kids)
        renew_rows(shadow, places)
        shadow.flat = flat_of(children, kids)

    def _follow_members(self, shadow: Members, value: Any) -> None:
        typed = typed_members(value)
        if typed is not None and typed == shadow.typed:
            return
        shadow.typed = typed
        texts = shadow.texts
        now = sorted(map(inline, value))
        gone, new = set(texts).difference(now), set(now).difference(texts)
        for place in range(len(texts) - 1, -1, -1):
            if texts[place] in gone:
                self._take_away(place)
                del texts[place]
        for written in sorted(new):
            place = bisect_left(texts, written)
            texts.insert(place, written)
            self._count(1, len(written))
            self._edit([[*self._path, place], "", written])

    def _follow_array(self, shadow: Elements, value: Any) -> None:
        before, now = shadow.flat, np.ascontiguousarray(value).reshape(-1)
        width = before.dtype.itemsize
        if not width or not len(before):
            return
        differ = (as_bytes(before) != as_bytes(now)).any(axis=1)
        for index in np.flatnonzero(differ).tolist():
            texts = record_texts(now[index])
            old = record_texts(before[index])
            if texts == old:  # padding, or another NaN
                continue
            place = self._place_of(shadow, index)
            for field, written in enumerate(texts):
                if written != old[field]:
                    below = [] if now.dtype.names is None else [field]
                    self._count(1, len(written))
                    self._edit([[*self._path, place, *below], written])
        before[differ] = now[differ]

    def _place_of(self, shadow: Elements, index: int) -> int:
        """Where an element is in the tree; in that of a long array it may have to be put first."""
        if shadow.places is None:
            return index
        if index not in shadow.places:
            shadow.places[index] = len(shadow.places)
            place = ", ".join(str(int(each)) for each in np.unravel_index(index, shadow.shape))
            shadow.tree += [f"[{place}]", self._element(shadow.flat[index])]
        return shadow.places[index]

    # Edits.

    def _put_in(self, shadow: Branch, place: int, key: str, child: Any) -> None:
        self._path.append(place)
        made, tree = self._plant(child, len(self._path))
        shadow.kids.insert(place, made)
        self._edit([list(self._path), key, tree])
        self._path.pop()

    def _take_away(self, place: int) -> None:
        self._edit([[*self._path, place]])

    def _edit(self, edit: Edit) -> None:
        self._count(1, 0)
        self._edits.append(edit)

    def _count(self, values: int, characters: int) -> None:
        self._values += values
        self._characters += characters
        if self._values > VALUES_MAX or self._characters > TEXT_CHARS_MAX:
            what = "changes of the state" if self._edits else "state"
            raise StatesTooLarge(
                f"the {what} would need more than {VALUES_MAX:,} values or {TEXT_CHARS_MAX:,} "
                "characters in the page, too many for a browser; choose a shorter stretch, or walk "
                "about in the journal with headrace.History"
            )


def _too_deep() -> UsageError:
    return UsageError(
        f"the state is nested more than {DEPTH_MAX} deep, or holds itself; a page cannot show it"
    )
