"""A board for Prometheus: its counters as metrics, and an HTTP server that shows them.

Needs the package prometheus_client. Every scrape looks at the board; between scrapes nothing runs.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from headrace.errors import EnvironmentFailure

from .histogram import VALUE_BITS, bucket_middle, bucket_of
from .watching import BoardView, StageView, Watcher

STATES = ("starting", "running", "waiting", "restarting", "paused", "ended", "dead", "unknown")
LABELS = ("board", "stage")
LATENCY_BITS = range(10, VALUE_BITS)  # bounds are powers of two: 1 us to an hour
BATCH_BITS = range(1, 25)
_MIDDLES = np.array([bucket_middle(index) for index in range(bucket_of((1 << VALUE_BITS) - 1) + 1)])
_NS = 1e9

Value = Callable[[StageView], float]
COUNTERS: tuple[tuple[str, str, Value], ...] = (
    ("events", "Events that the stage took in.", lambda s: s.reading.events),
    ("outputs", "Outputs that it put out.", lambda s: s.reading.outputs),
    ("batches", "Batches that it stepped over.", lambda s: s.reading.batches),
    ("errors", "Steps that raised.", lambda s: s.reading.errors),
    ("dead_letters", "Events that were put aside.", lambda s: s.reading.dead_letters),
    ("dropped", "Events that found no room.", lambda s: s.reading.dropped),
    ("restarts", "Workers that took over from one before.", lambda s: s.reading.restarts),
    ("busy_seconds", "Time spent stepping.", lambda s: s.reading.busy_ns / _NS),
)
GAUGES: tuple[tuple[str, str, Value], ...] = (
    (
        "depth",
        "Events that wait for the stage.",
        lambda s: math.nan if s.depth is None else s.depth,
    ),
    ("room", "Events that its rings can hold.", lambda s: s.room),
    ("service_seconds", "Time for one event, moving average.", lambda s: _service_seconds(s)),
)


class BoardCollector(Collector):
    """The metrics of a board, collected when they are asked for; from any thread."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._lock = threading.Lock()

    def collect(self) -> Iterable[Metric]:
        """All of the board's metrics."""
        with self._lock:
            view = self._watcher.look()
        up = GaugeMetricFamily("headrace_up", "Whether the owner lives.", labels=["board"])
        up.add_metric([view.name], float(view.owner != "gone"))
        yield up
        for name, told, value in COUNTERS:
            counter = CounterMetricFamily(f"headrace_stage_{name}", told, labels=LABELS)
            for stage in view.stages:
                counter.add_metric(_labels(view, stage), value(stage))
            yield counter
        for name, told, value in GAUGES:
            gauge = GaugeMetricFamily(f"headrace_stage_{name}", told, labels=LABELS)
            for stage in view.stages:
                gauge.add_metric(_labels(view, stage), value(stage))
            yield gauge
        yield _states(view)
        yield from _histograms(view)


@contextmanager
def serve(name: str, host: str, port: int) -> Iterator[str]:
    """Serve /metrics of the board `name`; gives the address. `port` 0: any that is free.

    Raises as `Watcher`, and EnvironmentFailure where the address cannot be had.
    """
    registry = CollectorRegistry()
    registry.register(BoardCollector(Watcher(name, time.time_ns)))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise EnvironmentFailure(f"{host}:{port} cannot be listened to: {error.strerror}") from None
    try:
        where = f"[{host}]" if ":" in host else host
        yield f"http://{where}:{server.server_address[1]}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _labels(view: BoardView, stage: StageView) -> list[str]:
    return [view.name, stage.node.stage]


def _service_seconds(stage: StageView) -> float:
    return stage.reading.service_ns / _NS if stage.reading.service_ns else math.nan


def _states(view: BoardView) -> Metric:
    """One series for each state, 1 for the one that holds."""
    family = GaugeMetricFamily(
        "headrace_stage_state", "1 for the state that holds.", labels=(*LABELS, "state")
    )
    for stage in view.stages:
        for state in STATES:
            family.add_metric([*_labels(view, stage), state], float(stage.state == state))
    return family


def _histograms(view: BoardView) -> Iterator[Metric]:
    latency = HistogramMetricFamily(
        "headrace_stage_latency_seconds",
        "From an event's ingest to the end of its batch; the sum is right within 1 %.",
        labels=LABELS,
    )
    batch = HistogramMetricFamily(
        "headrace_stage_batch_events",
        "Events in a batch; the sum is right within 1 %.",
        labels=LABELS,
    )
    for stage in view.stages:
        labels, reading = _labels(view, stage), stage.reading
        buckets, total = coarse(reading.latencies, LATENCY_BITS, _NS)
        latency.add_metric(labels, buckets, total)
        buckets, total = coarse(reading.batch_sizes, BATCH_BITS, 1.0)
        batch.add_metric(labels, buckets, total)
    yield latency
    yield batch


def coarse(
    counts: npt.NDArray[np.int64], bits: Iterable[int], unit: float
) -> tuple[list[tuple[str, float]], float]:
    """Cumulative counts below each power of two, in units, and the sum of the values.

    The fine buckets end just below powers of two, so nothing is split. A bound is the largest value
    below the power: 1023 ns and not 1024, since Prometheus counts what is at most the bound.
    """
    counts = np.maximum(counts, 0)
    below = np.cumsum(counts)
    buckets = [
        (str(((1 << bit) - 1) / unit), float(below[bucket_of((1 << bit) - 1)])) for bit in bits
    ]
    total = float(np.dot(counts, _MIDDLES)) / unit
    return [*buckets, ("+Inf", float(below[-1]))], total
