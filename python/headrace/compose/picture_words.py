"""The words in pictures of topologies: what a machine, a dtype or a shard is called in short."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np

from headrace.compose.elastic import Elastic
from headrace.compose.topology import Shard
from headrace.events import Dtype
from headrace.machine import Machine

FIELDS_WIDE_MAX = 24  # of the fields of a dtype, beside an arrow or in a box
ELLIPSIS = "…"


def shown(text: str) -> str:
    """Text with what cannot be seen, or would turn the line round, as its escape sequence."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def wide(text: str) -> int:
    """How many columns text takes in a font whose characters are equally wide."""
    return sum(_columns(each) for each in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """Text of so many columns at most, with an ellipsis where some of it is left out."""
    if wide(text) <= columns:
        return text
    kept, room = "", columns - 1
    for each in text:
        room -= _columns(each)
        if room < 0:
            break
        kept += each
    return kept + ELLIPSIS


def fields_in_short(dtype: Dtype) -> str:
    """The names of the fields, as many as there is room for; of a plain dtype its own name."""
    if dtype.names is None:
        return cut(type_in_short(dtype), FIELDS_WIDE_MAX)
    names = [shown(name) for name in dtype.names]
    for count in range(len(names), 0, -1):
        more = "" if count == len(names) else f", {ELLIPSIS}"
        text = ", ".join(names[:count]) + more
        if wide(text) <= FIELDS_WIDE_MAX:
            return text
    return cut(names[0], FIELDS_WIDE_MAX)


def fields_in_full(dtype: Dtype) -> str:
    """All fields with their types."""
    if dtype.names is None:
        return type_in_short(dtype)
    assert dtype.fields is not None
    return ", ".join(
        f"{shown(name)} {type_in_short(dtype.fields[name][0])}" for name in dtype.names
    )


def type_in_short(dtype: Dtype) -> str:
    """A type without its byte order: int64, S8, float64[3], (x float64, y float64)."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return f"{type_in_short(base)}[{', '.join(map(str, shape))}]"
    if dtype.names is not None:
        return f"({fields_in_full(dtype)})"
    return str(dtype).lstrip("|<>=")


def steps_in_short(machine: Machine) -> str:
    """The kinds of step that a machine has."""
    kinds = ["python"]
    if machine.step_batch is not None:
        kinds += ["batch"]
    if machine.native is not None:
        kinds += ["native"]
    return f"step: {', '.join(kinds)}"


def state_in_short(machine: Machine) -> str:
    """What kind of value its state is; for that it makes one."""
    try:
        state: Any = machine.initial()
    except Exception:  # of the user's own function: the engine tells of it, with the traceback
        return "state: ?"
    if isinstance(state, np.ndarray):
        base = state.dtype
        kind = type_in_short(base) if base.names is None else f"({', '.join(base.names)})"
        return f"state: {shown(kind)}{list(state.shape) if state.shape else ''}"
    return f"state: {'none' if state is None else type(state).__name__}"


def key_in_short(by: tuple[str, ...] | None) -> str:
    """What a shard goes by."""
    return "index" if by is None else ", ".join(map(shown, by))


def shard_in_short(shard: Shard) -> str:
    """How many copies, and by what."""
    ordered = ", ordered" if shard.ordered else ""
    return f"shard by {key_in_short(shard.by)} × {shard.n}{ordered}"  # noqa: RUF001


def elastic_in_short(node: Elastic) -> str:
    """What an elastic stage is divided by, and how many workers it has."""
    workers = f"{node.min}" if node.min == node.max else f"{node.min} to {node.max}"
    ordered = ", ordered" if node.ordered else ""
    key = key_in_short(node.by)
    return f"elastic by {key}: {workers} workers, {node.partitions} partitions{ordered}"
