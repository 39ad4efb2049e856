"""Watching a board: what its stages do now, from two looks at it one after the other.

Rates, batch sizes and latencies are those of the time between the looks; of a first look, those of
the whole life of the stage. Nothing is written anywhere, and no lock is taken.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headrace.engine.gauges import StageReading
from headrace.errors import BoardFormatError, BoardNotFound, EnvironmentFailure, UsageError
from headrace.ringbuffer import liveness
from headrace.ringbuffer.monitor import RingMonitor

from .board import Board
from .histogram import percentile
from .topology import Node, Topology, read_topology

PERCENTS = {"p50_ns": 50, "p99_ns": 99, "p999_ns": 99.9}
_NS = 1e9


@dataclass(frozen=True)
class StageView:
    """A stage at one moment; `reading` has all its counters.

    `state`: as its slot says, but "dead" where its worker is gone, "paused" where that is stopped
    (SIGSTOP), "unknown" where the slot is damaged. `rate`: events a second. `depth`: events that
    wait for it, None where its rings cannot be seen; `room`: how many its rings could hold.
    `batch`: events in a batch, on average. `busy`: its share of the time, 0 to 1. `latencies_ns`:
    p50, p99, p99.9 of the time from ingest to the end of the batch. NaN where there was no batch.
    """

    node: Node
    reading: StageReading
    state: str
    rate: float
    depth: int | None
    room: int
    batch: float
    busy: float
    latencies_ns: tuple[float, ...]


@dataclass(frozen=True)
class BoardView:
    """A board at one moment (`time_ns`, since 1970), and what happened in the `span_ns` before.

    `owner`: "alive", "stopped" or "gone".
    """

    name: str
    topology: Topology
    time_ns: int
    span_ns: int
    created_ns: int
    owner_pid: int
    owner: str
    stages: tuple[StageView, ...]


class Watcher:
    """Looks at the board `name`, again and again. `now_ns`: nanoseconds since 1970.

    Raises BoardNotFound, BoardFormatError, UsageError, EnvironmentFailure. For one thread.
    """

    def __init__(self, name: str, now_ns: Callable[[], int]) -> None:
        self.name = name
        self._now_ns = now_ns
        self._attach(Board.attach(name, read_only=True))

    def _attach(self, board: Board) -> None:
        self._board = board
        self._gauges = [board.stage(index) for index in range(len(board.stages))]
        self._topology = read_topology(board.topology, board.stages)
        self._monitors: dict[str, RingMonitor] = {}
        self._before: list[StageReading] | None = None
        self._before_ns = board.created_ns

    def look(self) -> BoardView:
        """What there is now, and what happened since the last look (or ever, the first time)."""
        owner = liveness.state_of(self._board.owner_pid, self._board.owner_start)
        if owner == liveness.GONE and self._follow():
            owner = liveness.state_of(self._board.owner_pid, self._board.owner_start)
        time_ns = self._now_ns()
        readings = [gauge.read() for gauge in self._gauges]
        befores = self._before if self._before is not None else [None] * len(readings)
        passed_ns = max(1, time_ns - self._before_ns)
        views = tuple(
            self._view(node, reading, before, passed_ns)
            for node, reading, before in zip(self._topology.nodes, readings, befores, strict=True)
        )
        self._before, self._before_ns = readings, time_ns
        board = self._board
        return BoardView(
            name=self.name,
            topology=self._topology,
            time_ns=time_ns,
            span_ns=passed_ns,
            created_ns=board.created_ns,
            owner_pid=board.owner_pid,
            owner=owner,
            stages=views,
        )

    def _follow(self) -> bool:
        """Whether there is a newer board of this name by now; then it is watched from here on."""
        try:
            board = Board.attach(self.name, read_only=True)
        except (BoardNotFound, BoardFormatError, EnvironmentFailure):
            return False
        mine = (self._board.owner_pid, self._board.owner_start, self._board.created_ns)
        if (board.owner_pid, board.owner_start, board.created_ns) == mine:
            return False
        self._attach(board)
        return True

    def _view(
        self, node: Node, reading: StageReading, before: StageReading | None, passed_ns: int
    ) -> StageView:
        events, batches, busy_ns = reading.events, reading.batches, reading.busy_ns
        latencies = reading.latencies
        if before is not None:
            events, batches = events - before.events, batches - before.batches
            busy_ns -= before.busy_ns
            latencies = latencies - before.latencies
        depth, room = self._depth(node)
        return StageView(
            node=node,
            reading=reading,
            state=_state(reading),
            rate=events * _NS / passed_ns,
            depth=depth,
            room=room,
            batch=events / batches if batches > 0 else math.nan,
            busy=min(1.0, max(0.0, busy_ns / passed_ns)),
            latencies_ns=tuple(percentile(latencies, percent) for percent in PERCENTS.values()),
        )

    def _depth(self, node: Node) -> tuple[int | None, int]:
        """Events that wait for a stage in all rings it reads, and what these can hold."""
        depths, room = [], 0
        for name in node.reads:
            monitor = self._monitor(name)
            depth = monitor.depth(node.consumer or node.stage) if monitor is not None else None
            if monitor is None or depth is None:
                return None, 0
            depths.append(depth)
            room += monitor.capacity
        return (sum(depths), room) if depths else (None, 0)

    def _monitor(self, name: str) -> RingMonitor | None:
        if name not in self._monitors:
            with contextlib.suppress(UsageError, EnvironmentFailure):  # not there, not yet, damaged
                self._monitors[name] = RingMonitor(name)
        return self._monitors.get(name)


def _state(reading: StageReading) -> str:
    if not reading.state:
        return "unknown"
    if reading.state not in ("running", "waiting") or not reading.pid:
        return reading.state
    process = liveness.state_of(reading.pid, reading.start)
    if process == liveness.ALIVE:
        return reading.state
    return "paused" if process == liveness.STOPPED else "dead"


def as_json(view: BoardView) -> dict[str, Any]:
    """A view as JSON can hold it: times in ns; null for what is not known."""
    return {
        "name": view.name,
        "time_ns": view.time_ns,
        "span_ns": view.span_ns,
        "created_ns": view.created_ns,
        "owner_pid": view.owner_pid,
        "owner": view.owner,
        "topology": {
            "name": view.topology.title,
            "edges": [list(edge) for edge in view.topology.edges],
        },
        "stages": [_stage_json(stage) for stage in view.stages],
    }


def _stage_json(view: StageView) -> dict[str, Any]:
    reading, node = view.reading, view.node
    latencies = (None if math.isnan(value) else value for value in view.latencies_ns)
    return {
        "stage": node.stage,
        "machine": node.machine,
        "step": node.step,
        "reads": list(node.reads),
        "writes": node.writes,
        "state": view.state,
        "pid": reading.pid,
        "restarts": reading.restarts,
        "rate": view.rate,
        "depth": view.depth,
        "room": view.room,
        "batch": None if math.isnan(view.batch) else view.batch,
        "busy": view.busy,
        "service_ns": reading.service_ns,
        **dict(zip(PERCENTS, latencies, strict=True)),
        "events": reading.events,
        "outputs": reading.outputs,
        "batches": reading.batches,
        "errors": reading.errors,
        "dead_letters": reading.dead_letters,
        "dropped": reading.dropped,
    }
