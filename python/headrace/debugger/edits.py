"""Fields as a person types them, and what is to be changed in an input."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np

from headrace.errors import UsageError


def read_edit(dtype: np.dtype[Any], values: Mapping[str, Any], texts: Mapping[str, str]) -> Any:
    """The fields whose text is another than their value's. Raises UsageError.

    A plain event (no fields) gives an edit that puts the new value in its place.
    """
    edit: dict[str, Any] = {}
    for name, text in texts.items():
        if text != str(values[name]):
            form = dtype if dtype.names is None else dtype[name]
            edit[name] = read_value(form, text, name)
    if not edit:
        raise UsageError("nothing is changed; change a field, or drop the input with Ctrl D")
    if dtype.names is None:
        return lambda event: np.array([edit["value"]], dtype)
    return edit


def read_value(form: np.dtype[Any], text: str, name: str) -> Any:
    """The value of a field from its text. Raises UsageError."""
    text = text.strip()
    kind = form.base.kind if form.shape else form.kind
    if kind == "U" and not form.shape:
        return text
    try:
        if kind == "S" and not form.shape:
            quoted = text[:2] in ("b'", 'b"')
            return ast.literal_eval(text) if quoted else text.encode()
        if kind in "mM" and not form.shape:
            return np.array(text, form)[()] if kind == "M" else np.timedelta64(int(text))
        value = ast.literal_eval(text)
        if form.shape or form.names:
            return value
        if kind in "iub" and not isinstance(value, bool | int):
            raise ValueError("not a whole number")
        if kind == "b" and value not in (0, 1):
            raise ValueError("neither True nor False")
        if kind in "iu" and not np.iinfo(form).min <= value <= np.iinfo(form).max:
            raise ValueError(f"not from {np.iinfo(form).min:,} to {np.iinfo(form).max:,}")
        if kind == "f" and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError("no number")
        return value
    except (ValueError, SyntaxError, TypeError) as error:
        reason = "it cannot be read" if isinstance(error, SyntaxError) else error
        raise UsageError(f"{name}: {text!r} is no value of type {form}: {reason}") from None


def read_place(text: str, place: int, first: int, end: int) -> int:
    """A place as it is typed: 1200, 1,200, +50 and -50 from here, 30%. Raises UsageError."""
    plain = text.strip().replace(",", "").replace("_", "")
    try:
        if plain.endswith("%"):
            share = float(plain[:-1])
            if not 0 <= share <= 100:
                raise UsageError(f"{text.strip()} is not from 0% to 100%")
            return first + round((end - first) * share / 100)
        wanted = place + int(plain) if plain[:1] in "+-" and plain else int(plain)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text.strip()!r} is no place; write one as 1200, +50, -50 or 30%"
        ) from None
    if not first <= wanted <= end:
        raise UsageError(f"{wanted:,} is not from {first:,} to {end:,}")
    return wanted
