"""What the tests of files of events share: formats, cells, and ways to read."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from headrace.errors import InputError
from headrace.tabular import open_source

TRADE = np.dtype([("time", "M8[ms]"), ("symbol", "S4"), ("price", "f8"), ("amount", "i4")])
HEADER = "time,symbol,price,amount\n"
ROW = "2013-01-31T12:00,ABC,1.5,10\n"
TRADES = np.array(
    [(np.datetime64("2013-01-31T12:00", "ms"), b"ABC", i / 2, i) for i in range(10)], TRADE
)
EVERYTHING = np.dtype(
    [
        ("i", "i1"),
        ("f", "f4"),
        ("s", "S3"),
        ("u", "U3"),
        ("t", "M8[ns]"),
        ("month", "M8[M]"),
        ("d", "m8[ms]"),
        ("b", "?"),
        ("at", [("x", "u1"), ("y", "f8", (2,))]),
        ("c", "c16"),
    ]
)
GOOD_CELLS = {
    "i": "-128",
    "f": "0.1",
    "s": "ab",
    "u": "äöü",
    "t": "2013-01-31T23:59:59.123456789",
    "month": "2013-01",
    "d": "-5",
    "b": "true",
    "at.x": "255",
    "at.y[0]": "nan",
    "at.y[1]": "-inf",
    "c": "(1+2j)",
}


def stdin(text: str | bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(text if isinstance(text, bytes) else text.encode()))  # type: ignore[arg-type]


def read(file: Any, dtype: np.dtype[Any] = TRADE, size: int = 4) -> tuple[Any, list[str]]:
    """All events of a file, or of a text as stdin, with the notes about it."""
    source = open_source("-", dtype, file) if hasattr(file, "read") else open_source(file, dtype)
    with source:
        chunks = list(source.chunks(size))
    assert all(0 < len(chunk) <= size for chunk in chunks)
    events = np.concatenate(chunks) if chunks else np.zeros(0, dtype)
    assert events.dtype == dtype
    return events, source.notes


def refused(file: Any, dtype: np.dtype[Any] = TRADE, size: int = 4) -> InputError:
    with pytest.raises(InputError) as caught:
        read(file, dtype, size)
    return caught.value
