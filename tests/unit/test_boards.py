"""Boards: what their gauges say, who may write to them, and what is refused."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from ring_tools import expect_line, finish, kill, start

from headrace.engine.gauges import GAUGE_BYTES, StageGauge
from headrace.errors import BoardExists, BoardFormatError, BoardNotFound, UsageError
from headrace.metrics import Board
from headrace.metrics import board as board_module
from headrace.ringbuffer import files, liveness

NAME = f"test-board-{os.getpid()}"
PATH = f"/dev/shm/headrace-board.{NAME}"
TOPOLOGY = {"nodes": [{"stage": "risk", "reads": ["in"]}], "edges": []}
NOW_NS = 1_700_000_000_000_000_000


@pytest.fixture(autouse=True)
def _no_leftovers() -> Iterator[None]:
    yield
    if os.path.exists(PATH):
        os.unlink(PATH)


def make(stages: tuple[str, ...] = ("risk", "pnl")) -> Board:
    return Board.create(NAME, TOPOLOGY, stages)


def test_what_was_written_is_read_by_name() -> None:
    with make() as board:
        gauge = board.stage(1)
        gauge.begin(*liveness.myself())
        gauge.stepped(3, 2, NOW_NS, NOW_NS + 3000, np.full(3, NOW_NS - 7000))
        gauge.errors()
        gauge.dead_letters(2)
        gauge.dropped(5)
        other = Board.attach(NAME, read_only=True)
        assert (other.stages, other.topology) == (("risk", "pnl"), TOPOLOGY)
        assert (other.owner_pid, other.owner_start) == liveness.myself()
        assert other.owner_alive()
        reading = other.stage(1).read()
        assert (reading.stage, reading.state, reading.pid) == ("pnl", "running", os.getpid())
        assert (reading.events, reading.outputs, reading.batches) == (3, 2, 1)
        assert (reading.busy_ns, reading.service_ns) == (3000, 1000.0)
        assert (reading.errors, reading.dead_letters, reading.dropped) == (1, 2, 5)
        assert (reading.latencies.sum(), reading.restarts) == (3, 0)
        untouched = other.stage(0).read()
        assert (untouched.state, untouched.pid, untouched.restarts) == ("starting", 0, 0)


def test_states() -> None:
    gauge = Board.create(None, {}, ["risk"]).stage(0)
    said = []
    for say in (gauge.running, gauge.waiting, gauge.restarting, gauge.dead, gauge.ended):
        say()
        said.append(gauge.read().state)
    assert said == ["running", "waiting", "restarting", "dead", "ended"]


def test_a_worker_that_was_replaced_changes_nothing() -> None:
    board = Board.create(None, {}, ["risk"])
    old, new = board.stage(0), board.stage(0)
    old.begin(1, 1)
    old.stepped(1, 1, 0, 0, None)
    new.begin(2, 2)
    old.stepped(1, 1, 0, 0, None)
    old.ended()
    reading = new.read()
    assert (reading.state, reading.pid, reading.start) == ("running", 2, 2)
    assert (reading.events, reading.restarts) == (1, 1)


def test_a_clock_that_was_set_back() -> None:
    gauge = Board.create(None, {}, ["risk"]).stage(0)
    gauge.stepped(1, 0, NOW_NS, NOW_NS - 50, np.full(1, NOW_NS))
    reading = gauge.read()
    assert (reading.busy_ns, reading.latencies[0]) == (0, 1)


@pytest.mark.parametrize(
    "times",
    [np.zeros(2), np.zeros((1, 2), np.int64), np.zeros(2, ">i8"), np.zeros(2, np.uint64)],
    ids=["float", "two dimensions", "big endian", "unsigned"],
)
def test_times_of_another_kind_are_refused(times: np.ndarray) -> None:
    gauge = Board.create(None, {}, ["risk"]).stage(0)
    with pytest.raises(UsageError, match="an int64 array"):
        gauge.stepped(2, 0, 0, 0, times)
    assert gauge.read().batches == 0


def test_times_may_be_a_field_of_records() -> None:
    records = np.zeros(300, [("kind", "u1"), ("input_time_ns", "<i8"), ("rest", "V3")])  # unaligned
    records["input_time_ns"] = NOW_NS - np.arange(300) * 1000
    gauges = [Board.create(None, {}, ["risk"]).stage(0) for _ in range(3)]
    times = records["input_time_ns"]
    for gauge, given in zip(gauges, (times, times.copy(), times[::-1][::-1]), strict=True):
        gauge.stepped(300, 0, NOW_NS, NOW_NS, given)
        gauge.stepped(100, 0, NOW_NS, NOW_NS, given[::3])
    one, *others = [gauge.read().latencies.tolist() for gauge in gauges]
    assert others == [one, one]


def test_read_only_cannot_write() -> None:
    with make():
        gauge = Board.attach(NAME, read_only=True).stage(0)
        calls: list[Callable[[], None]] = [gauge.waiting, gauge.errors, gauge.ended, gauge.dropped]
        calls.append(lambda: gauge.begin(1, 1))
        calls.append(lambda: gauge.stepped(1, 1, 0, 0, None))
        for call in calls:
            with pytest.raises(UsageError, match="read-only"):
                call()


def test_gauges_outlive_their_board() -> None:
    board = make()
    gauge = board.stage(0)
    board.close()
    board.close()
    board.unlink()
    gauge.errors()
    assert gauge.read().errors == 1
    assert not os.path.exists(PATH)
    with pytest.raises(UsageError, match="closed"):
        board.stage(0)


def test_names() -> None:
    with make() as board:
        with pytest.raises(BoardExists, match="rings --clean"):
            make()
        with pytest.raises(UsageError, match="only that one removes"):
            Board.attach(NAME).unlink()
        board.unlink()
        with pytest.raises(BoardNotFound, match="headrace top"):
            Board.attach(NAME)
    with pytest.raises(UsageError, match="cannot name a board"):
        Board.attach("a/b")


@pytest.mark.parametrize(
    ("topology", "stages", "message"),
    [
        ({}, [], "1 to 4096 stages"),
        ({}, ["a", "a"], "two stages"),
        ({}, [""], "cannot name a stage"),
        ({"x": object()}, ["a"], "as JSON"),
        ({"x": "x" * (1 << 20)}, ["a"], "more than"),
        ([], ["a"], "a dict"),
    ],
)
def test_what_no_board_can_be_of(topology: dict, stages: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Board.create(NAME, topology, stages)
    assert not os.path.exists(PATH)


def test_stages_are_counted() -> None:
    board = Board.create(None, {}, ["a"])
    for index in (-1, 1):
        with pytest.raises(IndexError, match="1 stages"):
            board.stage(index)


def test_a_gauge_lies_inside_its_memory() -> None:
    for offset in (128, 1 << 63):
        with pytest.raises(UsageError, match="does not lie in"):
            StageGauge(np.zeros(GAUGE_BYTES, np.uint8), offset, "a")


def test_sending_a_board() -> None:
    with make():
        again = pickle.loads(pickle.dumps(Board.attach(NAME)))
        assert again.stages == ("risk", "pnl")
    with pytest.raises(TypeError, match="give it a name"):
        pickle.dumps(Board.create(None, {}, ["a"]))


def test_a_killed_owner_leaves_its_board_and_another_process_reads_it() -> None:
    process = start(
        f"""
        from headrace.metrics import Board
        from headrace.ringbuffer import liveness
        board = Board.create({NAME!r}, {{}}, ["risk"])
        gauge = board.stage(0)
        gauge.begin(*liveness.myself())
        gauge.stepped(5, 1, 10, 20, None)
        print("ready", flush=True)
        import sys; sys.stdin.read()
        """
    )
    expect_line(process, "ready")
    board = Board.attach(NAME, read_only=True)
    assert board.owner_alive()
    kill(process)
    assert not board.owner_alive()
    reading = board.stage(0).read()
    assert (reading.events, reading.pid) == (5, process.pid)
    assert NAME in files.list_names(files.BOARD)


def test_an_owner_that_ends_takes_its_board_away() -> None:
    finish(start(f"from headrace.metrics import Board\nBoard.create({NAME!r}, {{}}, ['a'])"))
    assert not os.path.exists(PATH)


# -- damage ----------------------------------------------------------------------------------


def write(offset: int, data: bytes) -> None:
    with open(PATH, "r+b") as file:
        file.seek(offset)
        file.write(data)


def change_fixed(offset: int, data: bytes, text: bytes | None = None) -> None:
    """Change the header, with a checksum that fits again."""
    with open(PATH, "rb") as file:
        head = bytearray(file.read(64))
        if text is None:
            (length,) = struct.unpack_from("=I", head, 32)
            file.seek(128)
            text = file.read(length)
    head[offset : offset + len(data)] = data
    write(0, bytes(head))
    write(128, text)
    write(64, struct.pack("=I", zlib.crc32(text, zlib.crc32(bytes(head[8:])))))


def other_text() -> None:
    text = json.dumps({"stages": ["risk"], "topology": TOPOLOGY}).encode()
    change_fixed(32, struct.pack("=I", len(text)), text)


DAMAGE: dict[str, tuple[Callable[[], object], str]] = {
    "empty": (lambda: os.truncate(PATH, 0), "never finished"),
    "no header": (lambda: write(0, bytes(128)), "never finished"),
    "foreign": (lambda: write(0, b"\x7fELF    "), "not a headrace board"),
    "truncated": (lambda: os.truncate(PATH, 4096), "truncated: 4,096 bytes"),
    "too long": (lambda: os.truncate(PATH, 1 << 20), "too long"),
    "scribbled text": (lambda: write(140, b"\0\0\0\0"), "checksum"),
    "scribbled sizes": (lambda: write(16, b"\xff" * 8), "checksum"),
    "version": (lambda: change_fixed(8, struct.pack("=I", 9)), "version 9"),
    "byte order": (lambda: change_fixed(12, b"\1\2\3\4"), "byte order"),
    "slot bytes": (lambda: change_fixed(28, b"\1\0\0\0"), "slots of 1 bytes"),
    "no JSON": (lambda: change_fixed(32, b"\4\0\0\0", b"\xff\xfe{}"), "damaged"),
    "not an object": (lambda: change_fixed(32, b"\4\0\0\0", b"null"), "damaged"),
    "nested": (lambda: change_fixed(32, struct.pack("=I", 9**5), b"[" * 9**5), "damaged"),
    "fewer stages": (other_text, "damaged: 2 slots"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_told(damage: str) -> None:
    scribble, message = DAMAGE[damage]
    with make():
        scribble()
        with pytest.raises(BoardFormatError, match=message) as caught:
            board_module.attach(NAME, 0.0, read_only=True)
        assert NAME in str(caught.value)


def test_anything_may_stand_in_a_slot() -> None:
    with make():
        size = os.stat(PATH).st_size
        write(size - 2 * GAUGE_BYTES, np.random.default_rng(1).bytes(2 * GAUGE_BYTES))
        board = Board.attach(NAME)
        reading = board.stage(0).read()
        assert reading.state == ""
        board.stage(1).stepped(1, 1, NOW_NS, NOW_NS, np.full(1, NOW_NS))
