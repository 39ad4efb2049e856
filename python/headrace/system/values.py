"""What nodes may say to each other: values that nobody can change, and that can be written down.

A message is a frozen `msgspec.Struct`, a number, a text, bytes, or a record of a NumPy dtype. What
a frozen struct holds is checked by its annotations when the handler is declared, and a value
against them by writing it down and reading it back.
"""

from __future__ import annotations

import enum
import types
import typing
from typing import Any

import msgspec
import numpy as np

from headrace.errors import MachineError, MessageError

PLAIN = (bool, int, float, str, bytes)


def check_type(kind: Any, where: str) -> None:
    """Raise MachineError if values of a type cannot be messages; says which part of it."""
    if isinstance(kind, np.dtype):
        if kind.names is None or kind.hasobject:
            raise MachineError(f"{where}: {kind} is no structured dtype of fixed size")
        return
    _check(kind, where, set())


def _check(kind: Any, where: str, seen: set[Any]) -> None:
    if kind in PLAIN or kind is None or kind is type(None) or kind in seen:
        return
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return
    if origin in (typing.Union, types.UnionType):
        for one in typing.get_args(kind):
            _check(one, where, seen)
    elif origin is tuple:
        for one in typing.get_args(kind):
            if one is not Ellipsis:
                _check(one, where, seen)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if not kind.__struct_config__.frozen:
            raise MachineError(
                f"{where}: {kind.__qualname__} can be changed after it was sent; declare it "
                f"class {kind.__name__}(msgspec.Struct, frozen=True)"
            )
        seen.add(kind)
        for field in msgspec.structs.fields(kind):
            _check(field.type, f"{where}: {kind.__qualname__}.{field.name}", seen)
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        return
    else:
        name = getattr(kind, "__qualname__", None) or str(kind)
        raise MachineError(
            f"{where}: {name} cannot be part of a message; use frozen msgspec structs, tuples of "
            "one type (tuple[int, ...]), int, float, bool, str, bytes, enums or a NumPy dtype"
        )


def key_of(value: Any) -> Any:
    """By what a handler of a message is looked up."""
    return value.dtype if isinstance(value, np.void) else type(value)


class Codec:
    """Writes messages down and reads them back, by the name of their type.

    `kinds`: all types that there are. Two of one name are refused. The text is MessagePack:
    [name of the type, value].
    """

    def __init__(self, kinds: typing.Iterable[Any]) -> None:
        self._names: dict[Any, str] = {}
        self._kinds: dict[str, Any] = {}
        for kind in kinds:
            name = _name(kind)
            if self._kinds.setdefault(name, kind) != kind:
                raise MachineError(f"two types of messages are called {name!r}; rename one of them")
            self._names[kind] = name

    @property
    def kinds(self) -> tuple[Any, ...]:
        """All types that there are."""
        return tuple(self._names)

    def encode(self, value: Any) -> bytes:
        """The value as bytes. Raises MessageError for one that does not fit its type."""
        name = self._names.get(key_of(value))
        if name is None:
            raise MessageError(
                f"{value!r} is of no type that a handler is declared for: "
                f"{', '.join(sorted(self._kinds)) or 'there is none'}"
            )
        body = value.tobytes() if isinstance(value, np.void) else value
        try:
            data = msgspec.msgpack.encode((name, body))
            again = self.decode(data)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
            raise MessageError(f"{value!r} does not fit its type: {error}") from None
        if again != value and value == value:
            raise MessageError(f"{value!r} does not fit its type: it comes back as {again!r}")
        return data

    def decode(self, data: bytes) -> Any:
        """The value of `encode`. Raises MessageError for bytes that are none."""
        try:
            name, body = _ENVELOPE.decode(data)
            kind = self._kinds[name]
            if isinstance(kind, np.dtype):
                return np.frombuffer(msgspec.msgpack.decode(body, type=bytes), kind)[0]
            return msgspec.msgpack.decode(body, type=kind)
        except (msgspec.MsgspecError, KeyError, ValueError, IndexError) as error:
            raise MessageError(f"bytes that are no message: {error}") from None


_ENVELOPE = msgspec.msgpack.Decoder(tuple[str, msgspec.Raw])


def _name(kind: Any) -> str:
    return str(kind) if isinstance(kind, np.dtype) else str(kind.__name__)
