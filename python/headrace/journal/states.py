"""States as bytes: written down without pickle, and read back as exactly what they were.

An array of fixed layout is its bytes. Any other state becomes one MessagePack value, in which
numbers, strings, bytes and None stand for themselves, and everything else is an array that begins
with its kind. Classes are written by name, and found again among those that the machine itself
knows: those of its initial state and of the annotations in there, those of the module in which its
step is written, and its `classes`. Nothing is imported because a file says so.

An object that stands in two places of a state is written once, and referred to in the other.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import sys
import types
import typing
from typing import Any

import msgspec
import numpy as np

from headrace.errors import StateError
from headrace.ringbuffer.formats import dtype_to_text, text_to_dtype

_ATOMS = frozenset({type(None), bool, float, str, bytes})
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 64) - 1
_LIST, _TUPLE, _DICT, _SET, _FROZENSET, _RECORD, _ARRAY, _SCALAR = range(8)
_LONG, _COMPLEX, _BYTEARRAY, _AGAIN, _NAMED_TUPLE, _ENUM, _TEXT, _STRUCT = range(8, 16)
_MANY = {list: _LIST, tuple: _TUPLE, set: _SET, frozenset: _FROZENSET}
_MADE = {_LIST: list, _TUPLE: tuple, _SET: set, _FROZENSET: frozenset}

Classes = dict[str, type]

_packer = msgspec.msgpack.Encoder()


def known_classes(machine: Any) -> Classes:
    """The classes that states of a machine may hold, by their qualified names."""
    found: Classes = {}
    _add_classes(found, type(machine.initial()))
    for kind in machine.classes:
        _add_classes(found, kind)
    functions = [machine.step, type(machine)]
    for module in {getattr(one, "__module__", None) for one in functions}:
        for value in list(vars(sys.modules.get(str(module), object)).values()):
            if isinstance(value, type) and value.__module__ == module:
                _add_classes(found, value)
    return found


def _add_classes(found: Classes, hint: Any) -> None:
    """A class that states may hold, and those that its annotations name."""
    if not isinstance(hint, type):
        for inner in typing.get_args(hint):
            _add_classes(found, inner)
        return
    for inner in typing.get_args(hint):  # list[int] is a type to isinstance
        _add_classes(found, inner)
    if hint.__qualname__ in found or not _is_record(hint):
        return
    found[hint.__qualname__] = hint
    try:
        hints = typing.get_type_hints(hint)
    except (NameError, TypeError, AttributeError):
        hints = {}
    for inner in hints.values():
        _add_classes(found, inner)


def _is_record(kind: type) -> bool:
    return (
        dataclasses.is_dataclass(kind)
        or issubclass(kind, (enum.Enum, msgspec.Struct))
        or (issubclass(kind, tuple) and hasattr(kind, "_fields"))
    )


def encode_state(state: Any, classes: Classes) -> bytes:
    """A state as bytes. Raises StateError, naming the place, for what cannot be written."""
    try:
        try:
            return _packer.encode(_Encoder(classes).plain(state, "state"))
        except StateError:  # once more, slower, saying exactly where
            return _packer.encode(_Encoder(classes, exact=True).plain(state, "state"))
    except RecursionError:
        raise StateError("the state is nested too deeply") from None


def decode_state(data: bytes, classes: Classes) -> Any:
    """The state that was encoded. Raises StateError for bytes that are none."""
    try:
        return _Decoder(classes).value(msgspec.msgpack.decode(data))
    except StateError:
        raise
    except RecursionError:
        raise StateError("a state that is nested too deeply") from None
    except Exception as error:  # whatever bytes may lead to, it is one thing to the caller
        raise StateError(f"these bytes are no state: {error}") from None


class _Encoder:
    """`exact`: errors name keys and indexes, which takes time to keep track of."""

    def __init__(self, classes: Classes, exact: bool = False) -> None:
        self._classes = classes
        self._exact = exact
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []  # so that no id comes twice

    def plain(self, value: Any, path: str) -> Any:
        kind = type(value)
        if kind is int:
            return value if _INT_MIN <= value <= _INT_MAX else [_LONG, str(value)]
        if kind is str and not value.isascii():
            return _plain_text(value)
        if kind in _ATOMS:
            return value
        if kind is complex:
            return [_COMPLEX, value.real, value.imag]
        if isinstance(value, np.generic) and kind is not np.void:
            return [_SCALAR, value.dtype.str, value.tobytes()]
        again = self._seen.get(id(value))
        if again is not None:
            return [_AGAIN, again]
        self._seen[id(value)] = len(self._kept)
        self._kept.append(value)
        return self._container(value, kind, path)

    def _container(self, value: Any, kind: type, path: str) -> Any:
        if kind is dict:
            parts: list[Any] = [_DICT]
            inside = f"{path}[...]"
            for key, one in value.items():
                if self._exact:
                    inside = f"{path}[{key!r}]"
                parts.append(self.plain(key, f"{path} key"))
                parts.append(self.plain(one, inside))
            return parts
        if kind in _MANY:
            return [_MANY[kind], *self._members(value, kind, path)]
        if kind is np.ndarray or kind is np.void:
            return self._array(value, path)
        if kind is bytearray:
            return [_BYTEARRAY, bytes(value)]
        if self._classes.get(kind.__qualname__) is kind:
            return self._record(value, kind, path)
        raise StateError(
            f"{path} is {kind.__module__}.{kind.__qualname__}, which cannot be written down; use "
            "numbers, strings, bytes, containers, arrays, or dataclasses, structs, named tuples "
            "and enums of the machine's own module"
        )

    def _members(self, value: Any, kind: type, path: str) -> list[Any]:
        if kind is set or kind is frozenset:
            return [self.plain(one, f"{path} member") for one in value]
        if self._exact:
            return [self.plain(one, f"{path}[{index}]") for index, one in enumerate(value)]
        inside = f"{path}[...]"
        return [self.plain(one, inside) for one in value]

    def _array(self, value: Any, path: str) -> Any:
        if value.dtype.hasobject:
            raise StateError(f"{path} is an array of Python objects, which cannot be written down")
        dtype = dtype_to_text(value.dtype).decode()
        if isinstance(value, np.void):
            return [_SCALAR, dtype, value.tobytes()]
        order = "C" if value.flags.c_contiguous or not value.flags.f_contiguous else "F"
        return [_ARRAY, dtype, list(value.shape), order, value.tobytes(order)]

    def _record(self, value: Any, kind: type, path: str) -> Any:
        if isinstance(value, enum.Enum):
            if value.name not in kind.__members__:  # type: ignore[attr-defined]
                raise StateError(
                    f"{path} is {value!r}, which is no single member of {kind.__qualname__}, and "
                    "cannot be written down; keep it as a number"
                )
            return [_ENUM, kind.__qualname__, value.name]
        if isinstance(value, tuple):
            _check_attributes(value, kind, [], path)
            named = zip(kind._fields, value, strict=True)  # type: ignore[attr-defined]
            parts = [self.plain(one, f"{path}.{name}") for name, one in named]
            return [_NAMED_TUPLE, kind.__qualname__, *parts]
        code = _STRUCT if isinstance(value, msgspec.Struct) else _RECORD
        names = _field_names(kind)
        _check_attributes(value, kind, names, path)
        parts = [self.plain(getattr(value, name), f"{path}.{name}") for name in names]
        return [code, kind.__qualname__, names, *parts]


def _field_names(kind: type) -> list[str]:
    """Of a dataclass or a msgspec struct."""
    if issubclass(kind, msgspec.Struct):
        return list(kind.__struct_fields__)
    record: Any = kind
    return [field.name for field in dataclasses.fields(record)]


def _check_attributes(value: Any, kind: type, names: list[str], path: str) -> None:
    """What is no field would be lost."""
    more = set(getattr(value, "__dict__", ())) - set(names)
    for name in _slots(kind):
        if name not in names and hasattr(value, name):
            more.add(name)
    if more:
        raise StateError(f"{path} has the attribute {min(more)!r}, which is no field of it")


@functools.cache
def _slots(kind: type) -> tuple[str, ...]:
    """The names of the slots of a class and those that it is made of."""
    return tuple(
        name
        for each in kind.__mro__
        for name, member in vars(each).items()
        if isinstance(member, types.MemberDescriptorType)
    )


def _plain_text(value: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return [_TEXT, value.encode("utf-8", "surrogatepass")]
    return value


class _Decoder:
    def __init__(self, classes: Classes) -> None:
        self._classes = classes
        self._made: list[Any] = []

    def value(self, plain: Any) -> Any:
        if type(plain) is not list:
            if type(plain) in _ATOMS or type(plain) is int:
                return plain
            raise StateError(f"{plain!r} stands where a part of a state should")
        kind, *parts = plain
        if kind == _LONG:
            return int(parts[0])
        if kind == _COMPLEX:
            return complex(*parts)
        if kind == _TEXT:
            return parts[0].decode("utf-8", "surrogatepass")
        if kind == _AGAIN:
            return self._made[parts[0]]
        if kind == _SCALAR:
            return self._scalar(*parts)
        return self._container(kind, parts)

    def _scalar(self, text: str, data: bytes) -> Any:
        structured = text[:1] == "["
        if structured:  # counted by the encoder as a container
            place = self._place()
        dtype = text_to_dtype(text.encode()) if structured else np.dtype(text)
        value = np.frombuffer(data, dtype, 1)[0]
        if structured:
            self._made[place] = value = value.copy()
        return value

    def _place(self) -> int:
        self._made.append(None)
        return len(self._made) - 1

    def _container(self, kind: int, parts: list[Any]) -> Any:
        place = self._place()
        made: Any
        if kind == _LIST:
            made = self._made[place] = []
            made.extend(self.value(one) for one in parts)
        elif kind == _DICT:
            made = self._made[place] = {}
            for index in range(0, len(parts), 2):
                key = self.value(parts[index])
                made[key] = self.value(parts[index + 1])
        elif kind in _MADE:
            made = _MADE[kind](self.value(one) for one in parts)
        elif kind == _ARRAY:
            text, shape, order, data = parts
            flat = np.frombuffer(data, text_to_dtype(text.encode()))
            made = np.array(flat.reshape(shape, order=order), order=order)
        elif kind == _BYTEARRAY:
            made = bytearray(parts[0])
        else:
            made = self._record(place, kind, *parts)
        self._made[place] = made
        return made

    def _record(self, place: int, kind: int, name: str, *parts: Any) -> Any:
        found = self._classes.get(name)
        if found is None:
            raise StateError(
                f"the state holds a {name}, and the machine knows no class of that name; define "
                "it in the module of its step"
            )
        if kind == _ENUM and issubclass(found, enum.Enum):
            return found[parts[0]]
        if kind == _NAMED_TUPLE and issubclass(found, tuple):
            return found(*[self.value(one) for one in parts])
        is_struct = issubclass(found, msgspec.Struct)
        if kind != (_STRUCT if is_struct else _RECORD) or not (
            is_struct or dataclasses.is_dataclass(found)
        ):
            raise StateError(f"{name} was something else when the state was written")
        names, *values = parts
        have = _field_names(found)
        if names != have:
            raise StateError(
                f"{name} had the fields {', '.join(names)} when the state was written, and has "
                f"{', '.join(have)} now"
            )
        if is_struct:  # cannot be made without its fields
            return found(**dict(zip(names, map(self.value, values), strict=True)))
        made: Any = object.__new__(found)
        self._made[place] = made
        for field, one in zip(names, values, strict=True):
            object.__setattr__(made, field, self.value(one))
        return made
