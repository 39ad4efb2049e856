"""Whatever records there are: written to a file and read again, they are the same bytes."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from headrace.tabular import open_sink, open_source

PLAIN = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(sizes=(64, 128)),
    hnp.byte_string_dtypes(min_len=1, max_len=5),
    hnp.unicode_string_dtypes(min_len=1, max_len=5),
    st.sampled_from(["M8[D]", "M8[s]", "<M8[us]", ">M8[ns]", "m8[D]", "<m8[us]", ">m8[ns]"]).map(
        np.dtype
    ),
)
NAMES = st.text("abcxyz_", min_size=1, max_size=3)


def record_dtypes(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(
        st.tuples(NAMES, values, st.sampled_from([(), (1,), (2, 3)])),
        min_size=1,
        max_size=4,
        unique_by=lambda field: field[0],
    ).map(lambda fields: np.dtype([(n, d, s) if s else (n, d) for n, d, s in fields]))


DTYPES = record_dtypes(PLAIN | record_dtypes(PLAIN))
# Seconds between the years 1900 and 2200, which every unit can hold.
TIMES = st.integers(-2_208_988_800, 7_258_118_400)


@st.composite
def cells(draw: st.DrawFn, dtype: np.dtype[Any]) -> Any:
    """A value of a plain dtype that CSV can carry."""
    if dtype.kind == "M":
        return np.datetime64(draw(TIMES), "s").astype(dtype)
    if dtype.kind == "m":
        nothing = st.just(np.timedelta64("NaT", "s"))
        return draw(nothing | hnp.from_dtype(np.dtype("i8"))).astype(dtype)
    if dtype.kind == "U":
        characters = st.characters(codec="utf-8")
        return draw(st.text(characters, max_size=dtype.itemsize // 4)).rstrip("\0")
    if dtype.kind in "fc":
        return draw(hnp.from_dtype(dtype, allow_nan=False) | st.just(dtype.type("nan")))
    return draw(hnp.from_dtype(dtype))


def fill(draw: st.DrawFn, array: np.ndarray[Any, Any]) -> None:
    if array.dtype.names is not None:
        for name in array.dtype.names:
            fill(draw, array[name])
        return
    for index in np.ndindex(array.shape):
        array[index] = draw(cells(array.dtype))


@st.composite
def tables(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """Up to five records of any dtype that CSV can carry."""
    records = np.zeros(draw(st.integers(0, 5)), draw(DTYPES))
    fill(draw, records)
    return records


def read(file: str, dtype: np.dtype[Any], size: int, stdin: Any = None) -> np.ndarray[Any, Any]:
    with open_source(file, dtype, stdin) as source:
        # concatenate brings everything into the machine's byte order
        return np.concatenate([np.zeros(0, dtype), *source.chunks(size)]).astype(dtype)


def canonical(records: np.ndarray[Any, Any]) -> list[Any]:
    """Comparable by ==, with every NaN like the other, and 0.0 unlike -0.0."""
    return [repr(record) for record in records.tolist()]


@settings(deadline=None, max_examples=150)
@given(tables(), st.integers(1, 6))
def test_csv_is_an_exact_inverse(records: np.ndarray[Any, Any], size: int) -> None:
    stream = io.BytesIO()
    sink = open_sink("-", records.dtype, stream)
    for start in range(0, len(records), size):
        sink.write(records[start : start + size])
    sink.commit()
    text = io.BufferedReader(io.BytesIO(stream.getvalue()))  # type: ignore[arg-type]
    assert canonical(read("-", records.dtype, size, text)) == canonical(records)


@settings(deadline=None, max_examples=40)
@given(tables(), st.integers(1, 6), st.sampled_from([".npy", ".npz", ".csv", ".csv.gz"]))
def test_files_are_exact_inverses(records: np.ndarray[Any, Any], size: int, kind: str) -> None:
    with TemporaryDirectory() as folder:
        file = str(Path(folder) / f"records{kind}")
        sink = open_sink(file, records.dtype)
        for start in range(0, len(records), size):
            sink.write(records[start : start + size])
        sink.commit()
        assert canonical(read(file, records.dtype, size)) == canonical(records)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_narrow_floats_keep_every_bit(values: list[float]) -> None:
    records = np.array([(value,) for value in values], [("x", "f4")])
    stream = io.BytesIO()
    sink = open_sink("-", records.dtype, stream)
    sink.write(records)
    sink.commit()
    text = io.BufferedReader(io.BytesIO(stream.getvalue()))  # type: ignore[arg-type]
    assert read("-", records.dtype, 100, text).tobytes() == records.tobytes()
