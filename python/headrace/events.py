"""Events: fixed-size records of a NumPy dtype, and how Python values become them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from headrace.errors import DtypeError, MachineError
from headrace.ringbuffer.exact import store_exactly as store_exactly  # for the reference, too
from headrace.ringbuffer.formats import check_dtype

Dtype = np.dtype[Any]
Array = np.ndarray[Any, Any]

# What every output record starts with: its id, when its input came, and which of the engine's own
# inputs it descends from.
HEADER_FIELDS = (
    ("input_sequence", "<i8"),
    ("output_index", "<i8"),
    ("input_time_ns", "<i8"),
    ("origin", "<i8"),
)
RESERVED_FIELDS = frozenset({"sequence", "time_ns"})  # read from the event, not of it
POSITIONS = "headrace_positions"  # the field of records inside of a split, behind the others
_HEADER_BYTES = 8 * len(HEADER_FIELDS)


def as_event_dtype(dtype: Any) -> Dtype:
    """Return `dtype` as the format of a machine's events, or raise DtypeError or MachineError.

    It may be structured or a plain scalar type, has a fixed size, and holds no Python objects; no
    field is called `sequence` or `time_ns`, which every event has anyway.
    """
    checked = check_dtype(dtype)
    taken = RESERVED_FIELDS.intersection(checked.names or ())
    if taken:
        raise MachineError(
            f"the event dtype has a field {sorted(taken)[0]!r}, but event.sequence and "
            "event.time_ns are given by the engine; call the field something else"
        )
    return checked


def as_output_dtype(dtype: Any) -> Dtype:
    """Return `dtype` as the format of a machine's outputs, or raise DtypeError or MachineError."""
    checked = check_dtype(dtype)
    reserved = {POSITIONS, *(name for name, _ in HEADER_FIELDS)}
    taken = reserved.intersection(checked.names or ())
    if taken:
        raise MachineError(
            f"the output dtype has a field {sorted(taken)[0]!r}, which every output record has "
            "anyway; call the field something else"
        )
    return checked


def record_dtype(output: Any) -> Dtype:
    """The dtype of output records: id, input time and origin, then the fields of `output`.

    A plain scalar dtype becomes the field `value`. Fields follow each other without gaps beyond
    those that `output` has itself.
    """
    checked = np.dtype(output)
    names = [name for name, _ in HEADER_FIELDS]
    formats: list[Any] = [form for _, form in HEADER_FIELDS]
    offsets = [8 * index for index in range(len(names))]
    if checked.names is None:
        names.append("value")
        formats.append(checked)
        offsets.append(_HEADER_BYTES)
    else:
        assert checked.fields is not None
        for name in checked.names:
            names.append(name)
            formats.append(checked.fields[name][0])
            offsets.append(_HEADER_BYTES + checked.fields[name][1])
    return np.dtype(
        {
            "names": names,
            "formats": formats,
            "offsets": offsets,
            "itemsize": _HEADER_BYTES + checked.itemsize,
        }
    )


def ring_dtype(output: Any, depth: int) -> Dtype:
    """The dtype of a ring of output records that carry `depth` positions (see compose.layout)."""
    records = record_dtype(output)
    if depth == 0:
        return records
    assert records.names is not None
    assert records.fields is not None
    return np.dtype(
        {
            "names": [*records.names, POSITIONS],
            "formats": [*(records.fields[name][0] for name in records.names), ("<i8", (depth,))],
            "offsets": [*(records.fields[name][1] for name in records.names), records.itemsize],
            "itemsize": records.itemsize + 8 * depth,
        }
    )


def payload(records: Array, output: Dtype) -> Array:
    """The part of output records that the machine wrote: a view with the machine's own dtype."""
    view: Array = records.getfield(output, _HEADER_BYTES)
    return view


def as_events(dtype: Dtype, value: Any) -> Array:
    """`value` as a one-dimensional array of `dtype`.

    Takes arrays, records, tuples (one event), dicts by field name (one event), lists of these, and
    plain scalars for a scalar dtype. Raises DtypeError naming what does not fit.
    """
    if isinstance(value, np.ndarray):
        # Most often it is the very same dtype; comparing fields takes longer than the rest.
        if value.dtype is not dtype and value.dtype != dtype:
            raise DtypeError(
                f"events have dtype {value.dtype}, the machine takes {dtype}; convert them with "
                "events.astype(machine.event)"
            )
        return value if value.ndim == 1 else value.reshape(-1)
    if isinstance(value, list):
        return np.concatenate([as_events(dtype, one) for one in value] or [np.empty(0, dtype)])
    array = np.zeros(1, dtype)
    if isinstance(value, Mapping):
        _fill_from_mapping(array, dtype, value)
    elif isinstance(value, tuple):
        names = dtype.names or ()
        if len(value) != len(names):
            raise DtypeError(f"{value!r} has {len(value)} values, an event has fields {names}")
        for name, one in zip(names, value, strict=True):
            _fill(array, name, one)
    elif isinstance(value, np.void) and value.dtype != dtype:
        raise DtypeError(f"the event has dtype {value.dtype}, the machine takes {dtype}")
    else:
        _fill(array, None, value)
    return array


def _fill_from_mapping(array: Array, dtype: Dtype, value: Mapping[Any, Any]) -> None:
    names = set(dtype.names or ())
    if names != set(value):
        missing, unknown = sorted(names - set(value)), sorted(map(str, set(value) - names))
        raise DtypeError(
            f"an event needs the fields {sorted(names)}: missing {missing}, unknown {unknown}"
        )
    for name, one in value.items():
        _fill(array, name, one)


def _fill(array: Array, name: str | None, value: Any) -> None:
    """Set one field, refusing what NumPy would wrap, cut off or read into it."""
    try:
        store_exactly(array[0, ...] if name is None else array[name][0, ...], value)
    except ValueError as error:
        what = "the event" if name is None else f"field {name!r}"
        raise DtypeError(f"{what} cannot be {value!r}: {error}") from None
