"""Values as Python source that a person can read and change, in the layout that ruff gives it."""

from __future__ import annotations

import dataclasses
import enum
import math
from typing import Any

import msgspec
import numpy as np

from headrace.state import difference

WIDTH = 88
ELEMENTS_MAX = 200  # of an array that is written out
_TEXT_MAX = 60  # letters of a string in one piece


class NotPlain(Exception):
    """The value has no source that makes it again."""


def source(value: Any, names: dict[str, Any], indent: int = 0, taken: int = 0) -> str:
    """Source of a value, whose first line is `taken` letters in. Raises NotPlain.

    `names`: the classes that the source may use. It is tried: what is returned makes the value.
    """
    text = _Writer(names).write(value, indent, taken)
    try:
        again = eval(text, {"np": np, **names})
    except Exception as error:  # whatever a constructor of the user's may do
        raise NotPlain(str(error)) from None
    if difference(value, again) is not None or not _same_order(value, again):
        raise NotPlain("it would become something else")
    return text


def _same_order(one: Any, other: Any) -> bool:
    """Whether dicts have their keys in the same order, which a step can see."""
    if isinstance(one, dict):
        return list(one) == list(other) and all(
            _same_order(a, b) for a, b in zip(one.values(), other.values(), strict=True)
        )
    if isinstance(one, list | tuple):
        return all(_same_order(a, b) for a, b in zip(one, other, strict=True))
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        names = [field.name for field in dataclasses.fields(one)]
        return all(_same_order(getattr(one, name), getattr(other, name)) for name in names)
    return True


class _Writer:
    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._seen: dict[int, Any] = {}  # by id; held, so that no id comes twice

    def write(self, value: Any, indent: int, taken: int) -> str:
        kind = type(value)
        if value is None or kind is bool or kind is int:
            return repr(value)
        if kind is float:
            return repr(value) if math.isfinite(value) else f'float("{value}")'
        if kind is str or kind is bytes:
            return self._text(value, indent, taken)
        if isinstance(value, enum.Enum):
            return f"{self._named(kind)}.{value.name}"
        if isinstance(value, type):
            raise NotPlain("a class")
        if isinstance(value, np.generic) and value.dtype.names is None:
            return self._scalar(value)
        if kind not in (tuple, frozenset):
            if id(value) in self._seen:
                raise NotPlain("an object stands in two places")
            self._seen[id(value)] = value
        return self._container(value, kind, indent, taken)

    def _named(self, kind: type) -> str:
        name = kind.__qualname__
        if self._names.get(name) is not kind:
            raise NotPlain(f"{name} cannot be named")
        return name

    def _text(self, value: Any, indent: int, taken: int) -> str:
        if len(value) <= _TEXT_MAX or taken + len(value) <= WIDTH - 2:
            return quoted(value)
        pieces = [value[at : at + _TEXT_MAX] for at in range(0, len(value), _TEXT_MAX)]
        inner = " " * (indent + 4)
        lines = "".join(f"{inner}{quoted(piece)}\n" for piece in pieces)
        return f"(\n{lines}{' ' * indent})"

    def _scalar(self, value: Any) -> str:
        text = repr(value)
        if value.dtype.kind not in "biuf" or not math.isfinite(value):
            raise NotPlain(f"{text} has no source")
        return text

    def _container(self, value: Any, kind: type, indent: int, taken: int) -> str:
        if kind is dict:
            pairs = [(self.write(key, 0, 0) + ": ", one) for key, one in value.items()]
            return self._many("{", "}", pairs, indent, taken)
        if kind in (list, tuple, set, frozenset):
            ones = [("", one) for one in value]
            if kind is list:
                return self._many("[", "]", ones, indent, taken)
            if kind is tuple:
                return self._many("(", ")", ones, indent, taken, alone=",")
            if not ones:
                return f"{kind.__name__}()"
            made = [("", one) for one in sorted(value, key=repr)]
            if kind is set:
                return self._many("{", "}", made, indent, taken)
            return self._many("frozenset({", "})", made, indent, taken)
        if kind is np.ndarray:
            return self._array(value, indent, taken)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            named = list(zip([f"{name}=" for name in kind._fields], value, strict=True))  # type: ignore[attr-defined]
            return self._many(f"{self._named(kind)}(", ")", named, indent, taken)
        if isinstance(value, msgspec.Struct):
            named = [(f"{name}=", getattr(value, name)) for name in value.__struct_fields__]
            return self._many(f"{self._named(kind)}(", ")", named, indent, taken)
        if dataclasses.is_dataclass(value):
            names = [field.name for field in dataclasses.fields(value)]
            named = [(f"{name}=", getattr(value, name)) for name in names]
            return self._many(f"{self._named(kind)}(", ")", named, indent, taken)
        raise NotPlain(f"{kind.__qualname__} has no source")

    def _array(self, value: Any, indent: int, taken: int) -> str:
        if value.size > ELEMENTS_MAX or not value.flags.c_contiguous or value.dtype.hasobject:
            raise NotPlain("an array that is too large")
        descr: Any = value.dtype.str
        if value.dtype.names is not None:
            descr = [tuple(each) for each in value.dtype.descr]
        again = np.array(value.tolist(), descr).reshape(value.shape)
        if again.dtype != value.dtype or again.tobytes() != value.tobytes():
            raise NotPlain("an array that has no source")
        # One argument a line, each as it stands on its own.
        return self._many("np.array(", ")", [("", value.tolist()), ("", descr)], indent, taken)

    def _many(
        self,
        begin: str,
        end: str,
        parts: list[tuple[str, Any]],
        indent: int,
        taken: int,
        alone: str = "",
    ) -> str:
        """Parts on one line if they fit, else each on a line of its own with a comma behind it."""
        before = dict(self._seen)
        flat = [label + self.write(one, 0, 0) for label, one in parts]
        line = begin + ", ".join(flat) + (alone if len(flat) == 1 else "") + end
        if "\n" not in line and taken + len(line) <= WIDTH:
            return line
        self._seen = before
        inner = " " * (indent + 4)
        lines = [
            f"{inner}{label}{self.write(one, indent + 4, indent + 5 + len(label))},\n"
            for label, one in parts
        ]
        return f"{begin}\n{''.join(lines)}{' ' * indent}{end}"


def quoted(value: str | bytes) -> str:
    """A string or bytes in double quotes, unless single ones save escapes."""
    text = repr(value)
    prefix, body = ("b", text[1:]) if text[0] == "b" else ("", text)
    quote, inner = body[0], body[1:-1]
    plain = inner.replace("\\'", "'") if quote == "'" else inner
    # repr escapes single quotes only where there are both kinds.
    if quote == "'" and plain.count('"') <= plain.count("'"):
        inner = plain.replace('"', '\\"')
        quote = '"'
    return f"{prefix}{quote}{inner}{quote}"
