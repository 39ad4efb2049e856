"""A key for each state, the same for states that no step can tell apart.

Unlike for `state_digest`, dicts of another order are other states: a step can see the order, and
two states taken for one would make a verdict wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from headrace.errors import MachineError
from headrace.state import field_names, state_digest

# Their `repr` tells them apart, and from each other.
_PLAIN = frozenset({int, float, bool, str, bytes, type(None)})
_KEY_LENGTH_MAX = 64  # longer ones are digested


def state_key(state: Any) -> str | bytes:
    """The key of a state. Raises MachineError for a value that no state may hold."""
    try:
        text = _text(state)
    except RecursionError:
        raise MachineError("state is nested too deeply, or holds itself") from None
    if len(text) <= _KEY_LENGTH_MAX:
        return text
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _text(value: Any) -> str:
    kind = type(value)
    if kind in _PLAIN:
        return repr(value)
    if isinstance(value, dict):
        if kind is dict and _are_plain(value) and _are_plain(value.values()):
            return repr(value)
        pairs = ", ".join(f"{_text(key)}: {_text(one)}" for key, one in value.items())
        return f"{_name(kind, dict)}{{{pairs}}}"
    if isinstance(value, list | tuple):
        if (kind is list or kind is tuple) and _are_plain(value):
            return repr(value)
        base = list if isinstance(value, list) else tuple
        begin, end = "[]" if base is list else "()"
        members = "".join(f"{_text(one)}, " for one in value)
        return f"{_name(kind, base)}{begin}{members}{end}"
    if isinstance(value, set | frozenset):
        members = ", ".join(sorted(map(_text, value)))
        return f"{_name(kind, None)}{{{members}}}"
    names = field_names(value)
    if names is not None:
        members = ", ".join(_text(getattr(value, name)) for name in names)
        return f"{_name(kind, None)}({members})"
    if isinstance(value, msgspec.Struct):
        members = ", ".join(_text(getattr(value, name)) for name in value.__struct_fields__)
        return f"{_name(kind, None)}({members})"
    return f"{_name(kind, None)}<{state_digest(value)}>"


def _are_plain(values: Iterable[Any]) -> bool:
    return _PLAIN.issuperset(map(type, values))


def _name(kind: type, base: type | None) -> str:
    return "" if kind is base else f"{kind.__module__}.{kind.__qualname__}"
