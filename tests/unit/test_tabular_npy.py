"""Events from .npy and .npz: what is read, what is refused, and with which words."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tabular_tools import TRADE, TRADES, read, refused, stdin

from headrace.errors import InputError
from headrace.tabular import open_source


def npy(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def file_of(tmp_path: Path, content: bytes, name: str = "trades.npy") -> str:
    path = tmp_path / name
    path.write_bytes(content)
    return str(path)


def test_npy_is_read_through_a_map(tmp_path: Path) -> None:
    with open_source(file_of(tmp_path, npy(TRADES)), TRADE) as source:
        assert source.total == 10
        chunks = list(source.chunks(4))
    assert isinstance(chunks[0], np.memmap)
    assert not chunks[0].flags.writeable
    assert np.concatenate(chunks).tolist() == TRADES.tolist()


def test_npy_from_stdin() -> None:
    assert read(stdin(npy(TRADES)))[0].tolist() == TRADES.tolist()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_versions(version: tuple[int, int]) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, TRADES, version=version)
    assert read(stdin(stream.getvalue()))[0].tolist() == TRADES.tolist()


def test_npy_without_events(tmp_path: Path) -> None:
    assert len(read(file_of(tmp_path, npy(TRADES[:0])))[0]) == 0


def test_npy_fields_in_another_order_and_of_narrower_types(tmp_path: Path) -> None:
    other = np.dtype(
        [("amount", ">i2"), ("extra", "i8"), ("price", "f4"), ("symbol", "S3"), ("time", "M8[s]")]
    )
    array = np.zeros(10, other)
    for name in TRADE.names or ():
        array[name] = TRADES[name]
    events, notes = read(file_of(tmp_path, npy(array)))
    assert events.tolist() == TRADES.tolist()
    assert len(notes) == 1
    assert "fields left out: 'extra'" in notes[0]


def test_an_array_of_plain_values_is_good_for_a_single_field(tmp_path: Path) -> None:
    want = np.dtype([("value", "f8")])
    for name, content in (
        ("a.npy", npy(np.arange(3, dtype="f4"))),
        ("a.npz", npz(b=np.arange(3.0))),
    ):
        events, _ = read(file_of(tmp_path, content, name), want)
        assert events["value"].tolist() == [0, 1, 2]
    error = refused(stdin(npy(np.array([b"x"]))), want)
    assert "field 'value' is |S1 in the file, the machine wants float64" in error.reason


def test_npy_nested_fields_are_matched_by_name(tmp_path: Path) -> None:
    have = np.array([((1, 2), [5, 6])], [("at", [("y", "i2"), ("x", "i2")]), ("v", "i2", (2,))])
    want = np.dtype([("at", [("x", "i4"), ("y", "i4")]), ("v", "i8", (2,))])
    events, _ = read(file_of(tmp_path, npy(have)), want)
    assert events[0]["at"].tolist() == (2, 1)
    assert events[0]["v"].tolist() == [5, 6]


@pytest.mark.parametrize(
    ("have", "reason"),
    [
        ([("a", "i8")], "missing: b (float32), c (|S2); the file has the fields a"),
        ([("a", "i8"), ("b", "f8"), ("c", "S2")], "field 'b' is float64 in the file, the machine"),
        ([("a", "u8"), ("b", "f4"), ("c", "S2")], "field 'a' is uint64 in the file, the machine"),
        ([("a", "i8"), ("b", "f4"), ("c", "S3")], "field 'c' is |S3 in the file, the machine"),
        ([("a", "i8"), ("b", "f4"), ("c", "i1")], "field 'c' is int8 in the file, the machine"),
        ([("a", "i8", (2,)), ("b", "f4"), ("c", "S2")], "field 'a' has shape (2,) in the file"),
        ([("a", [("x", "i8")]), ("b", "f4"), ("c", "S2")], "field 'a' is [('x', '<i8')] in the"),
        ("f8", "the array is of plain float64, the machine's events have the fields a, b, c"),
    ],
)
def test_npy_misfit_names_the_field(have: Any, reason: str) -> None:
    want = np.dtype([("a", "i8"), ("b", "f4"), ("c", "S2")])
    error = refused(stdin(npy(np.zeros(3, have))), want)
    assert "does not fit the machine's events" in error.reason
    assert reason in error.reason


def test_npy_values_that_do_not_survive_the_cast() -> None:
    times = np.array([("3000-01-01",)], [("t", "M8[s]")])
    error = refused(stdin(npy(times)), np.dtype([("t", "M8[ns]")]))
    assert "after 0 events: field 't': a time is out of the range" in error.reason
    texts = np.array([(b"\xe4",)], [("s", "S1")])
    error = refused(stdin(npy(texts)), np.dtype([("s", "U1")]))
    assert "field 's'" in error.reason


NPY = npy(TRADES)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "ends too early: 8 of 8 bytes are missing"),
        (NPY[:5], "ends too early"),
        (NPY[:60], "ends too early"),
        (NPY[:-1], "ends too early"),
        (b"a" + NPY[1:], "is no .npy file"),
        (NPY[:6] + b"\x09" + NPY[7:], "is of .npy version 9.0"),
        (NPY[:6] + b"\x02\x00\xff\xff\xff\xff" + NPY[12:], "is damaged: a header of 4294967295"),
        (NPY.replace(b"'descr'", b"'descx'"), "has a damaged header"),
        (NPY.replace(b"'<f8'", b"'<f9'"), "has a damaged header"),
        (NPY.replace(b"(10,)", b"(-1,)"), "holds an array of shape (-1,)"),
        (NPY.replace(b"(10,)", b"(99,)"), "ends too early"),
        (npy(TRADES.reshape(2, 5)), "holds an array of shape (2, 5); events need one dimension"),
        (npy(TRADES[0]), "holds an array of shape ()"),
        (npy(np.zeros(3, [("a", "O")]), allow_pickle=True), "never unpickled"),
        (npy(np.zeros(3, [])), "holds records of no bytes"),
    ],
)
def test_npy_damaged(content: bytes, reason: str, tmp_path: Path) -> None:
    error = refused(file_of(tmp_path, content))
    assert reason in error.reason
    if content[:1] == NPY[:1]:
        assert reason in refused(stdin(content)).reason


def test_npy_with_more_behind_it(tmp_path: Path) -> None:
    events, notes = read(file_of(tmp_path, NPY + NPY))
    assert len(events) == 10
    assert f"{len(NPY)} bytes after the array were not read" in notes[0]
    events, notes = read(stdin(NPY + NPY))
    assert len(events) == 10
    assert "more follows the first array" in notes[0]


def test_npz_with_one_structured_array(tmp_path: Path) -> None:
    events, notes = read(file_of(tmp_path, npz(trades=TRADES, other=np.zeros(3)), "trades.npz"))
    assert events.tolist() == TRADES.tolist()
    assert "read from trades; arrays left out: other" in notes[0]


def test_npz_with_an_array_for_each_field(tmp_path: Path) -> None:
    arrays = {name: TRADES[name] for name in reversed(TRADE.names or ())}
    file = file_of(tmp_path, npz(**{**arrays, "amount": TRADES["amount"].astype("i2")}), "t.npz")
    events, notes = read(file)
    assert events.tolist() == TRADES.tolist()
    assert notes == [f"{file}: read from time, symbol, price, amount"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npz(time=TRADES["time"], price=TRADES["price"]), "missing: symbol, amount; it has time"),
        (npz(a=TRADES, b=TRADES), "has neither one structured array nor one for each field"),
        (npz(), "has neither"),
        (
            npz(**{name: TRADES[name][i:] for i, name in enumerate(TRADE.names or ())}),
            "has arrays of different lengths: time 10, symbol 9, price 8, amount 7",
        ),
        (npz(a=TRADES[["time"]]), "missing: symbol (|S4), price (float64), amount (int32)"),
        (npz(a=TRADES.reshape(2, 5)), "array 'a' holds an array of shape (2, 5)"),
        (b"PK\x03\x04", "is no .npz archive, or damaged"),
        (b"", "is no .npz archive, or damaged"),
    ],
)
def test_npz_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    assert reason in refused(file_of(tmp_path, content, "trades.npz")).reason


def test_npz_damaged_in_the_middle(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.savez(stream, trades=np.zeros(100_000, TRADE))
    content = bytearray(stream.getvalue())
    content[len(content) // 2] ^= 1
    error = refused(file_of(tmp_path, bytes(content), "trades.npz"), size=8192)
    assert "array 'trades'" in error.reason
    assert "CRC" in error.reason


def test_every_single_damaged_byte_is_refused_or_read(tmp_path: Path) -> None:
    """Whatever is wrong with a header, it is an InputError, never another one."""
    for place in range(190):
        content = bytearray(NPY)
        content[place] ^= 0x15
        with contextlib.suppress(InputError):
            read(file_of(tmp_path, bytes(content)))
