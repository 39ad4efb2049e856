"""Figures: what is compared with what, and how the runs are interleaved.

A figure has contestants, which run in turns, A B A B ..., and checks, each of which relates one
contestant's result to another's. On virtual machines the distance between two cores changes within
seconds, so a check takes the ratio within each round, and of these ratios the median.
"""

from __future__ import annotations

import hashlib
import math
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any


class Unavailable(Exception):
    """A contestant cannot run here; the message says what is missing."""


class WrongAnswer(Exception):
    """A contestant was quick, and wrong."""


@dataclass(frozen=True)
class Sample:
    """One run: what was measured, and what it computed beside what it should have."""

    count: int
    seconds: float
    metrics: dict[str, float]
    answer: str
    expected: str


def rate_sample(count: int, seconds: float, answer: object, expected: object) -> Sample:
    """A run whose one metric is `rate`, in million a second."""
    rate = count / max(seconds, 1e-9) / 1e6
    return Sample(count, seconds, {"rate": rate}, str(answer), str(expected))


@dataclass(frozen=True)
class Contestant:
    """Something that can run `count` events, trips, calls, ...; a count is a multiple of `step`."""

    run: Callable[[int], Sample]
    start: int = 1000
    most: int = 1 << 26
    step: int = 1


Open = Callable[[ExitStack], Contestant]


@dataclass(frozen=True)
class Check:
    """A line of the table: `of` related to `to`, and the target.

    kind "ratio": of / to; "difference": of - to; "value": of alone. `relation` is ">=" or "<=".
    """

    work: str
    of: str
    to: str
    metric: str
    relation: str
    target: float
    kind: str = "ratio"


@dataclass(frozen=True)
class Figure:
    """Contestants by name, opened for this figure only, and the checks between them."""

    name: str
    contestants: dict[str, Open]
    checks: Sequence[Check]
    units: dict[str, str]
    seconds: float = 0.12  # about how long one run should last
    rounds: int = 0  # 0: as the plan says


@dataclass(frozen=True)
class Plan:
    """How much to measure."""

    rounds: int = 7
    scale: float = 1.0
    quick: bool = False


@dataclass
class Result:
    """What a figure came to."""

    name: str
    units: dict[str, str]
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)

    def wrong(self) -> list[str]:
        """Contestants that computed something else than they should have."""
        return [
            f"{self.name}: {name} computed {sample.answer}, not {sample.expected}"
            for name, samples in self.samples.items()
            for sample in samples
            if sample.answer != sample.expected
        ]


def fingerprint(answer: str) -> str:
    """A short hash of an answer, for the table."""
    return hashlib.blake2s(answer.encode(), digest_size=4).hexdigest()


def quartiles(values: Sequence[float]) -> dict[str, float]:
    """Lower quartile, median and upper quartile."""
    if len(values) == 1:
        return {"q1": values[0], "median": values[0], "q3": values[0]}
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"q1": low, "median": middle, "q3": high}


def fitting_count(contestant: Contestant, seconds: float) -> int:
    """How many make a run of about `seconds`; also warms the contestant up."""
    count = contestant.start
    for _ in range(12):
        sample = contestant.run(count)
        if sample.answer != sample.expected:
            return count  # the round will say so
        if sample.seconds >= seconds / 3 or count >= contestant.most:
            break
        growth = min(16.0, 0.9 * seconds / max(sample.seconds, 1e-6))
        count = min(contestant.most, max(count * 2, int(count * growth)))
        count -= count % contestant.step
    wanted = int(count * seconds / max(sample.seconds, 1e-6))
    wanted = min(contestant.most, max(contestant.step, wanted))
    return wanted - wanted % contestant.step


def run_figure(figure: Figure, plan: Plan, calibrate: Callable[[], dict[str, float]]) -> Result:
    """Open the contestants, run them in turns, and relate them."""
    result = Result(figure.name, figure.units)
    with ExitStack() as stack:
        contestants: dict[str, tuple[Contestant, int]] = {}
        for name, opener in figure.contestants.items():
            try:
                contestant = opener(stack)
                seconds = figure.seconds * plan.scale
                count = contestant.start if plan.quick else fitting_count(contestant, seconds)
            except Unavailable as why:
                result.missing[name] = str(why)
                continue
            contestants[name] = (contestant, count)
            result.samples[name] = []
        result.before = calibrate()
        for _ in range(1 if plan.quick else figure.rounds or plan.rounds):
            for name, (contestant, count) in contestants.items():
                result.samples[name].append(contestant.run(count))
        result.after = calibrate()
    result.lines = [relate(check, result) for check in figure.checks]
    return result


def relate(check: Check, result: Result) -> dict[str, Any]:
    """One line: both sides' medians, the median of the rounds' ratios, and whether it suffices."""
    line: dict[str, Any] = {
        "work": check.work,
        "yardstick": check.to,
        "metric": check.metric,
        "unit": result.units.get(check.metric, ""),
        "kind": check.kind,
        "target": f"{check.relation} {check.target:g}",
        "target_value": check.target,
        "relation": check.relation,
    }
    sides = [check.of] if check.kind == "value" else [check.of, check.to]
    for side in sides:
        if side in result.missing:
            return line | {"reached": None, "why": f"{side}: {result.missing[side]}"}
    values = [[sample.metrics[check.metric] for sample in result.samples[side]] for side in sides]
    related = values[0]
    if check.kind == "ratio":
        related = [a / b if b else math.inf for a, b in zip(*values, strict=True)]
    elif check.kind == "difference":
        related = [a - b for a, b in zip(*values, strict=True)]
    found = quartiles(related)
    value = found["median"]
    reached = value >= check.target if check.relation == ">=" else value <= check.target
    line |= {"ours": quartiles(values[0]), "result": found, "reached": reached}
    if len(values) > 1:
        line["theirs"] = quartiles(values[1])
    return line
