"""Expressions that a person types: tests over the fields of an input, or over a state.

Comparisons, `and`, `or`, `not`, `in`, arithmetic, constants, and names with `.field` and `[item]`.
Nothing is called, no attribute is looked up that is not a field of data, and nothing is given to
Python's own `eval`: the syntax tree is walked here, node by node.
"""

from __future__ import annotations

import ast
import dataclasses
import operator
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from headrace.errors import UsageError
from headrace.replay.changes import ABSENT

TEXT_MAX = 1000
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_NODES = (
    ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Name, ast.Attribute, ast.Subscript,
    ast.Constant, ast.Tuple, ast.List,
)  # fmt: skip
_SMALL_NODES = (
    ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd, ast.In, ast.NotIn, ast.Load,
    *_BINARY, *_COMPARE,
)  # fmt: skip
_CONSTANTS = (bool, int, float, str, bytes, type(None))


class ExpressionError(UsageError):
    """An expression that cannot be read, or that has no answer for what it is asked about."""


def parse(text: str) -> ast.expr:
    """The checked syntax tree of an expression. Raises ExpressionError."""
    if not text.strip():
        raise ExpressionError("the expression is empty; write one such as amount > 100")
    if len(text) > TEXT_MAX:
        raise ExpressionError(f"the expression is longer than {TEXT_MAX} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        for node in ast.walk(tree):
            _check(node)
    except SyntaxError as error:
        raise ExpressionError(f"{text.strip()!r} is no expression: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError(f"the expression cannot be read: {error}") from None
    return tree


def _check(node: ast.AST) -> None:
    if isinstance(node, ast.Constant):
        allowed = isinstance(node.value, _CONSTANTS)
    else:
        allowed = isinstance(node, _NODES + _SMALL_NODES)
    if not allowed:
        what = "calls" if isinstance(node, ast.Call) else f"{type(node).__name__}"
        raise ExpressionError(
            f"an expression may not have {what}: only fields, constants, comparisons, "
            "and, or, not, in, + - * / // %"
        )


# -- over inputs, whole columns at a time --------------------------------------------------------


class EventTest:
    """A test over inputs: over their fields, `sequence` and `time_ns`. Raises ExpressionError."""

    def __init__(self, text: str, dtype: np.dtype[Any]) -> None:
        self.text = text.strip()
        self._tree = parse(text)
        self._scalar = dtype.names is None
        known = {*(dtype.names or ("value",)), "sequence", "time_ns"}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Name) and node.id not in known:
                raise ExpressionError(
                    f"an input has no field {node.id!r}; it has {', '.join(sorted(known))}"
                )
        self.mask(np.zeros(1, dtype), np.zeros(1, np.int64), 0)  # what cannot be compared says so

    def mask(self, events: Any, times: Any, first_sequence: int) -> Any:
        """Which of the events pass, as an array of booleans."""
        count = len(events)

        def named(name: str) -> Any:
            if name == "sequence":
                return np.arange(first_sequence, first_sequence + count)
            if name == "time_ns":
                return np.asarray(times)
            return _wide(events if self._scalar else events[name])

        try:
            with np.errstate(all="ignore"):
                found = _truth(_column(self._tree, named))
                return np.array(np.broadcast_to(found, (count,)))
        except ExpressionError:
            raise
        except Exception as error:
            raise ExpressionError(f"{self.text!r} has no answer here: {error}") from None


def _wide(column: Any) -> Any:
    """Whole numbers in 64 bits, so that sums and products of small ones do not wrap."""
    return column.astype(np.int64) if column.dtype.kind in "iu" and column.dtype != "u8" else column


def _truth(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.names is not None or array.ndim > 1:
        raise ExpressionError("a whole record or array is neither true nor false; name an item")
    return array.astype(bool)


def _column(node: ast.expr, named: Callable[[str], Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return named(name)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return [_column(item, named) for item in items]
        case ast.Attribute(value=inner, attr=name):
            record = _column(inner, named)
            if name not in (getattr(getattr(record, "dtype", None), "names", None) or ()):
                raise ExpressionError(f"{ast.unparse(inner)} has no field {name!r}")
            return _wide(record[name])
        case ast.Subscript(value=inner, slice=key):
            array, place = _column(inner, named), _column(key, named)
            if isinstance(place, str):
                return _wide(array[place])
            return array[(slice(None), *(place if isinstance(place, list) else [place]))]
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return ~_truth(_column(inner, named))
        case ast.UnaryOp(op=op, operand=inner):
            value = _column(inner, named)
            return -value if isinstance(op, ast.USub) else value
        case ast.BoolOp(op=op, values=parts):
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            found = _truth(_column(parts[0], named))
            for part in parts[1:]:
                found = join(found, _truth(_column(part, named)))
            return found
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](
                _number(_column(left, named)), _number(_column(right, named))
            )
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compare_columns(
                [_column(each, named) for each in (left, *others)], ops
            )
    raise ExpressionError(f"{ast.unparse(node)} cannot be used here")


def _compare_columns(values: list[Any], ops: list[ast.cmpop]) -> Any:
    found: Any = True
    for left, op, right in zip(values, ops, values[1:], strict=False):
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, list):
                raise ExpressionError("`in` wants a list of constants, as in key in (1, 2, 3)")
            here: Any = np.zeros(np.shape(left), bool)
            for item in right:
                here = here | (_alike(item, left) == left)
            here = ~here if isinstance(op, ast.NotIn) else here
        else:
            here = _COMPARE[type(op)](_alike(left, right), _alike(right, left))
        found = np.logical_and(found, here)
    return found


def _alike(value: Any, other: Any) -> Any:
    """A constant as what it is compared with: text as bytes, or as a time."""
    kind = getattr(getattr(other, "dtype", None), "kind", "")
    if isinstance(value, str) and kind == "S":
        return value.encode()
    if isinstance(value, str) and kind == "M":
        return np.datetime64(value)
    if isinstance(value, int) and kind == "m":
        return np.array(value, other.dtype)
    return value


def _number(value: Any) -> Any:
    """What may be calculated with: text times a billion would be no small matter."""
    kind = np.asarray(value).dtype.kind
    if kind not in "biufmMc":
        raise ExpressionError(f"{value!r} is no number to calculate with")
    return value


# -- over a state --------------------------------------------------------------------------------


class StateTest:
    """A test over a state: `airports[2].departed > 5`, `state[3] > 10`. Raises ExpressionError.

    What is not there (yet), a key of a dict or an item of a list, passes no comparison. A field
    that a record or class does not have at all is an error.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._tree = parse(text)

    def holds(self, state: Any, sequence: int = 0) -> bool:
        """Whether it passes, behind `sequence` inputs."""

        def named(name: str) -> Any:
            if name == "state":
                return state
            if name == "sequence" and name not in fields_of(state):
                return sequence
            return _field(state, name, "the state")

        try:
            value = _scalar(self._tree, named)
            return value is not ABSENT and bool(value)
        except ExpressionError:
            raise
        except Exception as error:
            raise ExpressionError(
                f"{self.text!r} has no answer behind {sequence:,} inputs: {error}"
            ) from None


def fields_of(value: Any) -> tuple[str, ...]:
    """The names of a value's fields: of a dataclass, struct, named tuple, record, or text keys."""
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return tuple(field.name for field in dataclasses.fields(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return tuple(value._fields)
    if isinstance(value, np.ndarray | np.void):
        return tuple(value.dtype.names or ())
    if isinstance(value, Mapping):
        return tuple(key for key in value if isinstance(key, str))
    return ()


def _field(value: Any, name: str, where: str) -> Any:
    if value is ABSENT:
        return ABSENT
    if isinstance(value, Mapping):
        return value.get(name, ABSENT)
    names = fields_of(value)
    if name not in names:
        told = f"it has {', '.join(names)}" if names else f"it is of type {type(value).__name__}"
        raise ExpressionError(f"{where} has no field {name!r}; {told}")
    return value[name] if isinstance(value, np.ndarray | np.void) else getattr(value, name)


def _scalar(node: ast.expr, named: Callable[[str], Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return named(name)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_scalar(item, named) for item in items)
        case ast.Attribute(value=inner, attr=name):
            return _field(_scalar(inner, named), name, ast.unparse(inner))
        case ast.Subscript(value=inner, slice=key):
            return _item(_scalar(inner, named), _scalar(key, named), inner)
        case ast.UnaryOp(op=op, operand=inner):
            value = _scalar(inner, named)
            if isinstance(op, ast.Not):
                return value is ABSENT or not value
            return value if value is ABSENT or isinstance(op, ast.UAdd) else -value
        case ast.BoolOp(op=op, values=parts):
            wanted = isinstance(op, ast.And)
            for part in parts:
                value = _scalar(part, named)
                if (value is not ABSENT and bool(value)) != wanted:
                    return not wanted
            return wanted
        case ast.BinOp(left=left, op=op, right=right):
            one, other = _scalar(left, named), _scalar(right, named)
            if one is ABSENT or other is ABSENT:
                return ABSENT
            return _BINARY[type(op)](_number(one), _number(other))
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compare([_scalar(each, named) for each in (left, *others)], ops)
    raise ExpressionError(f"{ast.unparse(node)} cannot be used here")


def _item(value: Any, key: Any, node: ast.expr) -> Any:
    if value is ABSENT or key is ABSENT:
        return ABSENT
    if not isinstance(value, Mapping | list | tuple | str | bytes | np.ndarray | np.void):
        raise ExpressionError(
            f"{ast.unparse(node)} has no items; it is of type {type(value).__name__}"
        )
    try:
        return value[key]
    except (KeyError, IndexError):
        return ABSENT


def _compare(values: list[Any], ops: list[ast.cmpop]) -> bool:
    for left, op, right in zip(values, ops, values[1:], strict=False):
        if left is ABSENT or right is ABSENT:
            return False
        if isinstance(op, ast.In | ast.NotIn):
            found = left in right
            here = found if isinstance(op, ast.In) else not found
        else:
            here = bool(_COMPARE[type(op)](left, right))
        if not here:
            return False
    return True
