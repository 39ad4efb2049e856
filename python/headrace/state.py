"""States of machines as values: comparing them, and a digest that is the same everywhere.

A state is made of None, numbers, strings, bytes, tuples, lists, dicts, sets, dataclasses, msgspec
structs and NumPy arrays without Python objects. The digest is BLAKE2b over a canonical encoding:
each value starts with a letter for its kind and carries its length; dicts and sets are put in the
order of their encoded keys, so that neither insertion order nor hash randomisation shows.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import struct
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np

from headrace.errors import MachineError

_NAN = struct.pack("<d", float("nan"))


def state_digest(state: Any) -> str:
    """A digest of a state: 32 hexadecimal digits, equal for equal states on any machine.

    Raises MachineError, naming the place, for a value that no state may hold.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        for part in _encode(state, "state"):
            digest.update(part)
    except RecursionError:
        raise MachineError("state is nested too deeply, or holds itself") from None
    return digest.hexdigest()


def _encode(value: Any, path: str) -> Iterator[bytes]:
    if value is None or value is True or value is False:
        yield {None: b"N", True: b"T", False: b"F"}[value]
    elif isinstance(value, np.generic):
        yield b"g"
        yield from _encode(np.asarray(value), path)
    elif isinstance(value, int):
        yield _sized(b"i", str(int(value)).encode())
    elif isinstance(value, float):
        yield b"f" + (_NAN if value != value else struct.pack("<d", value))
    elif isinstance(value, complex):
        yield _sized(b"c", struct.pack("<dd", value.real, value.imag))
    elif isinstance(value, str):
        yield _sized(b"s", value.encode("utf-8", "surrogatepass"))
    elif isinstance(value, (bytes, bytearray)):
        yield _sized(b"b" if isinstance(value, bytes) else b"y", bytes(value))
    elif isinstance(value, np.ndarray):
        yield from _encode_array(value, path)
    elif (names := field_names(value)) is not None:
        yield _sized(b"D", type(value).__qualname__.encode())
        for name in names:
            yield from _encode(getattr(value, name), f"{path}.{name}")
    else:
        yield from _encode_container(value, path)


def field_names(value: Any) -> list[str] | None:
    """The fields of a dataclass or of a msgspec struct; None for anything else."""
    if isinstance(value, type):
        return None
    if isinstance(value, msgspec.Struct):
        return list(value.__struct_fields__)
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    return None


def _encode_array(value: np.ndarray[Any, Any], path: str) -> Iterator[bytes]:
    if value.dtype.hasobject:
        raise MachineError(f"{path} is an array of Python objects; states hold fixed-size arrays")
    yield _sized(b"a", f"{value.dtype.descr if value.dtype.names else value.dtype.str}".encode())
    yield _sized(b"h", str(value.shape).encode())
    yield _canonical(value)


def _canonical(value: np.ndarray[Any, Any]) -> bytes:
    """The elements in C order; without padding, whose bytes mean nothing, and with one NaN only."""
    if value.dtype.names is not None:
        return b"".join(_canonical(value[name]) for name in value.dtype.names)
    if value.dtype.kind in "fc" and (value != value).any():
        parts = np.array(value, value.dtype.newbyteorder("="), order="C", ndmin=1)
        parts = parts.view(parts.real.dtype)
        parts[parts != parts] = np.nan
        return parts.astype(value.real.dtype).tobytes()
    return value.tobytes()


def _encode_container(value: Any, path: str) -> Iterator[bytes]:
    if isinstance(value, (tuple, list)):
        yield _count(b"t" if isinstance(value, tuple) else b"l", value)
        for index, one in enumerate(value):
            yield from _encode(one, f"{path}[{index}]")
    elif isinstance(value, dict):
        yield _count(b"d", value)
        items = [(b"".join(_encode(key, f"{path} key")), key) for key in value]
        for encoded, key in sorted(items, key=lambda item: item[0]):
            yield encoded
            yield from _encode(value[key], f"{path}[{key!r}]")
    elif isinstance(value, (set, frozenset)):
        yield _count(b"e" if isinstance(value, set) else b"z", value)
        yield from sorted(b"".join(_encode(one, f"{path} member")) for one in value)
    else:
        raise MachineError(
            f"{path} is {type(value).__module__}.{type(value).__qualname__}, which no state may "
            "hold; use numbers, strings, bytes, containers, dataclasses, structs or arrays"
        )


def _sized(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(8, "little") + data


def _count(kind: bytes, value: Any) -> bytes:
    return kind + len(value).to_bytes(8, "little")


def difference(left: Any, right: Any, path: str = "state") -> str | None:
    """The first place where two states differ, as a text; None if they are equal.

    NaN equals NaN; 1, 1.0 and True are different states; arrays differ by dtype as well.
    """
    if type(left) is not type(right):
        return f"{path}: {left!r} ({type(left).__name__}) and {right!r} ({type(right).__name__})"
    if isinstance(left, np.ndarray):
        return _array_difference(left, right, path)
    if (names := field_names(left)) is not None:
        pairs = [(f"{path}.{name}", getattr(left, name), getattr(right, name)) for name in names]
    elif isinstance(left, dict):
        if left.keys() != right.keys():
            alone = sorted(map(repr, left.keys() ^ right.keys()))[:3]
            return f"{path}: only one of the two has the keys {', '.join(alone)}"
        theirs = {key: key for key in right}
        for key in left:  # 1, 1.0 and True are one key to a dict, and three states
            if type(key) is not type(theirs[key]):
                return f"{path}: the keys {key!r} and {theirs[key]!r}"
        pairs = [(f"{path}[{key!r}]", left[key], right[key]) for key in left]
    elif isinstance(left, (tuple, list)):
        if len(left) != len(right):
            return f"{path}: lengths {len(left)} and {len(right)}"
        pairs = [(f"{path}[{i}]", a, b) for i, (a, b) in enumerate(zip(left, right, strict=True))]
    else:
        return None if _same(left, right) else f"{path}: {left!r} and {right!r}"
    for where, one, other in pairs:
        found = difference(one, other, where)
        if found is not None:
            return found
    return None


def _same(left: Any, right: Any) -> bool:
    """Whether two values that are no containers are one state, to the bit: 0.0 is not -0.0."""
    try:
        return list(_encode(left, "")) == list(_encode(right, ""))
    except MachineError:  # no state may hold them; somebody asks all the same
        return bool(left == right)


def _array_difference(
    left: np.ndarray[Any, Any], right: np.ndarray[Any, Any], path: str
) -> str | None:
    if left.dtype != right.dtype or left.shape != right.shape:
        return f"{path}: {left.dtype}{left.shape} and {right.dtype}{right.shape}"
    if left.dtype.hasobject:
        return None if np.array_equal(left, right) else f"{path}: {left!r} and {right!r}"
    if _canonical(left) == _canonical(right):
        return None
    if left.dtype.names is not None:
        for name in left.dtype.names:
            found = _array_difference(left[name], right[name], f"{path}[{name!r}]")
            if found is not None:
                return found
    size = len(_canonical(left)) // left.size
    ours, theirs = (
        np.frombuffer(_canonical(array), np.uint8).reshape(-1, size) for array in (left, right)
    )
    index = int((ours != theirs).any(1).argmax())
    place = np.unravel_index(index, left.shape) if left.shape else ()
    where = "".join(f"[{int(i)}]" for i in place)
    return f"{path}{where}: {left[place]!r} and {right[place]!r}"


def steady_repr(value: Any) -> str:
    """A value as `repr` writes it, but for the members of sets, which are in order.

    That in which `repr` has them is another in each process.
    """
    kind = type(value)
    if kind is int or kind is str:
        return repr(value)
    if isinstance(value, (set, frozenset)) and value:
        members = f"{{{', '.join(sorted(map(steady_repr, value)))}}}"
        return members if kind is set else f"{kind.__name__}({members})"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return _steady_fields(kind.__name__, zip(value._fields, value, strict=True))
    if kind is tuple:
        return f"({', '.join(map(steady_repr, value))}{',' * (len(value) == 1)})"
    if kind is list:
        return f"[{', '.join(map(steady_repr, value))}]"
    if kind is dict:
        entries = [f"{steady_repr(key)}: {steady_repr(one)}" for key, one in value.items()]
        return f"{{{', '.join(entries)}}}"
    written: Any = kind.__repr__
    if isinstance(value, msgspec.Struct) and written is msgspec.Struct.__repr__:
        pairs = [(name, getattr(value, name)) for name in value.__struct_fields__]
        return _steady_fields(kind.__name__, pairs)
    if dataclasses.is_dataclass(kind) and _repr_is_made(kind):
        shown = [field.name for field in dataclasses.fields(value) if field.repr]
        return _steady_fields(kind.__qualname__, ((name, getattr(value, name)) for name in shown))
    return repr(value)


def _repr_is_made(kind: type) -> bool:
    """Whether a dataclass writes itself as dataclasses do, and not in a way of its own."""
    code = getattr(inspect.unwrap(kind.__repr__), "__code__", None)
    return code is not None and code.co_filename == "<string>"


def _steady_fields(name: str, fields: Iterable[tuple[str, Any]]) -> str:
    return f"{name}({', '.join(f'{each}={steady_repr(one)}' for each, one in fields)})"
