"""Numbers of bytes, times and JSON as the command line prints them."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import typer


def bytes_text(count: int) -> str:
    """A number of bytes with its unit: 512 B, 1.5 KiB."""
    size, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} {unit}" if size == int(size) else f"{size:.1f} {unit}"


def time_text(time_ns: int, digits: int = 3) -> str:
    """A time in UTC, nanoseconds since 1970, with so many digits behind the second."""
    try:
        whole = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    except (ValueError, OverflowError, OSError):  # of no calendar
        return f"{time_ns} ns"
    part = f".{time_ns % 1_000_000_000:09d}"[: digits + 1] if digits else ""
    return f"{whole:%Y-%m-%d %H:%M:%S}{part}"


def print_json(value: object, indent: int | None = 2) -> None:
    """Print JSON: not through rich, which would wrap and colour it."""
    typer.echo(json.dumps(value, indent=indent, allow_nan=False))


def plain(value: Any) -> Any:
    """A NumPy value as JSON can hold it: times as ISO 8601, bytes as Latin-1, NaN as a text."""
    if isinstance(value, np.void) and value.dtype.names is not None:
        return {name: plain(value[name]) for name in value.dtype.names}
    if isinstance(value, np.ndarray):
        return [plain(each) for each in value]
    if isinstance(value, np.datetime64 | np.timedelta64):
        return str(value) if isinstance(value, np.datetime64) else int(value.astype(np.int64))
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def count_text(count: float) -> str:
    """A number in at most 6 characters: 0, 7.5, 812, 12.3k, 4.56M; a dash for NaN."""
    if math.isnan(count):
        return "-"
    if count == int(count) and abs(count) < 10_000:
        return str(int(count))
    unit = ""
    for larger in ("k", "M", "G", "T", "P"):
        if abs(count) < 999.5:
            break
        count, unit = count / 1000, larger
    return f"{_three_digits(count)}{unit}"


def duration_text(duration_ns: float) -> str:
    """A time in at most 7 characters: 85 ns, 1.23 us, 45.6 ms, 12.3 s, 73 min; a dash for NaN."""
    if math.isnan(duration_ns):
        return "-"
    size, unit = duration_ns, "ns"
    for larger in ("us", "ms", "s"):
        if size < 999.5:
            return f"{_three_digits(size)} {unit}"
        size, unit = size / 1000, larger
    if size < 999.5:
        return f"{_three_digits(size)} s"
    return f"{size / 60:.0f} min" if size < 59_970 else f"{size / 3600:.0f} h"


def _three_digits(value: float) -> str:
    if abs(value) >= 99.95 or value == 0:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 9.995 else f"{value:.2f}"
