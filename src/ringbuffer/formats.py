"""The event format of a ring: which dtypes it may have, and how they stand in its header."""

from __future__ import annotations

import ast
import functools
from typing import Any

import numpy as np

from headrace.ringbuffer.errors import DtypeError, RingFormatError

ITEM_BYTES_MAX = 1 << 20
TEXT_BYTES_MAX = 1 << 16
_TRIES = 10

# What parsing a text that another program wrote can come to.
_HOSTILE = (
    ArithmeticError,
    LookupError,
    MemoryError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)


_UNDESCRIBABLE = (
    "{} cannot be described field by field (overlapping fields, or fields out of order); lay it "
    "out anew without them"
)


def check_dtype(dtype: Any) -> np.dtype[Any]:
    """Return `dtype` as a NumPy dtype that can lie in shared memory, or raise `DtypeError`."""
    try:
        checked: np.dtype[Any] = np.dtype(dtype)
    except (TypeError, ValueError) as error:
        raise DtypeError(f"{dtype!r} is not a NumPy dtype: {error}") from None
    if checked.hasobject:
        raise DtypeError(
            f"{_culprit(checked)} holds Python objects, which cannot lie in shared memory; use a "
            "fixed-size type (int64, float64, S16, U16, datetime64[ns], ...)"
        )
    if checked.subdtype is not None:
        raise DtypeError(
            f"{checked} is a bare subarray; wrap it in a field: np.dtype([('value', {checked})])"
        )
    if not 0 < checked.itemsize <= ITEM_BYTES_MAX:
        raise DtypeError(
            f"{checked} has {checked.itemsize:,} bytes an event; between 1 and "
            f"{ITEM_BYTES_MAX:,} are possible (strings need a length: 'S16', 'U16')"
        )
    try:
        text = _encode(checked)
    except ValueError:
        raise DtypeError(_UNDESCRIBABLE.format(checked)) from None
    if len(text) > TEXT_BYTES_MAX:
        raise DtypeError(f"{checked} has too many fields to be described in a ring's header")
    return checked


def _culprit(dtype: np.dtype[Any]) -> str:
    for name in dtype.names or ():
        field = dtype[name]
        if field.hasobject:
            return f"field {name!r} ({field.base})"
    return str(dtype)


def _encode(dtype: np.dtype[Any]) -> bytes:
    return repr(np.lib.format.dtype_to_descr(dtype)).encode()


def dtype_to_text(dtype: np.dtype[Any]) -> bytes:
    """The header's description of a dtype: the literal that .npy files use as well."""
    text = _encode(dtype)
    if text_to_dtype(text) != dtype:
        raise DtypeError(_UNDESCRIBABLE.format(dtype))
    return text


def text_to_dtype(text: bytes) -> np.dtype[Any]:
    """The dtype that `dtype_to_text` described; evaluates literals only."""
    try:
        dtype: np.dtype[Any] = np.lib.format.descr_to_dtype(_literal(text))
    except _HOSTILE as error:
        raise RingFormatError(f"the dtype in the header cannot be read: {error}") from None
    if not isinstance(dtype, np.dtype) or dtype.hasobject or dtype.itemsize == 0:
        raise RingFormatError(f"the dtype in the header, {dtype}, cannot lie in shared memory")
    return dtype


@functools.lru_cache(maxsize=64)  # the same few texts stand in every ring and file
def _literal(text: bytes) -> Any:
    """What a literal stands for; nobody changes it."""
    for _ in range(_TRIES - 1):
        try:
            return ast.literal_eval(text.decode())
        except SystemError:  # CPython before 3.11.8, if another thread parses: issue 106905 there
            continue
    return ast.literal_eval(text.decode())
