"""Numbers of bytes, times and JSON as the command line prints them."""

from __future__ import annotations

import json
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
