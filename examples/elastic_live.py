"""An elastic stage at work: load, depth and workers over time, as they were, in a picture.

    python examples/elastic_live.py [elastic-live.svg] [--seconds 60] [--place processes]

Each event is a piece of work of 10 ms that leaves the interpreter to others (here it sleeps, as a
query or a request would). The load comes in waves; workers come and go with it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from elastic_picture import draw

import headrace as hr
from headrace.elastic import PID, Measurement, sine

SERVICE_S = 0.01
WORKERS_MAX = 8
PERIOD_S = 0.1
WAVE_S = 30
LOAD_MOST = 400  # events a second
TICK_S = 0.01

JOB = np.dtype([("customer", "<i8")])


@hr.machine(event=JOB, initial=int)
def work(state: int, customer: int) -> Any:
    time.sleep(SERVICE_S)
    return state + 1, None


class Watched(PID):
    """The default controller, which keeps what it was told."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.told: list[Measurement] = []

    def decide(self, measurement: Measurement) -> int:
        self.told.append(measurement)
        return super().decide(measurement)


def drive(seconds: float, place: str = "threads") -> tuple[Any, int, int]:
    """Publish waves of jobs; what was measured, how many were published, and how many done.

    `place`: "threads" or "processes", of the workers.
    """
    controller = Watched()
    stage = hr.elastic(
        work, by="customer", max=WORKERS_MAX, controller=controller, period=PERIOD_S
    )
    rate = sine(0, 0.9 * LOAD_MOST, WAVE_S)
    published, due = 0, 0.0
    with hr.Engine(stage, place=place) as engine:
        begun = before = time.monotonic()
        while (now := time.monotonic()) < begun + seconds:
            due += rate(now - begun) * (now - before)
            before = now
            if due >= 1:
                jobs = np.zeros(int(due), JOB)
                jobs["customer"] = np.arange(published, published + len(jobs)) % 997
                engine.publish(jobs)
                published += len(jobs)
                due -= len(jobs)
            time.sleep(TICK_S)
        told = list(controller.told)
        engine.drain(60)
        done = sum(engine.state["work"].values())
    return record_of(told, begun), published, done


def record_of(told: list[Measurement], begun: float) -> Any:
    """What was measured as an array, and the load as the mean of half a second."""
    fields = [("time_s", "f8"), ("load", "f8"), ("depth", "i8"), ("workers", "i4")]
    record = np.zeros(len(told), fields)
    record["time_s"] = [max(one.time_s - begun, 0.0) for one in told]
    arrived = np.array([one.arrived for one in told], float)
    around = np.ones(min(5, len(told)))
    counts = np.convolve(np.ones(len(told)), around, "same")
    record["load"] = np.convolve(arrived, around, "same") / counts / PERIOD_S
    record["depth"] = [one.depth for one in told]
    record["workers"] = [one.workers for one in told]
    return record


def main() -> None:
    """Run, draw, and say how it went."""
    parser = argparse.ArgumentParser(description="An elastic stage at work, as a picture.")
    parser.add_argument("file", nargs="?", type=Path, default=Path("elastic-live.svg"))
    parser.add_argument("--seconds", type=int, default=2 * WAVE_S)
    parser.add_argument("--place", choices=("threads", "processes"), default="threads")
    given = parser.parse_args()
    record, published, done = drive(given.seconds, given.place)
    tick = max(1, given.seconds // 8)
    drawn = draw(record, SERVICE_S, WORKERS_MAX, given.seconds, LOAD_MOST, 40, tick)
    given.file.write_text(drawn)
    print(f"{published:,} jobs published, {done:,} done")
    print(f"workers: {record['workers'].min()} to {record['workers'].max()}")
    print(f"at most {record['depth'].max()} waited; written: {given.file}")


if __name__ == "__main__":
    main()
