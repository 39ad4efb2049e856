"""What is written about a run: the file, the tables, the chart, and the exit code."""

from __future__ import annotations

import io
import json
import platform
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench import chart, report, results, runner
from bench.measure import (
    Check,
    Contestant,
    Figure,
    Plan,
    Result,
    Sample,
    Unavailable,
    rate_sample,
    relate,
)

MOMENT = {"flags_ns": 105.0, "memcpy_gb_s": 60.0}


def samples(*rates: float) -> list[Sample]:
    return [rate_sample(1000, 1e-3 / rate, "right", "right") for rate in rates]


def made_up() -> list[Result]:
    """Two figures: ratios reached and not, a time, a difference, a peer that is missing."""
    stream = Result(
        "stream",
        rounds=3,
        samples={"ours": samples(10, 12, 11), "C (batch 1)": samples(5, 6, 5.5)},
        missing={"LMAX": "no LMAX Disruptor: install it"},
        before=MOMENT,
        after=MOMENT,
    )
    stream.lines = [
        relate(check, stream)
        for check in (
            Check("stream", "batch 1", "ours", "C (batch 1)", "rate", ">=", 1.5),
            Check("stream", "batch 64", "ours", "C (batch 1)", "rate", ">=", 3.0),
            Check("stream", "batch 1", "ours", "LMAX", "rate", ">=", 2.0),
        )
    ]
    calls = Result(
        "calls",
        rounds=2,
        samples={"claim": samples(20, 20), "loop": samples(100, 100)},
        before=MOMENT,
        after={"flags_ns": 480.0, "memcpy_gb_s": 20.0},
    )
    calls.lines = [
        relate(check, calls)
        for check in (
            Check("time of a call", "", "claim", "loop", "ns", "<=", 4.0),
            Check("call", "", "claim", "loop", "ns", "<=", 45.0, "difference"),
        )
    ]
    return [stream, calls]


@pytest.fixture
def document() -> dict[str, Any]:
    made = results.as_document(made_up(), Plan(rounds=3))
    made["date"] = "2026-01-02 03:04 UTC"
    made["machine"] = {"cpu": "Abacus", "kernel": "Linux 6", "python": "CPython 3", "numpy": "2"}
    return made


def test_round_trip_of_the_file(tmp_path: Path, document: dict[str, Any]) -> None:
    path = tmp_path / "results" / "latest.json"
    results.write(document, path)
    again = results.read(path)
    assert [figure["name"] for figure in again["figures"]] == ["stream", "calls"]
    assert [line["reached"] for line in results.lines_of(again)] == [
        True, False, None, False, True
    ]  # fmt: skip
    assert again["figures"][0]["lines"][0]["theirs"]["median"] == 5.5
    assert again["figures"][0]["missing"] == {"LMAX": "no LMAX Disruptor: install it"}
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(FileNotFoundError, match="make bench"):
        results.read(tmp_path / "none.json")


def test_machine_names_no_host_and_no_folder() -> None:
    about = results.machine()
    assert about["python"].endswith(platform.python_version())
    assert {"cpu", "kernel", "numpy", "c_compiler"} <= set(about)
    text = json.dumps(about)
    for trace in (platform.node(), str(results.LATEST.parents[2]), str(Path.home())):
        assert trace not in text


def test_markdown(document: dict[str, Any]) -> None:
    assert report.markdown(document).splitlines() == [
        "| Work | Yardstick | headrace | yardstick's | Result | To reach | Reached |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| stream: batch 1 / batch 64 | C | 11 / 11 M/s | 5.5 / 5.5 M/s | 2x / **2x** | "
        "≥ 1.5x / ≥ 3x | 1 of 2 |",
        "| stream: batch 1 | LMAX |   |   | not measured (no LMAX Disruptor: install it) | ≥ 2x "
        "| - |",
        "| time of a call | loop | 50 ns | 10 ns | **5x** | ≤ 4x | no |",
        "| call | loop | 50 ns | 10 ns | 40 ns | ≤ 45 ns | yes |",
        "",
        "Medians of 2 to 3 interleaved rounds, 2026-01-02 03:04 UTC, on Abacus, Linux 6, "
        "CPython 3, NumPy 2. The round trip of two bare flags between the cores took 105 to 480 ns "
        "meanwhile.",
    ]


def test_table() -> None:
    written = io.StringIO()
    console = Console(width=160, file=written)
    for result in made_up():
        console.print(report.table(result))
    text = written.getvalue()
    assert "stream, batch 64" in text
    assert "2x [2..2]" in text
    assert "not measured" in text
    assert "40 ns [40..40]" in text
    assert report.missing(made_up()) == {"LMAX": "no LMAX Disruptor: install it"}


def test_as_good_turns_times_over() -> None:
    line = {
        "relation": "<=", "target": 2.0, "result": {"q1": 1.0, "median": 4.0, "q3": 5.0}
    }  # fmt: skip
    assert chart.as_good(line) == {"q1": 0.2, "median": 0.25, "q3": 1.0, "target": 0.5}


def test_chart(tmp_path: Path, document: dict[str, Any]) -> None:
    pytest.importorskip("matplotlib", reason="the chart needs matplotlib")
    place = tmp_path / "docs" / "chart.svg"
    chart.draw(document, place)
    text = place.read_text()
    for shown in ("batch 64, to C", "time of a call, to loop", "0.2x", "falls short", "Abacus"):
        assert shown in text
    assert ">call, to loop" not in text  # a difference is no ratio
    assert "LMAX" not in text  # not measured
    chart.draw(document, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == text
    document["figures"] = document["figures"][1:]
    document["figures"][0]["lines"].pop(0)
    with pytest.raises(Unavailable, match="no ratio"):
        chart.draw(document, place)


# The runner, on one made-up figure.


@pytest.fixture
def run_planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs `python -m bench` over a figure whose contestant computes `answer`."""

    def run(answer: str, *arguments: str) -> int:
        contestant = Contestant(lambda count: rate_sample(count, 0.1, answer, "4711"))
        figure = Figure(
            "planted",
            {"ours": lambda stack: contestant, "theirs": lambda stack: contestant},
            [Check("planted", "", "ours", "theirs", "rate", ">=", 0.9)],
        )
        monkeypatch.setattr(runner, "selected", lambda names: [figure])
        monkeypatch.setattr(runner, "FIGURES", (figure,))
        monkeypatch.setattr(runner, "calibrate", lambda: MOMENT)
        monkeypatch.setattr(results, "LATEST", tmp_path / "latest.json")
        monkeypatch.setattr(chart, "PLACE", tmp_path / "chart.svg")
        return runner.main(arguments)

    return run


def test_wrong_answer_shows(
    run_planted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_planted("4712", "--rounds", "2") == 1
    said = capsys.readouterr().out
    assert "wrong: planted: ours computed 4712, not 4711" in said
    assert list(tmp_path.iterdir()) == []  # nothing is kept of a wrong run


def test_right_answer_is_kept(
    run_planted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_planted("4711", "--rounds", "2") == 0
    assert "1 of 1 targets reached" in capsys.readouterr().out
    assert (tmp_path / "latest.json").exists()
    assert run_planted("4711", "--markdown") == 0
    assert "| planted | theirs |" in capsys.readouterr().out


def test_quick_run_is_not_kept(run_planted: Any, tmp_path: Path) -> None:
    assert run_planted("4711", "--quick") == 0
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "other.json"
    assert run_planted("4711", "--quick", "--results", str(path)) == 0
    assert list(tmp_path.iterdir()) == [path]


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["--list"]) == 0
    assert "round-trip-native" in capsys.readouterr().out.split()
    for wrong in (["sideways"], ["--rounds", "0"], ["--seconds", "-1"]):
        with pytest.raises(SystemExit) as stopped:
            runner.main(wrong)
        assert stopped.value.code == 2
