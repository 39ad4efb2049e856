"""Fields of events and outputs: the compiled tables against the reference's plain NumPy."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine import Stepper
from headrace.errors import OutputError, StepError
from headrace.events import payload
from headrace.machine import machine
from headrace.reference.steps import event_values, output_record

FORMATS = [
    "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "?", "S3", "U2", ">i4", ">f8",
    "c8", "M8[ns]", "m8[s]", "(2,)i4", [("x", "i2"), ("y", "S2")],
]  # fmt: skip
VALUES = st.one_of(
    st.integers(-(1 << 70), 1 << 70),
    st.sampled_from([0, 1, -1, 127, 128, 255, 256, 1 << 31, -(1 << 63), (1 << 64) - 1]),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(max_size=4),
    st.text(max_size=3),
    st.sampled_from([
        np.int64(5), np.float32(1.5), np.bool_(True), np.str_("a"), np.bytes_(b"a"), 1j, [1, 2],
        (1, b"a"), [1, 2, 3], np.datetime64("2020-01-01"), np.timedelta64(3, "s"),
        datetime.datetime(2020, 1, 1), decimal.Decimal("1.5"), object,
    ]),
)  # fmt: skip


@settings(max_examples=800)
@given(st.sampled_from(FORMATS), VALUES)
def test_outputs_are_taken_and_refused_alike(form: Any, value: Any) -> None:
    dtype = np.dtype([("before", "i1"), ("field", form)])

    def step(state, event):  # type: ignore[no-untyped-def]
        return state, (1, value)

    stepper = Stepper(machine(event="i8", output=dtype, initial=int)(step))
    try:
        wanted = output_record((1, value), dtype)
    except OutputError:
        with pytest.raises(StepError) as caught:
            stepper.run(np.zeros(1, "i8"))
        assert isinstance(caught.value.__cause__, OutputError)
        assert "field" in str(caught.value.__cause__)
        return
    found = payload(stepper.run(np.zeros(1, "i8")), dtype)
    assert found.tobytes() == wanted.tobytes()


@settings(max_examples=500)
@given(st.sampled_from(FORMATS), st.binary(min_size=80, max_size=80))
def test_fields_are_read_alike(form: Any, data: bytes) -> None:
    dtype = np.dtype([("before", "i1"), ("field", form)])
    data = bytes(byte % 2 if form == "?" else byte for byte in data)
    if np.dtype(form).kind == "U":
        data = b"\0" + np.array([data[0], data[1]], "<u4").tobytes() + data[9:]
    events = np.frombuffer(data[: dtype.itemsize], dtype)
    seen: list[Any] = []

    def by_event(state, event):  # type: ignore[no-untyped-def]
        seen.append(event.field)
        return state, None

    def by_field(state, field):  # type: ignore[no-untyped-def]
        seen.append(field)
        return state, None

    for step in (by_event, by_field):
        Stepper(machine(event=dtype, initial=int)(step)).run(events)
    wanted = event_values(events, dtype, 0, 0)["field"]
    for value in seen:
        assert type(value) is type(wanted)
        assert np.asarray(value).tobytes() == np.asarray(wanted).tobytes()
