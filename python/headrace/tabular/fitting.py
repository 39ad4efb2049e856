"""From the dtype a file has to the dtype a machine wants: which fields fit, and how they get there.

Fields are matched by name, in any order. A field fits where NumPy calls the cast safe and both are
of one kind (numbers, text, times, time spans); a file's further fields are left out, and said so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .columns import Array, Dtype

Fit = Callable[[Array], Array]
_FAMILIES = ("biufc", "SU", "M", "m", "V")


def as_record(dtype: Dtype, name: str) -> Dtype:
    """A plain dtype as a record with one field of that name: the same bytes; a record stays."""
    return dtype if dtype.names is not None else np.dtype([(name, dtype)])


def misfits(have: Dtype, want: Dtype) -> list[str]:
    """Every reason why records of `have` cannot become records of `want`; empty where they can."""
    if have.names is None:
        return [f"the array is of plain {have}, the machine's events have {_fields(want)}"]
    return _record_misfits("", have, want)


def fit(have: Dtype, want: Dtype) -> Fit:
    """What turns records of `have` into records of `want`: the same array where nothing differs.

    Only for dtypes without `misfits`. The function it returns raises ValueError, naming the field,
    for a value that the cast cannot carry over after all (text that is no ASCII, times out of
    range), and allocates one array for each call unless both dtypes are the same.
    """
    if have == want:
        return lambda records: records

    def convert(records: Array) -> Array:
        converted = np.zeros(len(records), want)
        _assign("", converted, records)
        return converted

    return convert


def _assign(name: str, into: Array, records: Array) -> None:
    """Copy by name; NumPy itself would copy the fields of nested records by position."""
    if into.dtype.names is not None:
        prefix = f"{name}." if name else ""
        for field in into.dtype.names:
            _assign(prefix + field, into[field], records[field])
        return
    try:
        into[...] = records
    except OverflowError:  # NumPy 2.5 and newer, of times; those before it wrapped round
        raise ValueError(_out_of_range(name, into.dtype)) from None
    except (ValueError, UnicodeError) as error:
        raise ValueError(f"field {name!r}: {error}") from None
    if into.dtype.kind in "Mm":
        _check_times(name, records, into)


def spare_fields(have: Iterable[str], want: Dtype) -> list[str]:
    """The names that the machine's events have no field for, in the file's order."""
    names = want.names or ()
    return [name for name in have if name not in names]


def missing_fields(have: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """The names that are wanted and not there, in the order they are wanted in."""
    there = set(have)
    return [name for name in wanted if name not in there]


def listed(names: Iterable[str]) -> str:
    """Names as messages list them."""
    return ", ".join(names) or "none"


def _fields(dtype: Dtype) -> str:
    return f"the fields {listed(dtype.names or ())}"


def _record_misfits(prefix: str, have: Dtype, want: Dtype) -> list[str]:
    names, there = want.names or (), have.names or ()
    missing = missing_fields(there, names)
    found = []
    if missing:
        wanted = ", ".join(f"{prefix}{name} ({want[name]})" for name in missing)
        found.append(f"missing: {wanted}; the file has {_fields(have)}")
    for name in names:
        if name in there:
            found += _misfits(prefix + name, have[name], want[name])
    return found


def _misfits(name: str, have: Dtype, want: Dtype) -> list[str]:
    if have.shape != want.shape:
        return [
            f"field {name!r} has shape {have.shape} in the file, the machine wants {want.shape}"
        ]
    base, base_want = have.base, want.base
    if base.names is not None and base_want.names is not None:
        return _record_misfits(f"{name}.", base, base_want)
    if _family(base) != _family(base_want) or not np.can_cast(base, base_want, "safe"):
        return [f"field {name!r} is {base} in the file, the machine wants {base_want}"]
    return []


def _family(dtype: Dtype) -> Any:
    if dtype.names is not None:
        return dtype.names
    return next(family for family in _FAMILIES if dtype.kind in family)


def _check_times(name: str, before: Array, after: Array) -> None:
    """NumPy calls a cast of times to a finer unit safe, and wraps round where it is not."""
    back = after.astype(before.dtype)
    if not ((back == before) | np.isnat(before)).all():
        raise ValueError(_out_of_range(name, after.dtype))


def _out_of_range(name: str, dtype: Dtype) -> str:
    return f"field {name!r}: a time is out of the range of {dtype}"
