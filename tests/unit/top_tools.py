"""What the tests of `headrace top` share: boards as they might look, and a process that has one."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from ring_tools import expect_line, start

from headrace.cli.top_screen import Shown, screen
from headrace.engine.gauges import StageReading
from headrace.metrics import BoardView, StageView
from headrace.metrics.histogram import VALUE_BITS, bucket_count
from headrace.metrics.topology import Topology, read_topology

DATA = Path(__file__).resolve().parents[1] / "data"
CREATED_NS = 1_700_000_000_000_000_000
NO_COUNTS = np.zeros(bucket_count(VALUE_BITS), np.int64)

# parse >> shard(match, 2) >> fanout(report, risk >> alert)
TOPOLOGY: dict[str, Any] = {
    "name": "exchange",
    "nodes": [
        {
            "stage": "parse",
            "machine": "parse",
            "step": "native",
            "reads": ["x.in"],
            "writes": "x.0",
        },
        {
            "stage": "match.0",
            "machine": "match",
            "step": "batch",
            "reads": ["x.0"],
            "writes": "x.1",
        },
        {
            "stage": "match.1",
            "machine": "match",
            "step": "batch",
            "reads": ["x.0"],
            "writes": "x.2",
        },
        {"stage": "report", "machine": "report", "step": "python", "reads": ["x.1", "x.2"]},
        {
            "stage": "risk",
            "machine": "risk_of_a_very_long_name",
            "step": "python",
            "reads": ["x.1", "x.2"],
            "writes": "x.3",
        },
        {"stage": "alert", "machine": "alert", "step": "python", "reads": ["x.3"]},
    ],
}


def reading(stage: str, **said: Any) -> StageReading:
    """A slot's content; what is not said is 0."""
    values: dict[str, Any] = {
        "stage": stage, "state": "running", "pid": 4242, "start": 1, "epoch": 1, "events": 0,
        "outputs": 0, "batches": 0, "batch_last": 0, "busy_ns": 0, "service_ns": 0.0,
        "stepped_ns": 0, "errors": 0, "dead_letters": 0, "dropped": 0, "latencies": NO_COUNTS,
        "batch_sizes": NO_COUNTS,
    }  # fmt: skip
    return StageReading(**{**values, **said})


def stage_view(
    topology: Topology,
    index: int,
    state: str = "running",
    figures: tuple[float, float] = (math.nan, math.nan),
    latencies_ns: tuple[float, ...] = (math.nan, math.nan, math.nan),
    depth: int | None = None,
    **said: Any,
) -> StageView:
    """A stage of a topology; `figures`: rate and events in a batch."""
    node = topology.nodes[index]
    return StageView(
        node=node,
        reading=reading(node.stage, **said),
        state=state,
        rate=0.0 if math.isnan(figures[0]) else figures[0],
        depth=depth,
        room=65_536,
        batch=figures[1],
        busy=said.get("busy_ns", 0) / 1e9,
        latencies_ns=latencies_ns,
    )


def exchange(owner: str = "alive") -> BoardView:
    """A topology of six stages, each in another state."""
    stages = [node["stage"] for node in TOPOLOGY["nodes"]]
    topology = read_topology(TOPOLOGY, stages)
    us, ms = 1e3, 1e6
    views = (
        stage_view(
            topology, 0, "running", (1_234_567.0, 256.4), (1.2 * us, 3.46 * us, 45.6 * us), 512,
            service_ns=85.2, busy_ns=105_000_000,
        ),
        stage_view(
            topology, 1, "running", (612_345.0, 4096.0), (12.3 * us, 1.5 * ms, 2.51 * ms), 65_536,
            service_ns=1600.0, busy_ns=980_000_000, epoch=3,
        ),
        stage_view(topology, 2, "paused", (0.0, math.nan), depth=65_536, dead_letters=12),
        stage_view(topology, 3, "waiting", (9.5, 1.0), (81.0, 1100.0, 2e9), 0, service_ns=20_000.0),
        stage_view(topology, 4, "dead", depth=0, errors=12_345, dropped=999_999, epoch=1500),
        stage_view(topology, 5, "starting", epoch=0, pid=0),
    )  # fmt: skip
    return BoardView(
        name="prices",
        topology=topology,
        time_ns=CREATED_NS + 93_784 * 10**9,
        span_ns=10**9,
        created_ns=CREATED_NS,
        owner_pid=4242,
        owner=owner,
        stages=views,
    )


def many(count: int) -> BoardView:
    """A line of so many stages that wait."""
    stages = [f"stage.{index}" for index in range(count)]
    nodes = [
        {"stage": stage, "reads": [f"ring.{index}"], "writes": f"ring.{index + 1}"}
        for index, stage in enumerate(stages)
    ]
    topology = read_topology({"nodes": nodes}, stages)
    views = tuple(stage_view(topology, index, "waiting", depth=0) for index in range(count))
    return BoardView("long", topology, CREATED_NS, 10**9, CREATED_NS, 1, "gone", views)


def drawn(view: BoardView, shown: Shown, size: tuple[int, int]) -> list[str]:
    """The lines of a screen of so many columns and lines."""
    with open(os.devnull, "w") as nowhere:
        console = Console(file=nowhere, width=size[0], height=size[1], record=True)
        console.print(screen(view, shown, *size), end="")
        return console.export_text().splitlines()


def check_picture(name: str, lines: list[str]) -> None:
    """Compare with the picture on record; HEADRACE_PICTURES=write in the environment writes it."""
    path = DATA / f"{name}.txt"
    text = "".join(f"{line.rstrip()}\n" for line in lines)
    if os.environ.get("HEADRACE_PICTURES") == "write":
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} is another:\n{text}"


PROGRAM = """
import numpy as np
from headrace.metrics import Board
from headrace.ringbuffer import Ring, liveness

name = sys.argv[1]
ring = Ring.create(TICK, 1024, name + ".in")
consumer = ring.consumer("parse")
producer = ring.producer()
producer.publish(ticks(1000))
topology = {
    "name": "prices",
    "nodes": [
        {"stage": "parse", "machine": "parse", "step": "python", "reads": [name + ".in"]},
        {"stage": "report", "reads": [name + ".gone"]},
    ],
}
board = Board.create(name, topology, ["parse", "report"])
gauge = board.stage(0)
gauge.begin(*liveness.myself())
consumer.poll()
consumer.release()
producer.publish(ticks(600))
now_ns = time.time_ns()
gauge.stepped(1000, 500, now_ns, now_ns + 2_000_000, np.full(1000, now_ns - 3_000_000))
gauge.waiting()
print("ready", flush=True)
for line in sys.stdin:  # each line is a number of events that are stepped over
    now_ns = time.time_ns()
    times = np.full(int(line), now_ns - 1_000_000)
    gauge.stepped(int(line), 0, now_ns, now_ns, times)
    print("stepped", flush=True)
"""


def start_topology(name: str) -> subprocess.Popen[str]:
    """A process with a board, whose stage `parse` has 600 events to read."""
    process = start(PROGRAM, name)
    expect_line(process, "ready")
    return process


def stepped(process: subprocess.Popen[str], events: int) -> None:
    """Have it step over so many events."""
    assert process.stdin is not None
    process.stdin.write(f"{events}\n")
    process.stdin.flush()
    expect_line(process, "stepped")


if __name__ == "__main__":
    sys.exit("not to be run")
