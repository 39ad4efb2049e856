"""Values as texts that are exact, and the same wherever and whenever they are made.

A page shows texts only, so that no number passes through a browser's 64-bit floats. No text has a
line break or another character that cannot be seen.
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import xxhash

from headrace.errors import StepError, UsageError
from headrace.state import field_names as struct_names

Records = np.ndarray[Any, Any]

TEXT_MAX = 4096  # characters of one value; of a longer one the beginning, its length and a digest
ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})  # never change in place
DEPTH_MAX = 100  # of containers in containers
_TOO_DEEP = f"a value is nested more than {DEPTH_MAX} deep, or holds itself; a page cannot show it"


def inline(value: Any, depth: int = 0) -> str:
    """A value in one line, much as Python writes it; members of sets are in order."""
    return shortened(_inline(value, depth))


def _inline(value: Any, depth: int = 0) -> str:
    if depth > DEPTH_MAX:
        raise UsageError(_TOO_DEEP)
    if isinstance(value, enum.Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if isinstance(value, (np.ndarray, np.generic)):
        return _numpy_inline(value)
    if value is None or isinstance(value, (bool, str, bytes, bytearray, complex)):
        return _named(value, _plain(value))
    if isinstance(value, int):
        return _named(value, _whole(int(value)))
    if isinstance(value, float):
        return _named(value, float.__repr__(value))
    inner = depth + 1
    names = struct_names(value)
    if names is not None:
        named = [(name, getattr(value, name)) for name in names]
        return f"{kind_of(value)}({_joined_fields(named, inner)})"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        named = list(zip(value._fields, value, strict=True))
        return f"{kind_of(value)}({_joined_fields(named, inner)})"
    return _container(value, inner)


def _container(value: Any, inner: int) -> str:
    if isinstance(value, dict):
        pairs = [f"{_inline(key, inner)}: {_inline(one, inner)}" for key, one in value.items()]
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, (set, frozenset)):
        members = ", ".join(sorted(_inline(one, inner) for one in value))
        return f"{kind_of(value)}({{{members}}})" if members else f"{kind_of(value)}()"
    if isinstance(value, list):
        return f"[{', '.join(_inline(one, inner) for one in value)}]"
    if isinstance(value, tuple):
        return f"({', '.join(_inline(one, inner) for one in value)}{',' * (len(value) == 1)})"
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


def _joined_fields(named: list[tuple[str, Any]], depth: int) -> str:
    return ", ".join(f"{name}={_inline(value, depth)}" for name, value in named)


def _numpy_inline(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array({field_text(value)}, {array_kind(value)})"
    if isinstance(value, np.void):
        return field_text(value)
    return f"{value.dtype.name}({field_text(value)})"


def field_text(value: Any) -> str:
    """A field of a record or an element of an array, whose dtype is told elsewhere."""
    return shortened(_field(value))


def _field(value: Any) -> str:
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return _field(value[()])
        return f"[{', '.join(_field(one) for one in value)}]"
    if isinstance(value, np.void):
        if value.dtype.names is None:
            return repr(value.tobytes())
        return f"({', '.join(f'{name}={_field(value[name])}' for name in value.dtype.names)})"
    if isinstance(value, (np.str_, np.bytes_)):
        return repr(value.item())
    return str(value) if isinstance(value, np.generic) else _inline(value)


def record_texts(record: Any) -> list[str]:
    """The texts of the fields of one event or of an output's payload, given as an array item."""
    names = record.dtype.names
    return [field_text(record)] if names is None else [field_text(record[name]) for name in names]


def field_names(dtype: np.dtype[Any]) -> list[str]:
    """What the fields of an event are called; a plain scalar is a `value`."""
    return [visible(name) for name in dtype.names or ("value",)]


def kind_of(value: Any) -> str:
    """What a container is called."""
    return visible(type(value).__name__)


def array_kind(array: Records) -> str:
    """The dtype and the shape of an array; of records, that they are."""
    shape = ", ".join(map(str, array.shape))
    name = "records" if array.dtype.names else array.dtype.name
    return f"{name}[{shape}]"


def _named(value: Any, text: str) -> str:
    """A value of a subclass, such as of str, does not pass for one of the class itself."""
    return text if type(value) in ATOMS or type(value) is bytearray else f"{kind_of(value)}({text})"


def _plain(value: Any) -> str:
    """What Python writes for a value, whatever its class has made of that."""
    for kind in (str, bytes, complex):
        if isinstance(value, kind):
            return kind.__repr__(value)
    return repr(value)


def _whole(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # more digits than Python turns into decimals
        return hex(value)


def shortened(text: str) -> str:
    """A text of at most about TEXT_MAX characters, which still differs where the long one does."""
    if len(text) <= TEXT_MAX:
        return visible(text)
    digest = xxhash.xxh3_64_hexdigest(text.encode("utf-8", "surrogatepass"))
    return visible(f"{text[:TEXT_MAX]}… ({len(text):,} characters, XXH3 {digest})")


def failure_text(error: StepError) -> str:
    """What a step has failed with; which one is told elsewhere."""
    cause = error.__cause__
    return shortened(str(error) if cause is None else f"{type(cause).__name__}: {cause}")


def visible(text: str) -> str:
    """The text with escapes for characters that cannot be seen or that end a line."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def brief(text: str, length: int) -> str:
    """At most `length` characters of a text, with a mark where it was cut."""
    return text if len(text) <= length else f"{text[: max(length - 1, 0)]}…"
