"""Writing records to files: what is in them, and that they appear whole or not at all."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tabular_tools import EVERYTHING, GOOD_CELLS, HEADER, TRADE, TRADES, read, stdin

from headrace.errors import UsageError
from headrace.tabular import open_sink, same_file


@pytest.mark.parametrize("name", ["o.npy", "o.npz", "o.csv", "o.csv.gz", "O.CSV.GZ"])
def test_written_files_are_read_back(name: str, tmp_path: Path) -> None:
    file = str(tmp_path / name)
    sink = open_sink(file, TRADE)
    sink.write(TRADES[:3])
    sink.write(TRADES[3:3])
    sink.write(TRADES[3:])
    assert not Path(file).exists()
    sink.commit()
    sink.abort()
    assert sink.count == 10
    assert read(file)[0].tolist() == TRADES.tolist()
    assert os.listdir(tmp_path) == [name]


def test_numpy_reads_what_was_written(tmp_path: Path) -> None:
    for name in ("o.npy", "o.npz"):
        sink = open_sink(str(tmp_path / name), TRADE)
        sink.write(TRADES)
        sink.commit()
    assert np.load(tmp_path / "o.npy").tolist() == TRADES.tolist()
    assert np.load(tmp_path / "o.npz")["outputs"].tolist() == TRADES.tolist()


def test_csv_as_it_is_written() -> None:
    stream = io.BytesIO()
    sink = open_sink("-", EVERYTHING, stream)
    text = ",".join(GOOD_CELLS) + "\n" + ",".join(GOOD_CELLS.values()) + "\n"
    sink.write(read(stdin(text), EVERYTHING)[0])
    sink.commit()
    assert stream.getvalue().decode() == text


def test_csv_puts_every_special_character_into_quotes() -> None:
    stream = io.BytesIO()
    dtype = np.dtype([("a", "S4"), ("b", "U4")])
    records = np.array([(b"\r", "\n"), (b'"', ","), (b"\xff", " "), (b"", "")], dtype)
    sink = open_sink("-", dtype, stream)
    sink.write(records)
    sink.commit()
    assert stream.getvalue() == b'a,b\n"\r","\n"\n"""",","\n\xff, \n,\n'
    assert read(stdin(stream.getvalue()), dtype)[0].tolist() == records.tolist()


@pytest.mark.parametrize("name", ["o.npy", "o.npz", "o.csv", "o.csv.gz"])
def test_the_same_records_make_the_same_bytes(name: str, tmp_path: Path) -> None:
    contents = set()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        sink = open_sink(str(tmp_path / folder / name), TRADE)
        sink.write(TRADES)
        sink.commit()
        contents.add((tmp_path / folder / name).read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("name", ["o.npy", "o.npz", "o.csv", "o.csv.gz"])
def test_abort_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("before")
    sink = open_sink(str(tmp_path / name), TRADE)
    sink.write(TRADES)
    sink.abort()
    sink.abort()
    assert (tmp_path / name).read_text() == "before"
    assert os.listdir(tmp_path) == [name]


def test_mode_and_links_are_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_text("before")
    target.chmod(0o640)
    link.symlink_to(target.name)
    sink = open_sink(str(link), TRADE)
    sink.commit()
    assert link.is_symlink()
    assert target.read_text() == HEADER
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_new_files_get_the_mode_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        open_sink(str(tmp_path / "o.csv"), TRADE).commit()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "o.csv").stat().st_mode) == 0o640


def test_devices_are_written_to(tmp_path: Path) -> None:
    link = tmp_path / "null.csv"
    link.symlink_to("/dev/null")
    sink = open_sink(str(link), TRADE)
    sink.write(TRADES)
    sink.commit()
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the folder .*missing does not exist; make it first"):
        open_sink(str(tmp_path / "missing" / "o.csv"), TRADE)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match="is a folder; give a file name"):
        open_sink(str(tmp_path / "folder.csv"), TRADE)
    with pytest.raises(UsageError, match="what kind of file"):
        open_sink(str(tmp_path / "o.parquet"), TRADE)


def test_text_that_is_no_utf8_is_not_written() -> None:
    sink = open_sink("-", np.dtype([("u", "U1")]), io.BytesIO())
    with pytest.raises(UsageError, match=r"-: column 'u': text with a lone surrogate"):
        sink.write(np.array([("\udce4",)], [("u", "U1")]))


def test_counting() -> None:
    sink = open_sink(None, TRADE)
    sink.write(TRADES)
    sink.commit()
    sink.abort()
    assert sink.count == 10


def test_same_file(tmp_path: Path) -> None:
    one, link = tmp_path / "one.csv", tmp_path / "link.csv"
    one.touch()
    link.symlink_to(one)
    assert same_file(str(one), str(link))
    assert not same_file(str(one), str(tmp_path / "missing.csv"))


def test_archives_have_one_member(tmp_path: Path) -> None:
    open_sink(str(tmp_path / "o.npz"), TRADE).commit()
    assert zipfile.ZipFile(tmp_path / "o.npz").namelist() == ["outputs.npy"]
