"""How runs are fitted, interleaved and related, on made-up contestants that take no time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from bench.measure import (
    Check,
    Contestant,
    Figure,
    Plan,
    Result,
    Sample,
    Unavailable,
    fitting_count,
    quartiles,
    rate_sample,
    relate,
    run_figure,
)

LINE = Check("work", "batch 1", "ours", "theirs", "rate", ">=", 2.0)


def no_calibration() -> dict[str, float]:
    return {"flags_ns": 100.0, "memcpy_gb_s": 10.0}


def at_rates(*rates: float) -> list[Sample]:
    """Samples of so many million a second."""
    return [rate_sample(1000, 1e-3 / rate, "right", "right") for rate in rates]


def result_of(ours: list[Sample], theirs: list[Sample]) -> Result:
    return Result("made up", samples={"ours": ours, "theirs": theirs})


def opened(contestant: Contestant) -> Callable[[ExitStack], Contestant]:
    return lambda stack: contestant


def steady(rate: float, log: list[str] | None = None, name: str = "") -> Contestant:
    """Takes exactly count / rate microseconds, and none of real time."""

    def run(count: int) -> Sample:
        if log is not None:
            log.append(name)
        return rate_sample(count, count / rate / 1e6, "right", "right")

    return Contestant(run)


def test_rate_sample() -> None:
    sample = rate_sample(2_000_000, 0.5, 7, 8)
    assert sample.metrics == {"rate": pytest.approx(4.0), "ns": pytest.approx(250.0)}
    assert (sample.answer, sample.expected) == ("7", "8")


def test_quartiles() -> None:
    assert quartiles([5, 1, 4, 2, 3]) == {"q1": 2, "median": 3, "q3": 4}
    assert quartiles([7.0]) == {"q1": 7, "median": 7, "q3": 7}
    assert quartiles([1, 2]) == {"q1": 1.25, "median": 1.5, "q3": 1.75}


def test_ratio_is_taken_within_each_round() -> None:
    # Ratios 3, 1, 2: their median is 2, that of the medians would be 20 / 10 = 2 for others only.
    result = result_of(at_rates(30, 100, 2), at_rates(10, 100, 1))
    line = relate(LINE, result)
    assert line["result"]["median"] == pytest.approx(2)
    assert line["result"]["q1"] == pytest.approx(1.5)
    assert line["ours"]["median"] == pytest.approx(30)
    assert line["theirs"]["median"] == pytest.approx(10)
    assert line["reached"] is True
    assert (line["unit"], line["target"], line["relation"]) == ("M/s", 2.0, ">=")


@pytest.mark.parametrize(
    ("kind", "relation", "target", "value", "reached"),
    [
        ("ratio", ">=", 2.0, 0.5, False),
        ("ratio", "<=", 0.51, 0.5, True),
        ("ratio", "<=", 0.49, 0.5, False),
        ("difference", "<=", -4.0, -5.0, True),
        ("difference", "<=", -6.0, -5.0, False),
        ("value", ">=", 5.0, 5.0, True),
        ("value", "<=", 4.9, 5.0, False),
        ("ratio", ">=", None, 0.5, None),
    ],
)
def test_kinds(
    kind: str, relation: str, target: float | None, value: float, reached: bool | None
) -> None:
    check = Check("work", "", "ours", "theirs", "rate", relation, target, kind)
    line = relate(check, result_of(at_rates(5, 5), at_rates(10, 10)))
    assert line["result"]["median"] == pytest.approx(value)
    if kind != "value" or relation != ">=":  # 5.0 may come out as 4.999...
        assert line["reached"] is reached


def test_missing_and_failed_sides() -> None:
    missing = Result("made up", samples={"ours": at_rates(1)}, missing={"theirs": "not installed"})
    line = relate(LINE, missing)
    assert line["why"] == "theirs: not installed"
    assert line["reached"] is None
    assert "result" not in line
    failed = result_of(at_rates(1), at_rates(1, 1))
    failed.failed["ours"] = "OSError: gone"
    assert relate(LINE, failed)["why"] == "ours: OSError: gone"


def test_fitting_count() -> None:
    assert fitting_count(steady(10), 0.1) == pytest.approx(1_000_000, rel=0.01)
    limited = Contestant(steady(10).run, start=640, most=6400, step=64)
    assert fitting_count(limited, 0.1) == 6400
    stepped = Contestant(steady(10).run, start=640, step=64)
    assert fitting_count(stepped, 0.1) % 64 == 0
    slow = Contestant(steady(0.001).run, start=1024, step=1024)
    assert fitting_count(slow, 0.1) == 1024


def test_fitting_warms_up() -> None:
    """Slow at first, as what a compiler works on meanwhile: the last, quick run counts."""
    runs: list[int] = []

    def run(count: int) -> Sample:
        runs.append(count)
        return steady(1 if len(runs) < 3 else 100).run(count)

    assert fitting_count(Contestant(run), 0.1) == pytest.approx(10_000_000, rel=0.01)
    before = len(runs)
    runs.clear()
    fitting_count(Contestant(run, warm_ups=5), 0.1)
    assert len(runs) == before + 5


def test_interleaved() -> None:
    log: list[str] = []
    names = ("ours", "theirs")
    figure = Figure(
        "made up",
        {name: opened(steady(5, log, name)) for name in names},
        [LINE],
    )
    result = run_figure(figure, Plan(rounds=4), no_calibration)
    assert log[-8:] == ["ours", "theirs"] * 4
    assert {name: len(samples) for name, samples in result.samples.items()} == {
        "ours": 4, "theirs": 4
    }  # fmt: skip
    assert result.before == result.after == no_calibration()
    assert result.lines[0]["result"]["median"] == pytest.approx(1)
    log.clear()
    run_figure(figure, Plan(quick=True), no_calibration)
    assert log == ["ours", "theirs"]


def test_count_follows_the_speed() -> None:
    """Runs stay about as long when the machine gets ten times slower between them."""
    counts: list[int] = []

    def run(count: int) -> Sample:
        counts.append(count)
        return steady(10 if len(counts) < 5 else 1).run(count)

    figure = Figure("made up", {"ours": opened(Contestant(run))}, [], seconds=0.1)
    run_figure(figure, Plan(rounds=8), no_calibration)
    assert counts[-1] == pytest.approx(100_000, rel=0.01)


def planted(answer: str = "right", error: Exception | None = None) -> Figure:
    """A figure with one contestant that is right, and one that may not be."""
    looks: list[int] = []

    def run(count: int) -> Sample:
        looks.append(count)
        if error is not None and len(looks) > 2:
            raise error
        return rate_sample(count, 1.0, answer, "right")

    return Figure("planted", {"ours": opened(steady(1)), "theirs": opened(Contestant(run))}, [LINE])


def test_wrong_answer_is_a_fault() -> None:
    result = run_figure(planted("wrong by one"), Plan(rounds=3), no_calibration)
    assert result.faults() == ["planted: theirs computed wrong by one, not right"]
    assert result.answers()["ours"] != result.answers()["theirs"]
    assert run_figure(planted(), Plan(rounds=3), no_calibration).faults() == []


def test_failure_is_a_fault_and_the_rest_goes_on() -> None:
    result = run_figure(planted(error=OSError("gone")), Plan(rounds=4), no_calibration)
    assert result.faults() == ["planted: theirs: OSError: gone"]
    assert len(result.samples["ours"]) == 4
    assert result.lines[0]["why"] == "theirs: OSError: gone"


def test_unavailable_is_no_fault() -> None:
    def opener(stack: ExitStack) -> Any:
        raise Unavailable("no such peer: install it")

    figure = Figure("made up", {"ours": opened(steady(1)), "theirs": opener}, [LINE])
    result = run_figure(figure, Plan(quick=True), no_calibration)
    assert result.faults() == []
    assert result.missing == {"theirs": "no such peer: install it"}
    assert result.lines[0]["why"] == "theirs: no such peer: install it"


def test_contestants_are_closed() -> None:
    closed: list[str] = []

    def opener(stack: ExitStack) -> Contestant:
        stack.callback(closed.append, "closed")
        return steady(1)

    run_figure(Figure("made up", {"ours": opener}, []), Plan(quick=True), no_calibration)
    assert closed == ["closed"]
