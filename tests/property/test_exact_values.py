"""What becomes an event or an output stays what it was; what would be bent is refused.

Four ways in: events that are published to an engine or to a bare ring, outputs that a step returns,
and the reference model.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.engine import Stepper
from headrace.errors import DtypeError, OutputError, StepError
from headrace.events import as_events, payload
from headrace.machine import machine
from headrace.reference.steps import output_record

Array = np.ndarray[Any, Any]
NESTED = [("a", "i1"), ("b", "S2")]
OTHER_NAMES = np.array([(1, b"a")], [("b", "i1"), ("a", "S2")])[0]
DAY = np.datetime64("2020-01-01")
HALF_SECOND = np.datetime64("2020-01-01T00:00:00.5")

BENT: dict[Any, list[Any]] = {
    "i1": [128, -129, 300, 1 << 70],
    "i4": [
        np.float32(1.5), 1.5, "5", b"5", None, 1j, np.complex128(1 + 2j), decimal.Decimal("1.5"),
        fractions.Fraction(3, 2), np.array(1.5), float("nan"), DAY, np.timedelta64(5, "s"),
        np.int64(1 << 40), np.array([5]), [5], (5,), object,
    ],
    "u8": [-1, 1 << 64, np.int8(-1)],
    "<i8": [np.datetime64("2020-01-01T00:00:00.123456789"), bytearray(b"5")],
    "f8": ["1.5", b"1.5", None, 1j, np.complex128(1 + 2j), DAY, np.timedelta64(5, "s"), 10**400,
           np.array([1.5]), [1.5]],
    "f4": [1e300, -1e300, np.float64(1e39)],
    "f2": [70000.0, 70000],
    "c16": ["1", None, DAY],
    "c8": [1e300, complex(0, 1e300)],
    "?": [2, -1, 0.5, "False", "", None, [], DAY, 1j, object],
    "S3": [12345, 1.5, None, True, b"abcd", "é"],
    "U3": [12345, b"abc", None, "abcd"],
    "M8[s]": [HALF_SECOND, "5", np.float32(1.5), np.timedelta64(5, "s"), np.complex128(1),
              datetime.datetime(2020, 1, 1, 0, 0, 0, 5), 1.5],
    "M8[ns]": [np.datetime64("3000-01-01"), datetime.date(3000, 1, 1), 1 << 63],
    "m8[s]": [np.timedelta64(1500, "ms"), DAY, datetime.timedelta(seconds=1.5), "5", 1.5],
    "V4": [b"abc", b"abcde", np.int64(5), 5, None],
    "(3,)i4": [
        5, [1, 2], [1, 2, 3, 4], [1.5, 2, 3], ["1", "2", "3"], [None] * 3, np.full(3, 1 << 40),
        np.array([1.5, 2, 3]), [[1], [2], [3]],
    ],
    "(2,)S2": [[b"abc", b"d"], b"ab", [1, 2]],
    "(2,)U2": [["abc", "d"], "ab"],
    "(2,)f4": [[1e300, 0], np.array([1e300, 0])],
    "(2,)?": [[2, 0], True],
    "nested": [(300, b"a"), (1.5, b"a"), (1, b"abc"), (1,), 5, OTHER_NAMES, {"a": 1, "b": b"a"}],
}  # fmt: skip

KEPT: dict[Any, list[Any]] = {
    "i1": [127, -128, 0, True, np.int64(5), np.array(5), np.bool_(True)],
    "u8": [(1 << 64) - 1, np.uint8(7)],
    ">i4": [-5, np.int64(5)],
    "f8": [1.5, 1, True, np.float32(1.5), float("inf"), np.array(1.5), fractions.Fraction(1, 2),
           decimal.Decimal("1.5"), 1e300],
    "f4": [1.5, float("-inf"), np.float64(1.5)],
    ">f8": [1.5],
    "f2": [1.5],
    "c16": [1j, 1.5, 2, np.complex64(1 + 2j)],
    "?": [True, False, 0, 1, np.bool_(True)],
    "S3": [b"", b"abc", np.bytes_(b"ab")],
    "U3": ["", "abé", np.str_("ab")],
    ">U3": ["abc"],
    "M8[s]": [DAY, np.datetime64("2020-01-01T00:00:01"), datetime.datetime(2020, 1, 1, 0, 0, 5)],
    "M8[ns]": [HALF_SECOND, datetime.date(2020, 1, 1)],
    "m8[s]": [np.timedelta64(5, "m"), datetime.timedelta(seconds=7)],
    "V4": [b"abcd", np.void(b"abcd")],
    "(3,)i4": [(1, 2, 3), [1, 2, 3], np.arange(3, dtype="i4"), np.arange(3, dtype="i8")],
    "(2,2)i4": [[[1, 2], [3, 4]], ((1, 2), (3, 4)), np.arange(4).reshape(2, 2)],
    "(2,)S2": [[b"ab", b""], (b"a", b"b")],
    "nested": [(1, b"ab"), np.array([(1, b"ab")], NESTED)[0]],
}  # fmt: skip


def as_event(dtype: np.dtype[Any], value: Any) -> Array:
    return as_events(dtype, (1, value))


def as_ring_event(dtype: np.dtype[Any], value: Any) -> Array:
    with hr.Ring.create(dtype, 1) as ring:
        consumer = ring.consumer("all")
        try:
            ring.producer().publish([(1, value)])
        except DtypeError:
            assert ring.cursor == 0
            raise
        return consumer.poll().copy()


def as_output(dtype: np.dtype[Any], value: Any) -> Array:
    stepper = Stepper(
        machine(event="i8", output=dtype, initial=int)(lambda state, event: (state, (1, value)))
    )
    try:
        return payload(stepper.run(np.zeros(1, np.int64)), dtype)
    except StepError as error:
        raise error.__cause__ or error from None


def as_reference_output(dtype: np.dtype[Any], value: Any) -> Array:
    return output_record((1, value), dtype)


WAYS = [as_event, as_ring_event, as_output, as_reference_output]
WAY_NAMES = ["event", "ring", "output", "reference"]


def cases(table: dict[Any, list[Any]]) -> list[Any]:
    return [
        pytest.param(NESTED if form == "nested" else form, value, id=f"{form}-{value!r:.40}")
        for form, values in table.items()
        for value in values
    ]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
@pytest.mark.parametrize(("form", "value"), cases(BENT))
def test_what_would_be_bent_is_refused(way: Callable[..., Array], form: Any, value: Any) -> None:
    dtype = np.dtype([("before", "i1"), ("field", form)])
    with pytest.raises((DtypeError, OutputError), match="field"):
        way(dtype, value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("way", WAYS, ids=WAY_NAMES)
@pytest.mark.parametrize(("form", "value"), cases(KEPT))
def test_what_fits_is_kept(way: Callable[..., Array], form: Any, value: Any) -> None:
    dtype = np.dtype([("before", "i1"), ("field", form)])
    made = way(dtype, value)
    assert made.dtype == dtype
    assert made["before"].tolist() == [1]
    found = made["field"][0]
    if form is NESTED:
        assert found.tolist() == tuple(value)
    elif form == "V4":
        assert found.tobytes() == bytes(value)
    elif isinstance(value, (list, tuple)):
        assert found.tolist() == np.array(value).tolist()
    elif isinstance(value, datetime.date):
        assert found == np.datetime64(value)
    elif isinstance(value, decimal.Decimal):
        assert found == float(value)
    else:
        assert np.array_equal(found, value)
