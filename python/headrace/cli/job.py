"""The main job: events from a source, through an engine, outputs to a sink; with what it took."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from headrace.metrics import Histogram
from headrace.runtime import Engine
from headrace.tabular import Array, Source

from .output import Output

READ_EVENTS_MAX = 8192  # events parsed at a time, where batches are smaller
_PS_PER_NS = 1000  # latencies are kept in picoseconds: a native step takes less than a nanosecond


@dataclass
class Tally:
    """What a job did so far."""

    events: int = 0
    outputs: int = 0
    stepping_ns: int = 0
    latency_ps: Histogram = field(default_factory=lambda: Histogram(value_bits=63))

    def latency_ns(self, percent: float) -> float:
        """The time that so many percent of the events did not exceed; NaN when there are none."""
        return self.latency_ps.percentile(percent) / _PS_PER_NS


def work(
    engine: Engine,
    source: Source,
    output: Output,
    batch: int,
    tally: Tally,
    progressed: Callable[[], None],
) -> None:
    """Run all of the source's events through the engine to the output, `batch` at a time.

    `batch` must not be larger than the engine's ring, so that its outputs can be read while it is
    stepped. When this raises, the outputs of the events before are written all the same, and
    `tally` counts what is done.
    """
    event = engine.machine.event  # plain where the source has records of one field
    for chunk in source.chunks(_chunk_size(source, batch)):
        for start in range(0, len(chunk), batch):
            part = chunk[start : start + batch].view(event)
            outputs: list[Array] = []
            try:
                _step(engine, part, outputs, tally)
            finally:
                for records in outputs:
                    output.write(records)
                tally.events, tally.outputs = engine.sequence, output.count
            progressed()


def _chunk_size(source: Source, batch: int) -> int:
    """How many events to read at a time: as many whole batches as are worth it, but only one from
    a pipe, where the others may be long in coming."""
    if source.live or batch > READ_EVENTS_MAX:
        return batch
    return READ_EVENTS_MAX // batch * batch


def _step(engine: Engine, events: Array, outputs: list[Array], tally: Tally) -> None:
    """Run a batch, and append its outputs.

    Its time runs from before its events are published until its outputs are at hand; each event is
    counted with an equal share of it.
    """
    before_ns = time.perf_counter_ns()
    engine.publish(events)
    if engine.machine.output is None:
        engine.drain()
    else:
        for records in engine.outputs():
            outputs.append(records)  # one by one: the last ones may not come
    batch_ns = time.perf_counter_ns() - before_ns
    tally.stepping_ns += batch_ns
    tally.latency_ps.record(round(batch_ns * _PS_PER_NS / len(events)), len(events))
