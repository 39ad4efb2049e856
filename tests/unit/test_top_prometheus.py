"""`headrace top --prometheus`: what a scraper gets, and what is said without the package."""

from __future__ import annotations

import builtins
import math
import os
import time
import urllib.request
from typing import Any

import numpy as np
import pytest
from cli_tools import refused, start
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("prometheus_client", reason="serving Prometheus is an extra")
from prometheus_client.parser import text_string_to_metric_families

from headrace.errors import BoardNotFound, EnvironmentFailure
from headrace.metrics import Board
from headrace.metrics.prometheus import BATCH_BITS, LATENCY_BITS, coarse, serve
from headrace.ringbuffer import Ring, liveness

NAME = f"test-prometheus-{os.getpid()}"


def scrape(address: str) -> dict[tuple[str, ...], float]:
    """The samples, by name and the values of their labels but the board's."""
    with urllib.request.urlopen(address, timeout=10) as answer:
        text = answer.read().decode()
    samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {**sample.labels}
            assert labels.pop("board") == NAME
            of_stage = [labels.pop("stage")] if "stage" in labels else []
            samples[(sample.name, *of_stage, *labels.values())] = sample.value
    return samples


def test_a_scrape() -> None:
    topology = {"nodes": [{"stage": "parse", "reads": [f"{NAME}.in"]}]}
    with (
        Ring.create("i8", 16, f"{NAME}.in") as ring,
        Board.create(NAME, topology, ["parse"]) as board,
    ):
        consumer = ring.consumer("parse")
        ring.producer().publish(np.zeros(5, "i8"))
        gauge = board.stage(0)
        gauge.begin(*liveness.myself())
        now_ns = time.time_ns()
        gauge.stepped(8, 2, now_ns, now_ns + 1_000_000, np.full(8, now_ns - 4_000_000))
        gauge.errors(3)
        with serve(NAME, "127.0.0.1", 0) as address:
            samples = scrape(address)
            gauge.stepped(2, 0, now_ns, now_ns, None)
            assert scrape(address)["headrace_stage_events_total", "parse"] == 10
        consumer.close()
    assert samples["headrace_up",] == 1
    wanted = {
        "events_total": 8, "outputs_total": 2, "batches_total": 1, "errors_total": 3,
        "restarts_total": 0, "depth": 5, "room": 16, "busy_seconds_total": 0.001,
        "service_seconds": 0.000125, "latency_seconds_count": 8, "batch_events_sum": 8,
    }  # fmt: skip
    found = {name: samples[f"headrace_stage_{name}", "parse"] for name in wanted}
    assert found == pytest.approx(wanted)
    assert samples["headrace_stage_latency_seconds_sum", "parse"] == pytest.approx(0.04, rel=0.01)
    states = {key[2]: value for key, value in samples.items() if key[0] == "headrace_stage_state"}
    assert states == {**dict.fromkeys(states, 0.0), "running": 1.0}
    buckets = {
        float(key[2]): value
        for key, value in samples.items()
        if key[0] == "headrace_stage_latency_seconds_bucket"
    }
    assert [buckets[bound] for bound in sorted(buckets)] == sorted(buckets.values())
    assert {value for bound, value in buckets.items() if bound < 0.0045} == {0}
    assert {value for bound, value in buckets.items() if bound > 0.0090} == {8}


@given(st.lists(st.integers(0, 1 << 41), min_size=1, max_size=50))
def test_coarse_buckets_split_nothing(values: list[int]) -> None:
    gauge = Board.create(None, {}, ["a"]).stage(0)
    end_ns = 1 << 60
    gauge.stepped(len(values), 0, 0, 0, None)
    gauge.stepped(1, 0, end_ns, end_ns, end_ns - np.array(values))
    counts = gauge.read().latencies
    buckets, total = coarse(counts, LATENCY_BITS, 1.0)
    for bound, count in buckets:
        assert count == sum(value <= float(bound) for value in values)
    assert math.isclose(total, sum(values), rel_tol=0.01, abs_tol=0.5)
    sizes, _ = coarse(gauge.read().batch_sizes, BATCH_BITS, 1.0)
    assert sizes[-1] == ("+Inf", 2.0)


def test_what_cannot_be_served() -> None:
    with pytest.raises(BoardNotFound), serve(NAME, "127.0.0.1", 0):
        pass
    with Board.create(NAME, {}, ["parse"]), serve(NAME, "127.0.0.1", 0) as address:
        port = int(address.split(":")[2].split("/")[0])
        with (
            pytest.raises(EnvironmentFailure, match="cannot be listened to"),
            serve(NAME, "127.0.0.1", port),
        ):
            pass


def test_the_command() -> None:
    with Board.create(NAME, {}, ["parse"]):
        process = start("top", NAME, "--prometheus", "0")
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            assert scrape(address)["headrace_up",] == 1
            process.terminate()
            assert process.wait(10) == 143
        finally:
            process.kill()
            process.communicate()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def refuse(name: str, *more: Any) -> Any:
        if name == "headrace.metrics.prometheus":
            raise ModuleNotFoundError("no", name="prometheus_client")
        return imported(name, *more)

    with Board.create(NAME, {}, ["parse"]):
        monkeypatch.setattr(builtins, "__import__", refuse)
        said = refused("top", NAME, "--prometheus", "0")
    assert "pip install 'headrace[prometheus]'" in said
