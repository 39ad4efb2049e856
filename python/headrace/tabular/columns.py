"""Between the text of a table's cells and the values of a dtype's fields, in both directions.

A structured dtype becomes a row of columns, one for each plain value in it: field `price` is column
`price`, field `x` of a nested record `at` is `at.x`, the second item of a subarray `bids` is
`bids[1]`. `parse` and `render` turn whole columns at a time and are exact inverses of each other:
what `render` writes, `parse` reads back bit for bit (a NaN's payload aside).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Dtype = np.dtype[Any]

SHOWN_CHARS_MAX = 40
_TRUE, _FALSE = frozenset(("true", "1")), frozenset(("false", "0"))
# Years of more than four digits need a month behind them: 20200101 is a mistake, not a year.
_ISO_TIME = re.compile(
    r"(?:[+-]?\d{4,}-\d\d(?:-\d\d(?:[T ]\d\d(?::\d\d(?::\d\d(?:\.(\d+))?)?)?Z?)?)?|-?\d{4}|NaT)",
    re.ASCII,
)
_FRACTION_DIGITS = {"ms": 3, "us": 6, "ns": 9, "ps": 12, "fs": 15, "as": 18}


@dataclass(frozen=True)
class Column:
    """One plain value of a record: its name in a table, the way to it, and its dtype."""

    name: str
    path: tuple[str | tuple[int, ...], ...]
    dtype: Dtype

    def of(self, records: Array) -> Array:
        """The column of these records (shape (n,)) as a view: write to it to fill the records."""
        found = records
        for step in self.path:
            place: Any = step if isinstance(step, str) else (..., *step)
            found = found[place]
        return found


def columns_of(dtype: Dtype) -> list[Column]:
    """The columns of a structured dtype in order; raises ValueError for what text cannot carry."""
    return _columns("", (), dtype)


def _columns(name: str, path: tuple[str | tuple[int, ...], ...], dtype: Dtype) -> list[Column]:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        items = (
            _columns(name + "".join(f"[{i}]" for i in index), (*path, index), base)
            for index in np.ndindex(shape)
        )
        return [column for item in items for column in item]
    if dtype.names is not None:
        dot = f"{name}." if name else ""
        parts = (_columns(dot + field, (*path, field), dtype[field]) for field in dtype.names)
        return [column for part in parts for column in part]
    if dtype.kind not in _CODECS or dtype.name in ("longdouble", "clongdouble", "float128"):
        raise ValueError(f"column {name!r}: dtype {dtype} has no text form; use .npy")
    if dtype.kind in "Mm" and np.datetime_data(dtype)[0] == "generic":
        raise ValueError(f"column {name!r}: dtype {dtype} has no unit; use for example {dtype}[ns]")
    return [Column(name, path, dtype)]


def parse(texts: Sequence[str], dtype: Dtype) -> Array:
    """The values of these cells as an array of dtype; raises ValueError if any cell is bad.

    The reason in the error is about the first cell: call it with one cell for a true reason.
    """
    return _CODECS[dtype.kind][0](texts, dtype)


def render(values: Array) -> list[str]:
    """The cells for these values (shape (n,), a plain dtype); raises ValueError if one has none."""
    return _CODECS[values.dtype.kind][1](values)


def show(text: str) -> str:
    """A cell as error messages quote it: cut where it is long."""
    if len(text) > SHOWN_CHARS_MAX:
        return f"{text[:SHOWN_CHARS_MAX]!r}..."
    return repr(text)


def _refuse(texts: Sequence[str], reason: str, *, missing: str = "") -> ValueError:
    text = texts[0] if texts else ""
    if not text.strip():
        return ValueError(f"is empty{missing}")
    return ValueError(f"{show(text)} {reason}")


def _no_underscores(texts: Sequence[str]) -> None:
    if "_" in "".join(texts):
        raise ValueError  # Python's int and float take them; tables do not mean them


def _parse_integers(texts: Sequence[str], dtype: Dtype) -> Array:
    try:
        _no_underscores(texts)
        values = list(map(int, texts))
    except ValueError:
        raise _refuse(texts, "is no integer") from None
    try:
        return np.array(values, dtype)
    except OverflowError:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        raise _refuse(texts, f"does not fit {dtype.name} ({low} to {high})") from None


def _parse_floats(texts: Sequence[str], dtype: Dtype) -> Array:
    kind: type[float] | type[complex] = complex if dtype.kind == "c" else float
    try:
        _no_underscores(texts)
        exact = np.array(list(map(kind, texts)), kind)
    except ValueError:
        missing = "; write nan where a number is missing"
        raise _refuse(texts, "is no number", missing=missing) from None
    with np.errstate(over="ignore"):
        values = exact.astype(dtype)
    for i in np.flatnonzero(np.isinf(values)).tolist():
        if "inf" not in texts[i].lower():
            raise _refuse(texts[i : i + 1], f"is out of the range of {dtype.name}")
    return values


def _parse_booleans(texts: Sequence[str], dtype: Dtype) -> Array:
    words = [text.strip().lower() for text in texts]
    true = [word in _TRUE for word in words]
    if not all(yes or word in _FALSE for yes, word in zip(true, words, strict=True)):
        raise _refuse(texts, "is neither true nor false (write true, false, 1 or 0)")
    return np.array(true, dtype)


def _parse_bytes(texts: Sequence[str], dtype: Dtype) -> Array:
    # Cells were decoded with surrogateescape: bytes that are no UTF-8 come back as they were.
    cells = [text.encode("utf-8", "surrogateescape") for text in texts]
    if max(map(len, cells), default=0) > dtype.itemsize:
        raise _too_long(texts, len(cells[0]), dtype.itemsize, "bytes")
    return _kept(texts, np.array(cells, dtype))


def _parse_text(texts: Sequence[str], dtype: Dtype) -> Array:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        raise _refuse(texts, "is not valid UTF-8") from None
    if max(map(len, texts), default=0) > dtype.itemsize // 4:
        raise _too_long(texts, len(texts[0]), dtype.itemsize // 4, "characters")
    return _kept(texts, np.array(texts, dtype))


def _too_long(texts: Sequence[str], length: int, length_max: int, unit: str) -> ValueError:
    return ValueError(
        f"{show(texts[0])} is {length} {unit} long, the field holds {length_max} {unit}"
    )


def _kept(texts: Sequence[str], values: Array) -> Array:
    if any(text.endswith("\0") for text in texts):
        raise ValueError(f"{show(texts[0])} ends in NUL, which NumPy text fields do not keep")
    return values


def _parse_times(texts: Sequence[str], dtype: Dtype) -> Array:
    unit = np.datetime_data(dtype)[0]
    words = [text.strip() for text in texts]
    found = [_ISO_TIME.fullmatch(word) for word in words]
    if not all(found):
        raise _refuse(
            texts,
            "is no ISO 8601 time in UTC (like 2013-01-31T23:59:59.5; no zone, or Z)",
            missing="; write NaT where a time is missing",
        )
    words = [word.removesuffix("Z") for word in words]
    try:
        values = np.array(words, dtype)
        seconds = np.array(words, "M8[s]")
    except ValueError as error:
        raise _refuse(texts, f"is no time: {error}") from None
    # NumPy silently wraps round what is out of range, and drops what is finer than the unit.
    same = (values.astype("M8[s]") == seconds) | np.isnat(seconds)
    if not same.all():
        raise _refuse(texts, f"is out of the range of {dtype}, or finer than its unit")
    digits_max = _FRACTION_DIGITS.get(unit, 0)
    if any(match and len((match[1] or "").rstrip("0")) > digits_max for match in found):
        raise _refuse(texts, f"is finer than the unit of {dtype}")
    return values


def _parse_spans(texts: Sequence[str], dtype: Dtype) -> Array:
    unit = np.datetime_data(dtype)[0]
    words = [text.strip() for text in texts]
    counts = ["0" if word == "NaT" else word for word in words]
    try:
        values = _parse_integers(counts, np.dtype("i8"))
    except ValueError:
        missing = "; write NaT where a time span is missing"
        raise _refuse(texts, f"is no whole number of {unit}", missing=missing) from None
    spans = values.view(dtype.newbyteorder("="))
    spans[[word == "NaT" for word in words]] = np.array("NaT", spans.dtype)
    return spans.astype(dtype)


def _render_plain(values: Array) -> list[str]:
    return list(map(str, values.tolist()))


def _render_booleans(values: Array) -> list[str]:
    return ["true" if value else "false" for value in values.tolist()]


def _render_floats(values: Array) -> list[str]:
    if values.dtype.itemsize == 8:
        return list(map(repr, values.tolist()))
    # The shortest text of a narrow float, unless reading it by way of a double would miss it.
    texts: list[str] = values.astype("U32").tolist()
    back = np.array(list(map(float, texts))).astype(values.dtype)
    for i in np.flatnonzero((back != values) & ~np.isnan(values)).tolist():
        texts[i] = repr(float(values[i]))
    return texts


def _render_complex(values: Array) -> list[str]:
    return list(map(repr, values.tolist()))


def _render_bytes(values: Array) -> list[str]:
    return [value.decode("utf-8", "surrogateescape") for value in values.tolist()]


def _render_text(values: Array) -> list[str]:
    texts: list[str] = values.tolist()
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        raise ValueError("text with a lone surrogate is no UTF-8; use .npy") from None
    return texts


def _render_times(values: Array) -> list[str]:
    # NumPy 2.4 writes times of the other byte order wrongly.
    native = values.astype(values.dtype.newbyteorder("="))
    texts: list[str] = np.datetime_as_string(native).tolist()
    return texts


def _render_spans(values: Array) -> list[str]:
    counts = values.astype(values.dtype.newbyteorder("=")).view("i8")
    return [
        "NaT" if missing else str(count)
        for count, missing in zip(counts.tolist(), np.isnat(values).tolist(), strict=True)
    ]


_Parse = Callable[[Sequence[str], Dtype], Array]
_Render = Callable[[Array], list[str]]
_CODECS: dict[str, tuple[_Parse, _Render]] = {
    "b": (_parse_booleans, _render_booleans),
    "i": (_parse_integers, _render_plain),
    "u": (_parse_integers, _render_plain),
    "f": (_parse_floats, _render_floats),
    "c": (_parse_floats, _render_complex),
    "S": (_parse_bytes, _render_bytes),
    "U": (_parse_text, _render_text),
    "M": (_parse_times, _render_times),
    "m": (_parse_spans, _render_spans),
}
