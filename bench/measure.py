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

UNITS = {
    "rate": "M/s", "ns": "ns", "p50": "ns", "p99": "ns", "share": "%", "ms": "ms", "runs": "runs/s"
}  # fmt: skip


# How the names of contestants begin that are nobody's of ours.
PEERS = (
    "multiprocessing",
    "faster-fifo",
    "pyzmq",
    "iceoryx2",
    "river",
    "bytewax",
    "LMAX",
    "eventsourcing",
    "redis",
    "seedloop",
    "simloom",
)


class Unavailable(Exception):
    """A contestant cannot run here; the message says what is missing."""


@dataclass(frozen=True)
class Sample:
    """One run: what was measured, and what it computed beside what it should have."""

    count: int
    seconds: float
    metrics: dict[str, float]
    answer: str
    expected: str


def rate_sample(count: int, seconds: float, answer: object, expected: object) -> Sample:
    """A run measured by `rate`, in million a second, and `ns`, nanoseconds for each."""
    seconds = max(seconds, 1e-9)
    metrics = {"rate": count / seconds / 1e6, "ns": seconds * 1e9 / max(count, 1)}
    return Sample(count, seconds, metrics, str(answer), str(expected))


@dataclass(frozen=True)
class Contestant:
    """Something that can run `count` events, trips, calls, ...; a count is a multiple of `step`.

    `warm_ups`: so many runs of full length go before those that count.
    """

    run: Callable[[int], Sample]
    start: int = 1000
    most: int = 1 << 26
    step: int = 1
    warm_ups: int = 0

    def fitted(self, sample: Sample, seconds: float) -> int:
        """How many take about `seconds`, going by a run of this contestant."""
        count = int(sample.count * seconds / max(sample.seconds, 1e-6))
        count = min(self.most, max(self.step, count))
        return count - count % self.step


Open = Callable[[ExitStack], Contestant]


@dataclass(frozen=True)
class Check:
    """A line of the table: `of` related to `to`, and the target (None: for information).

    kind "ratio": of / to; "difference": of - to; "value": of alone. `relation` is ">=" or "<=".
    Lines of the same `work` differ by `at`.
    """

    work: str
    at: str
    of: str
    to: str
    metric: str
    relation: str
    target: float | None
    kind: str = "ratio"


@dataclass(frozen=True)
class Figure:
    """Contestants by name, opened for this figure only, and the checks between them."""

    name: str
    contestants: dict[str, Open]
    checks: Sequence[Check]
    seconds: float = 0.08  # about how long one run should last
    times: float = 1.0  # as many rounds as the plan says


@dataclass(frozen=True)
class Plan:
    """How much to measure; `quick` is one round of short runs, of which only the answers count."""

    rounds: int = 11
    scale: float = 1.0
    quick: bool = False


@dataclass
class Result:
    """What a figure came to."""

    name: str
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    rounds: int = 0
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)

    def faults(self) -> list[str]:
        """Who computed something else than they should have, or, of us, broke down.

        Other people's software that breaks down is left out of the table, with the reason.
        """
        wrong = {
            f"{self.name}: {name} computed {sample.answer}, not {sample.expected}": None
            for name, samples in self.samples.items()
            for sample in samples
            if sample.answer != sample.expected
        }
        broken = [
            f"{self.name}: {name}: {why}"
            for name, why in self.failed.items()
            if not name.startswith(PEERS)
        ]
        return [*wrong, *broken]

    def answers(self) -> dict[str, str]:
        """A short hash of what each contestant computed in its last run."""
        return {
            name: fingerprint(samples[-1].answer)
            for name, samples in self.samples.items()
            if samples
        }


def fingerprint(answer: str) -> str:
    """A short hash of an answer."""
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
        if sample.seconds >= seconds / 2 or count >= contestant.most:
            break
        # In small steps: what is compiled while it runs gets faster on the way.
        count = min(contestant.fitted(sample, seconds), 16 * count)
    for _ in range(contestant.warm_ups):
        sample = contestant.run(contestant.fitted(sample, seconds))
    return contestant.fitted(sample, seconds)


def run_figure(figure: Figure, plan: Plan, calibrate: Callable[[], dict[str, float]]) -> Result:
    """Open the contestants, run them in turns, and relate them."""
    result = Result(figure.name)
    seconds = figure.seconds * plan.scale
    with ExitStack() as stack:
        contestants: dict[str, Contestant] = {}
        counts: dict[str, int] = {}
        for name, opener in figure.contestants.items():
            try:
                contestant = opener(stack)
                counts[name] = (
                    contestant.start if plan.quick else fitting_count(contestant, seconds)
                )
            except Unavailable as why:
                result.missing[name] = str(why)
            except Exception as error:
                result.failed[name] = _in_a_line(error)
            else:
                contestants[name] = contestant
                result.samples[name] = []
        result.before = calibrate()
        rounds = 1 if plan.quick else max(1, round(plan.rounds * figure.times))
        for _ in range(rounds):
            _round(contestants, counts, seconds, result)
        result.after = calibrate()
    result.rounds = rounds
    result.lines = [relate(check, result) for check in figure.checks]
    return result


def _in_a_line(error: Exception) -> str:
    """Of a trace from another process, what it ends with: the rest names files of this machine."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[-1]}"


def _round(
    contestants: dict[str, Contestant], counts: dict[str, int], seconds: float, result: Result
) -> None:
    """One run of each; what fails is left out from then on."""
    for name, contestant in list(contestants.items()):
        try:
            sample = contestant.run(counts[name])
        except Unavailable as why:
            result.missing[name] = str(why)
            del contestants[name], result.samples[name]
            continue
        except Exception as error:
            result.failed[name] = _in_a_line(error)
            del contestants[name]
            continue
        result.samples[name].append(sample)
        if not 0.5 < sample.seconds / seconds < 2:  # the cores have moved
            counts[name] = contestant.fitted(sample, seconds)


def relate(check: Check, result: Result) -> dict[str, Any]:
    """One line: both sides' medians, the median of the rounds' ratios, and whether it suffices."""
    line: dict[str, Any] = {
        "work": check.work,
        "at": check.at,
        "of": check.of,
        "yardstick": check.to,
        "metric": check.metric,
        "unit": UNITS[check.metric],
        "kind": check.kind,
        "relation": check.relation,
        "target": check.target,
        "reached": None,
    }
    sides = [check.of, check.to]
    for side in sides:
        why = result.missing.get(side) or result.failed.get(side)
        if why:
            return line | {"why": f"{side}: {why}"}
    ours, theirs = (
        [sample.metrics[check.metric] for sample in result.samples[side]] for side in sides
    )
    related = ours
    if check.kind == "ratio":
        related = [a / b if b else math.inf for a, b in zip(ours, theirs, strict=True)]
    elif check.kind == "difference":
        related = [a - b for a, b in zip(ours, theirs, strict=True)]
    found = quartiles(related)
    if check.target is not None:
        above, value = check.relation == ">=", found["median"]
        line["reached"] = value >= check.target if above else value <= check.target
    return line | {"ours": quartiles(ours), "theirs": quartiles(theirs), "result": found}
