"""Events from CSV: what is read, what is refused, and with which words."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tabular_tools import EVERYTHING, GOOD_CELLS, HEADER, ROW, TRADE, TRADES, read, refused, stdin

from headrace.errors import UsageError
from headrace.tabular import open_sink, open_source

# -- what is read ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROW + ROW,
        "\ufeff" + HEADER + ROW + ROW,
        (HEADER + ROW + ROW).replace("\n", "\r\n"),
        HEADER + "\n" + ROW + "\n  \n" + ROW.strip(),
        HEADER + ROW + '"2013-01-31 12:00:00.000Z","ABC"," 1.5 "," 10"\n',
        " time , symbol,price,amount\n" + ROW + ROW,
        "amount,price,symbol,time\n" + 2 * "10,1.5,ABC,2013-01-31T12:00\n",
    ],
    ids=["plain", "bom", "crlf", "empty lines", "quoted", "spaces in header", "other order"],
)
def test_csv_reads_two_trades(text: str) -> None:
    events, notes = read(stdin(text))
    expected = np.array([(np.datetime64("2013-01-31T12:00", "ms"), b"ABC", 1.5, 10)] * 2, TRADE)
    assert events.tolist() == expected.tolist()
    assert notes == []


def test_csv_reads_every_kind() -> None:
    text = ",".join(GOOD_CELLS) + "\n" + ",".join(GOOD_CELLS.values()) + "\n"
    events, _ = read(stdin(text), EVERYTHING)
    event = events[0]
    assert (event["i"], event["f"], event["s"], event["u"]) == (-128, np.float32(0.1), b"ab", "äöü")
    assert event["t"] == np.datetime64("2013-01-31T23:59:59.123456789", "ns")
    assert event["month"] == np.datetime64("2013-01", "M")
    assert event["d"] == np.timedelta64(-5, "ms")
    assert event["b"]
    assert event["at"]["x"] == 255
    assert np.isnan(event["at"]["y"][0])
    assert event["at"]["y"][1] == -np.inf
    assert event["c"] == 1 + 2j


@pytest.mark.parametrize(
    ("cell", "value"), [("true", 1), ("FALSE", 0), ("1", 1), ("0", 0), (" True ", 1)]
)
def test_csv_booleans(cell: str, value: bool) -> None:
    events, _ = read(stdin(f"b\n{cell}\n"), np.dtype([("b", "?")]))
    assert events["b"].tolist() == [bool(value)]


def test_csv_not_a_time_and_not_a_span() -> None:
    events, _ = read(stdin("t,d\nNaT,NaT\n"), np.dtype([("t", "M8[s]"), ("d", "m8[s]")]))
    assert np.isnat(events["t"][0])
    assert np.isnat(events["d"][0])


def test_csv_bytes_that_are_no_utf8_fit_a_field_of_bytes() -> None:
    events, _ = read(stdin(b"s\n\xe4\xff\n"), np.dtype([("s", "S2")]))
    assert events["s"].tolist() == [b"\xe4\xff"]


def test_csv_leaves_out_further_columns_and_says_so() -> None:
    text = "note,time,symbol,price,amount,\n" + '"a,\n""b""",' + ROW.strip() + ",x\n"
    events, notes = read(stdin(text))
    assert len(events) == 1
    assert notes == ["<stdin>: columns left out: 'note', ''"]


def test_csv_with_a_header_only_has_no_events() -> None:
    assert len(read(stdin(HEADER))[0]) == 0


def test_csv_chunks_are_bounded_and_in_order() -> None:
    text = HEADER + "".join(f"NaT,A,0,{i}\n" for i in range(10))
    with open_source("-", TRADE, stdin(text)) as source:
        chunks = list(source.chunks(4))
    assert [chunk["amount"].tolist() for chunk in chunks] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_csv_file_tells_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(HEADER + ROW * 10_000)
    with open_source(str(path), TRADE) as source:
        seen = [source.done / (source.total or 0) for _ in source.chunks(1000)]
    assert seen == sorted(seen)
    assert seen[0] < 0.5
    assert seen[-1] == 1


def test_gzipped_csv(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv.gz"
    path.write_bytes(gzip.compress((HEADER + ROW).encode()))
    assert len(read(str(path))[0]) == 1
    assert len(read(stdin(path.read_bytes()))[0]) == 1
    path.write_bytes(path.read_bytes()[:-9])
    assert "cannot be read on" in refused(str(path)).reason


# -- what is refused ------------------------------------------------------------------------

BAD_CELLS = [
    ("i", "128", "'128' does not fit int8 (-128 to 127)"),
    ("i", "-129", "'-129' does not fit int8"),
    ("i", "1.0", "'1.0' is no integer"),
    ("i", "", "is empty"),
    ("i", "nan", "'nan' is no integer"),
    ("i", "1_0", "'1_0' is no integer"),
    ("i", "x" * 100, "'" + "x" * 40 + "'... is no integer"),
    ("f", "", "is empty; write nan where a number is missing"),
    ("f", "1e39", "'1e39' is out of the range of float32"),
    ("f", "1,5", "'1,5' is no number"),
    ("f", "1_0.5", "'1_0.5' is no number"),
    ("at.y[1]", "1e400", "'1e400' is out of the range of float64"),
    ("at.x", "-1", "'-1' does not fit uint8 (0 to 255)"),
    ("s", "äb€", "'äb€' is 6 bytes long, the field holds 3 bytes"),
    ("s", "a\0", "'a\\x00' ends in NUL"),
    ("u", "abcd", "'abcd' is 4 characters long, the field holds 3 characters"),
    ("u", "\udce4", "is not valid UTF-8"),
    ("b", "yes", "'yes' is neither true nor false"),
    ("b", "", "is empty"),
    ("t", "", "is empty; write NaT where a time is missing"),
    ("t", "today", "'today' is no ISO 8601 time"),
    ("t", "20130131", "'20130131' is no ISO 8601 time"),
    ("t", "2013-01-31T10:00+01:00", "no zone, or Z"),
    ("t", "2013-02-30", "'2013-02-30' is no time: Day out of range"),
    ("t", "3000-01-01", "'3000-01-01' is out of the range of datetime64[ns]"),
    ("t", "2013-01-01T00:00:00.1234567891", "is finer than the unit of datetime64[ns]"),
    ("month", "2013-01-02", "or finer than its unit"),
    ("d", "1.5", "'1.5' is no whole number of ms"),
    ("d", "", "is empty; write NaT"),
    ("d", str(1 << 63), "is no whole number of ms"),
    ("c", "1+2", "'1+2' is no number"),
]


@pytest.mark.parametrize(("column", "cell", "reason"), BAD_CELLS)
def test_csv_bad_cell(column: str, cell: str, reason: str) -> None:
    bad_row = {**GOOD_CELLS, column: cell}
    quoted = '"{}"'.format
    lines = [
        ",".join(GOOD_CELLS),
        ",".join(map(quoted, GOOD_CELLS.values())),
        "",
        ",".join(map(quoted, bad_row.values())),
        ",".join(GOOD_CELLS.values()),
    ]
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    for size in (1, 2, 100):
        error = refused(stdin(text), EVERYTHING, size)
        assert (error.file, error.line, error.column) == ("<stdin>", 4, column)
        assert reason in error.reason
        assert str(error.line) in str(error)
        assert column in str(error)


def test_csv_line_of_a_bad_cell_below_line_breaks_in_cells() -> None:
    text = 'x,note\n1,"a\nb\r\nc"\n\n2,"d\r"\nbad,e\n'
    for size in (1, 100):
        error = refused(stdin(text), np.dtype([("x", "i8")]), size)
        assert (error.line, error.column) == (8, "x")


def test_csv_first_of_several_mistakes_is_told() -> None:
    text = HEADER + ROW + "NaT,A,x,y\n" + "NaT,A\n" + '"'
    error = refused(stdin(text), size=100)
    assert (error.line, error.column) == (3, "price")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "is empty: a header line"),
        ("\n \n", 1, "is empty: a header line"),
        ("time,price\n", 1, "columns missing: symbol, amount; the header has time, price"),
        ("2013-01-31T12:00,ABC,1.5,10\n", 1, "is the first line a header?"),
        ("\n" + HEADER.replace("symbol", "symbol,price"), 2, "columns named twice: price"),
        (HEADER + ROW + "NaT,A,1\n", 3, "has 3 cells, the header has 4"),
        (HEADER + ROW + "NaT,A,1,5,6\n", 3, "has 5 cells, the header has 4"),
        (HEADER + ROW + 'NaT,"A,1,5\n' + ROW, 4, "a quoted cell is never closed"),
        (HEADER + ROW + 'NaT,"A"B,1,5\n', 3, "is malformed CSV"),
        (HEADER + "NaT,A,1," + "5" * 140_000, 2, "field larger than field limit"),
        (HEADER.encode("utf-16"), 1, "is UTF-16 text; save it as UTF-8"),
        (b"PK\x03\x04...", None, "is a .npz archive, which cannot be read from a pipe"),
    ],
)
def test_csv_bad_form(text: str | bytes, line: int | None, reason: str) -> None:
    error = refused(stdin(text))
    assert error.line == line
    assert reason in error.reason


def test_npy_named_csv(tmp_path: Path) -> None:
    np.save(tmp_path / "trades.npy", TRADES)
    (tmp_path / "trades.npy").rename(tmp_path / "trades.csv")
    assert "rename it to .npy" in refused(str(tmp_path / "trades.csv")).reason


@pytest.mark.parametrize(
    ("field", "reason"),
    [(("x", "V3"), "has no text form"), (("x", "M8"), "no unit"), (("x", "g"), "no text form")],
)
def test_dtype_without_text_form(field: Any, reason: str, tmp_path: Path) -> None:
    dtype = np.dtype([("a", "i8"), field])
    assert reason in refused(stdin("a,x\n"), dtype).reason
    with pytest.raises(UsageError, match=reason):
        open_sink(str(tmp_path / "out.csv"), dtype)
    assert os.listdir(tmp_path) == []


def test_open_refusals(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.csv")
    assert refused(missing).reason == "cannot be read: No such file or directory"
    (tmp_path / "folder.csv").mkdir()
    assert "Is a directory" in refused(str(tmp_path / "folder.csv")).reason
    with pytest.raises(UsageError, match=r"what kind of file\? Names end in \.npy, \.npz, \.csv"):
        open_source(str(tmp_path / "trades.txt"), TRADE)
