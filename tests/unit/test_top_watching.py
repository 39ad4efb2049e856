"""Watching a board: rates, depths, latencies and states, of processes that run, pause and die."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest
from ring_tools import kill, wait_until
from top_tools import NO_COUNTS, start_topology, stepped

import headrace as hr
from headrace.compose import lay_out, shard
from headrace.errors import BoardNotFound, UsageError
from headrace.metrics import Board, Watcher, as_json, describe, list_boards, remove_board
from headrace.metrics.topology import read_topology
from headrace.ringbuffer import Ring, liveness

NAME = f"test-watching-{os.getpid()}"
NOW_NS = 1_700_000_000_000_000_000


class Clock:
    """Nanoseconds since 1970, as told."""

    def __init__(self) -> None:
        self.now_ns = NOW_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture(autouse=True)
def _no_leftovers() -> Iterator[None]:
    yield
    for path in (f"/dev/shm/headrace-board.{NAME}", f"/dev/shm/headrace.{NAME}.in"):
        if os.path.exists(path):
            os.unlink(path)


def test_figures_are_those_of_the_interval() -> None:
    clock = Clock()
    with Board.create(NAME, {}, ["parse"]) as board:
        gauge = board.stage(0)
        gauge.begin(*liveness.myself())
        gauge.stepped(10, 10, 0, 10, np.full(10, NOW_NS))
        watcher = Watcher(NAME, clock)
        watcher.look()
        clock.now_ns += 2_000_000_000
        gauge.stepped(300, 0, NOW_NS, NOW_NS + 500_000_000, np.full(300, NOW_NS))
        gauge.stepped(100, 0, NOW_NS, NOW_NS + 500_000_000, np.full(100, NOW_NS))
        view = watcher.look()
        (stage,) = view.stages
        assert (stage.rate, stage.batch, stage.busy) == (200.0, 200.0, 0.5)
        assert stage.latencies_ns == pytest.approx((5e8,) * 3, rel=0.01)
        assert (stage.reading.events, stage.state, stage.depth) == (410, "running", None)
        clock.now_ns += 1_000_000_000
        (idle,) = watcher.look().stages
        assert (idle.rate, idle.busy) == (0.0, 0.0)
        assert math.isnan(idle.batch)
        assert all(map(math.isnan, idle.latencies_ns))


def test_the_first_look_is_about_all_that_was() -> None:
    clock = Clock()
    with Board.create(NAME, {}, ["parse"]) as board:
        clock.now_ns = board.created_ns + 4_000_000_000
        board.stage(0).stepped(400, 0, 0, 1_000_000_000, None)
        view = Watcher(NAME, clock).look()
        assert (view.span_ns, view.stages[0].rate, view.stages[0].busy) == (4 * 10**9, 100.0, 0.25)


def test_a_process_that_runs_pauses_and_dies() -> None:
    process = start_topology(NAME)
    watcher = Watcher(NAME, Clock())
    view = watcher.look()
    parse, report = view.stages
    assert (view.owner, view.owner_pid, view.topology.title) == ("alive", process.pid, "prices")
    assert (parse.state, parse.depth, parse.room) == ("waiting", 600, 1024)
    assert (parse.reading.events, parse.reading.outputs, parse.reading.pid) == (
        1000,
        500,
        process.pid,
    )
    assert parse.latencies_ns == pytest.approx((5e6,) * 3, rel=0.01)
    assert (report.state, report.depth) == ("starting", None)
    os.kill(process.pid, signal.SIGSTOP)
    wait_until(lambda: watcher.look().stages[0].state == "paused")
    assert watcher.look().owner == "stopped"
    os.kill(process.pid, signal.SIGCONT)
    wait_until(lambda: watcher.look().stages[0].state == "waiting")
    stepped(process, 50)
    assert watcher.look().stages[0].reading.events == 1050
    kill(process)
    view = watcher.look()
    assert (view.owner, view.stages[0].state) == ("gone", "dead")
    assert [info.owner_alive for info in list_boards() if info.name == NAME] == [False]
    remove_board(NAME)
    assert watcher.look().stages[0].reading.events == 1050  # still mapped
    with pytest.raises(BoardNotFound):
        remove_board(NAME)
    with Board.create(NAME, {}, ["next", "and another"]):
        view = watcher.look()
        assert (view.owner_pid, len(view.stages)) == (os.getpid(), 2)


def test_a_ring_that_comes_later() -> None:
    topology = {"nodes": [{"stage": "parse", "reads": [f"{NAME}.in"], "consumer": "other"}]}
    with Board.create(NAME, topology, ["parse"]):
        watcher = Watcher(NAME, Clock())
        assert watcher.look().stages[0].depth is None
        with Ring.create("i8", 16, f"{NAME}.in") as ring:
            assert watcher.look().stages[0].depth is None
            consumer = ring.consumer("other")
            ring.producer().publish(np.zeros(3, "i8"))
            assert watcher.look().stages[0].depth == 3
            consumer.close()


def test_living_boards_stay() -> None:
    with Board.create(NAME, {}, ["parse"]):
        with pytest.raises(UsageError, match="which lives"):
            remove_board(NAME)
        assert Board.attach(NAME).stages == ("parse",)


def test_a_damaged_slot_is_shown() -> None:
    with Board.create(NAME, {}, ["parse"]) as board:
        with open(f"/dev/shm/headrace-board.{NAME}", "r+b") as file:
            file.seek(-board.segment_bytes, os.SEEK_END)
            file.seek(board._slots_offset)
            file.write(b"\xa5" * (board.segment_bytes - board._slots_offset))
        (stage,) = Watcher(NAME, Clock()).look().stages
        assert stage.state == "unknown"
        assert all(map(math.isnan, stage.latencies_ns))


def test_json_has_null_for_what_is_not_known() -> None:
    with Board.create(NAME, {"name": "t"}, ["parse"]):
        said = as_json(Watcher(NAME, Clock()).look())
        (stage,) = said["stages"]
        assert [stage[key] for key in ("p50_ns", "p999_ns", "batch", "depth")] == [None] * 4
        assert (said["topology"]["name"], said["owner"], stage["state"]) == (
            "t",
            "alive",
            "starting",
        )


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"nodes": None, "edges": 3},
        {"nodes": [1, {"stage": 7}, {"stage": "b", "reads": "x", "writes": 1, "step": []}]},
        {"nodes": [{"stage": "c"}], "edges": [["a"], ["a", "z"], ["a", []], "ab", 5], "name": 4},
    ],
)
def test_odd_topologies(odd: dict) -> None:
    topology = read_topology(odd, ["a", "b"])
    assert [node.stage for node in topology.nodes] == ["a", "b"]
    assert (topology.edges, topology.title) == ((), "")


def test_edges_follow_from_rings_where_there_are_none() -> None:
    nodes = [
        {"stage": "a", "reads": ["in"], "writes": "x"},
        {"stage": "b", "reads": ["x"], "writes": "y"},
        {"stage": "c", "reads": ["x", "y"]},
    ]
    topology = read_topology({"nodes": nodes}, ["a", "b", "c"])
    assert topology.edges == (("a", "b"), ("a", "c"), ("b", "c"))
    assert topology.behind("a") == ["b", "c"]
    given = read_topology({"nodes": nodes, "edges": [["c", "a"]]}, ["a", "b", "c"])
    assert given.edges == (("c", "a"),)


@hr.machine(event=[("key", "i8")], output=[("key", "i8")], initial=int)
def counted(state: int, key: int) -> tuple[int, tuple[int]]:
    return state + 1, (key,)


@hr.machine(event=[("key", "i8")], initial=int)
def noted(state: int, key: int) -> tuple[int, None]:
    return state + 1, None


def test_a_layout_is_described() -> None:
    layout = lay_out(shard(counted, by="key", n=2) >> noted)
    names = [stage.name for stage in layout.stages]
    said = describe(layout, {0: "in", 1: "one", 2: None}, ["python"] * 3)
    topology = read_topology(said, names)
    assert topology.edges == (("counted.0", "noted"), ("counted.1", "noted"))
    assert [(node.stage, node.machine, node.reads, node.writes) for node in topology.nodes] == [
        ("counted.0", "counted", ("in",), "one"),
        ("counted.1", "counted", ("in",), None),
        ("noted", "noted", ("one",), None),
    ]
    assert topology.title == "shard(counted, by='key', n=2) >> noted"
    with Board.create(NAME, said, names):
        assert Watcher(NAME, Clock()).look().topology == topology


def test_no_counts_has_a_bucket_for_each() -> None:
    with Board.create(NAME, {}, ["parse"]) as board:
        assert board.stage(0).read().latencies.shape == NO_COUNTS.shape
