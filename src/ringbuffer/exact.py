"""Python values into NumPy events and their fields, exactly or not at all.

NumPy itself would cut texts, wrap or round integers, read numbers out of strings, and repeat a
value over an array. Here whatever would be bent is refused; only floats may be rounded.
"""

from __future__ import annotations

import datetime
import decimal
import numbers
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

Dtype = np.dtype[Any]
Array = np.ndarray[Any, Any]


def make_events(dtype: Dtype, values: Any) -> Array:
    """One event, or a sequence of events, as an array: of `dtype`, or of its own if it has one.

    For a structured dtype a tuple is one event. Raises ValueError or OverflowError, which say what
    does not fit.
    """
    if _is_sequence(values) and not (dtype.names is not None and isinstance(values, tuple)):
        return _make_array(dtype, values)
    if not isinstance(values, (tuple, str, bytes, np.generic)):
        array = np.asarray(values)
        if array.ndim:
            return array
    event = np.zeros((), dtype)
    store_exactly(event, values)
    return event


def _is_sequence(values: Any) -> bool:
    return isinstance(values, Sequence) and not isinstance(
        values, (str, bytes, bytearray, memoryview)
    )


def _make_array(dtype: Dtype, values: Sequence[Any]) -> Array:
    types = set(map(type, values))
    if (types == {int} and dtype.kind in "iu") or (types == {float} and dtype == np.float64):
        return np.array(values, dtype)  # here NumPy is as strict, and quicker
    array = np.zeros(len(values), dtype)
    for index, value in enumerate(values):
        try:
            store_exactly(array[index, ...], value)
        except ValueError as error:
            raise ValueError(f"event {index} cannot be {value!r}: {error}") from None
    return array


def store_exactly(into: Array, value: Any) -> None:
    """Set `into`, an array of one field of one record (its shape is that of the field).

    Raises ValueError, which says why the value does not fit.
    """
    if into.ndim:
        _store_array(into, value)
        return
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if into.dtype.names is not None:
        _store_record(into, value)
        return
    try:
        with np.errstate(over="raise"):
            into[...] = _CONVERSIONS[into.dtype.kind](into.dtype, value)
    except (TypeError, ArithmeticError, RuntimeError) as error:
        raise ValueError(str(error)) from None


def _store_array(into: Array, value: Any) -> None:
    if not isinstance(value, (list, tuple, np.ndarray)) or len(value) != len(into):
        raise ValueError(f"the field holds an array of shape {into.shape}")
    for index, one in enumerate(value):
        store_exactly(into[index, ...], one)


def _store_record(into: Array, value: Any) -> None:
    names = into.dtype.names or ()
    if isinstance(value, np.void) and value.dtype.names == names:
        value = tuple(value[name] for name in names)
    if not isinstance(value, tuple) or len(value) != len(names):
        raise ValueError(f"it must be a tuple of {', '.join(names)}")
    for name, one in zip(names, value, strict=True):
        try:
            store_exactly(into[name], one)
        except ValueError as error:
            raise ValueError(f"field {name!r}: {error}") from None


def _integer(dtype: Dtype, value: Any) -> Any:
    if isinstance(value, np.timedelta64):
        raise ValueError("a time span is no integer")
    number = operator.index(bool(value) if isinstance(value, np.bool_) else value)
    limits = np.iinfo(dtype)
    if not limits.min <= number <= limits.max:
        raise ValueError("out of range")
    return number


def _boolean(dtype: Dtype, value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return value
    number = operator.index(value)
    if number not in (0, 1) or isinstance(value, np.timedelta64):
        raise ValueError("neither true nor false")
    return bool(number)


def _real(dtype: Dtype, value: Any) -> Any:
    if not isinstance(value, (numbers.Real, decimal.Decimal, np.bool_)) or isinstance(
        value, np.timedelta64
    ):
        raise ValueError("not a number")
    number = np.float64(value) if isinstance(value, np.generic) else float(value)
    if dtype.itemsize < 8 and np.isfinite(number) and abs(number) > np.finfo(dtype).max:
        raise ValueError("out of range")
    return number


def _complex(dtype: Dtype, value: Any) -> Any:
    if not isinstance(value, (numbers.Complex, np.bool_)) or isinstance(value, np.timedelta64):
        raise ValueError("not a number")
    number = complex(value)
    largest = np.finfo(dtype).max
    for part in (number.real, number.imag):
        if np.isfinite(part) and abs(part) > largest:
            raise ValueError("out of range")
    return number


def _bytes(dtype: Dtype, value: Any) -> Any:
    if not isinstance(value, bytes):
        raise ValueError(f"a {type(value).__name__}, not bytes")
    if len(value) > dtype.itemsize:
        raise ValueError(f"too long: {dtype.itemsize} bytes, and it has {len(value)}")
    return value


def _text(dtype: Dtype, value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(f"a {type(value).__name__}, not a text")
    if len(value) > dtype.itemsize // 4:
        raise ValueError(f"too long: {dtype.itemsize // 4} characters, and it has {len(value)}")
    return value


def _void(dtype: Dtype, value: Any) -> Any:
    content = value.tobytes() if isinstance(value, np.void) else value
    if not isinstance(content, bytes) or len(content) != dtype.itemsize:
        raise ValueError(f"not {dtype.itemsize} bytes")
    return np.frombuffer(content, dtype)[0]


def _time(dtype: Dtype, value: Any) -> Any:
    if isinstance(value, (np.datetime64, datetime.date)):
        return _in_unit(dtype, np.datetime64(value))
    return _count(dtype, value)


def _span(dtype: Dtype, value: Any) -> Any:
    if isinstance(value, (np.timedelta64, datetime.timedelta)):
        return _in_unit(dtype, np.timedelta64(value))
    return _count(dtype, value)


def _in_unit(dtype: Dtype, value: Any) -> Any:
    """The time in the field's unit, if it comes back from there as it was."""
    try:
        converted = value.astype(dtype)
        same = np.isnat(value) or converted.astype(value.dtype) == value
    except OverflowError:
        same = False
    if not same:
        raise ValueError(f"not a whole number of units of {dtype}, or out of its range")
    return converted


def _count(dtype: Dtype, value: Any) -> Any:
    if isinstance(value, (bool, np.bool_, np.timedelta64)):
        raise ValueError("not a time")
    return np.int64(_integer(np.dtype(np.int64), value)).view(dtype.newbyteorder("="))


_CONVERSIONS = {
    "b": _boolean,
    "i": _integer,
    "u": _integer,
    "f": _real,
    "c": _complex,
    "S": _bytes,
    "U": _text,
    "V": _void,
    "M": _time,
    "m": _span,
}
