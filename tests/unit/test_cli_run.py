"""`headrace run` where all goes well: inputs, outputs, forms of steps, and the summary."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cli_tools import (
    HEADER,
    TOTALS,
    TRADE,
    TRADES,
    TRADES_CSV,
    headrace,
    in_folder,
    rows,
    succeeds,
    summary,
)

from headrace.state import state_digest

TOTAL = "machines.py:total"
TOTAL_ROWS = [[str(i), "0", str(account), str(x)] for i, (account, x) in enumerate(TOTALS)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with in_folder(tmp_path) as folder:
        yield folder


def digest_of(result: Any) -> str:
    return summary(result.stdout)["state digest"]


# -- inputs ----------------------------------------------------------------------------------


def write_input(file: str) -> None:
    if file == "t.npy":
        np.save(file, TRADES)
    elif file == "record.npz":
        np.savez(file, trades=TRADES)
    elif file == "fields.npz":
        np.savez_compressed(file, amount=TRADES["amount"], account=TRADES["account"])
    elif file.endswith(".gz"):
        Path(file).write_bytes(gzip.compress(TRADES_CSV.encode()))
    else:
        Path(file).write_text(TRADES_CSV)


@pytest.mark.parametrize(
    "file", ["t.npy", "record.npz", "fields.npz", "t.csv", "t.csv.gz", "T.CSV"]
)
def test_each_kind_of_input(file: str) -> None:
    write_input(file)
    result = headrace("run", TOTAL, "--input", file, "--output", "out.csv")
    assert result.exit_code == 0
    assert rows(Path("out.csv").read_text()) == TOTAL_ROWS
    assert summary(result.stdout)["events in"] == f"5 from {file}"
    assert digest_of(result) == state_digest({1: 6.0, 2: 3.0})


@pytest.mark.parametrize("name", ["short.csv", "-"])
def test_columns_are_matched_by_name_and_others_left_out(name: str) -> None:
    text = "note,amount,time,account\nx,2.5,12:00,1\ny,1,12:01,2\n"
    Path("short.csv").write_text(text)
    result = headrace("run", TOTAL, "-i", name, "-o", "out.csv", stdin=text)
    assert result.exit_code == 0
    shown = "<stdin>" if name == "-" else name
    assert result.stderr == f"note: {shown}: columns left out: 'note', 'time'\n"
    assert rows(Path("out.csv").read_text()) == TOTAL_ROWS[:2]


def test_fields_are_matched_by_name_and_may_be_narrower() -> None:
    other = np.dtype([("amount", "f4"), ("spare", "S3"), ("account", "i2")])
    events = np.zeros(5, other)
    events["amount"], events["account"] = TRADES["amount"], TRADES["account"]
    np.save("other.npy", events)
    result = headrace("run", TOTAL, "-i", "other.npy", "-o", "out.csv")
    assert result.exit_code == 0
    assert "fields left out: 'spare'" in result.stderr
    assert rows(Path("out.csv").read_text()) == TOTAL_ROWS


def test_events_of_a_plain_dtype() -> None:
    np.save("plain.npy", np.arange(5, dtype="i4"))
    succeeds("run", "machines.py:plain", "-i", "plain.npy", "-o", "out.csv")
    table = Path("out.csv").read_text()
    assert table.splitlines()[0].split(",") == [*HEADER, "value"]
    assert [row[2] for row in rows(table)] == ["0", "1", "3", "6", "10"]


def test_no_events() -> None:
    result = succeeds("run", TOTAL, "-i", "-", "-o", "out.npy", stdin="account,amount\n")
    assert "time per event  none\n" in result.stdout
    assert "whole job" in result.stdout
    assert len(np.load("out.npy")) == 0
    assert digest_of(result) == state_digest({})


# -- outputs ---------------------------------------------------------------------------------


def check_records(records: Any, before_ns: int) -> None:
    assert list(records.dtype.names) == [*HEADER, "account", "total"]
    assert records["input_sequence"].tolist() == records["origin"].tolist() == [0, 1, 2, 3, 4]
    assert records["output_index"].tolist() == [0] * 5
    assert (records["input_time_ns"] >= before_ns).all()
    assert (records["input_time_ns"] <= time.time_ns()).all()
    assert records[["account", "total"]].tolist() == TOTALS


def test_output_npy_and_npz() -> None:
    before_ns = time.time_ns()
    for file in ("out.npy", "out.npz"):
        result = succeeds("run", TOTAL, "-i", "trades.csv", "-o", file)
        assert summary(result.stdout)["outputs"] == f"5 to {file}"
    check_records(np.load("out.npy"), before_ns)
    check_records(np.load("out.npz")["outputs"], before_ns)


def test_output_csv_and_gzipped() -> None:
    before_ns = time.time_ns()
    for file in ("out.csv", "out.csv.gz"):
        succeeds("run", TOTAL, "-i", "trades.csv", "-o", file)
    zipped = gzip.decompress(Path("out.csv.gz").read_bytes())
    for text in (Path("out.csv").read_bytes(), zipped):
        check_records(np.genfromtxt(io.BytesIO(text), None, delimiter=",", names=True), before_ns)


def test_output_is_usable_as_input() -> None:
    succeeds("run", "machines.py:halves", "-i", "trades.csv", "-o", "halves.npz")
    result = headrace("run", TOTAL, "-i", "halves.npz", "-o", "out.npy")
    assert result.exit_code == 0
    assert np.load("out.npy")["total"].tolist() == [1.25, 2.5, 0.5, 1, 2.25, 2, 4, 6, 2, 3]


def test_output_replaces_what_was_there() -> None:
    Path("out.csv").write_text("old")
    Path("link.csv").symlink_to("out.csv")
    succeeds("run", TOTAL, "-i", "trades.csv", "-o", "link.csv")
    assert rows(Path("out.csv").read_text()) == TOTAL_ROWS
    assert Path("link.csv").is_symlink()


def test_stdout_carries_the_table_only() -> None:
    result = headrace("run", TOTAL, "-i", "-", "-o", "-", stdin=TRADES_CSV)
    assert result.exit_code == 0
    assert rows(result.stdout) == TOTAL_ROWS
    told = summary(result.stderr)
    assert (told["events in"], told["outputs"]) == ("5 from stdin", "5 to stdout")


def test_without_output_file_they_are_counted() -> None:
    result = succeeds("run", "machines.py:halves", "-i", "trades.csv")
    assert summary(result.stdout)["outputs"] == "10, not written"


def test_machine_without_outputs() -> None:
    result = succeeds("run", "machines.py:count", "-i", "trades.csv")
    assert summary(result.stdout)["outputs"] == "0, not written"
    five = b"i" + (1).to_bytes(8, "little") + b"5"
    assert digest_of(result) == hashlib.blake2b(five, digest_size=16).hexdigest()


def test_several_outputs_of_one_event() -> None:
    succeeds("run", "machines.py:halves", "-i", "trades.csv", "-o", "out.csv", "--batch", 2)
    indices = [(row[0], row[1]) for row in rows(Path("out.csv").read_text())]
    assert indices == [(str(event), str(i)) for event in range(5) for i in (0, 1)]


# -- batches and rings ----------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 1000])
def test_batches_change_nothing(batch: int) -> None:
    result = succeeds("run", TOTAL, "-i", "trades.csv", "-o", "out.csv", "--batch", batch)
    assert rows(Path("out.csv").read_text()) == TOTAL_ROWS
    assert digest_of(result) == state_digest({1: 6.0, 2: 3.0})
    assert f"(batches of {batch:,})" in summary(result.stdout)["time per event"]


def test_a_ring_of_one_event() -> None:
    succeeds("run", TOTAL, "-i", "trades.csv", "-o", "out.csv", "--capacity", 1, "--batch", 1)
    assert rows(Path("out.csv").read_text()) == TOTAL_ROWS


def test_many_events_of_a_mapped_file() -> None:
    events = np.zeros(30_000, TRADE)
    events["account"], events["amount"] = np.arange(30_000) % 7, 1
    np.save("many.npy", events)
    result = succeeds("run", "machines.py:halves", "-i", "many.npy", "-o", "out.npy")
    records = np.load("out.npy")
    assert len(records) == 60_000
    assert (records["account"][::2] == events["account"]).all()
    assert summary(result.stdout)["outputs"] == "60,000 to out.npy"


# -- forms of the step, pipelines ------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "options", "form", "state"),
    [
        ("all_forms", [], "native", 5_000_000),
        ("all_forms", ["--step", "native"], "native", 5_000_000),
        ("all_forms", ["--step", "batch"], "batch", 5_000),
        ("all_forms", ["--step", "python"], "python", 5),
        ("no_native", [], "batch", 5_000),
        ("only_python", [], "python", 5),
    ],
)
def test_forms_of_the_step(machine: str, options: list[str], form: str, state: int) -> None:
    result = succeeds("run", f"machines.py:{machine}", "-i", "trades.csv", *options)
    assert summary(result.stdout)["machine"] == f"forms ({form} step)"
    # A native step writes into the array; adding to an array of no dimensions makes a scalar.
    wanted = np.array(state) if form == "native" else np.int64(state)
    assert digest_of(result) == state_digest(wanted)


def test_pipeline() -> None:
    result = succeeds("run", "machines.py:totals_then_large", "-i", "trades.csv", "-o", "out.npy")
    told = summary(result.stdout)
    assert told["machine"] == "total (python step) >> large (python step)"
    assert (told["events in"], told["outputs"]) == ("5 from trades.csv", "1 to out.npy")
    assert digest_of(result) == state_digest(({1: 6.0, 2: 3.0}, 5))
    records = np.load("out.npy")
    assert (records["value"].tolist(), records["origin"].tolist()) == ([6.0], [3])


def test_machine_as_a_class() -> None:
    result = succeeds("run", "machines.py:Counter", "-i", "trades.csv")
    assert digest_of(result) == state_digest(5)


# -- the summary -----------------------------------------------------------------------------


def test_summary_is_all_there() -> None:
    result = succeeds("run", TOTAL, "-i", "trades.csv", "-o", "out.csv")
    told = summary(result.stdout)
    assert list(told) == [
        "machine",
        "events in",
        "outputs",
        "whole job",
        "engine",
        "time per event",
        "state digest",
    ]
    for label in ("whole job", "engine"):
        found = re.fullmatch(r"(\d+\.\d{3}) s, ([\d,]+) events/s", told[label])
        assert found is not None
        assert int(found[2].replace(",", "")) > 0
    figures = re.findall(r"p(50|99|99\.9) ([\d,]+) ns", told["time per event"])
    values = [int(value.replace(",", "")) for _, value in figures]
    assert [percent for percent, _ in figures] == ["50", "99", "99.9"]
    assert 0 < values[0] <= values[1] <= values[2]


def test_rate_and_percentiles_are_those_of_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    # 8 batches of 100 events that take 1 ms, and one of a single event that takes 3 ms.
    durations = [1_000_000] * 8 + [3_000_000]
    clock = [0]
    for duration in durations:
        clock += [clock[-1], clock[-1] + duration]
    ticks = iter(clock[1:])
    fake = SimpleNamespace(perf_counter_ns=lambda: next(ticks))
    monkeypatch.setattr("headrace.cli.job.time", fake)
    np.save("t.npy", np.zeros(801, TRADE))
    told = summary(succeeds("run", TOTAL, "-i", "t.npy", "--batch", 100).stdout)
    assert told["engine"] == "0.011 s, 72,818 events/s"
    found = re.findall(r"p[\d.]+ ([\d,]+) ns", told["time per event"])
    values = [int(value.replace(",", "")) for value in found]
    # Each event counts alike: a single slow one is not among 99 % of them.
    assert values == pytest.approx([10_000, 10_000, 3_000_000], rel=0.01)


def test_a_state_without_digest_does_not_cost_the_outputs() -> None:
    Path("odd.py").write_text(
        "import collections\nimport headrace as hr\n"
        "@hr.machine(event='i8', output='i8', initial=collections.deque)\n"
        "def odd(state, value):\n    state.append(value)\n    return state, value\n"
    )
    result = succeeds("run", "odd.py:odd", "-i", "-", "-o", "out.npy", stdin="value\n3\n4\n")
    assert np.load("out.npy")["value"].tolist() == [3, 4]
    assert digest_of(result).startswith("none, because state is collections.deque")
